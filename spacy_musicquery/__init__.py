"""spacy-musicquery: finds the music queries in Chinese chat, as a spaCy component."""

from .saving.atomic import save

__all__ = ["save"]
