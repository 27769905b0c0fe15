from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import typer
from wasabi import msg

from ..data.annotated_files import read_examples
from ..pipeline.load import load_pipeline
from ._util import (
    DATA_ARGUMENTS,
    LABEL_OPTION,
    MODEL_OPTION,
    OLD_OUT_OPTION,
    SPANS_KEY_OPTION,
    choose_data,
    choose_output,
    percent,
    plain_errors,
    write_json,
)


def evaluate(
    data: List[str] = DATA_ARGUMENTS,
    model: Optional[str] = MODEL_OPTION,
    output: Optional[Path] = typer.Option(
        None, "--out", "-o", help="JSON file for all scores"
    ),
    old_output: Optional[Path] = OLD_OUT_OPTION,
    label: str = LABEL_OPTION,
    spans_key: str = SPANS_KEY_OPTION,
) -> None:
    """Score a pipeline: precision, recall, F1 by label, false alarms, and intents.

    A false alarm is a message without a query in which one was found. Entities are those
    of `doc.ents`; where tokens or other components changed what the model found, that is
    scored as well.
    """
    with plain_errors():
        model, data_path = choose_data(data, model)
        if old_output is not None:
            output = choose_output(output, old_output, "--output")
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
    if output is not None:
        write_json(output, scores)
        msg.good(f"Saved the scores of {len(examples)} messages: {output}")


def _prf_row(name: str, prf: Dict[str, Any]) -> Tuple[str, str, str, str]:
    return (name, percent(prf["p"]), percent(prf["r"]), percent(prf["f"]))
