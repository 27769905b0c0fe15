from pathlib import Path
from typing import Optional

import typer
from wasabi import msg

from ..data.cais import SPLITS, read_rules, read_split
from ..errors import Errors
from ..saving.atomic import write_text
from ._util import OLD_OUT_ARGUMENT, choose_output, plain_errors, write_jsonl


def cais_records(
    raw_dir: Path = typer.Argument(
        ..., metavar="RAW", help="The CAIS folder of the public corpus"
    ),
    output: Optional[Path] = typer.Option(
        None, "--out", "-o", help="Folder for train.jsonl, valid.jsonl and test.jsonl"
    ),
    old_output: Optional[Path] = OLD_OUT_ARGUMENT,
    rules_path: Path = typer.Option(
        ..., "--rules", help="JSON file that says which slots make a query"
    ),
) -> None:
    """Turn the raw CAIS corpus into records.

    Records there that this command did not make, or made by the same rules, stay.
    """
    with plain_errors():
        output_dir = choose_output(output, old_output)
        needed = [output_dir / f"{split}.jsonl" for split in ("train", "valid")]
        used_path = output_dir / "rules.json"
        if all(path.is_file() for path in needed) and (
            not used_path.is_file() or read_rules(used_path) == read_rules(rules_path)
        ):
            msg.info(f"The records are already there: {output_dir}")
            return
        if not raw_dir.is_dir():
            records = ", ".join(map(str, needed))
            message = Errors.MQ044.format(path=output_dir, records=records, raw=raw_dir)
            raise ValueError(message)
        rules = read_rules(rules_path)
        splits = {split: read_split(raw_dir, split, rules) for split in SPLITS}
        for split, records_of_split in splits.items():
            path = output_dir / f"{split}.jsonl"
            write_jsonl(path, records_of_split)
            msg.good(f"{len(records_of_split)} utterances: {path}")
        # At last: these are the rules of all the records that lie there.
        write_text(used_path, rules_path.read_text(encoding="utf8"))
