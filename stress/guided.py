"""Coverage-guided fuzzing of what reads foreign bytes: any bytes are read, or refused with a
ValueError.

pip install atheris
python -m stress.guided names --seconds 3600

The targets are in `TARGETS`: what reads a component's files (message, names, settings), an index
(index), and files of records, of other tools' annotations, of names, of tables to link to, of
chat, of messages for `extract` and of character vectors. It begins with what each does read
(`SEEDS`); a file's length decides which kind it is said to be.
"""

import argparse
import contextlib
import gzip
import hashlib
import json
import sys
import tempfile
import zlib
from pathlib import Path
from typing import Callable, Dict, Tuple

import atheris
import srsly

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

from .links import arrays_in, header_of, make_index, sealed

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
    names = read_catalogue([path])
    assert all(type_name and all(of_type) for type_name, of_type in names.items())


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


INDEX = make_index().to_bytes()
ARRAYS = arrays_in(INDEX)
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


_RECORD = {"text": "播放晴天", "spans": [{"start": 2, "end": 4, "label": "MUSIC_QUERY"}]}
_DOCCANO = {
    "id": 1,
    "text": "播放晴天",
    "label": [[2, 4, "MUSIC_QUERY"]],
    "cats": ["LISTEN"],
}
_LABEL_STUDIO = {
    "id": 1,
    "data": {"text": "播放晴天"},
    "annotations": [
        {
            "result": [
                {
                    "value": {"start": 2, "end": 4, "labels": ["MUSIC_QUERY"]},
                    "type": "labels",
                }
            ]
        }
    ],
}
_TOKENS = {
    "tokens": ["播", "放", "晴", "天"],
    "ner_tags": ["O", "O", "B-MUSIC_QUERY", "I-MUSIC_QUERY"],
}
_ENTRY = {
    "id": "s1",
    "type": "title",
    "name": "晴天",
    "artist": "周杰伦",
    "aliases": ["情天"],
}
_MESSAGES = [{"text": "播放晴天", "id": 1}, {"text": None}, {"text": "😀\ud83d"}]


def _json(*values: object) -> Tuple[bytes, ...]:
    """Values as a JSON file holds them, and as lines."""
    lines = [json.dumps(value, ensure_ascii=True) for value in values]
    return (f"[{', '.join(lines)}]".encode(), "\n".join(lines).encode())


_TABLE = (
    "id,type,name,artist,aliases,popularity\ns1,title,晴天,周杰伦,情天|qt,0.5\n".encode()
)
SEEDS: Dict[str, Tuple[bytes, ...]] = {
    "message": (srsly.msgpack_dumps({"title": ["晴天"], "n": [1, -1, 0.5, None, b"x"]}),),
    "names": (srsly.msgpack_dumps({"title": ["晴天", "稻香"], "artist": ["周杰伦"]}),),
    "settings": _json(
        {"labels": ["MUSIC_QUERY"], "intents": [], "digests": {"model": "0" * 64}}
    ),
    "index": (json.dumps(header_of(INDEX), ensure_ascii=False).encode() + b"\x00",),
    "records": (
        *_json(_RECORD, {"text": "你好", "music_query": [], "intent": "OTHER"}),
        *_json(_DOCCANO),
        *_json(_LABEL_STUDIO),
        *_json(_TOKENS),
        "播放晴天\t晴天\n你好\n".encode(),
    ),
    "other": (
        "text,query\n播放晴天,晴天\n".encode(),
        "播 O\n放 O\n晴 B-MUSIC_QUERY\n天 I-MUSIC_QUERY\n\n你 O\n".encode(),
        "nlu:\n- intent: play\n  examples: |\n    - 播放[晴天](MUSIC_QUERY)\n".encode(),
        "## intent:play\n- 播放[晴天](MUSIC_QUERY:x)\n".encode(),
        '- 播放[晴天]{"entity": "title", "value": "x"}\n'.encode(),
    ),
    "catalogue": ("晴天\n稻香\n".encode(), "name,type\n晴天,title\n".encode(), _TABLE),
    "table": (_TABLE, *_json(_ENTRY)),
    "chat": ("你好\n吃饭了吗\n".encode("utf-16"), *_json({"text": "你好"})),
    "messages": (
        "id,text\n1,播放晴天\n".encode(),
        "id\ttext\n1\t播放晴天\n".encode("gb18030"),
        *_json(*_MESSAGES),
        gzip.compress("播放晴天\n你好\n".encode()),
    ),
    "vectors": (
        "2 3\n晴 0.1 0.2 0.3\n天 1 2 3\n".encode(),
        b"1 2\n" + "晴 ".encode() + bytes(8) + b"\n",
    ),
}


def _write_seeds(target: str) -> str:
    """RETURNS (str): A folder with what a target reads, in as many lengths as it has names for
    files."""
    folder = FOLDER / "seeds"
    folder.mkdir()
    for i, seed in enumerate(SEEDS[target]):
        for n_more in range(6):
            (folder / f"{i}_{n_more}").write_bytes(seed + b"\n" * n_more)
    return str(folder)


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
    atheris.Setup([sys.argv[0], *arguments, _write_seeds(options.target)], read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
