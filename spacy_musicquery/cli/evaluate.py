from pathlib import Path
from typing import Any, Dict, Optional, Tuple

import srsly
import typer
from wasabi import msg

from ..data.annotated_files import read_examples
from ..pipeline.load import load_pipeline
from ._util import (
    DATA_ARGUMENT,
    LABEL_OPTION,
    MODEL_ARGUMENT,
    SPANS_KEY_OPTION,
    percent,
    plain_errors,
)


def evaluate(
    model: str = MODEL_ARGUMENT,
    data_path: Path = DATA_ARGUMENT,
    output_path: Optional[Path] = typer.Option(
        None, "--output", "-o", help="JSON file for all scores"
    ),
    label: str = LABEL_OPTION,
    spans_key: str = SPANS_KEY_OPTION,
) -> None:
    """Score a pipeline: precision, recall, F1 by label, false alarms, and intents.

    A false alarm is a message without a query in which one was found. Entities are those
    of `doc.ents`; where tokens or other components changed what the model found, that is
    scored as well.
    """
    with plain_errors():
        nlp = load_pipeline(model)
        examples = read_examples(nlp, data_path, label=label, spans_key=spans_key)
        scores = nlp.evaluate(examples)
    rows = [_prf_row("all labels", {key: scores[f"ents_{key}"] for key in "prf"})]
    if scores["music_query_f"] != scores["ents_f"]:
        exact = {key: scores[f"music_query_{key}"] for key in "prf"}
        rows.append(_prf_row("as the model found them", exact))
    per_type = scores["ents_per_type"] or {}
    if len(per_type) > 1:
        rows += [_prf_row(name, prf) for name, prf in per_type.items()]
    msg.table(rows, header=("", "P", "R", "F1"), aligns=("l", "r", "r", "r"), divider=True)
    alarms = percent(scores["music_query_false_alarms"])
    n_query_free = scores["music_query_query_free"]
    msg.text(f"False alarms: {alarms} of {n_query_free} messages without a query")
    if "music_query_intent_acc" in scores:
        intent, utterance = (
            percent(scores[f"music_query_{name}_acc"]) for name in ("intent", "utterance")
        )
        msg.text(f"Intents: {intent} right; {utterance} with all entities right as well")
    if output_path is not None:
        output_path.parent.mkdir(parents=True, exist_ok=True)
        srsly.write_json(output_path, scores)
        msg.good(f"Saved the scores of {len(examples)} messages: {output_path}")


def _prf_row(name: str, prf: Dict[str, Any]) -> Tuple[str, str, str, str]:
    return (name, percent(prf["p"]), percent(prf["r"]), percent(prf["f"]))
