"""Catalogues to link to, of the project's own names and of made-up ones, and queries that a
program misheard."""

import json
import random
from pathlib import Path
from typing import Dict, Iterable, List, NamedTuple, Sequence

import numpy as np
from commands import ROOT

from spacy_musicquery.data.catalogue_files import read_catalogue
from spacy_musicquery.linking.entries import Entry
from spacy_musicquery.linking.sounds import N_TONES, TONE_BITS, make_sound_table

# What logs call the types of the catalogue.
TYPES = {"singer": "artist", "song": "title"}
_PARTICLES = "的了啊你我也就"


class Pair(NamedTuple):
    """A name as it was recognised, and as it was meant."""

    said: str
    name: str
    type: str


def read_pairs(path: Path) -> List[Pair]:
    """Read pairs from a file of JSON lines: said, name, type."""
    rows = map(json.loads, path.read_text(encoding="utf8").splitlines())
    return [Pair(r["said"], r["name"], TYPES.get(r["type"], r["type"])) for r in rows]


def project_names() -> Dict[str, str]:
    """The artists, titles and albums of the project's own catalogue, and their types."""
    names: Dict[str, str] = {}
    for type_name, of_type in read_catalogue([ROOT / "assets" / "catalogue"]).items():
        if type_name in ("artist", "title", "album"):
            for name in of_type:
                names.setdefault(name, type_name)
    return names


def make_catalogue(
    size: int, first: Dict[str, str], without: Iterable[str] = (), seed: int = 0
) -> List[Entry]:
    """Make a catalogue: some names, then those of the project, then made-up ones of their
    characters and of their lengths."""
    left_out = set(without)
    own = project_names()
    names = dict(first)
    for name, type_name in own.items():
        if len(names) < size and name not in left_out:
            names.setdefault(name, type_name)
    chinese = [name for name in [*own, *first] if not name.isascii()]
    chars = [char for name in chinese for char in name if char.isalnum()]
    lengths = [len(name) for name in chinese]
    generator = random.Random(seed)
    while len(names) < size:
        made_up = "".join(generator.choices(chars, k=generator.choice(lengths)))
        if made_up not in left_out:
            names.setdefault(made_up, generator.choice(("artist", "title")))
    return [
        Entry(str(i), type_name, name) for i, (name, type_name) in enumerate(names.items())
    ]


class Mishearing:
    """Mishears names as recognisers do: by characters that sound alike or nearly so, and now
    and then by one too few or too many."""

    def __init__(self, names: Sequence[str], seed: int) -> None:
        self._generator = random.Random(seed)
        self._sounds = make_sound_table()
        self._chars: Dict[int, List[str]] = {}
        # As often as they are in names.
        for char in "".join(names):
            if ord(char) < len(self._sounds.readings):
                reading = int(self._sounds.readings[ord(char), 0])
                if reading:
                    self._chars.setdefault(reading, []).append(char)
        self._readings = sorted(self._chars)
        syllables = np.array(self._readings) >> TONE_BITS
        distances = self._sounds.distances[np.ix_(syllables, syllables)] / 255
        tones = np.array(self._readings) % N_TONES
        distances += 0.05 * (tones[:, None] != tones[None])
        self._weights = np.exp(-12 * distances) * [
            len(self._chars[reading]) for reading in self._readings
        ]

    def __call__(self, name: str) -> str:
        """Mishear a name, in one place or more."""
        generator = self._generator
        said = name
        while said == name:
            for _ in range(1 + (generator.random() < 0.35) + (generator.random() < 0.15)):
                said = self._once(said) or name
        return said

    def _once(self, said: str) -> str:
        generator = self._generator
        at = generator.randrange(len(said))
        draw = generator.random()
        if draw < 0.08 and len(said) > 2:
            return said[:at] + said[at + 1 :]
        if draw < 0.14:
            return said[:at] + generator.choice(_PARTICLES) + said[at:]
        if draw < 0.2 and len(said) > 4:
            n = generator.randint(1, len(said) // 2)
            return said[n:] if generator.random() < 0.5 else said[:-n]
        code = ord(said[at])
        reading = int(self._sounds.readings[code, 0]) if code < 1 << 16 else 0
        if reading not in self._chars:
            return said
        weights = self._weights[self._readings.index(reading)]
        other = generator.choices(self._readings, weights)[0]
        return said[:at] + generator.choice(self._chars[other]) + said[at + 1 :]
