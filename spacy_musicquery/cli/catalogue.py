from pathlib import Path
from typing import List, Optional

import typer
from wasabi import msg

from ..data.catalogue_files import read_catalogue
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
    type_name: Optional[str] = typer.Option(
        None, "--type", help="Type of all names, instead of the files' names"
    ),
    column: str = typer.Option("name", help="Column of .csv and .parquet files"),
) -> None:
    """Give a pipeline another catalogue, without training.

    It must have been trained with a catalogue of the same types.
    """
    with plain_errors():
        model, inputs = choose_model(inputs, model)
        if (
            model is not None
            and Path(model).exists()
            and output_path.resolve() == Path(model).resolve()
        ):
            refuse("--out", output_path, "this is the pipeline to start from")
        names = read_catalogue(map(Path, inputs), type_name, column)
        nlp = load_pipeline(model)
        for _, component in nlp.pipeline:
            if isinstance(component, MusicQuery):
                (component.add_to_catalogue if add else component.set_catalogue)(names)
        save(nlp, output_path)
    n_names = sum(map(len, names.values()))
    msg.good(f"{n_names} names ({', '.join(names)}): {output_path}")
