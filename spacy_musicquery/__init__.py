"""spacy-musicquery: finds the music queries in Chinese chat, as a spaCy component."""

from .saving.atomic import save

__all__ = ["save"]


def __getattr__(name: str) -> str:
    """The version is that of the installed package: setup.cfg is the one place for it."""
    if name == "__version__":
        from importlib.metadata import version

        return version("spacy-musicquery")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
