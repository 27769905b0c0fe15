"""The documentation: what it shows runs, what it names exists, and its two languages say
the same."""

import configparser
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import pytest
import spacy
import srsly
from spacy import registry
from spacy.language import Language
from spacy.util import load_config, minibatch
from thinc.api import Config
from typer.testing import CliRunner

import spacy_musicquery
from spacy_musicquery.cli import app
from spacy_musicquery.pipeline.load import box_pipeline

from .conftest import make_examples

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "README.zh-CN.md", *sorted(DOCS.glob("*.md"))]
# Chinese pages have the same blocks, see below.
ENGLISH = [p for p in PAGES if not p.name.endswith((".zh.md", ".zh-CN.md"))]

BLOCK = re.compile(
    r'(?:<!-- (slow|not run|needs|after)[^\n]*-->\n)?```(\w+)(?: title="([^"]+)")?\n(.*?)```',
    re.DOTALL,
)
# tests/test_recipes.py has what these need.
RUN_ELSEWHERE = {"recipes.md"}
COMMAND = "python -m spacy music-query "
# What would install, serve or need another machine.
ELSEWHERE = (
    *("pip ", "python3 -m venv", "docker ", "python benchmarks/", "python -m stress"),
    *(COMMAND + "try", COMMAND + "serve"),
)
SHELL = re.compile(r"[|<>;&$*]")


class Block(NamedTuple):
    """A block of code: whether it is marked as slow or not run, its language, the file that
    it is, and what stands in it."""

    mark: str
    language: str
    title: str
    code: str


def blocks(page):
    return [Block(*found) for found in BLOCK.findall(page.read_text(encoding="utf8"))]


def pages_with(language, mark=""):
    return [
        pytest.param(page, id=page.name)
        for page in ENGLISH
        if page.name not in RUN_ELSEWHERE
        and any(b.language == language and b.mark == mark for b in blocks(page))
    ]


def named_files(page, folder):
    """Write the files that a page shows."""
    for block in blocks(page):
        if block.title:
            (folder / block.title).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.title).write_text(block.code, encoding="utf8")


@pytest.fixture(scope="session")
def saved_box(tmp_path_factory):
    """A pipeline with the model in the box, as whoever saves it has it."""
    path = tmp_path_factory.mktemp("box") / "pipeline"
    box_pipeline().to_disk(path)
    return path


@pytest.fixture
def workplace(project, saved_box, monkeypatch):
    """A copy of the project, in which trainings are short, with the files and pipelines
    that readers are told to have."""
    for name in ("default", "finetune", "labels"):
        path = project / "configs" / f"{name}.cfg"
        config = load_config(path)
        config["training"].update(max_steps=6, eval_frequency=3)
        if "replay_size" in config["system"]:
            config["system"]["replay_size"] = 50
        config.to_disk(path)
    records = srsly.read_json(project / "assets" / "dev.json")[:40]
    (project / "my").mkdir()
    for name in ("my/train", "my/dev", "my/all", "my", "dev"):
        srsly.write_json(project / f"{name}.json", records)
    (project / "my" / "catalogue").mkdir()
    (project / "my" / "catalogue" / "artist.txt").write_text("你们乐队\n", encoding="utf8")
    lines = "".join(f"今天第{i}次问你天气怎么样\n" for i in range(20))
    for name in ("my/chat", "my/old_messages", "log"):
        (project / f"{name}.txt").write_text(lines, encoding="utf8")
    lines = "".join(f"今天第{i}次问你天气怎么样\n" for i in range(200))
    (project / "my" / "raw.txt").write_text(lines, encoding="utf8")
    for name in ("corpus", "logs"):
        (project / name).mkdir()
    (project / "logs" / "a.csv").write_text("id,message\n1,我想听晴天\n", encoding="utf8")
    for path in ("my_model", "training/my/model-best"):
        shutil.copytree(saved_box, project / path)
    monkeypatch.chdir(project)
    return project


def run_python(block, namespace):
    """Run a block; comments at the beginning of a line are what it prints."""
    printed = StringIO()
    with redirect_stdout(printed):
        exec(compile(block.code, "<block>", "exec"), namespace)
    expected = re.findall(r"^# (.*)", block.code, flags=re.MULTILINE)
    assert printed.getvalue().splitlines() == expected


@pytest.mark.parametrize("page", pages_with("python"))
def test_python_that_is_shown_runs(page):
    namespace = {"__name__": "shown"}
    for block in blocks(page):
        if block.language == "python" and not block.mark and not block.title:
            run_python(block, namespace)


@pytest.mark.slow
@pytest.mark.parametrize("page", pages_with("python", "slow"))
def test_training_that_is_shown_runs(page, workplace):
    nlp = spacy.blank("zh")
    namespace = {
        "spacy": spacy,
        "examples": make_examples(nlp),
        "texts": ["今天天气怎么样"] * 4,
        "minibatch": minibatch,
        "Example": spacy.training.Example,
    }
    for block in blocks(page):
        if block.language == "python" and block.mark == "slow":
            run_python(block, namespace)


def command_lines(page, mark):
    for block in blocks(page):
        if block.language == "bash" and block.mark == mark:
            lines = block.code.replace("\\\n", " ").splitlines()
            yield from (line for line in lines if not line.startswith(ELSEWHERE))


@pytest.mark.parametrize("page", pages_with("bash"))
def test_commands_that_are_shown_run(page, workplace):
    named_files(page, workplace)
    for line in command_lines(page, ""):
        assert line.startswith(COMMAND) and not SHELL.search(line), f"slow? {line}"
        result = CliRunner().invoke(app, shlex.split(line.removeprefix(COMMAND)))
        assert result.exit_code == 0, f"{line}\n{result.output}"
    for block in blocks(page):
        if block.mark == "after":
            run_python(block, {})


# What they train takes minutes each; the README's is one of the slow tests.
LONG = dict.fromkeys(
    ["larger_models.md", "own-data.md", "pretraining.md", "training.md"], pytest.mark.long
)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(*page.values, id=page.id, marks=LONG.get(page.id, pytest.mark.slow))
        for page in pages_with("bash", "slow")
    ],
)
def test_longer_commands_that_are_shown_run(page, workplace):
    named_files(page, workplace)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for line in command_lines(page, "slow"):
        result = subprocess.run(
            ["bash", "-c", line],
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, f"{line}\n{result.stdout}{result.stderr}"


@pytest.mark.parametrize("page", pages_with("ini"))
def test_settings_that_are_shown_can_be_copied(page):
    """Every block of settings is one that spaCy accepts."""
    for block in (block.code for block in blocks(page) if block.language == "ini"):
        text = re.sub(r"\$\{[^}]*\}", '"elsewhere"', block)
        sections = re.findall(r"^\[(.*?)\]", text, re.MULTILINE)
        above = {
            ".".join(section.split(".")[:n])
            for section in sections
            for n in range(1, section.count(".") + 1)
        }
        missing = "".join(
            f"[{section}]\n"
            for section in sorted(above)
            if f"[{section}]" not in text and "*" not in section
        )
        registry.fill(Config().from_str(missing + text), validate=True)


def test_the_defaults_are_those_of_the_component():
    page = (DOCS / "settings.md").read_text(encoding="utf8")
    block = page[page.index("[components.music_query]") :].split("```")[0]
    settings = Language.get_factory_meta("music_query").default_config
    shown = re.findall(r"^(\w+) = ([^\s#]+)", block, flags=re.MULTILINE)
    assert len(shown) > 20
    for name, value in shown:
        if name not in ("factory", "scorer"):
            found = settings[name] if name in settings else settings["model"][name]
            assert found == json.loads(value), name


@pytest.mark.parametrize("page", [pytest.param(p, id=p.name) for p in PAGES])
def test_what_is_named_exists(page):
    text = page.read_text(encoding="utf8")
    project_file = srsly.read_yaml(ROOT / "project.yml")
    known = {*project_file["workflows"], *(c["name"] for c in project_file["commands"])}
    assert set(re.findall(r"project run ([\w-]+)", text)) <= known
    assert set(re.findall(r"--vars\.(\w+)", text)) <= set(project_file["vars"])
    commands = {command.name for command in app.registered_commands}
    assert set(re.findall(r"spacy music-query ([a-z-]+)", text)) <= commands
    for link in re.findall(r"\]\(((?:docs/)?[\w.-]+\.(?:md|png|svg|cff))[)#]", text):
        assert (page.parent / link).is_file(), link


def test_every_registered_name_is_documented():
    setup = configparser.ConfigParser(delimiters="=")
    setup.optionxform = str
    setup.read(ROOT / "setup.cfg", encoding="utf8")
    texts = "".join(page.read_text(encoding="utf8") for page in ENGLISH)
    for group, lines in setup["options.entry_points"].items():
        for line in lines.strip().splitlines():
            name = line.partition(" =")[0]
            assert name in texts, f"{group}: {name}"


def test_every_public_name_has_a_reference():
    """What blocks import, and what a config or a pipeline names."""
    api = (DOCS / "api.md").read_text(encoding="utf8")
    imported = {
        f"{module}.{name.strip()}"
        for page in ENGLISH
        for module, names in re.findall(
            r"^ *from (spacy_musicquery[\w.]*) import ([\w, ]+)",
            page.read_text("utf8"),
            re.M,
        )
        for name in names.split(",")
    }
    assert "spacy_musicquery.serving.extractor.Extractor" in imported
    described = set(re.findall(r"^::: ([\w.]+)", api, flags=re.MULTILINE))
    assert imported <= described
    assert {f"spacy_musicquery.{name}" for name in spacy_musicquery.__all__} <= described
    setup = configparser.ConfigParser(delimiters="=")
    setup.optionxform = str
    setup.read(ROOT / "setup.cfg", encoding="utf8")
    for group, lines in setup["options.entry_points"].items():
        if group not in ("spacy_cli", "spacy_displacy_colors"):
            for line in lines.strip().splitlines():
                assert (
                    f"`{line.partition(' =')[0]}`" in api
                    or f'"{line.partition(" =")[0]}"' in api
                )


def nav_pages(nav, section=None):
    for entry in nav:
        if isinstance(entry, str):
            yield section, entry
        else:
            for title, below in entry.items():
                yield from nav_pages([below] if isinstance(below, str) else below, title)


def test_every_page_is_in_the_navigation_and_the_first_ones_are_in_chinese():
    site = srsly.read_yaml(ROOT / "mkdocs.yml")
    pages = list(nav_pages(site["nav"]))
    assert {name for _, name in pages} == {p.name for p in ENGLISH if p.parent == DOCS}
    for section, name in pages:
        if section in (None, "Tutorials", "How-to"):
            assert (DOCS / name.replace(".md", ".zh.md")).is_file(), name


@pytest.mark.parametrize(
    "page", [pytest.param(p, id=p.name) for p in PAGES if p not in ENGLISH]
)
def test_both_languages_show_the_same(page):
    """The same blocks and the same figures in tables, whatever is said between them."""
    english = page.with_name(page.name.replace(".zh-CN", "").replace(".zh", ""))
    ours, theirs = blocks(page), blocks(english)
    assert [b[1:] for b in ours] == [b[1:] for b in theirs]
    headings = [
        re.findall(r"^#+ ", p.read_text(encoding="utf8"), re.MULTILINE)
        for p in (page, english)
    ]
    assert headings[0] == headings[1]
    numbers = [
        [
            re.findall(r"\d+(?:[.,]\d+)*", row)
            for row in re.findall(r"^\|.*", text, re.MULTILINE)
        ]
        for text in (p.read_text(encoding="utf8") for p in (page, english))
    ]
    assert numbers[0] == numbers[1]


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf8").split()) < 800


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built without a warning."""
    pytest.importorskip("mkdocs")
    out = tmp_path_factory.mktemp("site")
    result = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return out


@pytest.mark.slow
@pytest.mark.parametrize(
    "words, page",
    [
        ("繁体", "zh/"),
        ("不想听", "zh/silence/"),
        ("意图", "zh/own-labels/"),
        ("Docker", "deployment/"),
        ("batch", "throughput/"),
        ("id", "linking/"),
        ("MQ050", "errors/"),
    ],
)
def test_a_search_finds_its_page(site, words, page):
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf8"))
    found = {
        entry["location"].partition("#")[0]
        for entry in index["docs"]
        if has_words(
            entry["title"] + " " + entry["text"], index["config"]["separator"], words
        )
    }
    assert page in found


def has_words(text, separator, words):
    """Whether the search of the page, which knows what stands between two separators, finds
    words; those of Chinese it puts together."""
    tokens = re.split(separator, re.sub(r"<[^>]*>", " ", text))
    if words.isascii():
        return words in (token.strip(".,:;()'\"") for token in tokens)
    starts = range(len(tokens))
    return any("".join(tokens[i : i + len(words)]).startswith(words) for i in starts)
