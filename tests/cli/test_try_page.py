"""The page to try a pipeline on: in a browser, and without one."""

import re
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
from spacy_musicquery.linking.entries import Entry
from spacy_musicquery.linking.index import LinkIndex

SCRIPT = Path(cli.__file__).with_name("try_app.py")
COMMAND = [sys.executable, "-m", "spacy", "music-query", "try"]
BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

# A browser on a busy machine takes its time.
PATIENCE = 60

SOCKETS = ("/proc/net/tcp", "/proc/net/tcp6")

MESSAGE = "我想听周杰伦的晴天"
INVENTED = "会飞的土豆丝"

MARKED = """
return [...document.querySelectorAll(".found .message mark")].map(
    mark => [mark.firstChild.textContent.trim(), mark.lastChild.textContent.trim()])
"""
SHOWN = """
return [...document.querySelectorAll(".found .message")].map(
    message => [...message.childNodes].map(node => node.firstChild?.textContent ?? node.textContent)
        .join("").trim())
"""
OPEN_ALL = "for (const details of document.querySelectorAll('details')) details.open = true"
# What reaches beyond the window.
CUT_OFF = """
return [...document.querySelectorAll("body *")].filter(
    element => element.getBoundingClientRect().right > innerWidth + 1).length
    + (document.documentElement.scrollWidth > innerWidth)
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


def click(browser, words):
    button = (By.XPATH, f"//button[normalize-space()='{words}']")
    wait_for(browser, lambda: browser.find_elements(*button))
    browser.find_element(*button).click()


def say(browser, *messages):
    """Type messages, and wait for the page to show them."""
    fill_in(browser, "消息，一行一条", "\n".join(messages))
    click(browser, "找一找")
    wait_for(browser, lambda: browser.execute_script(SHOWN) == list(messages))


@pytest.mark.slow
def test_in_a_browser(browser, port):
    say(browser, MESSAGE, "今天天气怎么样")
    ((query, told),) = browser.execute_script(MARKED)
    assert query == "周杰伦的晴天" and told.startswith("MUSIC_QUERY ")
    assert 50 < float(told.split()[1]) <= 100
    click(browser, "放首歌")
    wait_for(browser, lambda: browser.execute_script(SHOWN) == ["放首歌"])
    assert browser.execute_script(MARKED) == []
    click(browser, "English")
    wait_for(browser, lambda: "Who wants to hear what?" in browser.page_source)
    # Nobody else is asked for anything.
    addresses = browser.execute_script(ADDRESSES)
    assert addresses and all(a.startswith(f"http://127.0.0.1:{port}/") for a in addresses)


@pytest.mark.slow
def test_names_are_found_at_once_by_those_who_add_them(browser):
    say(browser, INVENTED)
    before = browser.execute_script(MARKED)
    fill_in(browser, "名字，一行一个", INVENTED)
    click(browser, "加进曲库")
    wait_for(browser, lambda: "请先选好" in browser.page_source)
    fill_in(browser, "它们是什么？", "歌手" + Keys.ENTER)
    click(browser, "加进曲库")
    wait_for(browser, lambda: f"已加入 · 歌手: {INVENTED}" in browser.page_source)
    # What is found is shown after that.
    ((query, _),) = wait_for(browser, lambda: browser.execute_script(MARKED))
    assert query == INVENTED and before == []
    # A page that is opened anew does not know the name.
    browser.refresh()
    say(browser, INVENTED)
    assert browser.execute_script(MARKED) == before


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_cut_off_and_everybody_can_use_it(browser, width):
    axe = pytest.importorskip("axe_core_python.selenium")
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.refresh()
    say(browser, MESSAGE * 5, "放" + "a" * 100)
    browser.execute_script(OPEN_ALL)
    assert browser.execute_script(CUT_OFF) == 0
    say(browser, MESSAGE)
    browser.set_script_timeout(PATIENCE)
    found = axe.Axe().run(browser)["violations"]
    faults = [v["id"] for v in found if v["impact"] in ("serious", "critical")]
    assert faults == []


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
        # The script that turns the pages is ours.
        scripts = empty_browser.find_elements(By.TAG_NAME, "script")
        assert not any("window.ran" in one.get_attribute("innerHTML") for one in scripts)
        for what in ("img", "iframe", "mark svg"):
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


def results(page):
    """What is shown of each message: HTML."""
    return [element.proto.body for element in page.get("html")]


def found_queries(page):
    return [q for html in results(page) for q in re.findall(r"<mark.*?>(.*?)<span", html)]


def say_there(page, messages):
    page.text_area[0].set_value(messages)
    page.button[0].click().run()
    assert not page.exception


def test_threshold(open_page):
    page = open_page()
    assert found_queries(page) == ["周杰伦的晴天"]
    page.slider[0].set_value(1.0).run()
    assert found_queries(page) == [] and "没有找到查询" in results(page)[0]
    page.slider[0].set_value(0.5).run()
    assert found_queries(page) == ["周杰伦的晴天"]
    page.slider[1].set_value(1.0).run()  # whoever does not ask to hear music
    assert found_queries(page) == []


def test_several_messages(open_page):
    page = open_page()
    say_there(page, "我想听晴天\n\n  今天天气怎么样\n放首歌")
    assert found_queries(page) == ["晴天"] and len(results(page)) == 3
    for html, intent in zip(results(page), ("想听歌", "其他", "想听歌")):
        (likeliest, *_) = re.findall(r"<dt>(.*?)</dt>", html)
        assert likeliest == intent
    say_there(page, "")
    assert results(page) == []
    say_there(page, "你好\n" * 60)
    assert len(results(page)) == 50 and "10" in page.info[0].value


def test_tag_probabilities(open_page):
    page = open_page()
    say_there(page, MESSAGE)
    (html,) = results(page)
    rows = re.findall(r"<tr><td>(.)</td>(.*?)</tr>", html)
    assert "".join(character for character, _ in rows) == MESSAGE
    best = [re.findall(r"<td>(<strong>)?", cells).index("<strong>") for _, cells in rows]
    tags = re.findall(r'<th scope="col">(\S+)</th>', html)[1:]
    assert "".join(tags[i][0] for i in best) == "OOOBIIIII"


def test_examples_and_language(open_page):
    page = open_page()
    page.button_group[1].set_value("今天天气怎么样").run()
    assert page.text_area[0].value == "今天天气怎么样"
    assert found_queries(page) == []
    page.button_group[0].set_value("English").run()
    assert page.title[0].value == "Who wants to hear what?"
    assert "No query was found" in results(page)[0]


def test_messages_are_no_html(open_page):
    page = open_page()
    say_there(page, "<b>我想听</b>晴天")
    (html,) = results(page)
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
    say_there(page, "看电影流浪地球")
    assert found_queries(page) == ["流浪地球"]
    assert len(page.button) == 1 and "没有曲库" in page.caption[0].value


def test_other_components_are_shown(open_page, tmp_path):
    nlp = spacy.blank("zh")
    nlp.add_pipe("music_query")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "FOOD", "pattern": "好吃的", "id": "f1"}])
    nlp.to_disk(tmp_path)
    page = open_page(tmp_path)
    say_there(page, "附近有什么好吃的，再来一首周杰伦的晴天")
    assert found_queries(page) == ["好吃的", "周杰伦的晴天"]
    assert ">FOOD<" in results(page)[0]


def test_entries_that_queries_mean_are_shown(open_page, tmp_path):
    nlp = spacy.blank("zh")
    nlp.add_pipe("music_query")
    entries = [Entry("i<b>7</b>", "title", "晴天", artists=("周杰伦",))]
    nlp.add_pipe("music_query_linker").set_index(LinkIndex.build(entries))
    nlp.to_disk(tmp_path)
    page = open_page(tmp_path)
    say_there(page, "来一首周杰伦的晴天\n今天天气怎么样")
    linked, other = results(page)
    cells = re.findall(r"<td>(.*?)</td>", linked)[:4]
    assert cells == ["i&lt;b&gt;7&lt;/b&gt;", "歌名", "晴天", "周杰伦"]
    assert "<caption>" not in other


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
