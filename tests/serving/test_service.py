"""The service: what it answers, and what it refuses."""

import asyncio
import copy
import json
import threading

import pytest
from fastapi.testclient import TestClient

from spacy_musicquery.pipeline.load import box_pipeline
from spacy_musicquery.serving.batching import Batcher
from spacy_musicquery.serving.extractor import Extractor
from spacy_musicquery.serving.service import Limits, make_app

from .conftest import TEXTS

TOKEN = "a-token-of-the-tests"
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}


def make_client(extractor, url="http://127.0.0.1", **options):
    return TestClient(make_app(extractor, **options), base_url=url)


@pytest.fixture(scope="module")
def box():
    return Extractor(box_pipeline())


@pytest.fixture(scope="module")
def client(box):
    with make_client(box) as client:
        yield client


def test_one_message_and_many(client, box):
    expected = box.extract(TEXTS)
    assert client.post("/extract", json={"text": TEXTS[0]}).json() == expected[0]
    assert "listen" in expected[0]
    answer = client.post("/extract", json={"texts": TEXTS})
    assert answer.status_code == 200 and answer.json() == {"results": expected}
    assert client.post("/extract", json={"texts": []}).json() == {"results": []}
    assert client.post("/extract", json={"text": ""}).json()["music_query"] == []


def test_links_stand_in_their_queries(linking):
    with make_client(linking) as client:
        found = client.post("/extract", json={"text": TEXTS[0]}).json()
    assert found["music_query"][0]["links"][0]["name"] == "周杰伦的晴天"


@pytest.mark.parametrize(
    "body, problem",
    [
        (b"", "MQ296"),
        (b"{", "JSON decode error"),
        (b"[]", "MQ296"),
        (b'{"text": 1}', "should be a valid string"),
        (b'{"texts": "\xe5\x90\xac"}', "should be a valid list"),
        (b'{"text": "a", "texts": []}', "not permitted"),
        (b'{"text": "\xff"}', "MQ296"),
        (b'{"text": "\\ud83d"}', "MQ296"),
        (json.dumps({"text": 1, "x" * 5000: 1}).encode(), "MQ296"),
        (b'{"text": "a", "\\ud83d": 1}', "MQ296"),
        (b'{"text": NaN}', "MQ296"),
        (b'{"text": ' + b"9" * 5000 + b"}", "MQ296"),
        (b'{"text": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", "MQ296"),
    ],
)
def test_what_is_not_understood(client, body, problem):
    headers = {"Content-Type": "application/json"}
    answer = client.post("/extract", content=body, headers=headers)
    assert answer.status_code == 422
    assert problem in answer.json()["detail"] and len(answer.text) < 600
    assert client.post("/extract", json={"text": "听歌"}).status_code == 200


def test_limits(box):
    with make_client(box, limits=Limits(body=2000, batch=3, length=100)) as client:
        post = lambda **body: client.post("/extract", json=body)  # noqa: E731
        assert post(text="听" * 100).status_code == 200
        answer = post(texts=["听", "听" * 101])
        assert answer.status_code == 422 and "message 2 is 101" in answer.json()["detail"]
        answer = post(texts=["听"] * 4)
        assert answer.status_code == 422 and "MQ291" in answer.json()["detail"]
        answer = post(text="听" * 2000)
        assert answer.status_code == 413 and "2,000 bytes" in answer.json()["detail"]
        # Nor does it help to say nothing of the length.
        answer = client.post("/extract", content=(b" " * 100 for _ in range(100)))
        assert answer.status_code == 413


@pytest.mark.parametrize("declared", [b"9" * 19, b"9" * 5000, b"0" * 5000 + b"2001"])
def test_a_length_of_many_digits(box, declared):
    app = make_app(box, limits=Limits(body=2000))
    headers = [(b"host", b"localhost"), (b"content-length", declared)]
    scope = {"type": "http", "method": "POST", "path": "/extract", "headers": headers}
    sent = []

    async def take(message):
        sent.append(message)

    asyncio.run(app(scope, None, take))  # which does not wait for a body
    assert sent[0]["status"] == 413 and b"2,000 bytes" in sent[1]["body"]


def test_names_can_be_added_with_the_token():
    extractor = Extractor(copy.deepcopy(box_pipeline()))
    name = "乌有之乡的鲸鱼乐团"
    with make_client(extractor, token=TOKEN) as client:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}):
            answer = client.post("/catalogue", json={"artist": [name]}, headers=headers)
            assert answer.status_code == 401 and "MQ295" in answer.json()["detail"]
            assert answer.headers["www-authenticate"] == "Bearer"
        assert name not in extractor.finders[0].catalogue["artist"]
        answer = client.post("/catalogue", json={"artist": [name]}, headers=AUTHORIZED)
        assert answer.status_code == 200 and answer.json() == {"added": {"artist": 1}}
        assert name in extractor.finders[0].catalogue["artist"]
        for body, problem in (
            ({"planet": ["x"]}, "MQ015"),
            ({"artist": ["x" * 201]}, "MQ265"),
            ({"artist": "x"}, "MQ296"),
            ({"artist": ["\ud83d"]}, "MQ296"),
            ([], "MQ296"),
        ):
            headers = {**AUTHORIZED, "Content-Type": "application/json"}
            answer = client.post("/catalogue", content=json.dumps(body), headers=headers)
            assert answer.status_code == 422 and problem in answer.json()["detail"]


def test_without_a_token_nobody_adds_names(client):
    for headers in ({}, AUTHORIZED, {"Authorization": "Bearer "}):
        answer = client.post("/catalogue", json={"artist": ["x"]}, headers=headers)
        assert answer.status_code == 403 and "MUSIC_QUERY_TOKEN" in answer.json()["detail"]


@pytest.mark.parametrize(
    "host, status",
    [
        ("127.0.0.1", 200),
        ("localhost:8000", 200),
        ("LOCALHOST", 200),
        ("[::1]:8000", 200),
        ("music.example.org", 200),
        ("192.168.1.5", 421),
        ("evil.example.org", 421),
        ("127.0.0.1.evil.example.org", 421),
        ("localhost@evil.example.org", 421),
        ("", 421),
    ],
)
def test_it_answers_to_its_own_names_only(box, host, status):
    app = make_app(box, hosts=["Music.example.org"])
    answer = TestClient(app, base_url="http://127.0.0.1").get(
        "/health", headers={"host": host}
    )
    assert answer.status_code == status
    assert status == 200 or "MQ293" in answer.json()["detail"]


def test_it_answers_to_the_address_that_was_asked(box):
    client = make_client(box, url="http://192.168.1.5:8000")
    assert client.get("/health").status_code == 200


def test_it_is_ready_when_the_pipeline_is(box):
    app = make_app(box)
    client = TestClient(app, base_url="http://127.0.0.1")
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/ready").status_code == 503
    with client:
        assert client.get("/ready").json() == {"status": "ready"}
    assert client.get("/ready").status_code == 503


def test_metrics(box):
    with make_client(box) as client:
        client.post("/extract", json={"texts": TEXTS})
        client.post("/extract", json={})
        for path in ("/a", "/b"):
            client.get(path)
        text = client.get("/metrics").text
    for line in (
        'music_query_requests_total{path="/extract",status="200"} 1.0',
        'music_query_requests_total{path="/extract",status="422"} 1.0',
        'music_query_requests_total{path="other",status="404"} 2.0',
        "music_query_messages_total 7.0",  # one is read when it starts
        "music_query_requests_in_progress 1.0",
    ):
        assert line in text.splitlines()


def test_the_documentation_has_examples(client):
    api = client.get("/openapi.json").json()
    content = api["paths"]["/extract"]["post"]["responses"]["200"]["content"]
    examples = content["application/json"]["examples"]
    assert examples["one"]["value"]["music_query"][0]["text"] == "周杰伦的晴天"
    assert set(api["paths"]["/extract"]["post"]["responses"]) >= {"200", "413", "422"}
    sent = api["components"]["schemas"]["ManyMessages"]["examples"][0]
    assert client.post("/extract", json=sent).status_code == 200


def test_requests_that_wait_are_read_together():
    sizes, is_going = [], threading.Event()

    def extract(texts):
        sizes.append(len(texts))
        is_going.wait(10)
        if "bad" in texts:
            raise ValueError("bad")
        return [{"text": text} for text in texts]

    async def ask():
        batcher = Batcher(extract, most=4)
        asked = [asyncio.create_task(batcher.submit([str(i)])) for i in range(6)]
        asked.append(asyncio.create_task(batcher.submit(["a", "b", "c", "d", "e"])))
        asked.append(asyncio.create_task(batcher.submit(["bad"])))
        gone = asyncio.create_task(batcher.submit(["gone"]))
        last = asyncio.create_task(batcher.submit(["last"]))
        await asyncio.sleep(0.05)
        gone.cancel()
        is_going.set()
        found = await asyncio.gather(*asked, last, return_exceptions=True)
        batcher.close()
        return found

    found = asyncio.run(ask())
    assert [of_one[0]["text"] for of_one in found[:6]] == list("012345")
    assert [item["text"] for item in found[6]] == list("abcde")
    # What fails, fails for those who asked together, and the others are answered.
    assert isinstance(found[7], ValueError)
    assert sizes == [1, 4, 1, 5, 3]


def test_many_at_once_get_their_own_answers(box):
    expected = dict(zip(TEXTS, box.extract(TEXTS)))
    with make_client(box) as client:
        wrong = []

        def ask(i):
            for _ in range(10):
                text = TEXTS[i % len(TEXTS)]
                found = client.post("/extract", json={"text": text}).json()
                if found != expected[text]:
                    wrong.append(found)

        threads = [threading.Thread(target=ask, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
