"""Commands under `python -m spacy music-query`."""

import typer
from spacy.cli._util import app as spacy_app

from .cais_records import cais_records
from .catalogue import catalogue
from .check_data import check_data
from .checkpoint_vectors import checkpoint_vectors
from .convert import convert
from .errors import errors
from .evaluate import evaluate
from .extract import extract
from .generate import generate
from .link_index import link_index
from .names import names
from .negatives import negatives
from .pack import pack
from .try_page import try_
from .vectors import vectors

app = typer.Typer(
    name="music-query",
    help="Find the music queries in Chinese chat: data, vectors, scores, extraction.",
    no_args_is_help=True,
)
for command in (
    extract,
    try_,
    convert,
    negatives,
    check_data,
    vectors,
    checkpoint_vectors,
    evaluate,
    errors,
    names,
    catalogue,
    link_index,
    generate,
    pack,
    cais_records,
):
    # A name that Python keeps for itself ends in an underscore.
    app.command(command.__name__.rstrip("_").replace("_", "-"))(command)
spacy_app.add_typer(app)
