"""Messages with guesses to correct, in the forms of our records, of Prodigy and of Label
Studio."""

from typing import Any, Dict, Sequence

from .records import DEFAULT_LABEL, Span, find_queries


def as_record(text: str, spans: Sequence[Span], uncertainty: float) -> Dict[str, Any]:
    """Write a guess as one of our records: by the words, which are easiest to correct, or by
    offsets where words would not find the same place again.

    text (str): The message.
    spans (Sequence[Span]): Start, end and label of what was found.
    uncertainty (float): How unsure that is, 0 to 1.
    RETURNS (Dict[str, Any]): The record.
    """
    queries = [text[start:end] for start, end, _ in spans]
    if find_queries(text, queries, DEFAULT_LABEL) == list(spans):
        return {"text": text, "music_query": queries, "uncertainty": uncertainty}
    return {"text": text, "spans": _objects(spans), "uncertainty": uncertainty}


def as_prodigy(text: str, spans: Sequence[Span], uncertainty: float) -> Dict[str, Any]:
    """Write a guess as a task of Prodigy; see `as_record`."""
    meta = {"uncertainty": uncertainty}
    return {"text": text, "spans": _objects(spans), "meta": meta}


def as_label_studio(text: str, spans: Sequence[Span], uncertainty: float) -> Dict[str, Any]:
    """Write a guess as a task of Label Studio with a prediction, for a labelling interface
    whose names are `label` and `text`; see `as_record`. It counts in UTF-16."""
    result = [
        {
            "from_name": "label",
            "to_name": "text",
            "type": "labels",
            "value": {
                "start": _utf16_length(text[:start]),
                "end": _utf16_length(text[:end]),
                "text": text[start:end],
                "labels": [label],
            },
        }
        for start, end, label in spans
    ]
    prediction = {
        "model_version": "music_query",
        "score": round(1.0 - uncertainty, 4),
        "result": result,
    }
    return {"data": {"text": text}, "predictions": [prediction]}


FORMATS = {
    "records": as_record,
    "prodigy": as_prodigy,
    "label-studio": as_label_studio,
}


def _objects(spans: Sequence[Span]) -> Any:
    return [{"start": s, "end": e, "label": label} for s, e, label in spans]


def _utf16_length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
