"""What is uploaded: the source distribution and the wheel, built twice from copies of the
tree, as somebody would who checks that they come from this commit."""

import configparser
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from importlib.metadata import version
from pathlib import Path

import pytest

import spacy_musicquery

pytestmark = pytest.mark.release

ROOT = Path(__file__).parents[1]
EPOCH = 1_767_225_600
# What pyproject.toml requires is in an environment of its own when the package is installed;
# here it is there already.
BUILD = [sys.executable, "-m", "build", "--no-isolation"]
# What only a clone needs, and what only an archive has.
CLONE_ONLY = re.compile(r"^(\.ci|\.github)/|(^|/)\.git(ignore|attributes)$")
ARCHIVE_ONLY = re.compile(r"^(PKG-INFO|spacy_musicquery\.egg-info/.*)$")


@pytest.fixture(scope="module")
def names():
    """The files of the commit that is tested."""
    if not (ROOT / ".git").exists():
        pytest.skip("needs a clone")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return sorted(n for n in listed.stdout.split("\0") if n and (ROOT / n).is_file())


@pytest.fixture(scope="module")
def builds(names, tmp_path_factory):
    """Two pairs of sdist and wheel, of copies in two folders with other times."""
    pairs = []
    for time in (1, 2):
        tree = tmp_path_factory.mktemp(f"copy{time}") / ("tree" * time)
        for name in names:
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tree / name)
            os.utime(tree / name, (time * 10**9, time * 10**9))
        out = tree.parent / "dist"
        result = subprocess.run(
            [*BUILD, "--outdir", str(out), str(tree)],
            env={**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH)},
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
        pairs.append((sdist, wheel))
    return pairs


@pytest.mark.parametrize("kind", ["sdist", "wheel"])
def test_two_builds_of_a_commit_are_equal(builds, kind):
    one, other = (pair[kind == "wheel"] for pair in builds)
    assert one.name == other.name
    assert one.read_bytes() == other.read_bytes()


def test_the_sdist_holds_what_a_packager_needs_and_nothing_else(builds, names):
    with tarfile.open(builds[0][0]) as archive:
        files = {m.name.partition("/")[2] for m in archive.getmembers() if m.isfile()}
        assert {(m.uid, m.gid, m.uname, m.mtime) for m in archive} == {(0, 0, "", EPOCH)}
    assert {n for n in files if not ARCHIVE_ONLY.search(n)} == {
        n for n in names if not CLONE_ONLY.search(n)
    }


def test_the_wheel_holds_the_package_and_its_data(builds, names):
    with zipfile.ZipFile(builds[0][1]) as wheel:
        files = {n for n in wheel.namelist() if ".dist-info/" not in n}
    compiled = {n for n in files if n.endswith((".so", ".pyd"))}
    linking = ("search", "entry_table", "readings", "score")
    sources = ("ml/kernel.", *(f"linking/{name}." for name in linking))
    assert all(any(source in n for source in sources) for n in compiled)
    assert files - compiled == {n for n in names if n.startswith("spacy_musicquery/")}


def test_the_metadata_is_complete(builds):
    with zipfile.ZipFile(builds[0][1]) as wheel:
        (name,) = [n for n in wheel.namelist() if n.endswith(".dist-info/METADATA")]
        metadata = message_from_bytes(wheel.read(name))
        (name,) = [n for n in wheel.namelist() if n.endswith("entry_points.txt")]
        written = wheel.read(name).decode()
    assert metadata["Author"] == "the spacy-musicquery contributors"
    urls = {line.partition(",")[0] for line in metadata.get_all("Project-URL")}
    assert {"Source", "Changelog", "Issues"} <= urls
    for requirement in metadata.get_all("Requires-Dist"):
        assert ">=" in requirement, f"no lower bound: {requirement}"
    setup = configparser.ConfigParser(delimiters="=")
    setup.optionxform = str
    setup.read(ROOT / "setup.cfg", encoding="utf8")
    points = configparser.ConfigParser(delimiters="=")
    points.optionxform = str
    points.read_string(written)
    declared = setup["options.entry_points"]
    assert points.sections() and set(points.sections()) == set(declared)
    for group in points.sections():
        lines = declared[group].strip().splitlines()
        assert sorted(f"{k} = {v}" for k, v in points[group].items()) == sorted(lines)
    assert metadata["Version"] == setup["metadata"]["version"]


def test_the_distributions_pass_the_index_checks(builds):
    command = [sys.executable, "-m", "twine", "check", "--strict", *map(str, builds[0])]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_there_is_one_version():
    assert spacy_musicquery.__version__ == version("spacy-musicquery")
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        spacy_musicquery.nothing  # noqa: B018
    # Whoever imports the package does not wait for it.
    source = (ROOT / "spacy_musicquery" / "__init__.py").read_text(encoding="utf8")
    assert not re.search(r"^(from|import) importlib", source, re.MULTILINE)
