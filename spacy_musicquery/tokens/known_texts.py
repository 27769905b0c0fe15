"""The texts of Docs that have just been tokenized: `doc.text` puts one together anew, token by
token, each time that it is asked for."""

from typing import Dict, Tuple
from weakref import ReferenceType, ref

from spacy.tokens import Doc

# So that little is kept of Docs that nobody asks about: of a Doc that is not known, the text
# is put together.
_MOST_DOCS = 512
_MOST_CHARS = 256

# By the address of the Doc, which another one may have later.
_texts: Dict[int, Tuple["ReferenceType[Doc]", str]] = {}


def keep_text(doc: Doc, text: str) -> None:
    """Keep the text of a new Doc for `take_text`.

    doc (Doc): The document.
    text (str): Its text.
    """
    if len(text) > _MOST_CHARS:
        return
    if len(_texts) >= _MOST_DOCS:
        _texts.clear()
    _texts[id(doc)] = ref(doc), text


def take_text(doc: Doc) -> str:
    """Tell the text of a Doc, and keep it no longer.

    doc (Doc): Any document.
    RETURNS (str): `doc.text`.
    """
    kept = _texts.pop(id(doc), None)
    if kept is not None and kept[0]() is doc:
        return kept[1]
    return doc.text
