"""Finds the music queries in Chinese chat: a `music_query` component for spaCy."""

from ._moved import install
from .saving.atomic import save
from .tokens.alignment import install_extensions

__all__ = ["save"]

install()
# Docs that were annotated elsewhere can be read from bytes once this is imported.
install_extensions()
