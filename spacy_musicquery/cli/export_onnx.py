from pathlib import Path
from typing import Optional, cast

import typer
from wasabi import msg

from ..ml.onnx_export import export_onnx as write_onnx
from ..pipeline.load import load_pipeline
from ..pipeline.query_finder import QueryFinder
from ..saving.atomic import complete_file
from ..saving.pretrained import BOX
from ._util import MODEL_OPTION, plain_errors, refuse, warn_old


def export_onnx(
    old_model: Optional[str] = typer.Argument(None, metavar="MODEL", hidden=True),
    model: Optional[str] = MODEL_OPTION,
    output_path: Path = typer.Option(..., "--out", "-o", help="The .onnx file to write"),
) -> None:
    """Write a tagger as an ONNX file, for other languages and phones.

    Needs the extra `onnx`. docs/onnx.md says what the file holds and how to use it.
    """
    with plain_errors():
        if old_model is not None:
            if model is not None:
                refuse("MODEL", old_model, f"--model {model} is named as well")
            warn_old(f"MODEL {old_model}", f"--model {old_model}")
            model = old_model
        nlp = load_pipeline(None if model == BOX else model)
        factories = {name: nlp.get_pipe_meta(name).factory for name in nlp.pipe_names}
        name = next(n for n, factory in factories.items() if factory == "music_query")
        component = cast(QueryFinder, nlp.get_pipe(name))
        data = write_onnx(component.parameters, name)
        with complete_file(output_path) as unfinished:
            unfinished.write_bytes(data)
    msg.good(f"{len(data):,} bytes: {output_path}")
