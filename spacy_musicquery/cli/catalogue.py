from pathlib import Path
from typing import Dict, List, Optional

import typer
from wasabi import msg

from ..data.catalogue_files import read_catalogue
from ..errors import Errors
from ..pipeline.load import load_pipeline
from ..pipeline.music_query import MusicQuery
from ..saving.atomic import save
from ._util import MODEL_OPTION, choose_model, plain_errors, refuse


def catalogue(
    inputs: List[str] = typer.Argument(
        ...,
        metavar="FILES...",
        help="Names, one a line: TYPE.txt, .csv, .parquet, or folders",
    ),
    model: Optional[str] = MODEL_OPTION,
    output_path: Path = typer.Option(..., "--out", "-o", help="Where to save the pipeline"),
    add: bool = typer.Option(
        False, "--add", help="Keep the names that the pipeline has already"
    ),
    replace: bool = typer.Option(
        False, "--replace", help="Give up the names that the pipeline has already"
    ),
    type_name: Optional[str] = typer.Option(
        None, "--type", help="Type of all names, instead of the files' names"
    ),
    column: str = typer.Option("name", help="Column of .csv and .parquet files"),
) -> None:
    """Give a pipeline another catalogue, or more names with --add, without training.

    It must have been trained with a catalogue of the same types. What it has already is
    only replaced with --replace.
    """
    with plain_errors():
        model, inputs = choose_model(inputs, model)
        if (
            model is not None
            and Path(model).exists()
            and output_path.resolve() == Path(model).resolve()
        ):
            refuse("--out", output_path, "this is the pipeline to start from")
        if add and replace:
            refuse("--replace", "", "it cannot go with --add")
        names = read_catalogue(map(Path, inputs), type_name, column)
        nlp = load_pipeline(model)
        for _, component in nlp.pipeline:
            if isinstance(component, MusicQuery):
                if not (add or replace):
                    _refuse_to_lose(model, component, names)
                (component.add_to_catalogue if add else component.set_catalogue)(names)
        save(nlp, output_path)
    n_names = sum(map(len, names.values()))
    msg.good(f"{n_names} names ({', '.join(names)}): {output_path}")


def _refuse_to_lose(
    model: Optional[str], component: MusicQuery, names: Dict[str, List[str]]
) -> None:
    """Stop if there are names that would be replaced."""
    known = component.catalogue
    if any(known.values()):
        types = ", ".join(f"{name} {len(of_type):,}" for name, of_type in known.items())
        n, n_new = sum(map(len, known.values())), sum(map(len, names.values()))
        raise ValueError(
            Errors.MQ240.format(model=model or "box", n=n, types=types, n_new=n_new)
        )
