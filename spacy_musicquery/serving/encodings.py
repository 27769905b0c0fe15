"""In which encoding a file is written, of those that Chinese chat is kept in.

The strict ones are tried in order, instead of guessing by statistics: a short line in
GB18030 is taken for Korean by libraries that guess, and whoever is wrong here is wrong about
a million lines.
"""

import codecs
from typing import Iterator, List, Optional, Tuple, cast

from ..errors import Errors

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    # Begins as the mark of UTF-16 does.
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What the commonest characters begin with, which are nearly all of any text: the first
# levels of GB 2312 (3,755 characters) and of Big5 (5,401).
_COMMON_GB = range(0xB0, 0xD8)
_COMMON_BIG5 = range(0xA4, 0xC7)
_WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")


def known_encoding(name: str) -> str:
    """Find an encoding by a name that somebody gives it.

    name (str): Such as "gbk", "UTF8" or "utf-16".
    RETURNS (str): Python's name of it. GBK and GB2312 are read as GB18030, which holds them.
    RAISES (ValueError): If there is none.
    """
    try:
        found = codecs.lookup(name).name
        "".encode(found)
    except LookupError as error:
        problem = "no such encoding; for instance utf-8, gb18030, utf-16, big5"
        message = Errors.MQ052.format(option="--encoding", value=name, problem=problem)
        raise ValueError(message) from error
    if found in ("gbk", "gb2312"):
        return "gb18030"
    return {"utf-8-sig": "utf-8", "big5": "cp950"}.get(found, found)


def find_encoding(sample: bytes) -> Tuple[str, int]:
    """Find out how a file is encoded.

    sample (bytes): Its beginning.
    RETURNS (Tuple[str, int]): Python's name of the encoding, and how many bytes at the
        beginning are a mark of it.
    """
    for mark, name in _MARKS:
        if sample.startswith(mark):
            return name, len(mark)
    if (wide := _unmarked_utf16(sample)) is not None:
        return wide, 0
    lines = [line for line in sample.split(b"\n")[:-1] or [sample] if not line.isascii()]
    n_utf8 = sum(1 for _ in _decoded(lines, "utf-8"))
    n_gb = sum(1 for _ in _decoded(lines, "gb18030"))
    # What is no UTF-8 hardly ever looks like it; a file of it may hold some broken lines.
    if n_utf8 * 2 >= len(lines) or n_gb == 0:
        return "utf-8", 0
    if _is_big5(lines):
        return "cp950", 0
    return "gb18030", 0


def is_wide(encoding: str) -> bool:
    """Whether the end of a line is more than a byte.

    encoding (str): Python's name of an encoding.
    RETURNS (bool): True for UTF-16 and UTF-32.
    """
    return encoding.replace("_", "-") in (*_WIDE, "utf-16", "utf-32")


def _decoded(lines: List[bytes], encoding: str) -> Iterator[str]:
    for line in lines:
        try:
            yield line.decode(encoding)
        except UnicodeDecodeError:
            continue


def _unmarked_utf16(sample: bytes) -> Optional[str]:
    """UTF-16 without its mark: ends of lines, digits and Latin letters have a NUL on one
    side. On the other one there are few: 一 has one."""
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    for name, nuls, others in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if nuls > 1 + 2 * others and nuls * 200 > len(sample):
            return name
    return None


def _is_big5(lines: List[bytes]) -> bool:
    """Whether lines that can be read as GB18030 are rather Big5: all can be read as that as
    well, and then have the commoner characters."""
    if sum(1 for _ in _decoded(lines, "cp950")) < len(lines):
        return False
    text = b"".join(lines)
    return _share(text, "cp950", _COMMON_BIG5) > _share(text, "gb18030", _COMMON_GB)


def _share(text: bytes, encoding: str, common: range) -> float:
    """The share of common characters, of those that are Chinese."""
    chinese = [c for c in text.decode(encoding, "ignore") if "\u4e00" <= c <= "\u9fff"]
    leads = [c.encode(encoding)[0] for c in chinese]
    return sum(lead in common for lead in leads) / max(1, len(leads))


def as_utf8(encoding: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Write what is in UTF-16 or UTF-32 as UTF-8, in which lines can be told apart.

    encoding (str): The encoding.
    pieces (Iterator[bytes]): What is read, in pieces that may end anywhere.
    YIELDS (bytes): The same. What is damaged becomes bytes that are no UTF-8, for whoever
        decodes the line to say so.
    """
    decoder = codecs.getincrementaldecoder(encoding)(_DAMAGED)
    for piece in pieces:
        yield decoder.decode(piece).encode("utf-8", "surrogatepass")
    yield decoder.decode(b"", True).encode("utf-8", "surrogatepass")


def _half_character(error: UnicodeError) -> Tuple[str, int]:
    """Half a surrogate pair in the place of what is damaged: strict UTF-8 has none."""
    return "\ud800", cast(UnicodeDecodeError, error).end


_DAMAGED = "spacy_musicquery.half_character"
codecs.register_error(_DAMAGED, _half_character)
