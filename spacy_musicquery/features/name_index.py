"""Many names, found in many texts at once by numpy; or by the kernel, which reads the tables."""

from functools import cached_property
from typing import List, NamedTuple, Sequence, Tuple, Union

import numpy as np

from ..types import Ints1d
from .characters import code_points
from .name_hashes import MaskTable, hash_of, hashes_of, mixed, running_sums
from .name_matches import N_COLUMNS, Matches

# As many as a mask has bits.
MAX_TYPES = 64

# Slots of the filter, for each name: what it lets pass needlessly must be looked up.
_SLOTS_PER_NAME = 8
_LEAST_BITS, _MOST_BITS = 14, 26
# Of the mask of lengths: that of 2, and the one of all that have none of their own.
_SECOND_LENGTH, _LAST_BIT = 2, 63
# How many stretches are looked up together, for each character of the texts.
_AT_A_TIME = 8
# Where stretches begin that may be names, their hashes, and how long they are.
Found = Tuple[Ints1d, np.ndarray, int]
_NONE = np.zeros(0, dtype="int64")
_NO_MATCHES = Matches(*np.zeros((3, 0), dtype="int64"))


class NameLines(NamedTuple):
    """Names, a line each.

    text (str): The names, none of them empty.
    lengths (Ints1d): The length of each.
    hashes (np.ndarray): The hash of each.
    beginnings (np.ndarray): Those of their first two characters.
    """

    text: str
    lengths: Ints1d
    hashes: np.ndarray
    beginnings: np.ndarray

    @classmethod
    def of(cls, text: str) -> "NameLines":
        """Hash names.

        text (str): Names, a line each.
        RETURNS (NameLines): The names; none of an empty text.
        """
        codes = code_points(text)
        ends = np.append((codes == ord("\n")).nonzero()[0], len(codes)) if text else _NONE
        lengths = np.diff(ends, prepend=-1) - 1
        return cls(text, lengths, *hashes_of(codes, lengths))


class NameIndex:
    """Names and their types. Does not change: `joined` makes another one."""

    def __init__(
        self,
        names: MaskTable,
        one_char: MaskTable,
        beginnings: MaskTable,
        lengths: Sequence[int],
    ) -> None:
        """Make an index of tables.

        names (MaskTable): The types of each name, a bit a type.
        one_char, beginnings (MaskTable): The types of names of one character, and the
            lengths of longer ones by their first two: bit n for n + 2, and the last bit
            for all from there on. The kernel looks for names by them.
        lengths (Sequence[int]): The lengths that names have, in order.
        """
        self._names = names
        self._one_char = one_char
        self._beginnings = beginnings
        self._lengths = tuple(lengths)

    @property
    def tables(self) -> Tuple[MaskTable, MaskTable, MaskTable]:
        """The tables.

        RETURNS (Tuple[MaskTable, MaskTable, MaskTable]): Of names, of those of one
            character, and of what longer ones begin with.
        """
        return self._names, self._one_char, self._beginnings

    @property
    def longest(self) -> int:
        """The length of the longest name. RETURNS (int): 0 without names."""
        return self._lengths[-1] if self._lengths else 0

    @cached_property
    def _filter(self) -> Tuple[np.ndarray, np.uint64]:
        """Where hashes of names are, by their upper bits; and by how much to shift them."""
        n_bits = (len(self) * _SLOTS_PER_NAME).bit_length()
        n_bits = min(max(n_bits, _LEAST_BITS), _MOST_BITS)
        shift = np.uint64(64 - n_bits)
        is_there = np.zeros(1 << n_bits, dtype=bool)
        is_there[self._names.hashes >> shift] = True
        return is_there, shift

    @classmethod
    def empty(cls) -> "NameIndex":
        """Know no name. RETURNS (NameIndex): An index without names."""
        none = MaskTable.empty()
        return cls(none, none, none, ())

    def __len__(self) -> int:
        """The number of different names."""
        return len(self._names)

    def __contains__(self, codes: Sequence[int]) -> bool:
        """Whether something is one of the names; given as code points, normalised as those
        of the names are."""
        return len(codes) > 0 and hash_of(codes) in self._names

    def __reduce__(self) -> Tuple:
        return NameIndex, (*self.tables, self._lengths)

    def joined(self, names: NameLines, types: Ints1d) -> Tuple["NameIndex", np.ndarray]:
        """Add names.

        names (NameLines): Further names, none twice with one type.
        types (Ints1d): The type of each.
        RETURNS (Tuple[NameIndex, np.ndarray]): An index of these and the names of this one;
            and which were not in this one with their type.
        """
        _, lengths, hashes, beginnings = names
        masks = _bit(types)
        is_new = self._names.masks_of(hashes) & masks == 0
        if not is_new.any():
            return self, is_new
        if not is_new.all():
            lengths, hashes, beginnings, masks = (
                array[is_new] for array in (lengths, hashes, beginnings, masks)
            )
        is_longer = lengths > 1
        bits = _bit(np.minimum(lengths[is_longer] - _SECOND_LENGTH, _LAST_BIT))
        index = NameIndex(
            self._names.joined(hashes, masks),
            self._one_char.joined(hashes[~is_longer], masks[~is_longer]),
            self._beginnings.joined(beginnings[is_longer], bits),
            sorted({*self._lengths, *np.bincount(lengths).nonzero()[0].tolist()}),
        )
        return index, is_new

    def find(self, codes: Ints1d, sizes: Ints1d) -> Matches:
        """Find the names in a batch of texts. In the middle of a word of Latin letters or
        digits no name begins or ends.

        codes (Ints1d): The code points of all texts in a row, normalised as those of the
            names are.
        sizes (Ints1d): The length of each text.
        RETURNS (Matches): The names; they may overlap. Of those that begin with the same
            character the N_COLUMNS longest, as no character is seen to be in others: at most
            so many for each character, however many names there are.
        """
        sums, inverse_powers = running_sums(codes)
        is_there, shift = self._filter
        can_begin, can_end, room = _edges(codes, sizes)
        starts = can_begin.nonzero()[0]
        matches = _NO_MATCHES
        found: List[Found] = []
        n_found = 0
        for length in self._lengths:
            starts = starts[room[starts] >= length]
            if not len(starts):
                break
            here = starts[can_end[starts + length]]
            stretches = (sums[here + length] - sums[here]) * inverse_powers[here]
            hashes = mixed(stretches)
            passed = is_there[hashes >> shift].nonzero()[0]
            if len(passed):
                found.append((here[passed], hashes[passed], length))
                n_found += len(passed)
            if n_found > _AT_A_TIME * len(codes):
                matches = self._looked_up(found, matches)
                found, n_found = [], 0
        return self._looked_up(found, matches)

    def _looked_up(self, found: List[Found], others: Matches) -> Matches:
        """Those of some stretches that are names, once for each of their types, and those
        that have been looked up before; see `find` for what is left out.

        found (List[Tuple[Ints1d, Ints1d, int]]): Starts, hashes and the length of stretches.
        others (Matches): Names that have been found already.
        RETURNS (Matches): All of them.
        """
        if not found:
            return others
        starts = np.concatenate([starts for starts, _, _ in found])
        hashes = np.concatenate([hashes for _, hashes, _ in found])
        lengths = np.repeat([n for *_, n in found], [len(here) for here, *_ in found])
        masks = _first_types(self._names.masks_of(hashes))
        places, types = [], []
        for type_id in range(int(masks.max()).bit_length()):
            of_type = (masks & _bit(type_id)).nonzero()[0]
            places.append(of_type)
            types.append(np.full(len(of_type), type_id))
        if not places:
            return others
        rows = np.concatenate(places)
        here = Matches(starts[rows], lengths[rows], np.concatenate(types))
        return _longest_of_each_start(Matches(*map(np.concatenate, zip(others, here))))


def _first_types(masks: np.ndarray) -> np.ndarray:
    """The first N_COLUMNS of the types of each name."""
    others = masks
    for _ in range(N_COLUMNS):
        others = others & (others - np.uint64(1))  # all but the first
    return masks ^ others


def _longest_of_each_start(matches: Matches) -> Matches:
    """The N_COLUMNS longest names that begin with each character; of names of two types the
    first type's."""
    starts, lengths, types = matches
    if len(starts) <= N_COLUMNS or np.bincount(starts).max() <= N_COLUMNS:
        return matches
    order = np.lexsort((types, -lengths, starts))
    ordered = starts[order]
    is_kept = np.ones(len(order), dtype=bool)
    is_kept[N_COLUMNS:] = ordered[N_COLUMNS:] != ordered[:-N_COLUMNS]
    return Matches(*(column[order[is_kept]] for column in matches))


def _bit(places: Union[int, Ints1d]) -> np.ndarray:
    """Make masks of one bit.

    places (Union[int, Ints1d]): Places in a mask, or one.
    RETURNS (np.ndarray): A mask with this bit alone, for each.
    """
    return np.left_shift(np.uint64(1), np.asarray(places, dtype="uint64"))


def _edges(codes: np.ndarray, sizes: Ints1d) -> Tuple[np.ndarray, np.ndarray, Ints1d]:
    """For each place between characters whether a name may begin, and whether one may
    end there; and how many characters follow in the same text."""
    ends = np.cumsum(sizes, dtype="int64")
    in_word = _IS_WORD[np.minimum(codes, _IS_WORD.size - 1)]
    between = np.zeros(len(codes) + 1, dtype=bool)
    between[1:-1] = in_word[1:] & in_word[:-1]
    between[ends] = False
    room = ends.repeat(sizes) - np.arange(len(codes))
    return ~between[:-1], ~between, room


# ASCII letters and digits; the last one stands for all other characters.
_IS_WORD = np.array([chr(code).isalnum() for code in range(128)] + [False])
