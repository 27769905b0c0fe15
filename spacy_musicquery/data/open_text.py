"""Public text that the model in the box is trained on: from the files that its sources
publish to the folder that `real_messages` reads. `docs/open_text.md` says what they are.
"""

import bz2
import csv
import zlib
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, Any, Callable, Dict, Iterator, List, NamedTuple, Tuple, Union
from zipfile import BadZipFile, ZipFile

import srsly

from ..errors import Errors
from ..saving import strict_json
from ..saving.atomic import write_text
from . import mac_slu
from .records import MAX_JSON_BYTES, Problem
from .text_lines import BadLine, read_file_lines, read_lines_of

_DAMAGE = (BadZipFile, csv.Error, zlib.error)

# A message, an annotated message, or what is wrong with a row.
Item = Union[str, Dict[str, Any], BadLine]


class Source(NamedTuple):
    """A source of text.

    name (str): What it is called.
    files (Tuple[str]): Its files, in the folder of raw files.
    output (str): The file to write, in another folder: `.txt`, a message a line, or
        `.jsonl`, annotated messages.
    read (Callable[[Path], Iterator[Tuple[int, Item]]]): Reads one of its files: rows and
        what stands there.
    """

    name: str
    files: Tuple[str, ...]
    output: str
    read: Callable[[Path], Iterator[Tuple[int, Item]]]


class Account(NamedTuple):
    """What has become of a source.

    n_read (int): How many messages and faulty rows its files hold.
    n_kept (int): How many different messages were written.
    missing (Tuple[str]): Those of its files that are not there.
    problems (Tuple[Problem]): The rows that cannot be used.
    """

    n_read: int
    n_kept: int
    missing: Tuple[str, ...]
    problems: Tuple[Problem, ...]


def convert_source(source: Source, raw_dir: Path, output_dir: Path) -> Account:
    """Write the messages of a source, each once, in the order of its files.

    source (Source): One of `SOURCES`.
    raw_dir (Path): The folder of raw files; those that are missing are left out.
    output_dir (Path): The folder to write to. Nothing is written without a message.
    RETURNS (Account): How many there are, and what is missing or wrong.
    RAISES (ValueError): If a file as a whole is not what it should be.
    """
    missing = tuple(file for file in source.files if not (raw_dir / file).is_file())
    problems: List[Problem] = []
    kept: Dict[str, Item] = {}
    n_read = 0
    for file in source.files:
        if file in missing:
            continue
        path = raw_dir / file
        with _errors_of_file(path):
            for row, item in source.read(path):
                n_read += 1
                if isinstance(item, BadLine):
                    problems.append(Problem(path, row, item))
                    continue
                text = item if isinstance(item, str) else item["text"]
                # A message a line: one that was written in several becomes one.
                text = " ".join(text.splitlines()).strip()
                if text:
                    kept.setdefault(text, text if isinstance(item, str) else item)
    if kept:
        output_dir.mkdir(parents=True, exist_ok=True)
        _write(output_dir / source.output, list(kept.values()))
    return Account(n_read, len(kept), missing, tuple(problems))


def _write(path: Path, items: List[Any]) -> None:
    lines = map(srsly.json_dumps, items) if path.suffix == ".jsonl" else iter(items)
    write_text(path, "".join(f"{line}\n" for line in lines))


@contextmanager
def _errors_of_file(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, KeyError, ValueError, *_DAMAGE) as error:
        raise ValueError(Errors.MQ331.format(path=path, error=error)) from error


def _read_coldataset(path: Path) -> Iterator[Tuple[int, Item]]:
    """A table with a head; the comment stands in the column TEXT."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = csv.reader(stream)
        head = next(rows, [])
        if "TEXT" not in head:
            raise ValueError("its first row has no TEXT")
        column = head.index("TEXT")
        for row in rows:
            if len(row) == len(head):
                yield rows.line_num, row[column]
            else:
                found = f"{len(row)} columns, and not {len(head)} as in the first row"
                yield rows.line_num, BadLine(found)


def _read_tatoeba(path: Path) -> Iterator[Tuple[int, Item]]:
    """A sentence a line: its number, its language and itself, with tabs between them."""
    with bz2.open(path) as stream:
        for row, line in read_lines_of(stream):
            fields = line.split("\t")
            if isinstance(line, BadLine) or len(fields) == 3:
                yield row, line if isinstance(line, BadLine) else fields[2]
            else:
                yield row, BadLine("not a number, a language and a sentence, tabs between")


def _read_mac_slu(path: Path) -> Iterator[Tuple[int, Item]]:
    """A command with its meaning a line, in JSON."""
    for row, line in read_file_lines(path):
        if isinstance(line, BadLine):
            yield row, line
        elif line.strip():
            try:
                value = strict_json.loads(line)
            except ValueError as error:
                yield row, BadLine(f"invalid JSON: {error}")
                continue
            is_row = isinstance(value, dict)
            yield row, mac_slu.to_record(value) if is_row else BadLine("not an object")


def _read_xpersona(path: Path) -> Iterator[Tuple[int, Item]]:
    """Conversations: what a speaker is told to be, and pairs of turns."""
    with path.open("rb") as stream:
        yield from _read_conversations(
            stream,
            lambda one: [*one["persona"], *chain.from_iterable(one["dialogue"])],
        )


def _read_kdconv(path: Path) -> Iterator[Tuple[int, Item]]:
    """Conversations: their turns, with what is known besides."""
    with path.open("rb") as stream:
        yield from _read_conversations(
            stream, lambda one: [turn["message"] for turn in one["messages"]]
        )


def _read_crosswoz(path: Path) -> Iterator[Tuple[int, Item]]:
    """Conversations: of their turns, what people ask for, not what they are answered."""
    with ZipFile(path) as archive, archive.open("val.json") as stream:
        yield from _read_conversations(
            stream,
            lambda one: [
                turn["content"] for turn in one["messages"] if turn["role"] == "usr"
            ],
        )


def _read_conversations(
    stream: IO[bytes], turns_of: Callable[[Any], List[Any]]
) -> Iterator[Tuple[int, Item]]:
    """Conversations in a JSON list, or as the values of an object: their place, from 1,
    stands for a row."""
    conversations = strict_json.loads(stream.read(MAX_JSON_BYTES))
    if isinstance(conversations, dict):
        conversations = list(conversations.values())
    if not isinstance(conversations, list):
        raise ValueError("not a list of conversations")
    for row, conversation in enumerate(conversations, start=1):
        try:
            turns = turns_of(conversation)
        except (KeyError, TypeError):
            turns = [None]
        for turn in turns:
            is_text = isinstance(turn, str)
            yield row, turn if is_text else BadLine("not a conversation as others are")


SOURCES = (
    Source(
        "COLDataset",
        ("coldataset/train.csv", "coldataset/dev.csv"),
        "weibo_zhihu.txt",
        _read_coldataset,
    ),
    Source("Tatoeba", ("tatoeba/cmn_sentences.tsv.bz2",), "tatoeba.txt", _read_tatoeba),
    Source(
        "XPersona",
        (
            "xpersona/Zh_persona_split_test_human_annotated.json",
            "xpersona/Zh_persona_split_valid_human_annotated.json",
        ),
        "xpersona.txt",
        _read_xpersona,
    ),
    *(
        Source(f"KdConv, {domain}", (file,), f"kdconv_{domain}.txt", _read_kdconv)
        for domain, file in (
            ("film", "kdconv/film/dev.json"),
            ("music", "kdconv/music/dev.json"),
            ("travel", "kdconv/travel/dev.json"),
        )
    ),
    Source("CrossWOZ", ("crosswoz/val.json.zip",), "crosswoz.txt", _read_crosswoz),
    Source(
        "MAC-SLU",
        ("mac_slu/train_set.jsonl", "mac_slu/dev_set.jsonl"),
        "car_commands.jsonl",
        _read_mac_slu,
    ),
)
