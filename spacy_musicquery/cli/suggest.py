import json
import sys
from pathlib import Path
from typing import Literal, Optional

import typer
from tqdm import tqdm
from wasabi import msg

from ..data.raw_text import read_lines
from ..data.suggestion_files import FORMATS
from ..errors import Errors
from ..pipeline.load import load_pipeline
from ..pipeline.music_query import MusicQuery
from ..pipeline.suggestions import suggest_messages
from ..saving.atomic import write_text
from ._util import MODEL_OPTION, plain_errors, refuse


def suggest(
    log_path: Path = typer.Argument(
        ..., metavar="LOG", help="Messages, one a line, or a folder of .txt files"
    ),
    model: Optional[str] = MODEL_OPTION,
    n: int = typer.Option(50, "--n", "-n", min=1, help="How many to choose"),
    output_path: Optional[Path] = typer.Option(
        None, "--out", "-o", help="The file to write: .jsonl, or .json for one list"
    ),
    format_name: Literal["records", "prodigy", "label-studio"] = typer.Option(
        "records", "--format", help="Who shall read it"
    ),
    silent_share: float = typer.Option(
        0.2, "--silent", min=0.0, max=1.0, help="Share of messages that are surely silent"
    ),
    seed: int = typer.Option(0, help="Seed of the choice of these"),
) -> None:
    """Choose the messages of a log that would teach most, with what the model finds in them,
    to be corrected and trained on.

    They are those that it is unsure of, unlike each other, and some in which it surely
    finds nothing.
    """
    with plain_errors():
        if output_path is not None and output_path.suffix not in (".json", ".jsonl"):
            refuse("--out", output_path, "the name must end in .json or .jsonl")
        texts = read_lines(log_path)
        if not texts:
            raise ValueError(Errors.MQ243.format(path=log_path))
        nlp = load_pipeline(model)
        component = next(pipe for _, pipe in nlp.pipeline if isinstance(pipe, MusicQuery))
        progress = tqdm(texts, unit=" messages", disable=None, leave=False)
        chosen = suggest_messages(
            component, progress, n=n, silent_share=silent_share, seed=seed
        )
        write = FORMATS[format_name]
        records = [write(s.text, s.spans, s.uncertainty) for s in chosen]
        as_list = format_name == "label-studio" or (output_path or Path()).suffix == ".json"
        if as_list:
            content = json.dumps(records, ensure_ascii=False, indent=1) + "\n"
        else:
            lines = (json.dumps(record, ensure_ascii=False) for record in records)
            content = "".join(f"{line}\n" for line in lines)
        if output_path is None:
            sys.stdout.reconfigure(encoding="utf8")  # type: ignore[union-attr]
            sys.stdout.write(content)
            return
        write_text(output_path, content)
    n_found = sum(bool(suggestion.spans) for suggestion in chosen)
    msg.good(
        f"{len(chosen)} of {len(texts):,} messages, {n_found} with a query: {output_path}"
    )
