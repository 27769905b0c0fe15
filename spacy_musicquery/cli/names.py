from pathlib import Path
from typing import Dict, List, Optional, Set

import typer
from wasabi import msg

from ..data.annotated_files import read_any_records, stop_at_problems
from ..data.catalogue_files import catalogue_files, is_one_line, write_catalogue
from ..errors import excerpt
from ..features.catalogue import MAX_NAME
from ._util import (
    DATA_ARGUMENT,
    LABEL_OPTION,
    OLD_OUT_ARGUMENT,
    SPANS_KEY_OPTION,
    choose_output,
    plain_errors,
    read_json,
    refuse,
)


def names(
    data_path: Path = DATA_ARGUMENT,
    output: Optional[Path] = typer.Option(
        None, "--out", "-o", help="Folder for the names, a .txt file for each type"
    ),
    old_output: Optional[Path] = OLD_OUT_ARGUMENT,
    types_path: Optional[Path] = typer.Option(
        None,
        "--types",
        help="A JSON file: the type of each label's names; labels that are not there are "
        "left out. Without it, the labels are the types",
    ),
    label: str = LABEL_OPTION,
    spans_key: str = SPANS_KEY_OPTION,
) -> None:
    """List the names in annotated messages, to train with as a catalogue."""
    with plain_errors():
        output_path = choose_output(output, old_output)
        records, problems = read_any_records(
            data_path, label=label, spans_key=spans_key, need_spans=False
        )
        stop_at_problems(problems, remedy="Correct the rows.")
        types = None if types_path is None else _read_types(types_path)
        found: Dict[str, Set[str]] = {}
        for _, text, spans, _ in records:
            for start, end, span_label in spans:
                of_type = span_label if types is None else types.get(span_label)
                if of_type is not None:
                    found.setdefault(of_type, set()).add(text[start:end])
        by_type: Dict[str, List[str]] = {}
        left_out: List[str] = []
        for of_type in sorted(found):
            for name in sorted(found[of_type]):
                kept = by_type.setdefault(of_type, []) if is_one_line(name) else left_out
                kept.append(name)
        paths = write_catalogue(by_type, output_path)
    if left_out:
        msg.warn(
            f"{len(left_out)} names are left out that a line cannot hold, since they are of "
            f"several or longer than {MAX_NAME} characters, such as {excerpt(left_out[0])!r}"
        )
    if not paths:
        msg.warn(f"{data_path} holds no names: nothing written to {output_path}")
        return
    n_names = sum(map(len, by_type.values()))
    msg.good(f"{n_names} names: {', '.join(map(str, paths))}")
    others = [
        path.name
        for path in catalogue_files(output_path)
        if not any(map(path.samefile, paths))
    ]
    if others:
        msg.warn(
            f"{output_path} also holds {', '.join(others)}: whoever reads the folder as a "
            "catalogue reads these names too. Delete what is not to be part of it."
        )


def _read_types(path: Path) -> Dict[str, str]:
    types = read_json("--types", path)
    if not isinstance(types, dict) or not all(isinstance(t, str) for t in types.values()):
        refuse("--types", path, 'expected {"label": "type", ...}')
    return types
