"""Characters to ids: one-to-one normalisation, and the inventory.

Nothing here knows spaCy or TensorFlow; offsets into a text are offsets into
its ids, always, because every character becomes exactly one id.
"""

from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Dict, Iterable, Sequence, Tuple

import numpy as np

from ..types import Ints1d

PAD_ID = 0
UNK_ID = 1
N_RESERVED = 2

_UTF32 = ("utf-32-le", "surrogatepass")
# The one capital whose lower case is two characters.
_DOTTED_CAPITAL_I = 0x130
# No character from here on has case.
_END_OF_CASED = 0x20000
# What stands for all symbols, and what these are: arrows, mathematical and technical signs,
# shapes, dingbats; emoji; and what selects how an emoji looks. Circled digits are none.
_SYMBOL = 0x1F600
_SYMBOLS = (
    range(0x2190, 0x2460),
    range(0x2500, 0x2C00),
    range(0xFE0E, 0xFE10),
    range(0x1F000, 0x1FB00),
)
_SIMPLIFIED_PATH = Path(__file__).parent / "simplified.txt"


@lru_cache(maxsize=4)
def normalization_table(
    fullwidth: bool, lowercase: bool, simplified: bool = False, symbols: bool = False
) -> np.ndarray:
    """What normalisation makes of code points. Mappings that would change the
    length of a text (as lower-casing 'İ' does) are left out, so offsets never move.

    fullwidth (bool): Map full-width forms (U+FF01-U+FF5E, U+3000) to ASCII.
    lowercase (bool): Map characters to lower case.
    simplified (bool): Map traditional characters to simplified ones.
    symbols (bool): Map all emoji and other symbols to one.
    RETURNS (np.ndarray): The normal code point of each that it may change, as uint32: of all
        up to a point.
    """
    table = np.arange(_END_OF_CASED, dtype="<u4")
    if lowercase:
        codes = np.delete(table, _DOTTED_CAPITAL_I)
        table[codes] = code_points(codes.tobytes().decode(*_UTF32).lower())
    if fullwidth:
        table[0xFF01:0xFF5F] = table[0x21:0x7F]
        table[0x3000] = 0x20
    if simplified:
        # The first line says where they come from.
        _, _, pairs = _SIMPLIFIED_PATH.read_text(encoding="utf8").partition("\n")
        traditional, simple, _ = code_points(pairs).reshape(-1, 3).T
        table[traditional] = simple
    if symbols:
        for block in _SYMBOLS:
            table[block.start : block.stop] = _SYMBOL
    table.flags.writeable = False
    return table


def code_points(text: str) -> np.ndarray:
    """Turn a text into numbers.

    text (str): Any text. A lone surrogate is no character, but passes.
    RETURNS (np.ndarray): The code point of each character, as uint32.
    """
    return np.frombuffer(text.encode(*_UTF32), dtype="<u4")


class CharInventory:
    """The characters a model knows, each with an id. 0 is padding and 1 any
    character that is not in the inventory.

    id_of_code (Ints1d): The id of every code point up to the last that has one, by itself or
        by normalisation; 0 where there is none, as most pages of such a table then take no
        memory; and one more 0 for all that come after, so that a clipped index finds it.
    """

    def __init__(
        self,
        chars: Sequence[str] = (),
        *,
        fullwidth: bool = True,
        lowercase: bool = True,
        simplified: bool = False,
        symbols: bool = False,
    ) -> None:
        """Make an inventory of given characters.

        chars (Sequence[str]): Normalised characters; the first has id 2.
        fullwidth (bool): Treat full-width forms as their ASCII counterparts.
        lowercase (bool): Treat upper case as lower case.
        simplified (bool): Treat traditional characters as simplified ones.
        symbols (bool): Treat all emoji and other symbols as one.
        """
        self.chars = tuple(chars)
        self.fullwidth = fullwidth
        self.lowercase = lowercase
        self.simplified = simplified
        self.symbols = symbols
        self.id_of_code = self._ids_by_code()

    def __len__(self) -> int:
        """The number of ids, padding and unknown included."""
        return len(self.chars) + N_RESERVED

    @property
    def normalization(self) -> Dict[str, bool]:
        """How texts are normalised.

        RETURNS (Dict[str, bool]): The settings of `normalization_table`, by name.
        """
        return {
            "fullwidth": self.fullwidth,
            "lowercase": self.lowercase,
            "simplified": self.simplified,
            "symbols": self.symbols,
        }

    @property
    def normal_table(self) -> np.ndarray:
        """What normalisation makes of code points.

        RETURNS (np.ndarray): The normal one of each that it may change, as uint32.
        """
        return normalization_table(**self.normalization)

    def normalize(self, text: str) -> str:
        """Normalise a text, character by character.

        text (str): The text.
        RETURNS (str): A text of the same length.
        """
        return self.normal_codes(text).tobytes().decode(*_UTF32)

    def normal_codes(self, text: str) -> np.ndarray:
        """Normalise a text, as numbers.

        text (str): A text.
        RETURNS (np.ndarray): The code points of `normalize(text)`, as uint32.
        """
        codes = code_points(text)
        normal = self.normal_table.take(codes, mode="clip")
        return np.where(codes < _END_OF_CASED, normal, codes)

    def learnt_from(self, texts: Iterable[str], *, min_count: int) -> "CharInventory":
        """An inventory of the characters of some texts, commonest first.

        texts (Iterable[str]): The texts.
        min_count (int): How often a character must occur, once normalised.
        RETURNS (CharInventory): The new inventory, normalising as this one does.
        """
        none = CharInventory((), **self.normalization)
        return none.grown_by(texts, min_count=min_count)

    def grown_by(self, texts: Iterable[str], *, min_count: int) -> "CharInventory":
        """An inventory with more characters; those of this one keep their ids.

        texts (Iterable[str]): Where the new characters come from, commonest first.
        min_count (int): How often one must occur there, once normalised.
        RETURNS (CharInventory): The new inventory, normalising as this one does.
        """
        counts: Counter = Counter()
        for text in texts:
            counts.update(self.normalize(text))
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        frequent = (char for char, count in ranked if count >= min_count)
        known = set(self.chars)
        return CharInventory(
            [*self.chars, *(char for char in frequent if char not in known)],
            **self.normalization,
        )

    def encode(self, texts: Sequence[str]) -> Tuple[Ints1d, Ints1d]:
        """Encode texts, without a Python loop over their characters.

        texts (Sequence[str]): The texts.
        RETURNS (Tuple[Ints1d, Ints1d]): The ids of all characters in a row
            (total characters,), and the length of each text (texts,).
        """
        codes = code_points("".join(texts))
        lengths = np.fromiter(map(len, texts), dtype="int32", count=len(texts))
        ids = self.id_of_code.take(codes, mode="clip")
        return np.maximum(ids, UNK_ID, out=ids), lengths

    def to_dict(self) -> Dict:
        """Turn the inventory into plain data.

        RETURNS (Dict): What `from_dict` needs, in types that msgpack can hold.
        """
        return {"chars": "".join(self.chars), **self.normalization}

    @classmethod
    def from_dict(cls, data: Dict) -> "CharInventory":
        """Make an inventory of plain data.

        data (Dict): What `to_dict` returned; before there were `simplified` and
            `symbols`, what it was without them.
        RETURNS (CharInventory): An equal inventory.
        """
        return cls(
            data["chars"],
            fullwidth=data["fullwidth"],
            lowercase=data["lowercase"],
            simplified=data.get("simplified", False),
            symbols=data.get("symbols", False),
        )

    def _ids_by_code(self) -> Ints1d:
        if not self.chars:  # as of those that only normalise
            return np.zeros(1, dtype="int32")
        codes = code_points("".join(self.chars)).astype("int64")
        ids = np.zeros(max(codes.max() + 1, _END_OF_CASED) + 1, dtype="int32")
        ids[codes] = np.arange(N_RESERVED, len(self), dtype="int32")
        normal = self.normal_table
        changed = (normal != np.arange(_END_OF_CASED, dtype="uint32")).nonzero()[0]
        of_normal = ids[normal[changed]]
        changed, of_normal = changed[of_normal > 0], of_normal[of_normal > 0]
        ids[changed] = of_normal
        return ids[: max(codes.max(), changed.max(initial=0)) + 2]
