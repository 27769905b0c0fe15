"""What `spacy.explain` says of our labels."""

from spacy.glossary import GLOSSARY

from .intents import CONTROL, LISTEN, OTHER

_EXPLANATIONS = {
    "MUSIC_QUERY": "Words to search a music catalogue with",
    LISTEN: "Intent: asks to hear music",
    CONTROL: "Intent: tells a player what to do, or what not to play",
    OTHER: "Intent: neither asks to hear music nor tells a player what to do",
}


def install_glossary() -> None:
    """Let `spacy.explain` know our labels; what it knows already stays."""
    for label, explanation in _EXPLANATIONS.items():
        GLOSSARY.setdefault(label, explanation)
