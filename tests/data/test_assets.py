"""The text files that the project ships."""

import re
from pathlib import Path

import pytest

from spacy_musicquery.data.catalogue_files import read_catalogue
from spacy_musicquery.data.grammar import Grammar

ASSETS = Path(__file__).parents[2] / "assets"
FILES = sorted([*(ASSETS / "catalogue").iterdir(), *(ASSETS / "corpus").iterdir()])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_lines_are_clean_and_different(path):
    comment, *lines = path.read_text(encoding="utf8").splitlines()
    assert comment.startswith("# ")
    # A row of queries.txt is one phrase; of a catalogue, a name and its aliases.
    is_catalogue = path.parent.name == "catalogue"
    cells = [cell for row in lines for cell in (row.split("\t") if is_catalogue else [row])]
    assert all(cell and cell == cell.strip() for cell in cells)
    # What comes oftenest stands there several times.
    assert len(set(cells)) == len(cells) or path.name == "mentions.answers.txt"


def test_catalogue_holds_thousands_of_names():
    names = read_catalogue([ASSETS / "catalogue"])
    assert {"artist", "title", "album", "genre", "mood", "scene"} <= set(names)
    assert len(names["artist"]) > 5000 and len(names["title"]) > 2000
    assert {"周杰伦", "Taylor Swift", "贝多芬"} <= set(names["artist"])


def test_every_carrier_has_a_place_for_a_query():
    grammar = Grammar(ASSETS / "corpus", read_catalogue([ASSETS / "catalogue"]))
    carriers = grammar.lines["carriers"]
    assert len(carriers) > 1000
    places = "|".join((*grammar.patterns, *grammar.names))
    assert all(re.search(rf"\{{({places})\}}", carrier) for carrier in carriers)
