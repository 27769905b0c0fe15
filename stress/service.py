"""Hostile requests to `music-query serve`: never an error of its own, never a hang, nothing
over its limits, and no change of the catalogue without the token.

python -m stress.service --requests 20000 --connections 300

Requests are handed to the application as a server does, with headers and bodies that no
client would send; and, as raw bytes, to the command itself over connections that are cut.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple
from urllib.parse import quote

from fastapi import FastAPI
from tqdm import tqdm

from spacy_musicquery.serving.extractor import Extractor
from spacy_musicquery.serving.service import Limits, make_app

from .common import make_box, report
from .fuzz import make_texts

LIMITS = Limits(body=30_000, batch=20, length=500)
TOKEN = "a-token-of-the-stress-runs"
SECONDS = 30
# Whatever is wrong with a request; 500 and the like are faults of the service.
EXPECTED = {200, 307, 400, 401, 403, 404, 405, 413, 415, 421, 422}
MOST_DETAIL = 2000
ASK = "我想听周杰伦的晴天"

PATHS = (
    "/health", "/ready", "/metrics", "/docs", "/redoc", "/openapi.json", "/extract/", "/",
    "//extract", "/../etc/passwd", "/docs/oauth2-redirect", "/%2e%2e", "/\x00", "/\udcff",
    "/" + "x" * 5000,
)  # fmt: skip
METHODS = ("GET", "PUT", "HEAD", "OPTIONS", "TRACE", "X" * 99)
TYPES = (
    b"application/json; charset=utf-16", b"APPLICATION/JSON", b"application/vnd.x+json",
    b"text/plain", b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=x",
    b"multipart/form-data", b"application/msgpack", b"", b";", b"\xff\xfe", b"application/",
    b"application/json;" + b"a=b;" * 500,
)  # fmt: skip
HOSTS = (b"127.0.0.1", b"127.0.0.1:80", b"localhost", b"LOCALHOST.", b"[::1]:8000")
OTHER_HOSTS = (
    b"evil.example.org", b"", b"[", b"[::1", b"127.0.0.1@evil", b"\xff\x00", b":80",
    b"x" * 9000, b"127.0.0.1.evil", b"127.1", b"0x7f000001", b"[::1].evil.example.org]",
)  # fmt: skip
OTHER_HEADERS = (
    (b"content-length", b"-1"), (b"content-length", b"9" * 5000), (b"content-length", b"1e9"),
    (b"content-length", "١٢".encode()), (b"content-length", b"0"), (b"expect", b"100-continue"),
    (b"authorization", b"Bearer"), (b"authorization", b"Bearer \xff\xfe"),
    (b"authorization", b"Basic " + b"A" * 5000), (b"authorization", b"bearer  wrong"),
    (b"transfer-encoding", b"chunked"), (b"content-encoding", b"gzip"), (b"origin", b"null"),
    (b"x-forwarded-host", b"evil"), (b"cookie", b"a=" + b"b" * 5000), (b"range", b"bytes=0-"),
    (b"upgrade", b"websocket"), (b"accept", b"\xff"), (b"x" * 3000, b"y"), (b"", b""),
)  # fmt: skip


class Request(NamedTuple):
    """A request, as a server hands it on."""

    method: str
    path: str
    headers: List[Tuple[bytes, bytes]]
    pieces: List[bytes]
    is_cut: bool


class Answer(NamedTuple):
    """What came back: nothing, of a request that was cut off."""

    status: int
    body: bytes
    detail: str


def make_body(rng: random.Random, texts: Iterator[str]) -> bytes:
    """RETURNS (bytes): Sound messages, names, what JSON can hold and what it cannot."""
    text = next(texts)
    quoted = json.dumps(text, ensure_ascii=rng.random() < 0.5)
    ways = (
        lambda: b'{"text": %s}' % quoted.encode(errors="surrogatepass"),
        lambda: json.dumps({"texts": [next(texts) for _ in range(rng.randint(0, 25))]}).encode(),
        lambda: json.dumps({rng.choice(("artist", "title", "x", "")): [text]}).encode(),
        lambda: json.dumps({"text": text * rng.choice((1, 60))}).encode("utf-16"),
        lambda: b'{"text": "\\ud8%02x"}' % rng.randrange(256),
        lambda: b'{"text": "a", "\\ud83d%s": 1}' % rng.choice((b"", b"x", b"\\ude00")),
        lambda: b'{"\\udfff": ["\\ud800"]}',
        lambda: b'{"texts": ["a", "\\udc00\\ud800"]}',
        lambda: b'{"text": %s}' % rng.choice((b"NaN", b"-Infinity", b"1e999", b"9" * 5000)),
        lambda: b'{"text": "a", "text": %s}' % quoted.encode(errors="surrogatepass"),
        lambda: (b'{"text": ' + b"[" * 9000 + b"]" * 9000 + b"}")[: LIMITS.body],
        lambda: b'{"a":' * 5000 + b"1" + b"}" * 4000,
        lambda: b'{"text": "' + b"a" * rng.choice((490, 500, 501, 40_000)) + b'"}',
        lambda: b'{"texts": [' + b'"",' * rng.choice((18, 19, 20, 9000)) + b'""]}',
        lambda: rng.choice((b"", b"null", b"[]", b'"x"', b"{", b"\xef\xbb\xbf{}", b"\x00" * 99)),
        lambda: rng.randbytes(rng.choice((1, 30, 3000))),
        lambda: quote(text, errors="replace").encode(),
    )  # fmt: skip
    body = rng.choice(ways)()
    if body and rng.random() < 0.1:
        place = rng.randrange(len(body))
        body = body[:place] + rng.randbytes(rng.randint(0, 2)) + body[place + 1 :]
    return body


def make_request(rng: random.Random, texts: Iterator[str]) -> Request:
    """RETURNS (Request): One that is hostile in one way or several."""
    path, method = rng.choice(("/extract", "/extract", "/extract", "/catalogue")), "POST"
    if rng.random() < 0.15:
        path = rng.choice(PATHS)
    if rng.random() < (0.05 if path in ("/extract", "/catalogue") else 0.7):
        method = rng.choice(METHODS)
    headers = [(b"host", rng.choice(HOSTS if rng.random() < 0.95 else OTHER_HOSTS))]
    right = b"application/json"
    headers.append((b"content-type", right if rng.random() < 0.9 else rng.choice(TYPES)))
    if path == "/catalogue" and rng.random() < 0.7:
        headers.append((b"authorization", b"Bearer " + TOKEN.encode()))
    if rng.random() < 0.15:
        headers.append(rng.choice(OTHER_HEADERS))
    if rng.random() < 0.05:
        headers.append((b"host", rng.choice(OTHER_HOSTS)))
    rng.shuffle(headers)
    body = make_body(rng, texts)
    size = rng.choice((len(body), 1 + len(body) // 3, 7)) or 1
    pieces = [body[i : i + max(size, len(body) // 50)] for i in range(0, len(body), size)]
    pieces = pieces[:60] if size == 7 else pieces
    return Request(method, path, headers, pieces or [b""], rng.random() < 0.05)


async def send(app: FastAPI, request: Request) -> Optional[Answer]:
    """Hand a request to an application.

    app (FastAPI): The application.
    request (Request): The request.
    RETURNS (Optional[Answer]): What it answers; None if nothing.
    RAISES (TimeoutError): If it does not in time.
    """
    raw = request.path.encode(errors="surrogateescape")
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1",
        "method": request.method, "scheme": "http", "path": request.path, "raw_path": raw,
        "query_string": b"", "root_path": "", "headers": request.headers,
        "client": ("127.0.0.1", 5), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    waiting = list(
        request.pieces[: len(request.pieces) // 2] if request.is_cut else request.pieces
    )
    status, body, detail = 0, b"", ""

    async def receive() -> Dict[str, Any]:
        if not waiting:
            return {"type": "http.disconnect"}
        piece = waiting.pop(0)
        more = bool(waiting) or request.is_cut
        return {"type": "http.request", "body": piece, "more_body": more}

    async def take(message: Dict[str, Any]) -> None:
        nonlocal status, body
        status = message.get("status", status)
        body += message.get("body", b"")

    await asyncio.wait_for(app(scope, receive, take), SECONDS)
    if not status:
        return None
    if status != 200 and body[:1] == b"{":
        detail = json.loads(body)["detail"]
    return Answer(status, body, detail)


def is_over(request: Request) -> bool:
    """RETURNS (bool): Whether a request has more bytes than it may."""
    return sum(map(len, request.pieces)) > LIMITS.body


def has_token(request: Request) -> bool:
    """RETURNS (bool): Whether a request has the token, last if it has several."""
    return dict(request.headers).get(b"authorization") == b"Bearer " + TOKEN.encode()


def what_is_wrong(request: Request, answer: Optional[Answer]) -> str:
    """RETURNS (str): What an answer should not be; empty if all is well."""
    if answer is None:
        return "" if request.is_cut else "no answer"
    if answer.status not in EXPECTED:
        return f"the status {answer.status}"
    if len(answer.detail) > MOST_DETAIL:
        return f"{len(answer.detail):,} characters of detail"
    if answer.status == 200 and request.path == "/catalogue" and not has_token(request):
        return "names were added without the token"
    if answer.status == 200 and request.path == "/extract":
        if is_over(request):
            return "a body over the limit was answered"
        found = json.loads(answer.body)
        items = found.get("results", [found])
        if len(items) > LIMITS.batch or any(len(i["text"]) > LIMITS.length for i in items):
            return "messages over the limits were answered"
    return ""


async def _send_all(n: int, seed: int) -> Tuple[Counter, List[str]]:
    rng, texts = random.Random(seed), make_texts(40 * n, seed)
    extractor = Extractor(make_box())
    before = extractor.finders[0].catalogue
    app = make_app(extractor, token=TOKEN, limits=LIMITS)
    counts: Counter = Counter()
    wrong: List[str] = []
    sound = Request(
        "POST", "/extract", [(b"host", b"localhost"), (b"content-type", b"application/json")],
        [json.dumps({"text": ASK}).encode()], False,
    )  # fmt: skip
    async with app.router.lifespan_context(app):
        for number in tqdm(range(n), unit=" requests"):
            request = make_request(rng, texts)
            try:
                answer = await send(app, request)
                problem = what_is_wrong(request, answer)
                counts[str(answer.status if answer else "cut off")] += 1
            except Exception as error:
                problem = f"{type(error).__name__}: {error}"
            if problem:
                pieces = b"".join(request.pieces)[:80]
                shown = f"{request.method[:9]} {request.path[:30]!r} {request.headers} {pieces!r}"
                wrong.append(f"{problem[:200]}: {shown[:400]}")
            if number % 100 == 0:
                answer = await send(app, sound)
                if answer is None or json.loads(answer.body).get("text") != ASK:
                    wrong.append(f"a sound request got {answer}")
    if not all(
        {*names} <= {*extractor.finders[0].catalogue[t]} for t, names in before.items()
    ):
        wrong.append("names are gone")
    return counts, wrong


def send_requests(n: int, seed: int = 0) -> Tuple[Counter, List[str]]:
    """Send hostile requests to the application.

    n (int): How many.
    seed (int): Seeds them.
    RETURNS (Tuple[Counter, List[str]]): How many got each status, and what was wrong.
    """
    return asyncio.run(_send_all(n, seed))


# Of raw bytes, what is no HTTP, or stops in the middle.
def make_bytes(rng: random.Random, texts: Iterator[str]) -> bytes:
    """RETURNS (bytes): A request as it goes over a connection, sound or not."""
    request = make_request(rng, texts)
    body = b"".join(request.pieces)
    length = rng.choice(
        (b"%d" % len(body),) * 4 + (b"%d" % (len(body) + 9), b"-5", b"9" * 400)
    )
    head = b"%s %s HTTP/1.1\r\n" % (
        request.method.encode(), quote(request.path, safe="/%", errors="replace").encode()
    )  # fmt: skip
    head += b"".join(b"%s: %s\r\n" % header for header in request.headers)
    if rng.random() < 0.15:
        body = (
            b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in request.pieces) + b"0\r\n\r\n"
        )
        head += b"Transfer-Encoding: chunked\r\n"
    else:
        head += b"Content-Length: %s\r\n" % length
    data = head + b"\r\n" + body
    other = rng.random()
    if other < 0.1:
        return data[: rng.randrange(len(data))]
    if other < 0.15:
        return rng.choice((
            b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01" + rng.randbytes(200), b"\r\n" * 500,
            b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 5000 + b"\r\n", rng.randbytes(3000),
        ))  # fmt: skip
    return data


def connect(n: int, seed: int = 0) -> Tuple[Counter, List[str]]:
    """Send raw bytes to the command, over connections that are cut at any moment.

    n (int): How many connections.
    seed (int): Seeds them.
    RETURNS (Tuple[Counter, List[str]]): How many got each status, and what was wrong.
    """
    rng, texts = random.Random(seed), make_texts(40 * n, seed)
    counts: Counter = Counter()
    wrong: List[str] = []
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    command = [sys.executable, "-m", "spacy", "music-query", "serve", "--port", str(port)]
    command += ["--max-body", str(LIMITS.body), "--max-length", str(LIMITS.length)]
    with subprocess.Popen(
        [*command, "--max-batch", str(LIMITS.batch)],
        stderr=subprocess.PIPE, text=True, env={**os.environ, "MUSIC_QUERY_TOKEN": TOKEN},
    ) as process:  # fmt: skip
        try:
            while not _health(port) and process.poll() is None:
                time.sleep(0.2)
            for _ in tqdm(range(n), unit=" connections"):
                data = make_bytes(rng, texts)
                status = _exchange(port, data, waits=rng.random() < 0.8)
                counts[status] += 1
                if status.startswith("5") or status == "hang":
                    wrong.append(f"{status}: {data[:200]!r}")
            if not _health(port):
                wrong.append("it does not answer any more")
        finally:
            process.send_signal(signal.SIGTERM)
            errors = process.communicate(timeout=SECONDS * 2)[1]
    if "Traceback" in errors:
        wrong.append(errors[errors.index("Traceback") :][:2000])
    return counts, wrong


def _exchange(port: int, data: bytes, *, waits: bool) -> str:
    """Send bytes. RETURNS (str): The status; "closed" without one; "hang" if nothing came
    though all of a request was there; "cut" if nobody waited for it."""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        try:
            connection.sendall(data)
            if not waits:
                return "cut"
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while b"\r\n" not in answer and (piece := connection.recv(65536)):
                answer += piece
        except TimeoutError:
            return "hang"
        except OSError:
            return "closed"
    return answer[9:12].decode("latin-1") or "closed"


def _health(port: int) -> bool:
    request = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    try:
        return _exchange(port, request, waits=True) == "200"
    except OSError:
        return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.monotonic()
    counts, wrong = send_requests(options.requests, options.seed)
    by_status, wrong_there = connect(options.connections, options.seed)
    shown: Dict[str, object] = {
        "requests": sum(counts.values()),
        **{f"requests: {status}": n for status, n in sorted(counts.items())},
        "connections": sum(by_status.values()),
        **{f"connections: {status}": n for status, n in sorted(by_status.items())},
    }
    return report(shown, started, [*wrong, *wrong_there])


if __name__ == "__main__":
    sys.exit(main())
