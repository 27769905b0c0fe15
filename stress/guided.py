"""Coverage-guided fuzzing of what reads foreign bytes: any bytes are read, or refused with a
ValueError.

pip install atheris
python -m stress.guided names --seconds 3600

The targets are in `TARGETS`: what reads a component's files (message, names, settings), an index
(index), and files of records, of other tools' annotations, of names, of tables to link to, of
chat, of messages for `extract` and of character vectors.
"""

import argparse
import contextlib
import hashlib
import sys
import tempfile
import zlib
from pathlib import Path
from typing import Callable, Dict

import atheris

with atheris.instrument_imports(include=["spacy_musicquery"]):
    from spacy_musicquery.data.catalogue_files import read_catalogue
    from spacy_musicquery.data.link_table import read_table
    from spacy_musicquery.data.raw_text import read_lines
    from spacy_musicquery.data.records import read_records
    from spacy_musicquery.linking.index import LinkIndex
    from spacy_musicquery.saving import limited_msgpack, sealed_files
    from spacy_musicquery.serving.readers import Position, Table, read_chunks
    from spacy_musicquery.serving.sources import find_sources
    from spacy_musicquery.vectors.vector_files import find_vectors

from .links import arrays_in, make_index, sealed

FOLDER = Path(tempfile.mkdtemp())


def read_message(data: bytes) -> None:
    limited_msgpack.loads(data)


def read_names(data: bytes) -> None:
    # The checksum and the compression are right: they would stop it at once.
    sealed = hashlib.sha256(packed := zlib.compress(data, 0)).digest() + packed
    names = sealed_files.read_names(sealed, "music_query")
    assert sealed_files.read_names(sealed_files.write_names(names), "music_query") == names


def read_settings(data: bytes) -> None:
    settings = sealed_files.read_settings(data, "music_query")
    sealed_files.require_known(settings, (), "music_query")


def read_index(data: bytes) -> None:
    header, _, arrays = data.partition(b"\x00")
    index = LinkIndex.from_bytes(sealed(len(header), header, arrays or ARRAYS))
    assert len(list(index.entries())) == len(index)


def _write(data: bytes, *names: str) -> Path:
    """A file with one of several names."""
    path = FOLDER / names[len(data) % len(names)]
    path.write_bytes(data)
    return path


def read_file_of_records(data: bytes) -> None:
    _check_records(_write(data, "a.jsonl", "a.json", "a.txt"))


def read_file_of_another_tool(data: bytes) -> None:
    _check_records(_write(data, "a.csv", "a.tsv", "a.yml", "a.md", "a.conll", "a.bio"))


def _check_records(path: Path) -> None:
    records, _ = read_records(path)
    for record in records:
        assert all(record.text[start:end].strip() for start, end, _ in record.spans)


def read_file_of_names(data: bytes) -> None:
    path = _write(data, "title.txt", "title.csv")
    assert all(name for name in read_catalogue([path])["title"])


def read_table_to_link_to(data: bytes) -> None:
    table = read_table(_write(data, "title.csv", "title.jsonl"))
    assert all(entry.id and entry.name and entry.type for entry in table.entries)


def read_chat(data: bytes) -> None:
    assert all(line.strip() for line in read_lines(_write(data, "a.txt", "a.jsonl")))


def read_messages(data: bytes) -> None:
    path = _write(data, "a.csv", "a.jsonl", "a.txt", "a.tsv", "a.txt.gz")
    tables = [Table(of, "text", None, 1000) for of in find_sources([str(path)])]
    for chunk in read_chunks(tables, Position(), 0):
        for text in chunk.batch.column("text").to_pylist():
            assert text is None or len(text) <= 1000


def read_file_of_vectors(data: bytes) -> None:
    find_vectors(_write(data, "a.vec"), "周杰伦", binary=len(data) % 3 == 0)


ARRAYS = arrays_in(make_index().to_bytes())
TARGETS: Dict[str, Callable[[bytes], None]] = {
    "message": read_message,
    "names": read_names,
    "settings": read_settings,
    "index": read_index,
    "records": read_file_of_records,
    "other": read_file_of_another_tool,
    "catalogue": read_file_of_names,
    "table": read_table_to_link_to,
    "chat": read_chat,
    "messages": read_messages,
    "vectors": read_file_of_vectors,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    target = TARGETS[options.target]

    def read(data: bytes) -> None:
        with contextlib.suppress(ValueError):
            target(data)

    arguments = [f"-max_total_time={options.seconds}", "-timeout=20", "-rss_limit_mb=2000"]
    atheris.Setup([sys.argv[0], *arguments], read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
