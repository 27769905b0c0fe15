"""The intent of a whole message, which spaCy keeps in `doc.cats`."""

from typing import Dict, Iterable, Optional

from spacy.tokens import Doc

# The intents of the model in the box: asks to hear music, with a query or without; tells
# the player what to do, or what not to play; anything else.
LISTEN, CONTROL, OTHER = "LISTEN", "CONTROL", "OTHER"


def one_hot(intent: str, intents: Iterable[str]) -> Dict[str, float]:
    """Make what `doc.cats` holds of an intent.

    intent (str): The intent of a message.
    intents (Iterable[str]): All intents there are.
    RETURNS (Dict[str, float]): What `doc.cats` holds: 1 for the intent, 0 for others.
    """
    return {**dict.fromkeys(intents, 0.0), intent: 1.0}


def best_intent(doc: Doc) -> Optional[str]:
    """Find the likeliest intent.

    doc (Doc): A doc, annotated or predicted.
    RETURNS (Optional[str]): Its highest category; None if all are 0 or there is none.
    """
    intent = max(doc.cats, key=doc.cats.__getitem__, default=None)
    return intent if intent is not None and doc.cats[intent] > 0 else None
