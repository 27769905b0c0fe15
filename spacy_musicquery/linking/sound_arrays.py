"""Whether the arrays of a file are those of an index: what is compiled looks at no bounds."""

from typing import Mapping

import numpy as np

from .keys import MAX_UNITS
from .postings import N_FEATURES, N_INITIALS
from .sounds import N_CODES, N_FOLDED, N_READINGS, N_TONES

# How many ways there are in which an entry has a key.
N_KINDS = 3
# What an index holds of every entry as text.
STRINGS = ("ids", "names", "artists", "aliases")


def require_sound_arrays(arrays: Mapping[str, np.ndarray], n_types: int) -> None:
    """Refuse arrays that point to where nothing is.

    arrays (Mapping[str, np.ndarray]): Those of an index.
    n_types (int): How many types it has.
    RAISES (ValueError): If some number is none that it can be.
    """
    n_keys = len(arrays["starts"]) - 1
    n_entries = len(arrays["ids.offsets"]) - 1
    n_syllables = len(arrays["distances"])
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
    _require(arrays["distances"].shape == (n_syllables, n_syllables), "distances")
    _require(arrays["readings"].shape == (N_CODES, N_READINGS), "readings")
    for name in ("folded", "initials", "gaps"):
        _require(arrays[name].shape == (N_CODES,), name)
    for name in ("exact.offsets", "spoken.offsets"):
        n_buckets = len(arrays[name]) - 1
        _require(n_buckets > 1 and n_buckets & (n_buckets - 1) == 0, name)
    _require(len(arrays["roles"]) == n_keys, "roles")
    _require(len(arrays["of_key.kinds"]) == len(arrays["of_key"]), "of_key.kinds")
    for name in ("types", "popularity", "popularities"):
        _require(len(arrays[name]) == n_entries, name)


def _require(is_sound: bool, name: str) -> None:
    if not is_sound:
        raise ValueError(f"its {name} are not those of an index")
