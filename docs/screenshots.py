"""Takes the pictures of the page to try, as it is in a browser of a desk and of a phone:

    python docs/screenshots.py

needs the extras `page` and `test`, chromium and chromedriver."""

import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import Iterator
from urllib.error import URLError
from urllib.request import urlopen

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

FOLDER = Path(__file__).parent
# Widths, and heights that hold all of the page.
SIZES = {1280: 1450, 390: 1560}
MESSAGES = ["附近有什么好吃的，再来一首周杰伦的晴天", "别放晴天了，放七里香吧"]
PATIENCE = 60


@contextmanager
def served() -> Iterator[str]:
    """Serve the page.

    YIELDS (str): Its address.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "spacy", "music-query", "try", "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and server.poll() is None:
            try:
                urlopen(f"http://127.0.0.1:{port}/_stcore/health").close()
                break
            except URLError:
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(PATIENCE)


@contextmanager
def browser(width: int, height: int) -> Iterator[webdriver.Chrome]:
    """Open a browser without a window, whose page has exactly this size.

    width, height (int): In pixels.
    YIELDS (webdriver.Chrome): The browser.
    """
    options = webdriver.ChromeOptions()
    options.binary_location = which("chromium") or ""
    with tempfile.TemporaryDirectory() as profile:
        for flag in (
            *("headless", "no-sandbox", "disable-gpu", "disable-dev-shm-usage"),
            *("no-first-run", "disable-background-networking", "disable-sync"),
            *("disable-component-update", "hide-scrollbars", f"user-data-dir={profile}"),
        ):
            options.add_argument(f"--{flag}")
        driver = webdriver.Chrome(options, webdriver.ChromeService(which("chromedriver")))
        try:
            # A window has a least width, which phones do not have.
            size = {"width": width, "height": height}
            metrics = {**size, "deviceScaleFactor": 1, "mobile": width < 600}
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
            yield driver
        finally:
            driver.quit()


def say(driver: webdriver.Chrome, messages: list) -> None:
    """Type messages, and wait until all of them are shown."""
    wait = WebDriverWait(driver, PATIENCE)
    place = (By.CSS_SELECTOR, "textarea")
    area = wait.until(lambda d: d.find_elements(*place) and d.find_element(*place))
    area.send_keys(Keys.CONTROL, "a")
    area.send_keys("\n".join(messages))
    driver.find_element(By.CSS_SELECTOR, "[data-testid=stFormSubmitButton] button").click()
    shown = (By.CSS_SELECTOR, ".found .message")
    wait.until(lambda d: [m.text.split("\n")[0][:2] for m in d.find_elements(*shown)]
               == [message[:2] for message in messages])  # fmt: skip


def main() -> None:
    """Take the pictures."""
    with served() as address:
        for width, height in SIZES.items():
            with browser(width, height) as driver:
                driver.get(address)
                say(driver, MESSAGES)
                time.sleep(1)  # what fades in
                path = FOLDER / f"try-{width}.png"
                driver.save_screenshot(str(path))
                print(path)


if __name__ == "__main__":
    main()
