"""Whether the arrays of a file are those of an index: what is compiled looks at no bounds."""

from typing import Any, Mapping

import numpy as np

from ..errors import is_name
from .keys import MAX_UNITS
from .postings import N_FEATURES, N_INITIALS
from .sounds import N_CODES, N_FOLDED, N_READINGS, N_TONES, PRIVATE

# How many ways there are in which an entry has a key.
N_KINDS = 3
# What an index holds of every entry as text.
STRINGS = ("ids", "names", "artists", "aliases")
# More are no types, but something else of the entries.
MOST_TYPES = 1000
# As many as characters can stand for.
_MOST_SYLLABLES = N_CODES - PRIVATE
# Leaving out a character cannot cost more.
_DEAREST_GAP = 1000.0
_DTYPES = {
    "units": "<u2",
    "starts": "<u4",
    "postings": "<i4",
    "postings.offsets": "<u4",
    "readings": "<u2",
    "folded": "<u2",
    "initials": "|u1",
    "distances": "|u1",
    "gaps": "<f8",
    "exact": "<i4",
    "exact.offsets": "<u4",
    "spoken": "<i4",
    "spoken.offsets": "<u4",
    "of_key": "<i4",
    "of_key.offsets": "<u4",
    "of_key.kinds": "|u1",
    "roles": "|u1",
    "artist_keys": "<i4",
    "artist_keys.offsets": "<u4",
    "types": "<u2",
    "popularity": "|u1",
    "popularities": "<f8",
    **dict.fromkeys(STRINGS, "|u1"),
    **{f"{name}.offsets": "<u4" for name in STRINGS},
}
# Where the others have one row.
_N_DIMENSIONS = {"readings": 2, "distances": 2}
# Bytes that are read at a time to see whether they are UTF-8.
_PIECE = 1 << 20


def require_sound_facts(facts: Mapping[str, Any]) -> None:
    """Refuse facts of other kinds than an index has.

    facts (Mapping[str, Any]): Those of an index.
    RAISES (ValueError): If they are no types and syllables.
    """
    for name, most in (("types", MOST_TYPES), ("syllables", _MOST_SYLLABLES)):
        strings = facts[name]
        _require(isinstance(strings, list) and len(strings) <= most, name)
        # The first syllable is an empty one: there is none.
        named = strings[1:] if name == "syllables" and strings[:1] == [""] else strings
        _require(all(map(is_name, named)) and len({*strings}) == len(strings), name)


def require_sound_arrays(
    arrays: Mapping[str, np.ndarray], n_types: int, n_syllables: int
) -> None:
    """Refuse arrays that point to where nothing is.

    arrays (Mapping[str, np.ndarray]): Those of an index.
    n_types (int): How many types it has.
    n_syllables (int): How many syllables.
    RAISES (ValueError): If some number is none that it can be.
    """
    for name, dtype in _DTYPES.items():
        _require(arrays[name].dtype.str == dtype, name)
        _require(arrays[name].ndim == _N_DIMENSIONS.get(name, 1), name)
    n_keys = len(arrays["starts"]) - 1
    n_entries = len(arrays["ids.offsets"]) - 1
    in_row = {
        "postings.offsets": ("postings", N_FEATURES),
        "starts": ("units", n_keys),
        "of_key.offsets": ("of_key", n_keys),
        "artist_keys.offsets": ("artist_keys", n_entries),
        "exact.offsets": ("exact", None),
        "spoken.offsets": ("spoken", None),
        **{f"{name}.offsets": (name, n_entries) for name in STRINGS},
    }
    for name, (values, n) in in_row.items():
        offsets, end = arrays[name], len(arrays[values])
        _require(n is None or len(offsets) == n + 1, name)
        _require(len(offsets) > 0 and offsets[0] == 0 and offsets[-1] == end, name)
        _require(bool((offsets[1:] >= offsets[:-1]).all()), name)
    _require(bool((np.diff(arrays["starts"]) <= MAX_UNITS).all()), "starts")
    limits = {
        "postings": n_keys,
        "exact": n_keys,
        "spoken": n_keys,
        "artist_keys": n_keys,
        "of_key": n_entries,
        "of_key.kinds": N_KINDS,
        "types": n_types,
        "folded": N_FOLDED,
        "initials": N_INITIALS,
        "readings": n_syllables * N_TONES,
    }
    for name, limit in limits.items():
        numbers = arrays[name]
        is_sound = not numbers.size or (numbers.min() >= 0 and numbers.max() < limit)
        _require(bool(is_sound), name)
    _require(_rise(arrays["postings"], arrays["postings.offsets"]), "postings")
    _require(arrays["distances"].shape == (n_syllables, n_syllables), "distances")
    _require(arrays["readings"].shape == (N_CODES, N_READINGS), "readings")
    for name in ("folded", "initials", "gaps"):
        _require(arrays[name].shape == (N_CODES,), name)
    for name in ("exact.offsets", "spoken.offsets"):
        n_buckets = len(arrays[name]) - 1
        _require(n_buckets > 1 and n_buckets & (n_buckets - 1) == 0, name)
    gaps = arrays["gaps"]
    _require(bool(((gaps >= 0) & (gaps <= _DEAREST_GAP)).all()), "gaps")
    for name in STRINGS:
        _require(_are_utf8(arrays[name], arrays[f"{name}.offsets"]), name)
    _require(len(arrays["roles"]) == n_keys, "roles")
    wording = arrays["wording"]
    _require(wording.shape == (n_keys,) and wording.dtype == "float32", "wording")
    # Nor is any of them no number.
    _require(bool(((wording >= 0) & (wording < 1e3)).all()), "wording")
    _require(len(arrays["of_key.kinds"]) == len(arrays["of_key"]), "of_key.kinds")
    for name in ("types", "popularity", "popularities"):
        _require(len(arrays[name]) == n_entries, name)


def _rise(values: np.ndarray, offsets: np.ndarray) -> bool:
    """Whether the numbers of each list rise, so that none stands in it twice."""
    rises = values[1:] > values[:-1]
    begins = offsets[(offsets > 0) & (offsets < len(values))]
    rises[begins - 1] = True
    return bool(rises.all())


def _are_utf8(data: np.ndarray, offsets: np.ndarray) -> bool:
    """Whether all strings are UTF-8: together, and no character begins in one and ends in
    the next."""
    begins = offsets[:-1][offsets[:-1] < offsets[1:]]
    if ((data[begins] & 0xC0) == 0x80).any():
        return False
    begin = 0
    while begin < len(data):
        end = min(len(data), begin + _PIECE)
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end += 1
        try:
            data[begin:end].tobytes().decode("utf8")
        except UnicodeDecodeError:
            return False
        begin = end
    return True


def _require(is_sound: bool, name: str) -> None:
    if not is_sound:
        raise ValueError(f"its {name} are not those of an index")
