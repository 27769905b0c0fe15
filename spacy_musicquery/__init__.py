"""Finds the music queries in Chinese chat: a `music_query` component for spaCy."""

from ._moved import install
from .saving.atomic import save

__all__ = ["save"]

install()
