from pathlib import Path
from typing import List, Optional, Tuple

import typer
from wasabi import msg

from ..data.annotated_files import read_examples
from ..data.records import DEFAULT_LABEL, DEFAULT_SPANS_KEY
from ..pipeline.load import load_pipeline
from ..pipeline.music_query import MusicQuery
from ..pipeline.scorer import music_query_score
from ..saving.pretrained import make_record
from ..tokens.intents import LISTEN
from ._util import (
    MODEL_OPTION,
    choose_output,
    plain_errors,
    predict,
    refuse,
    warn_old,
    write_json,
)


def pack(
    old: Optional[List[str]] = typer.Argument(None, metavar="MODEL OUT", hidden=True),
    model: Optional[str] = MODEL_OPTION,
    output: Optional[Path] = typer.Option(
        None, "--out", "-o", help="Folder for the component"
    ),
    sources: List[Path] = typer.Option(
        [], help="A file or folder that it was made from; may be said several times"
    ),
    dev_path: Path = typer.Option(..., "--dev", help="Annotated messages to score it on"),
    listen_threshold: Optional[float] = typer.Option(
        None,
        "--listen-threshold",
        min=0.0,
        max=1.0,
        help="Least score of a query, times the probability that its message asks to hear "
        "music",
    ),
    listen_offset: float = typer.Option(
        0.0,
        "--listen-offset",
        help="Added to the score of LISTEN, less than 0 where fewer messages ask to hear "
        "music than in training",
    ),
) -> None:
    """Save the music_query of a pipeline alone, to start others from (`pretrained`), with
    a record of what it was made from and how good it is.
    """
    with plain_errors():
        model, output_path = _choose(old or [], model, output)
        nlp = load_pipeline(model)
        component = next(pipe for _, pipe in nlp.pipeline if isinstance(pipe, MusicQuery))
        if listen_threshold is not None:
            component.cfg["listen_threshold"] = listen_threshold
        if listen_offset:
            if LISTEN not in component.intents:
                refuse("--listen-offset", listen_offset, f"{model} has no intent {LISTEN}")
            component.parameters = component.parameters.with_intent_offset(
                LISTEN, listen_offset
            )
        for source in sources:
            if not source.exists():
                refuse("--sources", source, "no such file or folder")
        examples = read_examples(
            nlp, dev_path, label=DEFAULT_LABEL, spans_key=DEFAULT_SPANS_KEY
        )
        predict(nlp, examples)
        component.to_disk(output_path, exclude=["vocab"])
        scores = music_query_score(examples)
        record = make_record(output_path, sources, scores)
        write_json(output_path / "record.json", record)
    size = sum(file.stat().st_size for file in output_path.iterdir()) / 1e6
    msg.good(f"{output_path}: {size:.2f} MB, F1 {scores['ents_f']:.2%} on {dev_path}")


def _choose(
    old: List[str], model: Optional[str], output: Optional[Path]
) -> Tuple[Optional[str], Path]:
    """The model and the folder, which were two arguments once."""
    if len(old) == 2 and model is None:
        warn_old(f"MODEL {old[0]}", f"--model {old[0]}")
        return old[0], choose_output(output, Path(old[1]))
    if old:
        refuse("MODEL OUT", " ".join(old), "say --model MODEL --out OUT")
    return model, choose_output(output, None)
