import csv
import gzip
import json

import pytest

from spacy_musicquery.serving.extractor import Extractor

from ..conftest import MESSAGES

TEXTS = [text for text, _ in MESSAGES]


@pytest.fixture(scope="session")
def extractor(trained):
    return Extractor(trained)


class Linking:
    """Stands for the component that links words to entries."""

    def link(self, texts):
        entry = {"type": "song", "artist": "", "score": 0.75, "start": 0}
        return [
            [{"id": f"id-{text}", "name": text, **entry, "end": len(text)}]
            for text in texts
        ]

    def to_bytes(self, exclude=()):
        return b""


@pytest.fixture
def linking(trained):
    linking = Extractor(trained)
    linking.linker = Linking()
    return linking


def make_rows(n):
    return [{"id": i, "text": f"{TEXTS[i % len(TEXTS)]}{i % 97}"} for i in range(n)]


def write_csv(path, rows, encoding="utf8", delimiter=","):
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, rows[0], delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_jsonl(path, rows):
    text = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def read_jsonl(path):
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]
