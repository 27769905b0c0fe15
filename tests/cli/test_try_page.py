"""The page to try a pipeline on: in a browser, and without one."""

import shutil
import socket
import subprocess
import sys
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import spacy
import srsly
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from spacy_musicquery import cli
from spacy_musicquery.cli import app

SCRIPT = Path(cli.__file__).with_name("try_app.py")
COMMAND = [sys.executable, "-m", "spacy", "music-query", "try"]
BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

# A browser on a busy machine takes its time.
PATIENCE = 60

SOCKETS = ("/proc/net/tcp", "/proc/net/tcp6")

MESSAGE = "我想听周杰伦的晴天"
INVENTED = "会飞的土豆丝"

# What a screen reader reads out: the browser draws tables, it does not write them.
TABLES = """
return [...document.querySelectorAll("[data-testid=data-grid-canvas]")].map(
    grid => [...grid.querySelectorAll("tbody tr")].map(
        row => [...row.querySelectorAll("td")].map(cell => cell.textContent)))
"""
MARKED = """
return [...document.querySelectorAll("mark.entity")].map(
    mark => mark.firstChild.textContent.trim())
"""
# Of what was fetched, and of icons, which a browser without a window does not fetch.
ADDRESSES = """
return [...performance.getEntriesByType("resource").map(entry => entry.name),
        ...[...document.querySelectorAll("link")].map(link => link.href)]
"""


@pytest.fixture(scope="module")
def port():
    """The port of a page that is being served."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([*COMMAND, "--port", str(port)], stdout=subprocess.DEVNULL)
    try:
        WebDriverWait(server, PATIENCE).until(lambda _: answers(server, port))
        yield port
    finally:
        server.terminate()
        server.wait(PATIENCE)


def answers(server, port):
    assert server.poll() is None, "the server has ended"
    try:
        return urlopen(f"http://127.0.0.1:{port}/_stcore/health").status == 200
    except URLError:
        return False


@pytest.fixture
def empty_browser(tmp_path):
    """A browser that shows nothing yet."""
    if not (BROWSER and DRIVER):
        pytest.skip("chromium and chromedriver are not on this machine")
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in (
        "headless",
        "no-sandbox",
        "disable-gpu",
        "disable-dev-shm-usage",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        f"user-data-dir={tmp_path / 'browser'}",
        "window-size=1280,1400",
    ):
        options.add_argument(f"--{flag}")
    browser = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    try:
        yield browser
    finally:
        browser.quit()


@pytest.fixture
def browser(port, empty_browser):
    """A browser that shows the page."""
    empty_browser.get(f"http://127.0.0.1:{port}")
    return empty_browser


def wait_for(browser, condition):
    return WebDriverWait(browser, PATIENCE).until(lambda _: condition())


def fill_in(browser, label, text):
    place = (By.CSS_SELECTOR, f"[aria-label='{label}']")
    wait_for(browser, lambda: browser.find_elements(*place))
    browser.find_element(*place).send_keys(Keys.CONTROL, "a")
    browser.find_element(*place).send_keys(text)


def say(browser, message):
    """Type a message, and wait for the page to show the tags of its characters."""
    fill_in(browser, "Message", message + Keys.CONTROL + Keys.ENTER)
    wait_for(browser, lambda: [row[1] for row in characters(browser)] == list(message))


def characters(browser):
    """The rows of the last table, as far as they are in sight: the first 20."""
    tables = browser.execute_script(TABLES)
    return tables[-1] if tables else []


def queries(browser):
    """The rows of the table of queries, once it has those that are marked."""

    def complete():
        *tables, _ = browser.execute_script(TABLES)
        rows = tables[0] if tables else []
        return [row[0] for row in rows] == browser.execute_script(MARKED), rows

    return wait_for(browser, lambda: complete() if complete()[0] else None)[1]


@pytest.mark.slow
def test_in_a_browser(browser, port):
    say(browser, MESSAGE)
    ((*query, score),) = queries(browser)
    assert query == ["周杰伦的晴天", "3", "9", "MUSIC_QUERY"] and 0.5 < float(score) <= 1
    numbers, _, *tags = zip(*characters(browser))
    assert numbers == tuple(map(str, range(len(MESSAGE))))
    likeliest = [max(zip(map(float, row), "OBI"))[1] for row in zip(*tags)]
    assert "".join(likeliest) == "OOOBIIIII"
    # Nobody else is asked for anything.
    addresses = browser.execute_script(ADDRESSES)
    assert addresses and all(a.startswith(f"http://127.0.0.1:{port}/") for a in addresses)


@pytest.mark.slow
def test_names_are_found_at_once_by_those_who_add_them(browser):
    say(browser, INVENTED)
    before = queries(browser)
    fill_in(browser, "Type", "artist" + Keys.ENTER)
    fill_in(browser, "Names, one a line", INVENTED + Keys.CONTROL + Keys.ENTER)
    wait_for(browser, lambda: queries(browser) != before)
    ((query, *_, score),) = queries(browser)
    assert query == INVENTED
    assert float(score) > max((float(row[-1]) for row in before), default=0)
    assert f"Added as artist: {INVENTED}" in browser.page_source
    # A page that is opened anew does not know the name.
    browser.refresh()
    say(browser, INVENTED)
    assert queries(browser) == before


@pytest.mark.slow
def test_pages_of_hostile_labels_run_nothing_in_a_browser(empty_browser, tmp_path):
    run = "window.ran=1;document.title='ran'"
    label = (
        f'<script>{run}</script><img src=x onerror="{run}"><svg/onload="{run}">'
        f'</style></mark></span><iframe src="javascript:{run}"></iframe>'
    )
    nlp = spacy.blank("zh")
    component = nlp.add_pipe("music_query")
    component.parameters = component.parameters.replace(labels=(label,))
    nlp.to_disk(tmp_path / "model")
    text = label + MESSAGE
    record = {"text": text, "spans": [{"start": 0, "end": len(label), "label": label}]}
    srsly.write_jsonl(tmp_path / "data.jsonl", [record])
    pages = tmp_path / "errors.html", tmp_path / "extract.html"
    model = str(tmp_path / "model")
    for command in (
        ["errors", model, str(tmp_path / "data.jsonl"), "--html", str(pages[0])],
        ["extract", text, "--model", model, "--html", str(pages[1])],
    ):
        assert CliRunner().invoke(app, command).exit_code == 0
    for path in pages:
        empty_browser.get(path.as_uri())
        shown = empty_browser.execute_script("return document.body.textContent")
        assert label in shown and "周杰伦的晴天" in shown
        for what in ("script", "img", "iframe", "mark svg"):
            assert empty_browser.find_elements(By.CSS_SELECTOR, what) == []
        assert empty_browser.execute_script("return window.ran") is None
        assert empty_browser.title != "ran"


def test_nobody_else_is_served(port):
    """As the kernel tells it: addresses in hexadecimal, 0A for a socket that listens."""
    tables = [path for path in map(Path, SOCKETS) if path.exists()]
    if not tables:
        pytest.skip("this system does not list its sockets in /proc")
    sockets = [line.split() for path in tables for line in path.read_text().splitlines()]
    listening = [fields[1] for fields in sockets if fields[3] == "0A"]
    of_port = [address for address in listening if address.endswith(f":{port:04X}")]
    assert of_port == [f"0100007F:{port:04X}"]


def shake_hands(port, host, origin):
    """The answer to a browser that wants to open a WebSocket, as a page does."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        lines = (
            "GET /_stcore/stream HTTP/1.1",
            f"Host: {host}",
            f"Origin: http://{origin}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
        )
        connection.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode())
        return int(connection.recv(1024).split()[1])


def test_only_the_page_itself_is_answered(port):
    for host in ("127.0.0.1", "localhost"):
        assert shake_hands(port, f"{host}:{port}", f"{host}:{port}") == 101
    # A name of somebody else's that has come to stand for this machine.
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example"):
        assert shake_hands(port, f"{host}:{port}", f"{host}:{port}") == 403
    assert shake_hands(port, f"127.0.0.1:{port}", "evil.example") == 403


@pytest.fixture
def open_page(monkeypatch):
    """Runs the page without a browser."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, arguments)])
        page = AppTest.from_file(str(SCRIPT), default_timeout=PATIENCE).run()
        assert not page.exception
        return page

    return run


def found_queries(page):
    return [query for table in page.dataframe[:-1] for query in table.value["query"]]


def test_threshold(open_page):
    page = open_page()
    assert found_queries(page) == ["周杰伦的晴天"]
    page.slider[0].set_value(1.0).run()
    assert found_queries(page) == [] and "No query" in page.info[0].value
    page.slider[0].set_value(0.5).run()
    assert found_queries(page) == ["周杰伦的晴天"]


@pytest.mark.parametrize("message", ["", "今天天气怎么样"])
def test_messages_without_a_query(message, open_page):
    page = open_page()
    page.text_area[0].set_value(message).run()
    assert not page.exception and "No query" in page.info[0].value
    (characters,) = page.dataframe
    assert list(characters.value["character"]) == list(message)


def test_messages_are_no_html(open_page):
    page = open_page()
    page.text_area[0].set_value("<b>我想听</b>晴天").run()
    html = page.get("html")[0].proto.body
    assert "&lt;b&gt;" in html and "<b>" not in html


def test_labels_are_no_html(open_page, tmp_path):
    nlp = spacy.blank("zh")
    component = nlp.add_pipe("music_query")
    label = "<script>alert(1)</script>"
    component.parameters = component.parameters.replace(labels=(label,))
    nlp.to_disk(tmp_path)
    page = open_page(tmp_path)
    html = page.get("html")[0].proto.body
    assert "&lt;script&gt;" in html and "<script" not in html


def test_a_pipeline_of_ones_own_without_a_catalogue(open_page, trained_path):
    page = open_page(trained_path)
    page.text_area[0].set_value("看电影流浪地球").run()
    assert found_queries(page) == ["流浪地球"]
    assert not page.button and "without a catalogue" in page.caption[0].value


def test_several_components(open_page, tmp_path):
    nlp = spacy.blank("zh")
    for name, threshold in (("one", 0.0), ("two", 1.0)):
        config = {"threshold": threshold, "spans_key": name}
        nlp.add_pipe("music_query", name=name, config=config)
    nlp.to_disk(tmp_path)
    page = open_page(tmp_path)
    assert found_queries(page) == ["周杰伦的晴天"] and page.slider[0].value == 0.0
    page.selectbox[0].set_value("two").run()
    assert found_queries(page) == [] and page.slider[0].value == 1.0


def test_model_and_port_are_handed_on(trained_path, monkeypatch):
    calls = []
    monkeypatch.setattr("streamlit.web.cli.main", lambda args, **_: calls.append(args))
    options = ["--model", str(trained_path), "--port", "8600"]
    assert CliRunner().invoke(app, ["try", *options]).exit_code == 0
    ((_, *settings, script, _, model),) = calls
    assert "--server.port=8600" in settings
    assert script == str(SCRIPT) and model == str(trained_path)


def test_no_pipeline_there(tmp_path):
    result = CliRunner().invoke(app, ["try", "--model", str(tmp_path / "none")])
    assert result.exit_code == 1 and "MQ050" in result.output


def test_without_streamlit(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "streamlit"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "streamlit", None)
    result = CliRunner().invoke(app, ["try"])
    assert result.exit_code == 1 and "MQ058" in result.output
    assert 'pip install "spacy-musicquery[page]"' in result.output


def test_nothing_else_imports_streamlit():
    code = "import sys, spacy_musicquery.cli; print('streamlit' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "False", result.stderr
