"""Finds the music queries in Chinese chat: a `music_query` component for spaCy."""

from ._moved import install
from .saving.atomic import save
from .tokens.alignment import install_extensions
from .tokens.glossary import install_glossary
from .tokens.links import install_links_extension

__all__ = ["save"]

install()
# Docs that were annotated elsewhere can be read from bytes once this is imported.
install_extensions()
install_glossary()
install_links_extension()


def __getattr__(name: str) -> str:
    """The version is that of the installed package: setup.cfg is the one place for it."""
    if name == "__version__":
        from importlib.metadata import version

        return version("spacy-musicquery")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
