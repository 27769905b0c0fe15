"""Load the service with wrk: requests a second, times to the answer, errors, memory.

python benchmarks/service.py --data DIR [--seconds 60] [--connections 64] [--out DIR]

wrk (https://github.com/wg/wrk; `apt-get install wrk`) keeps so many connections busy with
messages of CAIS and of chat, one a request. Names are added to the catalogue five times a
second meanwhile. The last line printed is JSON.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any, Dict, List

TOKEN = "a-token-of-the-load-test"
SCRIPT = """
local bodies = {{}}
for line in io.lines("{bodies}") do bodies[#bodies + 1] = line end
local i = 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
request = function()
  i = i % #bodies + 1
  return wrk.format(nil, nil, nil, bodies[i])
end
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, required=True, help="a folder with cais/, chat/"
    )
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--port", type=int, default=8790)
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is needed: apt-get install wrk")
    texts = read_texts(options.data)
    url = f"http://127.0.0.1:{options.port}"
    environment = {**os.environ, "MUSIC_QUERY_TOKEN": TOKEN}
    command = [sys.executable, "-m", "spacy", "music-query", "serve", "--port"]
    with subprocess.Popen([*command, str(options.port)], env=environment) as service:
        try:
            wait_until_ready(url)
            load(url, texts, 3, options.connections)
            before = resident_mb(service.pid)
            swaps: Dict[str, int] = {"done": 0, "failed": 0}
            ended = threading.Event()
            swapper = threading.Thread(target=add_names, args=(url, swaps, ended))
            swapper.start()
            cpu = cpu_seconds(service.pid)
            measured = load(url, texts, options.seconds, options.connections)
            cpu = cpu_seconds(service.pid) - cpu
            ended.set()
            swapper.join()
            measured.update(
                catalogue_changes=swaps["done"],
                failed_changes=swaps["failed"],
                memory_mb=resident_mb(service.pid),
                memory_before_mb=before,
                mean_batch=mean_batch(url),
                cpu_us_per_request=1e6 * cpu / measured["requests"],
            )
        finally:
            service.send_signal(signal.SIGTERM)
    measured["exit_code"] = service.returncode
    print(json.dumps(measured))


def read_texts(data: Path) -> List[str]:
    lines = (data / "cais" / "valid.jsonl").read_text(encoding="utf8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    for file in sorted((data / "chat").glob("*.txt")):
        texts += file.read_text(encoding="utf8").splitlines()[:1000]
    return [text for text in texts if text]


def wait_until_ready(url: str) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{url}/ready")
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the service does not get ready")


def load(url: str, texts: List[str], seconds: int, connections: int) -> Dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        bodies, script = Path(folder, "bodies"), Path(folder, "post.lua")
        bodies.write_text(
            "".join(f"{json.dumps({'text': t}, ensure_ascii=False)}\n" for t in texts),
            encoding="utf8",
        )
        script.write_text(SCRIPT.format(bodies=bodies))
        command = [
            "wrk",
            "--latency",
            "--timeout",
            "10s",
            "-t1",
            f"-c{connections}",
            f"-d{seconds}s",
        ]
        result = subprocess.run(
            [*command, "-s", str(script), f"{url}/extract"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    print(result, file=sys.stderr)
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", result)
    sockets = re.search(
        r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", result
    )
    return {
        "requests": int(re.search(r"(\d+) requests in", result)[1]),
        "requests_per_second": float(re.search(r"Requests/sec:\s+([\d.]+)", result)[1]),
        "p50_ms": milliseconds(re.search(r"50%\s+(\S+)", result)[1]),
        "p99_ms": milliseconds(re.search(r"99%\s+(\S+)", result)[1]),
        "failed": int(failed[1]) if failed else 0,
        "socket_errors": sum(map(int, sockets.groups())) if sockets else 0,
    }


def milliseconds(written: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", written).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def add_names(url: str, swaps: Dict[str, int], ended: threading.Event) -> None:
    number = 0
    while not ended.wait(0.2):
        number += 1
        request = urllib.request.Request(
            f"{url}/catalogue",
            json.dumps({"artist": [f"歌手{number}"]}).encode(),
            {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
        )
        try:
            urllib.request.urlopen(request)
            swaps["done"] += 1
        except OSError:
            swaps["failed"] += 1


def mean_batch(url: str) -> float:
    text = urllib.request.urlopen(f"{url}/metrics").read().decode()
    total, n = (
        float(re.search(rf"^music_query_batch_size_{key} (\S+)", text, re.MULTILINE)[1])
        for key in ("sum", "count")
    )
    return total / n


def cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main()
