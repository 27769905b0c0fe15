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
from .sounds import N_CODES, N_READINGS, N_TONES, TONE_BITS

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
# shorter; a feature counts twice as many points as it has bits of information, up to 31.
_POINTS_PER_LENGTH = 3
_MOST_POINTS = 1024
# So many keys are copied at a time for being compared, with so many characters, and as many
# pairs of these with one of the query's.
_MOST_GATHERED = 512
_MOST_UNITS = 4096
_MOST_CELLS = 1 << 15
# No key has more.
_MOST_FEATURES = 6 * MAX_UNITS + 1

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
        self.touched: Any = np.zeros(_MOST_POSTINGS, dtype="int32").data
        self.worths: Any = np.zeros(_MOST_POSTINGS, dtype="int32").data
        self.chosen: Any = np.zeros(_MOST_POSTINGS, dtype="int32").data
        self.counts: Any = np.zeros(_MOST_POINTS, dtype="int32").data
        self.features: Any = np.zeros(_MOST_FEATURES, dtype="int32").data
        self.amounts: Any = np.zeros(_MOST_FEATURES, dtype="uint32").data
        self.n_features = 0
        # What is nearest so far, in order of cost and place.
        self.nearest: Any = np.zeros(_MOST_FOUND).data
        self.places: Any = np.zeros(_MOST_FOUND, dtype="int32").data
        # Of the key that is looked for.
        self.units: Any = np.zeros(MAX_UNITS, dtype="uint16").data
        self.readings: Any = np.zeros(MAX_UNITS * N_READINGS, dtype="uint16").data
        # Of those it is compared with: where each begins among their characters, which are
        # numbered; the number and one of each character, and of each number the character,
        # what it costs to leave it out, and to have heard each of the key's instead.
        self.begins: Any = np.zeros(_MOST_GATHERED + 1, dtype="int32").data
        self.wording: Any = np.zeros(_MOST_GATHERED).data
        self.others: Any = np.zeros(_MOST_UNITS, dtype="uint16").data
        self.numbers: Any = np.zeros(N_CODES, dtype="uint16").data
        self.kinds: Any = np.zeros(_MOST_UNITS, dtype="uint16").data
        self.sounds: Any = np.zeros(_MOST_UNITS * N_READINGS, dtype="uint16").data
        self.gaps: Any = np.zeros(_MOST_UNITS).data
        self.cells: Any = np.zeros(_MOST_CELLS).data
        self.n_kinds = 0
        self.costs: Any = np.zeros((MAX_UNITS + 1) * (MAX_UNITS + 1)).data
        self.table: Any = np.zeros((MAX_UNITS + 1) * (MAX_UNITS + 1)).data


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
        self._folded = folded.data
        self._initials = initials.data
        self._distances = distances.reshape(-1).data
        self._sound_costs: Any = _sound_costs().data
        self._n_syllables = distances.shape[0]
        # In a fourth of the memory, as there are few different ones.
        gap_costs, gap_ids = np.unique(gaps, return_inverse=True)
        self._gap_costs: Any = gap_costs.data
        self._gap_ids: Any = gap_ids.astype("uint16").data
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
        if most < 1:
            return []
        try:
            work = self._free.pop()
        except IndexError:
            work = Workspace(self._n_keys)
        n_found = self._find(key, min(most, _MOST_FOUND), work)
        found = [(work.nearest[i], work.places[i]) for i in range(n_found)]
        self._free.append(work)
        return found

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
        work.chosen[0] = place
        self._gather(0, 1, size, work)
        cost = self._compare(size, 0, _FAR, work)
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
        size = min(len(key), MAX_UNITS)
        for i in range(size):
            unit = ord(key[i]) & 0xFFFF
            work.units[i] = unit
            work.readings[2 * i] = self._readings[2 * unit]
            work.readings[2 * i + 1] = self._readings[2 * unit + 1]
        return size

    def _find(self, key: str, most: int, work: Workspace) -> int:
        """Write the nearest keys to the workspace. RETURNS (int): How many they are."""
        size = self._take(key, work)
        self._list_features(size, work)
        n_touched = self._collect(work)
        n_compared = _MOST_COMPARED if self.place_of(key) < 0 else _FEW_COMPARED
        n_compared = n_compared // ((size + 1) * (size + 1) * (size + 1))
        n_chosen = self._choose(n_touched, size, n_compared, work)
        n_found = 0
        dearest = _FAR
        first = n_gathered = 0
        for i in range(n_chosen):
            if i == first + n_gathered:
                first = i
                n_gathered = self._gather(first, n_chosen, size, work)
            place = work.chosen[i]
            cost = self._compare(size, i - first, dearest, work)
            if cost > dearest or cost >= _FAR:
                continue
            if n_found < most:
                at = n_found
                n_found += 1
            elif work.nearest[most - 1] == cost and work.places[most - 1] < place:
                continue
            else:
                at = most - 1
            while at > 0 and (
                work.nearest[at - 1] > cost
                or (work.nearest[at - 1] == cost and work.places[at - 1] > place)
            ):
                work.nearest[at] = work.nearest[at - 1]
                work.places[at] = work.places[at - 1]
                at -= 1
            work.nearest[at] = cost
            work.places[at] = place
            dearest = work.nearest[0] + _TOO_FAR
            if n_found == most:
                dearest = min(dearest, work.nearest[most - 1])
        return n_found

    def _choose(self, n_touched: int, size: int, most: int, work: Workspace) -> int:
        """Write those that are compared to `chosen`, those with most points first, as what
        is near early saves the comparing of what is not; and forget all points.

        RETURNS (int): How many they are.
        """
        # A key's points, less those that it loses by its length.
        top = 0
        for i in range(n_touched):
            place = work.touched[i]
            length = self._lengths[place]
            difference = length - size if length > size else size - length
            worth = work.points[place] - _POINTS_PER_LENGTH * difference
            worth = max(0, min(_MOST_POINTS - 1, worth))
            work.points[place] = 0
            work.worths[i] = worth
            work.counts[worth] += 1
            top = max(top, worth)
        # So many points must a key have to be among the `most`.
        n = 0
        least = 1
        for i in range(top, 0, -1):
            n += work.counts[i]
            if n > most:
                least = i + 1 if n - work.counts[i] >= _LEAST_COMPARED else i
                break
        # From how many have each number of points to where they stand.
        n_chosen = 0
        for i in range(top, least - 1, -1):
            n = work.counts[i]
            work.counts[i] = n_chosen
            n_chosen += n
        for i in range(n_touched):
            worth = work.worths[i]
            if worth >= least:
                work.chosen[work.counts[worth]] = work.touched[i]
                work.counts[worth] += 1
        for i in range(top + 1):
            work.counts[i] = 0
        return n_chosen

    def _list_features(self, size: int, work: Workspace) -> None:
        """Write the features of a key, and how many keys have each, to the workspace, the
        rarest first. They are those that `make_postings` gives the keys, and those of keys
        with one character more or less."""
        work.n_features = 0
        for i in range(size):
            one, two = self._folded[work.units[i]], 0
            if i + 1 < size:
                two = self._folded[work.units[i + 1]]
                if not (_is_letter(one) and _is_letter(two)):
                    self._add_feature(PAIRS + one * N_FOLDED + two, work)
                    # What stood between them has not been heard.
                    self._add_feature(SKIPS + one * N_FOLDED + two, work)
                elif i == 0:
                    self._add_feature(LETTERS + _letters(0, one, two), work)
                if i + 2 == size and _is_letter(one) and _is_letter(two):
                    self._add_feature(LETTERS + _letters(one, two, 0), work)
            if i + 2 < size:
                three = self._folded[work.units[i + 2]]
                if _is_letter(one) and _is_letter(two) and _is_letter(three):
                    self._add_feature(LETTERS + _letters(one, two, three), work)
                elif not (_is_letter(one) and _is_letter(three)):
                    self._add_feature(SKIPS + one * N_FOLDED + three, work)
                    # Or what stands between them has been heard where nothing is.
                    self._add_feature(PAIRS + one * N_FOLDED + three, work)
            if size <= SHORT:
                self._add_feature(PLACED + ((size - 1) * SHORT + i) * N_FOLDED + one, work)
        if size == 2 or size == 3:
            feature = size - 2
            for i in range(size):
                feature = feature * N_INITIALS + self._initials[work.units[i]]
            self._add_feature(INITIALS + feature, work)

    def _add_feature(self, feature: int, work: Workspace) -> None:
        """Put a feature where it belongs among those so far, unless no key has it."""
        n = self._offsets[feature + 1] - self._offsets[feature]
        if n == 0:
            return
        at = work.n_features
        while at > 0 and (
            work.amounts[at - 1] > n
            or (work.amounts[at - 1] == n and work.features[at - 1] > feature)
        ):
            at -= 1
        if at > 0 and work.features[at - 1] == feature:
            return
        for i in range(work.n_features, at, -1):
            work.amounts[i] = work.amounts[i - 1]
            work.features[i] = work.features[i - 1]
        work.amounts[at] = n
        work.features[at] = feature
        work.n_features += 1

    def _collect(self, work: Workspace) -> int:
        """Add up the points of all keys that have the features of the workspace.

        RETURNS (int): How many keys have any, the first in `touched`.
        """
        n_touched = 0
        room = _MOST_POSTINGS
        for at in range(work.n_features):
            if room == 0:
                break
            n = min(int(work.amounts[at]), room)
            room -= n
            worth = max(1, min(31, int(2 * log2((self._n_keys + 1) / n))))
            start = self._offsets[work.features[at]]
            for i in range(start, start + n):
                place = self._postings[i]
                if work.points[place] == 0:
                    work.touched[n_touched] = place
                    n_touched += 1
                work.points[place] += worth
        return n_touched

    def _gather(self, first: int, end: int, size: int, work: Workspace) -> int:
        """Copy as many of the chosen keys to the workspace as it has room for, in loops that
        the processor need not wait for; and tell what their characters cost.

        RETURNS (int): How many they are.
        """
        end = min(end, first + _MOST_GATHERED)
        room = min(_MOST_UNITS, _MOST_CELLS // max(1, size))
        n = at = 0
        for i in range(first, end):
            place = work.chosen[i]
            begin = self._starts[place]
            length = self._starts[place + 1] - begin
            if at + length > room:
                break
            work.wording[n] = self._wording[place]
            work.begins[n] = at
            for j in range(length):
                work.others[at + j] = self._units[begin + j]
            at += length
            n += 1
        work.begins[n] = at
        n_kinds = 0
        for i in range(at):
            unit = work.others[i]
            if work.numbers[unit] == 0:
                one, other = self._readings[2 * unit], self._readings[2 * unit + 1]
                work.sounds[2 * n_kinds] = one
                # One reading counts as two, the second of which is never nearer.
                work.sounds[2 * n_kinds + 1] = other if other else one
                work.gaps[n_kinds] = self._gap_costs[self._gap_ids[unit]]
                work.kinds[n_kinds] = unit
                n_kinds += 1
                work.numbers[unit] = n_kinds
            work.others[i] = work.numbers[unit] - 1
        work.n_kinds = n_kinds
        for i in range(size):
            self._replace(i, work)
        for j in range(n_kinds):
            work.numbers[work.kinds[j]] = 0
        return n

    def _compare(self, size: int, slot: int, most: float, work: Workspace) -> float:
        """The cost of turning the key in the workspace into one of those gathered; _FAR if
        it is sure to be more than `most`."""
        begin = work.begins[slot]
        length = work.begins[slot + 1] - begin
        wording = work.wording[slot]
        # What each character costs at least, wherever it stands.
        cost = 0.0
        for i in range(size):
            least = self._gap_costs[self._gap_ids[work.units[i]]]
            for j in range(length):
                least = min(least, work.cells[i * work.n_kinds + work.others[begin + j]])
            cost += least
        if cost > 0 and cost + wording > most:
            return _FAR
        width = length + 1
        work.table[0] = 0.0
        for j in range(length):
            by_one = work.table[j] + work.gaps[work.others[begin + j]]
            at_edge = _LEFT_OUT_AT_EDGE + _EACH_MORE_AT_EDGE * j
            work.table[j + 1] = min(by_one, at_edge)
        for i in range(size):
            row = (i + 1) * width
            above = row - width
            gap = self._gap_costs[self._gap_ids[work.units[i]]]
            work.table[row] = work.table[above] + gap
            for j in range(length):
                other = work.others[begin + j]
                cost = work.cells[i * work.n_kinds + other]
                work.costs[i * length + j] = cost
                best = work.table[above + j] + cost
                best = min(best, work.table[above + j + 1] + gap)
                best = min(best, work.table[row + j] + work.gaps[other])
                if i and j:
                    swapped = work.table[above - width + j - 1] + _SWAP
                    before = work.costs[i * length + j - 1]
                    swapped += before + work.costs[(i - 1) * length + j]
                    best = min(best, swapped)
                work.table[row + j + 1] = best
        row = size * width
        cost = work.table[row + length]
        if size == length:
            cost += self._compare_doublings(size, begin, work)
        for j in range(length):
            at_edge = _LEFT_OUT_AT_EDGE + _EACH_MORE_AT_EDGE * (length - j - 1)
            cost = min(cost, work.table[row + j] + at_edge)
        if cost > _OTHER_ORDER and most >= _OTHER_ORDER and size > 2 and length > 2:
            cost = min(cost, self._compare_without_order(size, begin, length, work))
        return cost + wording if cost > 0 else cost

    def _compare_doublings(self, size: int, begin: int, work: Workspace) -> float:
        """What it costs more that what was heard twice in a row are two syllables: who
        mishears one does so both times."""
        cost = 0.0
        for i in range(1, size):
            if self._first_syllable(work.units[i]) == self._first_syllable(
                work.units[i - 1]
            ):
                j = begin + i
                if self._first_syllable(work.kinds[work.others[j]]) != self._first_syllable(
                    work.kinds[work.others[j - 1]]
                ):
                    cost += _DOUBLED
        return cost

    def _first_syllable(self, unit: int) -> int:
        """The first reading's syllable, or what stands for a character without any."""
        reading = self._readings[2 * unit]
        return reading >> TONE_BITS if reading else -unit

    def _compare_without_order(
        self, size: int, begin: int, length: int, work: Workspace
    ) -> float:
        """The cost if the order of characters did not count, and a penalty for that; spoils
        the costs of the workspace."""
        total = _OTHER_ORDER
        for i in range(size):
            best, at = self._gap_costs[self._gap_ids[work.units[i]]], -1
            for j in range(length):
                if work.costs[i * length + j] < best:
                    best, at = work.costs[i * length + j], j
            total += best
            if at >= 0:
                for k in range(i, size):
                    work.costs[k * length + at] = _FAR
        for j in range(length):
            if work.costs[(size - 1) * length + j] < _FAR:
                total += work.gaps[work.others[begin + j]]
        return total

    def _replace(self, at: int, work: Workspace) -> None:
        """Write what it costs to hear a character of the key instead of each of those
        gathered."""
        row = at * work.n_kinds
        a, b = work.readings[2 * at], work.readings[2 * at + 1]
        unit = work.units[at]
        is_letter = _is_letter(self._folded[unit])
        if a == 0:
            for j in range(work.n_kinds):
                are_letters = is_letter and _is_letter(self._folded[work.kinds[j]])
                work.cells[row + j] = _OTHER_LETTER if are_letters else 1.0
        elif b == 0:
            for j in range(work.n_kinds):
                c, d = work.sounds[2 * j], work.sounds[2 * j + 1]
                work.cells[row + j] = min(self._confuse(a, c, 0), self._confuse(a, d, 1))
        else:
            for j in range(work.n_kinds):
                c, d = work.sounds[2 * j], work.sounds[2 * j + 1]
                first = min(self._confuse(a, c, 0), self._confuse(a, d, 1))
                second = min(self._confuse(b, c, 1), self._confuse(b, d, 2))
                work.cells[row + j] = min(first, second)
        if work.numbers[unit]:
            work.cells[row + work.numbers[unit] - 1] = 0.0

    def _confuse(self, one: int, other: int, n_second: int) -> float:
        """The cost of hearing one reading as another, of which so many are second ones."""
        syllables = (one >> TONE_BITS) * self._n_syllables + (other >> TONE_BITS)
        is_other_tone = ((one ^ other) & (N_TONES - 1)) != 0
        row = (2 * n_second + is_other_tone) << 8
        return self._sound_costs[row + self._distances[syllables]]


def _sound_costs() -> np.ndarray:
    """The costs of all distances of syllables: of first readings, of a first and a second
    one, and of two second ones, each with the same tone and with another, in a row."""
    distances = np.arange(256) / np.float64(255)
    rows = [
        distances + _SECOND_READING * n_second + _OTHER_TONE * is_other_tone
        for n_second in range(3)
        for is_other_tone in range(2)
    ]
    nearest = np.concatenate(rows)
    return np.minimum(1.0, SAME_SOUND + _STEEPNESS * (1 - SAME_SOUND) * nearest)


def _is_letter(folded: int) -> bool:
    return FIRST_LETTER <= folded < FIRST_LETTER + N_LETTERS - 1


def _letters(one: int, two: int, three: int) -> int:
    """Number three letters; 0 stands for an end of a key."""
    place = 0
    for folded in (one, two, three):
        place = place * N_LETTERS + (folded - FIRST_LETTER + 1 if folded else 0)
    return place
