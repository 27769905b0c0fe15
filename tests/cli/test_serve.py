"""The command `serve`, as others meet it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from typer.testing import CliRunner

from spacy_musicquery.cli import app
from spacy_musicquery.linking.entries import Entry
from spacy_musicquery.linking.index import LinkIndex

TOKEN = "a-token-of-the-tests"


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def ask(url, body=None, headers=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **(headers or {})}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as answer:
        return json.loads(answer.read())


def wait_until_ready(url, process):
    while process.poll() is None:
        try:
            return ask(f"{url}/ready")
        except OSError:
            time.sleep(0.05)
    pytest.fail(process.stderr.read())


def test_it_serves_until_it_is_told_to_stop(trained_path, tmp_path):
    LinkIndex.build([Entry("7", "title", "晴天")]).to_disk(tmp_path / "index")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "spacy", "music-query", "serve", "--port", str(port)]
    with subprocess.Popen(
        [*command, "--model", str(trained_path), "--links", str(tmp_path / "index")],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "MUSIC_QUERY_TOKEN": TOKEN},
    ) as process:
        try:
            assert wait_until_ready(url, process) == {"status": "ready"}
            found = ask(f"{url}/extract", {"text": "我想听周杰伦的晴天"})
            (query,) = found["music_query"]
            assert query["text"] == "周杰伦的晴天"
            assert query["links"][0]["id"] == "7"
            with pytest.raises(urllib.error.HTTPError, match="401"):
                ask(f"{url}/catalogue", {"artist": ["x"]})
        finally:
            process.send_signal(signal.SIGTERM)
        errors = process.stderr.read()
    assert "Finished server process" in errors and "Traceback" not in errors


@pytest.mark.parametrize("token", ["short", "with blanks in it, many", ""])
def test_a_bad_token_is_refused(tmp_path, token, monkeypatch):
    path = tmp_path / "token"
    path.write_text(token, encoding="utf8")
    result = CliRunner().invoke(app, ["serve", "--token-file", str(path)])
    assert result.exit_code == 1 and "MQ297" in result.output
    if token:
        monkeypatch.setenv("MUSIC_QUERY_TOKEN", token)
        result = CliRunner().invoke(app, ["serve"])
        assert result.exit_code == 1 and "MQ297" in result.output


@pytest.mark.parametrize(
    "module, command, extra",
    [
        ("uvicorn", ["serve"], "serve"),
        ("pyarrow", ["extract", "a.parquet", "--out", "b.parquet"], "bulk"),
    ],
)
def test_what_is_not_installed_is_named(module, command, extra, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if "musicquery.serving." in name]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1
    assert "MQ284" in result.output and f"spacy-musicquery[{extra}]" in result.output
