from pathlib import Path
from typing import cast

import typer
from wasabi import msg

from ..ml.onnx_export import export_onnx as write_onnx
from ..pipeline.load import load_pipeline
from ..pipeline.query_finder import QueryFinder
from ..saving.pretrained import BOX
from ._util import plain_errors


def export_onnx(
    model: str = typer.Argument(
        ..., metavar="MODEL", help="Pipeline: a directory or a package name; or box"
    ),
    output_path: Path = typer.Option(..., "--out", "-o", help="The .onnx file to write"),
) -> None:
    """Write a tagger as an ONNX file, for other languages and phones.

    Needs the extra `onnx`. docs/onnx.md says what the file holds and how to use it.
    """
    with plain_errors():
        nlp = load_pipeline(None if model == BOX else model)
        factories = {name: nlp.get_pipe_meta(name).factory for name in nlp.pipe_names}
        name = next(n for n, factory in factories.items() if factory == "music_query")
        component = cast(QueryFinder, nlp.get_pipe(name))
        data = write_onnx(component.parameters, name)
        output_path.write_bytes(data)
    msg.good(f"{len(data):,} bytes: {output_path}")
