"""Coverage-guided fuzzing of what reads foreign bytes: any bytes are read, or refused with a
ValueError.

pip install atheris
python -m stress.guided names --seconds 3600

The targets: message, names, settings, records, catalogue.
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
    from spacy_musicquery.data.records import read_records
    from spacy_musicquery.saving import limited_msgpack, sealed_files

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


def read_file_of_records(data: bytes) -> None:
    path = FOLDER / ("a.jsonl", "a.json", "a.txt")[len(data) % 3]
    path.write_bytes(data)
    records, _ = read_records(path)
    for record in records:
        assert all(record.text[start:end].strip() for start, end, _ in record.spans)


def read_file_of_names(data: bytes) -> None:
    path = FOLDER / ("title.txt", "title.csv")[len(data) % 2]
    path.write_bytes(data)
    assert all(name for name in read_catalogue([path])["title"])


TARGETS: Dict[str, Callable[[bytes], None]] = {
    "message": read_message,
    "names": read_names,
    "settings": read_settings,
    "records": read_file_of_records,
    "catalogue": read_file_of_names,
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
