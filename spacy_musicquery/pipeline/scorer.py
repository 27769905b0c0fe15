"""Scores: entities and queries by exact characters, false alarms in query-free texts,
intents."""

from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Set, Tuple

from spacy.scorer import PRFScore, Scorer
from spacy.tokens import Doc
from spacy.training import Example

from ..tokens.alignment import is_found_group
from ..tokens.gold import CHECK
from ..tokens.intents import best_intent

CharSpan = Tuple[int, int, str]


def make_music_query_scorer() -> Callable[..., Dict[str, Any]]:
    """Make the scorer.

    RETURNS (Callable): The scorer of `music_query`, for [components.*.scorer].
    """
    return music_query_score


def music_query_score(
    examples: Iterable[Example],
    *,
    labels: Optional[Sequence[str]] = None,
    spans_key: str = "music_query",
    **kwargs: Any,
) -> Dict[str, Any]:
    """Score `doc.ents`, `doc.spans[spans_key]` and `doc.cats` against the reference.

    An entity counts as found if its first and last character and its label are
    right; offsets are compared as characters, so that the tokens of prediction and
    reference may differ. One that was widened, cut or dropped to fit the tokens is
    wrong, as it is for whoever reads `doc.ents`. What the model found is scored as well,
    by the exact offsets in `doc.spans[spans_key].attrs["char_spans"]`, where neither
    tokens nor the entities of other components play a part. Characters of tokens
    without entity annotation are left out, and so are texts that have no other.

    examples (Iterable[Example]): Predicted and reference docs.
    labels (Optional[Sequence[str]]): Only entities with these labels count (another
        component may set entities of its own); None for all.
    spans_key (str): The key of `doc.spans` under which the queries are.
    RETURNS (Dict[str, Any]): `ents_p`, `ents_r`, `ents_f` and `ents_per_type`, as
        `ner` reports them; `music_query_p`, `music_query_r` and `music_query_f`, the
        same of what the model found; and `music_query_false_alarms`: among the texts
        whose reference has no entity, the share in which one was found. None where there
        is nothing to divide by. `music_query_query_free` is the number of such texts.
        `music_query_balanced` is `ents_f`; or, if some messages are those of the box's
        check (`box_messages`), the mean of the `ents_f` of these and of the others.
        If intents were predicted: spaCy's scores of categories, for exclusive ones
        (`Scorer.score_cats`); `music_query_intent_acc`, the share of texts whose intent
        is right; and `music_query_utterance_acc`, the share of those texts of which the
        entities are right as well.
    """
    examples = list(examples)
    total, exact = PRFScore(), PRFScore()
    per_type: Dict[str, PRFScore] = {}
    n_query_free = 0
    n_false_alarms = 0
    n_annotated = 0
    for example in examples:
        reference = example.reference
        missing = _missing_chars(reference)
        if len(missing) == len(reference.text) > 0:
            continue
        n_annotated += 1
        gold = _entities(reference, labels)
        found = _outside(missing, _entities(example.predicted, labels))
        total.score_set(found, gold)
        queries = _queries(example.predicted, spans_key, labels)
        exact.score_set(_outside(missing, queries), gold)
        for label in {span[2] for span in gold | found}:
            per_type.setdefault(label, PRFScore()).score_set(
                _with_label(found, label), _with_label(gold, label)
            )
        if not gold and not missing:
            n_query_free += 1
            n_false_alarms += bool(found)
    scores: Dict[str, Any] = dict.fromkeys(("ents_p", "ents_r", "ents_f", "ents_per_type"))
    if n_annotated:
        scores = {
            "ents_p": total.precision,
            "ents_r": total.recall,
            "ents_f": total.fscore,
            "ents_per_type": {
                label: score.to_dict() for label, score in sorted(per_type.items())
            },
        }
    has_queries = any(spans_key in example.predicted.spans for example in examples)
    for name in ("precision", "recall", "fscore"):
        score = getattr(exact, name) if n_annotated and has_queries else None
        scores[f"music_query_{name[0]}"] = score
    scores["music_query_false_alarms"] = (
        n_false_alarms / n_query_free if n_query_free else None
    )
    scores["music_query_query_free"] = n_query_free
    scores["music_query_balanced"] = _balanced(examples, labels, scores["ents_f"])
    if any(example.predicted.cats for example in examples):
        scores.update(_intent_scores(examples, labels))
    return scores


def _balanced(
    examples: Sequence[Example], labels: Optional[Sequence[str]], f_of_all: Optional[float]
) -> Optional[float]:
    """The mean over messages of one's own and the box's check: of F1, or, of messages of
    which none has a query, of the share that is left alone."""
    parts: Tuple[List[Example], List[Example]] = ([], [])
    for example in examples:
        parts[CHECK in example.reference.user_data].append(example)
    if not all(parts):
        return f_of_all
    values = []
    for part in parts:
        total = PRFScore()
        n_silent = 0
        for example in part:
            found = _entities(example.predicted, labels)
            total.score_set(found, _entities(example.reference, labels))
            n_silent += not found
        has_queries = total.tp + total.fn
        values.append(total.fscore if has_queries else n_silent / len(part))
    return sum(values) / len(values)


def _intent_scores(
    examples: Sequence[Example], labels: Optional[Sequence[str]]
) -> Dict[str, Any]:
    known = [example for example in examples if best_intent(example.reference) is not None]
    intents = sorted({cat for example in known for cat in example.reference.cats})
    told = {cat for example in known for cat in example.predicted.cats}
    if known and told.isdisjoint(intents):
        return {}  # those of the box, where the messages have their own
    scores = Scorer.score_cats(known, "cats", labels=intents, multi_label=False)
    rights = []
    for example in known:
        predicted, reference = example.predicted, example.reference
        is_right = best_intent(predicted) == best_intent(reference)
        same_ents = _entities(predicted, labels) == _entities(reference, labels)
        rights.append((is_right, is_right and same_ents))
    for i, name in enumerate(("intent", "utterance")):
        share = sum(right[i] for right in rights) / len(rights) if rights else None
        scores[f"music_query_{name}_acc"] = share
    return scores


def _missing_chars(doc: Doc) -> Set[int]:
    """The characters of tokens whose entity annotation is missing."""
    if doc.has_annotation("ENT_IOB", require_complete=True):
        return set()
    return {
        i
        for token in doc
        if token.ent_iob == 0
        for i in range(token.idx, token.idx + len(token.text_with_ws))
    }


def _entities(doc: Doc, labels: Optional[Sequence[str]]) -> Set[CharSpan]:
    return {
        (ent.start_char, ent.end_char, ent.label_)
        for ent in doc.ents
        if labels is None or ent.label_ in labels
    }


def _queries(doc: Doc, key: str, labels: Optional[Sequence[str]]) -> Set[CharSpan]:
    """What a model found, by exact offsets."""
    if key not in doc.spans or not is_found_group(doc.spans[key]):
        return set()
    return {
        (span["start"], span["end"], span["label"])
        for span in doc.spans[key].attrs["char_spans"]
        if labels is None or span["label"] in labels
    }


def _outside(missing: Set[int], spans: Set[CharSpan]) -> Set[CharSpan]:
    """Where the reference says nothing, nothing can be right or wrong."""
    return {span for span in spans if missing.isdisjoint(range(span[0], span[1]))}


def _with_label(spans: Set[CharSpan], label: str) -> Set[CharSpan]:
    return {span for span in spans if span[2] == label}
