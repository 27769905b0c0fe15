import os
from pathlib import Path
from typing import Any, Dict, List, Optional, cast

import spacy
import typer
from spacy.util import load_config
from wasabi import msg

from ..data.catalogue_files import read_catalogue
from ..errors import Errors
from ..ml.architectures import get_shim
from ..pipeline.query_finder import QueryFinder
from ..training.language_model import Progress, Settings, prepare
from ..training.language_model import pretrain as pretrain_model
from ._util import plain_errors, read_texts, refuse

_COLUMNS = (7, 12, 8, 11)
_ALIGNS = ("r",) * len(_COLUMNS)


def pretrain(
    inputs: List[Path] = typer.Argument(
        ...,
        metavar="TEXT...",
        help="Raw text, a message a line; .json or .jsonl records; or folders of .txt files",
    ),
    output_path: Path = typer.Option(
        ..., "--out", "-o", help="Folder to save to: what `pretrained` of a config takes"
    ),
    config_path: Optional[Path] = typer.Option(
        None,
        "--config",
        "-c",
        help="Config of the training to come, whose model has the sizes; those of the model in the box without it",
    ),
    steps: int = typer.Option(
        3000, "--steps", help="Steps, of about 4,000 characters each", min=1
    ),
    seed: int = typer.Option(0, "--seed", help="Same texts and seed, same weights", min=0),
    catalogue: List[Path] = typer.Option(
        [],
        "--catalogue",
        help="A file or folder of names that shall not be learnt; may be given again",
    ),
    min_count: int = typer.Option(
        3, "--min-count", help="How often a character must occur", min=1
    ),
    bigram_min_count: int = typer.Option(
        20, "--bigram-min-count", help="How often a pair of characters must", min=0
    ),
) -> None:
    """Pretrain on raw text, as a language model, what a training of yours begins with.

    The vectors of characters and pairs and the LSTMs learn to predict the characters of
    messages, forwards and backwards. Names of the catalogue are neither read nor predicted.
    """
    with plain_errors():
        _require_place(output_path)
        model = _model_config(config_path)
        if not model.get("bigram_min_count", 1):
            bigram_min_count = 0
        nlp = spacy.blank("zh")
        config = {"pretrained": None, "model": model}
        component = cast(QueryFinder, nlp.add_pipe("music_query", config=config))
        names = read_catalogue(catalogue) if catalogue else {}
        texts = [text for path in inputs for text in read_texts(path)]
        parameters = component.parameters
        lines = prepare(texts, parameters.new_catalogue(list(names), names), seed=seed)
        n_lines = f"{len(lines.train):,} different lines, {len(lines.held_out):,} more to"
        msg.info(f"{n_lines} measure by; {lines.n_masked:,} names masked")
        msg.row(
            ("step", "characters", "loss", "perplexity"), widths=_COLUMNS, aligns=_ALIGNS
        )
        component.parameters = pretrain_model(
            parameters,
            lines,
            get_shim(component.model).settings,
            Settings(
                steps,
                seed=seed,
                min_count=min_count,
                bigram_min_count=bigram_min_count,
                char_dropout=component.model.attrs["char_dropout"],
            ),
            _print_progress,
        )
        component.to_disk(output_path, exclude=["vocab"])
    sizes = component.parameters.sizes
    assert sizes is not None
    n_vectors = f"{sizes.n_chars:,} characters and {sizes.n_bigrams:,} pairs"
    msg.good(f'{n_vectors}: pretrained = "{output_path}"')


def _require_place(path: Path) -> None:
    """Refuse what could not be written to, rather here than at the end."""
    there = next(place for place in (path, *path.absolute().parents) if place.exists())
    if not there.is_dir():
        refuse("--out", path, f"{there} is a file; name a folder")
    if not os.access(there, os.W_OK):
        refuse("--out", path, f"{there} cannot be written to")


def _model_config(path: Optional[Path]) -> Dict[str, Any]:
    """The model of a config's component, without an encoder."""
    if path is None:
        return {}
    components = load_config(path, interpolate=True).get("components", {})
    for component in components.values():
        if component.get("factory") == "music_query":
            return {**component.get("model", {}), "encoder": None, "nO": None}
    raise ValueError(Errors.MQ453.format(name="pretrain", path=path))


def _print_progress(progress: Progress) -> None:
    loss = f"{progress.loss:.3f}" if progress.step else "-"
    row = (
        f"{progress.step:,}",
        f"{progress.n_chars:,}",
        loss,
        f"{progress.perplexity:.1f}",
    )
    msg.row(row, widths=_COLUMNS, aligns=_ALIGNS)
