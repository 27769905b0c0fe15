"""A catalogue in PostgreSQL: on a server that the test starts, where there is one to start."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spacy_musicquery.cli import app
from spacy_musicquery.linking.index import LinkIndex
from spacy_musicquery.linking.linker import Linker

pytest.importorskip("psycopg", exc_type=ImportError)
sqlalchemy = pytest.importorskip("sqlalchemy")

# Where distributions put what is not on the path.
PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
)
SERVER_USERS = ("postgres", "nobody")

CREATE = """
CREATE TABLE artists (id bigint PRIMARY KEY, name text NOT NULL, aka text[]);
CREATE TABLE songs (
    id bigint PRIMARY KEY, name text NOT NULL, artist_id bigint REFERENCES artists,
    plays numeric, gone boolean NOT NULL DEFAULT false,
    changed timestamptz NOT NULL DEFAULT '2026-01-01'
);
INSERT INTO artists VALUES (1, '周杰伦', '{Jay Chou,周董}'), (2, '孙燕姿', NULL);
INSERT INTO songs (id, name, artist_id, plays) VALUES
    (10, '晴天', 1, 900.5), (11, '晴天', 2, 10), (12, '遇见', 2, NULL);
"""
CHANGE = """
INSERT INTO songs (id, name, artist_id, changed) VALUES (13, '稻香', 1, '2026-06-02');
UPDATE songs SET gone = true, changed = '2026-06-03' WHERE id = 12;
UPDATE songs SET name = '不该读到', changed = '2026-05-01' WHERE id = 11;
"""
ALL = """
SELECT 'a' || id AS id, 'artist' AS type, name, aka AS aliases, NULL AS artist,
    NULL::numeric AS popularity FROM artists
UNION ALL
SELECT 't' || songs.id, 'title', songs.name, NULL, artists.name, plays
    FROM songs JOIN artists ON artists.id = artist_id ORDER BY id
"""
CHANGED = """
SELECT 't' || songs.id AS id, 'title' AS type, songs.name, artists.name AS artist,
    gone AS deleted FROM songs JOIN artists ON artists.id = artist_id WHERE changed > :since
"""


def find_programs():
    """The folder of initdb and postgres; None where there is none."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    for place in PLACES:
        folders.extend(sorted(Path("/").glob(place[1:]), reverse=True))
    return next((f for f in folders if (f / "postgres").is_file()), None)


def find_user():
    """Whom the server runs as: it refuses to run as root."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    import pwd

    known = {entry.pw_name for entry in pwd.getpwall()}
    return next((user for user in SERVER_USERS if user in known), None)


@pytest.fixture(scope="module")
def url():
    """The URL of an empty database on a server of this test's own, behind a socket that is
    in a folder of its own: no port, nobody else's server."""
    programs = find_programs()
    if programs is None:
        pytest.skip("there is no PostgreSQL server on this machine")
    user = find_user()
    # Not in tmp_path: others than its owner cannot enter it, and a socket's path is short.
    folder = Path(tempfile.mkdtemp(prefix="mq-pg-"))
    try:
        if user is not None:
            shutil.chown(folder, user)

        def run(name, *arguments):
            command = [str(programs / name), *arguments]
            subprocess.run(command, check=True, user=user, cwd=folder, capture_output=True)

        data = str(folder / "data")
        run("initdb", "-D", data, "-U", "tester", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-c listen_addresses='' -k {folder} -F"
        log = str(folder / "log")
        run("pg_ctl", "-D", data, "-o", options, "-l", log, "-w", "-t", "60", "start")
        try:
            yield f"postgresql+psycopg://tester@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def execute(url, statements):
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(statements)
    engine.dispose()


def link_index(*arguments):
    return CliRunner().invoke(app, ["link-index", *map(str, arguments)])


def test_a_database_becomes_an_index_and_then_what_has_changed(url, tmp_path):
    execute(url, CREATE)
    path = tmp_path / "music.mql"
    result = link_index("--sql", url, "--query", ALL, "--out", path)
    assert result.exit_code == 0, result.output
    index = LinkIndex.from_disk(path)
    entries = {entry.id: entry for entry in index.entries()}
    assert set(entries) == {"a1", "a2", "t10", "t11", "t12"}
    assert entries["a1"].aliases == ("Jay Chou", "周董")
    assert entries["t10"].artists == ("周杰伦",) and entries["t10"].popularity == 900.5
    assert entries["t12"].popularity is None
    assert Linker(index).link("孙燕姿的晴天", 1)[0].id == "t11"

    execute(url, CHANGE)
    changes = ["--query", CHANGED, "--update", path, "--since", "2026-06-01"]
    result = link_index("--sql", url, *changes, "--out", path)
    assert result.exit_code == 0, result.output
    entries = {entry.id: entry for entry in LinkIndex.from_disk(path).entries()}
    assert set(entries) == {"a1", "a2", "t10", "t11", "t13"}
    assert entries["t11"].name == "晴天"  # changed before that day


def test_what_the_server_refuses_is_said(url, tmp_path):
    path = tmp_path / "music.mql"
    result = link_index("--sql", url, "--query", "SELECT * FROM nowhere", "--out", path)
    assert result.exit_code == 1 and "MQ2" in result.output and "nowhere" in result.output
    assert not path.exists()
