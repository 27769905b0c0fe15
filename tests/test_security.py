"""What SECURITY.md promises is held by tests that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_row_of_the_threat_model_names_what_holds_it():
    text = (ROOT / "SECURITY.md").read_text(encoding="utf8")
    table = [line for line in text.splitlines() if line.startswith("| ")][2:]
    held = [row for row in table if "whatever the program may do" not in row]
    assert len(table) >= 14 and len(table) - len(held) == 2
    for row in held:
        named = re.findall(r"`((?:tests|stress)/[^`]*)`", row.split(" | ")[-1])
        assert named, row
        for name in named:
            assert (ROOT / name).exists(), name
