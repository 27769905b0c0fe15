"""Commands under `python -m spacy music-query`."""

import sys

import typer
from spacy.cli._util import app as spacy_app

from .cais_records import cais_records
from .catalogue import catalogue
from .check_data import check_data
from .checkpoint_vectors import checkpoint_vectors
from .convert import convert
from .errors import errors
from .evaluate import evaluate
from .export_onnx import export_onnx
from .extract import extract
from .generate import generate
from .link_index import link_index
from .names import names
from .negatives import negatives
from .open_text import open_text
from .pack import pack
from .pretrain import pretrain
from .project_run import check_project_run
from .serve import serve
from .suggest import suggest
from .train import train
from .try_page import try_
from .vectors import vectors

app = typer.Typer(
    name="music-query",
    help="Find the music queries in Chinese chat: data, vectors, scores, extraction.",
    no_args_is_help=True,
)
for command in (
    extract,
    serve,
    try_,
    train,
    suggest,
    convert,
    negatives,
    check_data,
    vectors,
    pretrain,
    checkpoint_vectors,
    evaluate,
    errors,
    names,
    catalogue,
    link_index,
    generate,
    pack,
    export_onnx,
    cais_records,
    open_text,
):
    # A name that Python keeps for itself ends in an underscore.
    app.command(command.__name__.rstrip("_").replace("_", "-"))(command)
spacy_app.add_typer(app)
check_project_run(sys.argv)
