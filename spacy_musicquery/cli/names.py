from pathlib import Path

import typer
from wasabi import msg

from ..catalogue_files import write_catalogue
from ._util import (
    DATA_ARGUMENT,
    LABEL_OPTION,
    SPANS_KEY_OPTION,
    plain_errors,
    read_any_records,
    stop_at_problems,
)


def names(
    data_path: Path = DATA_ARGUMENT,
    output_path: Path = typer.Argument(
        ..., metavar="OUT", help="Folder for the names, a .txt file for each label"
    ),
    label: str = LABEL_OPTION,
    spans_key: str = SPANS_KEY_OPTION,
) -> None:
    """List the names in annotated messages, to train with as a catalogue."""
    with plain_errors():
        records, problems = read_any_records(data_path, label=label, spans_key=spans_key)
        stop_at_problems(problems, remedy="Correct the rows.")
        found = {(name, text[a:b]) for _, text, spans, _ in records for a, b, name in spans}
        by_label = {
            label: sorted(text for other, text in found if other == label)
            for label in sorted({label for label, _ in found})
        }
        paths = write_catalogue(by_label, output_path)
    msg.good(f"{len(found)} names: {', '.join(map(str, paths))}")
