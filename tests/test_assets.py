"""The text files that the project ships."""

from pathlib import Path

import pytest

from spacy_musicquery.catalogue_files import read_catalogue
from spacy_musicquery.raw_text import read_lines

ASSETS = Path(__file__).parent.parent / "assets"
FILES = sorted([*(ASSETS / "catalogue").iterdir(), *(ASSETS / "corpus").iterdir()])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_lines_are_clean_and_different(path):
    comment, *lines = path.read_text(encoding="utf8").splitlines()
    assert comment.startswith("# ")
    cells = [cell for line in lines for cell in line.split("\t")]
    assert all(cell and cell == cell.strip() for cell in cells)
    assert len(set(cells)) == len(cells)


def test_catalogue_holds_thousands_of_names():
    names = read_catalogue([ASSETS / "catalogue"])
    assert {"artist", "title", "album", "genre", "mood", "scene"} <= set(names)
    assert len(names["artist"]) > 5000 and len(names["title"]) > 2000
    assert {"周杰伦", "Taylor Swift", "贝多芬"} <= set(names["artist"])


def test_every_carrier_has_a_place_for_a_query():
    carriers = read_lines(ASSETS / "corpus" / "carriers.txt")[1:]
    assert len(carriers) > 1000
    assert all("{query}" in carrier for carrier in carriers)
