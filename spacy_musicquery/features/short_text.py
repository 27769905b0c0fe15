"""From a short text to the rows of its vectors, a character after the other: a chatbot's
usual call, whose time is mostly this.

Cython compiles this module when it is installed where there is a C compiler, with the
types that short_text.pxd declares; elsewhere it runs as it stands, with equal results.
"""

from operator import itemgetter
from typing import Dict, List, Optional

import numpy as np

from ..types import Ints2d
from .characters import UNK_ID
from .name_hashes import MIX, MaskTable, P
from .name_matches import FIRST, INSIDE, LAST, N_COLUMNS, N_LENGTHS, N_PLACES, Match
from .row_layout import RowLayout

# Texts with fewer characters are short.
FEW_CHARS = 64

_ALL_BITS = (1 << 64) - 1
# Chinese characters: most normalisations leave them as they are.
_IDEOGRAPHS, _END_OF_IDEOGRAPHS = 0x3400, 0xA000
_LENGTH = itemgetter(1)


class NameFinder:
    """Finds names in short texts, by the hashes that `name_hashes` explains."""

    def __init__(
        self,
        names: MaskTable,
        one_char: MaskTable,
        lengths: MaskTable,
        normal: Dict[int, int],
    ) -> None:
        """Make a finder of tables.

        names (MaskTable): The types of each name: bit t for type t.
        one_char (MaskTable): The same of names of one character alone, which are few, so
            that looking up every character is quick.
        lengths (MaskTable): The lengths of the names that begin with two characters, by
            these: bit n for n + 2.
        normal (Dict[int, int]): What normalisation makes of code points.
        """
        # memoryviews: Python reads single numbers from them faster than from arrays.
        self._names = names.slots.data
        self._names_shift = names.shift
        self._one_char = one_char.slots.data
        self._one_char_shift = one_char.shift
        self._lengths = lengths.slots.data
        self._lengths_shift = lengths.shift
        self._normal = normal
        self._simplifies = any(_IDEOGRAPHS <= code < _END_OF_IDEOGRAPHS for code in normal)

    def find(self, text: str) -> List[Match]:
        """Find the names in a text. In the middle of a word of Latin letters or digits
        no name begins or ends.

        text (str): The text, shorter than FEW_CHARS.
        RETURNS (List[Match]): The names, by start, length and type; they may overlap.
        """
        found: List[Match] = []
        size = len(text)
        for start in range(size):
            if self._is_in_word(text, start):
                continue
            # The sum of the characters of a stretch, see `name_hashes`.
            total = self._code(text, start) + 1
            types = _mask_of(self._one_char, self._one_char_shift, total)
            self._add(text, start, 1, types, found)
            if start + 1 == size:
                break
            power = P
            total = (total + (self._code(text, start + 1) + 1) * power) & _ALL_BITS
            lengths = _mask_of(self._lengths, self._lengths_shift, total)
            length = 2
            while lengths:
                if lengths & 1:
                    types = _mask_of(self._names, self._names_shift, total)
                    self._add(text, start, length, types, found)
                end = start + length
                if end == size:
                    break
                power = power * P & _ALL_BITS
                total = (total + (self._code(text, end) + 1) * power) & _ALL_BITS
                lengths >>= 1
                length += 1
        return found

    def _code(self, text: str, place: int) -> int:
        code = ord(text[place])
        if _IDEOGRAPHS <= code < _END_OF_IDEOGRAPHS and not self._simplifies:
            return code
        return self._normal.get(code, code)

    def _is_in_word(self, text: str, place: int) -> bool:
        """Whether both sides of a place belong to one word of Latin letters or digits."""
        if place == 0 or place == len(text):
            return False
        return _is_latin(self._code(text, place - 1)) and _is_latin(self._code(text, place))

    def _add(
        self, text: str, start: int, length: int, types: int, found: List[Match]
    ) -> None:
        """Note a name of some types, if it ends where one may end.

        types (int): The types of a stretch, 0 if it is no name.
        """
        if not types or self._is_in_word(text, start + length):
            return
        type_id = 0
        while types:
            if types & 1:
                found.append((start, length, type_id))
            types >>= 1
            type_id += 1


def encode_short(
    text: str,
    char_ids: Dict[str, int],
    pair_ids: Dict[int, int],
    layout: RowLayout,
    finder: Optional[NameFinder],
) -> Ints2d:
    """Encode a text as rows of the stack of all vectors, see `row_layout`.

    text (str): The text, neither empty nor as long as FEW_CHARS.
    char_ids (Dict[str, int]): The ids of characters.
    pair_ids (Dict[int, int]): The ids of bigrams, by the ids of their characters: that of
        the left one in the upper 32 bits.
    layout (RowLayout): Where the vectors stand.
    finder (Optional[NameFinder]): Finds the names; None for none.
    RETURNS (Ints2d): The rows of the stack (characters, n); 0 for nothing.
    """
    size = len(text)
    pairs_before, pairs_after, names = layout
    has_pairs = names > pairs_before
    n = 3 if has_pairs else 1
    rows = np.zeros((n + N_COLUMNS) * size, dtype="int32")
    cells = rows.data
    left = 0
    for i in range(size):
        char_id = char_ids.get(text[i], UNK_ID)
        cells[i] = char_id
        if has_pairs:
            pair = pair_ids.get(left << 32 | char_id, 0)
            cells[size + i] = pairs_before + pair
            if i:
                cells[2 * size + i - 1] = pairs_after + pair
            left = char_id
    if has_pairs:
        cells[3 * size - 1] = pairs_after + pair_ids.get(left << 32, 0)
    if finder is not None:
        matches = finder.find(text)
        if matches:
            n += _encode_matches(matches, size, names, n * size, cells)
    return rows[: n * size].reshape(n, size).T


def _encode_matches(
    matches: List[Match], size: int, before: int, first_cell: int, cells: memoryview
) -> int:
    """Write what the characters of a text are within names, a column after the other; see
    `encode_matches`, which counts features from 1.

    RETURNS (int): How many columns have been written.
    """
    n_columns = 0
    n_names = [0] * size
    # As equal ones keep their order: by length, start and type, as they are in a batch.
    matches.sort(key=_LENGTH, reverse=True)
    for start, length, type_id in matches:
        feature = (type_id * N_LENGTHS + min(length, N_LENGTHS) - 1) * N_PLACES + before
        for i in range(start, start + length):
            column = n_names[i]
            if column < N_COLUMNS:
                place = INSIDE
                if i == start:
                    place = FIRST
                elif i == start + length - 1:
                    place = LAST
                cells[first_cell + column * size + i] = feature + place
                n_names[i] = column + 1
                n_columns = max(n_columns, column + 1)
    return n_columns


def _mask_of(slots: memoryview, shift: int, total: int) -> int:
    """Look a stretch up in a table.

    slots (memoryview), shift (int): Those of a `MaskTable`.
    total (int): The sum of a stretch's characters.
    RETURNS (int): Its bits in the table, 0 if it is not there.
    """
    total = (total ^ (total >> 32)) * MIX & _ALL_BITS
    key = (total ^ (total >> 32)) * MIX & _ALL_BITS | 1
    slot = 2 * (key >> shift)
    while slots[slot] < key and slots[slot]:
        slot += 2
    return slots[slot + 1] if slots[slot] == key else 0


def _is_latin(code: int) -> bool:
    """Whether a code point is an ASCII letter or digit."""
    return 48 <= code <= 57 or 65 <= code <= 90 or 97 <= code <= 122
