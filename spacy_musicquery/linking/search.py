# cython: boundscheck=False
"""Finds the names that a query may mean among very many: those that share sounds with it, by
an inverted index, and of these the nearest, by a weighted edit distance.

Cython compiles this module when it is installed where there is a C compiler, with the
types that search.pxd declares; elsewhere it runs as it stands, slowly, with equal results.
Compiled it looks at no bounds: `require_sound_arrays` has, of whatever comes from a file.

rapidfuzz, which has the fastest distances there are, knows one cost for all substitutions;
here what matters is that li costs less than shan for ni.

Longer than other modules, as it is compiled in one piece.
"""

from math import log2
from typing import Any, List, Tuple

import numpy as np

from .buckets import ALL_BITS, PRIME, shift_of
from .keys import MAX_UNITS
from .postings import (
    FIRST_LETTER,
    INITIALS,
    LETTERS,
    N_FOLDED,
    N_INITIALS,
    N_LETTERS,
    PAIRS,
    PLACED,
    SHORT,
    SKIPS,
)
from .sounds import N_TONES, TONE_BITS

# At most so many postings are read for a query, those of its rarest features.
_MOST_POSTINGS = 100_000
# As many names as this allows, those that share most with the query, are compared with it
# in full: it is divided by the cube of its length and one, as each comparison takes as many
# steps as both have characters, and as the shorter a name is, the more sound like it.
_MOST_COMPARED = 48_000
# Of a query that is a name itself, other names are less likely to be meant.
_FEW_COMPARED = 16_000
# Of more that have equally many points, all are compared if else there were too few.
_LEAST_COMPARED = 8
# No search finds more.
_MOST_FOUND = 128
# How much a name loses in the choice of these for each character that it is longer or
# shorter; a feature counts as many points as it has bits of information.
_POINTS_PER_LENGTH = 3
_MOST_POINTS = 1024

# Costs of the edit distance; that of two unlike characters is 1. These, and how many names are
# compared, were chosen on the pairs that benchmarks/linking.py measures.
SAME_SOUND = 0.18
_STEEPNESS = 2.0
_SECOND_READING = 0.04
_OTHER_TONE = 0.03
_OTHER_LETTER = 0.6
_SWAP = 0.4
_DOUBLED = 0.2
_LEFT_OUT_AT_EDGE = 0.42
_EACH_MORE_AT_EDGE = 0.26
_OTHER_ORDER = 0.75
_FAR = 1e9
# Nothing that is dearer than the nearest so far by more than this is worth the whole way.
_TOO_FAR = 1.5


class Workspace:
    """What one search writes to; two that run at the same time have one each."""

    def __init__(self, n_keys: int) -> None:
        """Make room.

        n_keys (int): The number of keys in the index.
        """
        self.points: Any = np.zeros(n_keys, dtype="uint16").data
        self.touched = np.zeros(_MOST_POSTINGS, dtype="int32").data
        self.chosen = np.zeros(_MOST_POSTINGS, dtype="int32").data
        self.counts = np.zeros(_MOST_POINTS, dtype="int32").data
        self.nearest: Any = np.zeros(_MOST_FOUND).data
        self.costs: Any = np.zeros((MAX_UNITS + 1) * (MAX_UNITS + 1)).data
        self.table: Any = np.zeros((MAX_UNITS + 1) * (MAX_UNITS + 1)).data
        self.units = np.zeros(MAX_UNITS, dtype="uint16").data


class NameSearch:
    """Searches the keys of an index. May be used by many threads at a time."""

    def __init__(
        self,
        *,
        units: Any,
        starts: Any,
        postings: Any,
        offsets: Any,
        readings: Any,
        folded: Any,
        initials: Any,
        distances: Any,
        gaps: Any,
        wording: Any,
        exact: Tuple[Any, Any],
        spoken: Tuple[Any, Any],
    ) -> None:
        """Make a search over arrays, which it does not copy.

        units (np.ndarray): The code points of all keys in a row, as uint16.
        starts (np.ndarray): Where each key begins in it, and where the last ends, as uint32.
        postings (np.ndarray): The keys of all features in a row, as int32.
        offsets (np.ndarray): Where the keys of each feature begin in it, as uint32.
        readings, folded, initials, distances: See `SoundTable`.
        gaps (np.ndarray): What it costs to leave out a character, by code point.
        wording (np.ndarray): What each key costs that does not read like a name, unless it
            is what was said; see `wording_costs`.
        exact, spoken (Tuple[np.ndarray, np.ndarray]): The keys by the hash of their
            characters, and of their initials; see `buckets`.
        """
        # memoryviews: Python reads single numbers from them faster than from arrays.
        self._units = units.data
        self._starts = starts.data
        self._postings = postings.data
        self._offsets = offsets.data
        self._readings = readings.reshape(-1).data
        self._n_readings = readings.shape[1]
        self._folded = folded.data
        self._initials = initials.data
        self._distances = (distances / np.float64(255)).reshape(-1).data
        self._n_syllables = distances.shape[0]
        self._gaps = gaps.data
        self._wording = wording.data
        self._exact_keys, self._exact_offsets = (array.data for array in exact)
        self._exact_shift = shift_of(exact[1])
        self._spoken_keys, self._spoken_offsets = (array.data for array in spoken)
        self._spoken_shift = shift_of(spoken[1])
        self._n_keys = len(starts) - 1
        self._lengths = np.diff(starts).astype("uint8").data
        self._free: List[Workspace] = []

    def find(self, key: str, most: int) -> List[Tuple[float, int]]:
        """Find the keys that are nearest to one.

        key (str): What is looked for, as `keys.spell` makes it.
        most (int): How many are wanted at most.
        RETURNS (List[Tuple[float, int]]): The costs and the places of the keys found, the
            nearest first.
        """
        try:
            work = self._free.pop()
        except IndexError:
            work = Workspace(self._n_keys)
        found = self._find(key, min(most, _MOST_FOUND), work)
        self._free.append(work)
        found.sort()
        return found[:most]

    def cost(self, key: str, place: int) -> float:
        """Compare a key with one of the index.

        key (str): A key.
        place (int): The place of the other.
        RETURNS (float): How far apart they are; 0 if they are equal.
        """
        try:
            work = self._free.pop()
        except IndexError:
            work = Workspace(self._n_keys)
        size = self._take(key, work)
        cost = self._compare(size, place, _FAR, work)
        self._free.append(work)
        return cost

    def place_of(self, key: str) -> int:
        """Look a key up.

        key (str): A key.
        RETURNS (int): Its place; -1 if the index does not have it.
        """
        size = len(key)
        if size > MAX_UNITS:
            return -1
        total = 0
        for i in range(size):
            total = ((total ^ (ord(key[i]) & 0xFFFF)) + 1) * PRIME & ALL_BITS
        return self._place_in(total >> self._exact_shift, key, 0, size)

    def _place_in(self, bucket: int, key: str, begin: int, end: int) -> int:
        """The place of a stretch of a key in a bucket; -1 if it is not there."""
        size = end - begin
        for at in range(self._exact_offsets[bucket], self._exact_offsets[bucket + 1]):
            place = self._exact_keys[at]
            if self._lengths[place] != size:
                continue
            first = self._starts[place]
            i = 0
            while i < size and self._units[first + i] == ord(key[begin + i]):
                i += 1
            if i == size:
                return place
        return -1

    def known_in(self, key: str, longest: int) -> List[Tuple[int, int, int]]:
        """Look up the stretches of a key.

        key (str): A key.
        longest (int): How many characters a stretch has at most.
        RETURNS (List[Tuple[int, int, int]]): Where those that are keys of the index begin
            and end, and their places; the whole is not among them.
        """
        size = len(key)
        found = []
        for begin in range(size):
            total = 0
            for end in range(begin + 1, min(size, begin + longest) + 1):
                total = ((total ^ (ord(key[end - 1]) & 0xFFFF)) + 1) * PRIME & ALL_BITS
                place = self._place_in(total >> self._exact_shift, key, begin, end)
                if place >= 0 and end - begin < size:
                    found.append((begin, end, place))
        return found

    def spoken_by(self, letters: str, most: int) -> List[int]:
        """Look up what was typed by initials: zjl for 周杰伦.

        letters (str): Lower-case letters, one for each character.
        most (int): How many places are wanted at most.
        RETURNS (List[int]): The places of the keys with these initials.
        """
        size = len(letters)
        total = 0
        for i in range(size):
            total = ((total ^ (ord(letters[i]) - 96 & 31)) + 1) * PRIME & ALL_BITS
        bucket = total >> self._spoken_shift
        found: List[int] = []
        for at in range(self._spoken_offsets[bucket], self._spoken_offsets[bucket + 1]):
            place = self._spoken_keys[at]
            begin = self._starts[place]
            if self._starts[place + 1] - begin != size:
                continue
            i = 0
            while (
                i < size and self._initials[self._units[begin + i]] == ord(letters[i]) - 96
            ):
                i += 1
            if i == size:
                found.append(place)
                if len(found) == most:
                    break
        return found

    def _take(self, key: str, work: Workspace) -> int:
        """Write a key to the workspace. RETURNS (int): Its length."""
        units = work.units
        size = min(len(key), MAX_UNITS)
        for i in range(size):
            units[i] = ord(key[i]) & 0xFFFF
        return size

    def _find(self, key: str, most: int, work: Workspace) -> List[Tuple[float, int]]:
        size = self._take(key, work)
        n_touched = self._collect(self._ranges(size, work), work)
        n_compared = _MOST_COMPARED if self.place_of(key) < 0 else _FEW_COMPARED
        n_compared = n_compared // ((size + 1) * (size + 1) * (size + 1))
        n_chosen = self._choose(n_touched, size, n_compared, work)
        chosen, nearest = work.chosen, work.nearest
        found = []
        n_found = 0
        dearest = _FAR
        for i in range(n_chosen):
            place = chosen[i]
            cost = self._compare(size, place, dearest, work)
            if cost > dearest or cost >= _FAR:
                continue
            found.append((cost, place))
            # The costs of the nearest so far, in order.
            at = n_found if n_found < most else most - 1
            while at > 0 and nearest[at - 1] > cost:
                nearest[at] = nearest[at - 1]
                at -= 1
            nearest[at] = cost
            if n_found < most:
                n_found += 1
            dearest = nearest[0] + _TOO_FAR
            if n_found == most:
                dearest = min(dearest, nearest[most - 1])
        return found

    def _choose(self, n_touched: int, size: int, most: int, work: Workspace) -> int:
        """Write those that are compared to `chosen`, those with most points first, as what
        is near early saves the comparing of what is not; and forget all points.

        RETURNS (int): How many they are.
        """
        least = self._least_points(n_touched, size, most, work)
        counts, touched, points = work.counts, work.touched, work.points
        # From how many have each number of points to where they stand.
        n_chosen = 0
        for i in range(_MOST_POINTS - 1, least - 1, -1):
            n = counts[i]
            counts[i] = n_chosen
            n_chosen += n
        for i in range(n_touched):
            worth = self._points_of(touched[i], size, points)
            if worth >= least:
                work.chosen[counts[worth]] = touched[i]
                counts[worth] += 1
        for i in range(n_touched):
            points[touched[i]] = 0
        return n_chosen

    def _ranges(self, size: int, work: Workspace) -> List[Tuple[int, int]]:
        """The features of a key: how many keys have each, and which it is. They are those
        that `make_postings` gives the keys, and those of keys with one character more or less.

        RETURNS (List[Tuple[int, int]]): The rarest first.
        """
        units, folded, initials = work.units, self._folded, self._initials
        features = []
        for i in range(size):
            one, two = folded[units[i]], 0
            if i + 1 < size:
                two = folded[units[i + 1]]
                if not (_is_letter(one) and _is_letter(two)):
                    features.append(PAIRS + one * N_FOLDED + two)
                    # What stood between them has not been heard.
                    features.append(SKIPS + one * N_FOLDED + two)
                elif i == 0:
                    features.append(LETTERS + _letters(0, one, two))
                if i + 2 == size and _is_letter(one) and _is_letter(two):
                    features.append(LETTERS + _letters(one, two, 0))
            if i + 2 < size:
                three = folded[units[i + 2]]
                if _is_letter(one) and _is_letter(two) and _is_letter(three):
                    features.append(LETTERS + _letters(one, two, three))
                elif not (_is_letter(one) and _is_letter(three)):
                    features.append(SKIPS + one * N_FOLDED + three)
                    # Or what stands between them has been heard where nothing is.
                    features.append(PAIRS + one * N_FOLDED + three)
            if size <= SHORT:
                features.append(PLACED + ((size - 1) * SHORT + i) * N_FOLDED + one)
        if size == 2 or size == 3:
            place = size - 2
            for i in range(size):
                place = place * N_INITIALS + initials[units[i]]
            features.append(INITIALS + place)
        offsets = self._offsets
        found = []
        for feature in set(features):
            n = offsets[feature + 1] - offsets[feature]
            if n:
                found.append((n, feature))
        found.sort()
        return found

    def _collect(self, ranges: List[Tuple[int, int]], work: Workspace) -> int:
        """Add up the points of all keys that have some features, the rarest first.

        RETURNS (int): How many keys have any, the first in `touched`.
        """
        points, touched, postings = work.points, work.touched, self._postings
        n_touched = 0
        room = _MOST_POSTINGS
        for n, feature in ranges:
            if room == 0:
                break
            n = min(n, room)
            room -= n
            worth = max(1, min(31, int(2 * log2((self._n_keys + 1) / n))))
            start = self._offsets[feature]
            for i in range(start, start + n):
                place = postings[i]
                if points[place] == 0:
                    touched[n_touched] = place
                    n_touched += 1
                points[place] += worth
        return n_touched

    def _points_of(self, place: int, size: int, points: Any) -> int:
        """A key's points, less those that it loses by its length."""
        length = self._lengths[place]
        difference = length - size if length > size else size - length
        worth = points[place] - _POINTS_PER_LENGTH * difference
        return max(0, min(_MOST_POINTS - 1, worth))

    def _least_points(self, n_touched: int, size: int, most: int, work: Workspace) -> int:
        """How many points a key must have to be among the `most` that are compared."""
        counts, touched, points = work.counts, work.touched, work.points
        for i in range(_MOST_POINTS):
            counts[i] = 0
        for i in range(n_touched):
            counts[self._points_of(touched[i], size, points)] += 1
        n = 0
        for i in range(_MOST_POINTS - 1, 0, -1):
            n += counts[i]
            if n > most:
                return i + 1 if n - counts[i] >= _LEAST_COMPARED else i
        return 1

    def _compare(self, size: int, place: int, most: float, work: Workspace) -> float:
        """The cost of turning the key in the workspace into one of the index; _FAR if it
        is sure to be more than `most`."""
        begin = self._starts[place]
        length = self._starts[place + 1] - begin
        units, others, gaps = work.units, self._units, self._gaps
        table, costs = work.table, work.costs
        width = length + 1
        table[0] = 0.0
        for j in range(length):
            by_one = table[j] + gaps[others[begin + j]]
            at_edge = _LEFT_OUT_AT_EDGE + _EACH_MORE_AT_EDGE * j
            table[j + 1] = min(by_one, at_edge)
        for i in range(size):
            row = (i + 1) * width
            above = row - width
            table[row] = table[above] + gaps[units[i]]
            least = table[row]
            for j in range(length):
                costs[i * length + j] = self._replace(units[i], others[begin + j])
                best = table[above + j] + costs[i * length + j]
                best = min(best, table[above + j + 1] + gaps[units[i]])
                best = min(best, table[row + j] + gaps[others[begin + j]])
                if i and j:
                    swapped = table[above - width + j - 1] + _SWAP
                    swapped += costs[i * length + j - 1] + costs[(i - 1) * length + j]
                    best = min(best, swapped)
                table[row + j + 1] = best
                least = min(least, best)
            if least > most:
                return _FAR
        row = size * width
        cost = table[row + length] + self._compare_doublings(size, begin, length, work)
        for j in range(length):
            at_edge = _LEFT_OUT_AT_EDGE + _EACH_MORE_AT_EDGE * (length - j - 1)
            cost = min(cost, table[row + j] + at_edge)
        if cost > _OTHER_ORDER and size > 2 and length > 2:
            cost = min(cost, self._compare_without_order(size, begin, length, work))
        return cost + self._wording[place] if cost > 0 else cost

    def _compare_doublings(
        self, size: int, begin: int, length: int, work: Workspace
    ) -> float:
        """What it costs more that what was heard twice in a row are two syllables: who
        mishears one does so both times."""
        if size != length:
            return 0.0
        units, others = work.units, self._units
        cost = 0.0
        for i in range(1, size):
            is_double = self._first_syllable(units[i]) == self._first_syllable(units[i - 1])
            j = begin + i
            are_double = self._first_syllable(others[j]) == self._first_syllable(
                others[j - 1]
            )
            if is_double and not are_double:
                cost += _DOUBLED
        return cost

    def _first_syllable(self, unit: int) -> int:
        """The first reading's syllable, or what stands for a character without any."""
        reading = self._readings[unit * self._n_readings]
        return reading >> TONE_BITS if reading else -unit

    def _compare_without_order(
        self, size: int, begin: int, length: int, work: Workspace
    ) -> float:
        """The cost if the order of characters did not count, and a penalty for that; spoils
        the costs of the workspace."""
        units, others, gaps, costs = work.units, self._units, self._gaps, work.costs
        total = _OTHER_ORDER
        n_left = length
        for i in range(size):
            best, at = gaps[units[i]], -1
            for j in range(length):
                if costs[i * length + j] < best:
                    best, at = costs[i * length + j], j
            total += best
            if at >= 0:
                n_left -= 1
                for k in range(i, size):
                    costs[k * length + at] = _FAR
        for j in range(length):
            if costs[(size - 1) * length + j] < _FAR:
                total += gaps[others[begin + j]]
        return total

    def _replace(self, one: int, other: int) -> float:
        """The cost of hearing one character as another."""
        if one == other:
            return 0.0
        width, readings = self._n_readings, self._readings
        nearest = 2.0
        for i in range(width):
            a = readings[one * width + i]
            if a == 0:
                break
            for j in range(width):
                b = readings[other * width + j]
                if b == 0:
                    break
                syllables = (a >> TONE_BITS) * self._n_syllables + (b >> TONE_BITS)
                distance = self._distances[syllables] + _SECOND_READING * (i + j)
                if (a ^ b) & (N_TONES - 1):
                    distance += _OTHER_TONE
                nearest = min(nearest, distance)
        if nearest < 2.0:
            return min(1.0, SAME_SOUND + _STEEPNESS * (1 - SAME_SOUND) * nearest)
        if _is_letter(self._folded[one]) and _is_letter(self._folded[other]):
            return _OTHER_LETTER
        return 1.0


def _is_letter(folded: int) -> bool:
    return FIRST_LETTER <= folded < FIRST_LETTER + N_LETTERS - 1


def _letters(one: int, two: int, three: int) -> int:
    """Number three letters; 0 stands for an end of a key."""
    place = 0
    for folded in (one, two, three):
        place = place * N_LETTERS + (folded - FIRST_LETTER + 1 if folded else 0)
    return place
