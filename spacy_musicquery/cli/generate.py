from pathlib import Path
from typing import Any, Dict, List, Optional

import typer
from tqdm import tqdm
from wasabi import msg

from ..data.catalogue_files import read_catalogue
from ..data.generator import generate as generate_records
from ..data.generator_settings import checked_settings
from ..data.grammar import Grammar
from ..data.real_messages import read_real
from ..data.records import Record
from ..saving.atomic import write_text
from ._util import plain_errors, read_json, refuse, write_jsonl


def generate(
    phrases_path: Path = typer.Argument(
        ..., metavar="PHRASES", help="A folder of carriers.txt, queries.txt, chat.txt, ..."
    ),
    catalogue_paths: List[Path] = typer.Argument(
        ..., metavar="CATALOGUE...", help="Files of names, or folders of them"
    ),
    output_path: Path = typer.Option(
        ...,
        "--out",
        "-o",
        help="The .jsonl file to write; a .txt file holds their texts alone",
    ),
    settings_path: Optional[Path] = typer.Option(
        None,
        "--settings",
        help="A JSON file: how many messages, and how much of what; the defaults without it",
    ),
    size: Optional[int] = typer.Option(
        None,
        "--size",
        "-n",
        min=1,
        help="How many messages, instead of the settings' number",
    ),
    seed: Optional[int] = typer.Option(
        None, "--seed", help="Same phrases, names, settings and seed, same messages"
    ),
    real_path: Optional[Path] = typer.Option(
        None,
        "--real",
        help="A folder of messages that people have written: .txt files without a query, "
        "annotated .jsonl files; does without if there is no such folder",
    ),
) -> None:
    """Generate annotated messages from phrases and names, to train on."""
    with plain_errors():
        if output_path.suffix not in (".jsonl", ".txt"):
            refuse("--out", output_path, "the name must end in .jsonl or .txt")
        given = {} if settings_path is None else read_json("--settings", settings_path)
        if isinstance(given, dict):  # what else is refused below
            said = {"size": size, "seed": seed}
            given.update((key, n) for key, n in said.items() if n is not None)
        settings = checked_settings(given)
        grammar = Grammar(phrases_path, read_catalogue(catalogue_paths))
        real = read_real(real_path, grammar, settings.seed) if real_path else []
        if real_path and not real:
            msg.warn(f"{real_path}: no messages there; all are generated")
        records = tqdm(
            generate_records(grammar, settings, real),
            total=settings.size,
            unit=" messages",
        )
        if output_path.suffix == ".txt":
            write_text(output_path, "".join(f"{record.text}\n" for record in records))
        else:
            write_jsonl(output_path, map(_as_json, records))
    msg.good(f"{settings.size:,} messages: {output_path}")


def _as_json(record: Record) -> Dict[str, Any]:
    spans = [{"start": s, "end": e, "label": label} for s, e, label in record.spans]
    intent = {} if record.intent is None else {"intent": record.intent}
    return {"text": record.text, "spans": spans, **intent}
