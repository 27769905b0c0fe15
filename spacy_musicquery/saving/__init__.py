"""Bytes and folders: written whole or not at all, and read with clear errors."""

from .._moved import names_of

# There was a module of this name.
__getattr__ = names_of("saving")
