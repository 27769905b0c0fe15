"""Tokens split at the edges of a span, with no loss to what else a Doc holds."""

from bisect import bisect_right
from typing import Dict, Iterable, List, Tuple, Union, cast

import numpy as np
from spacy.tokens import Doc, Token
from thinc.api import get_array_module
from thinc.types import Ints2d

# What the pieces of a token have from it. spaCy's retokenizer does not hand it on: all
# pieces but the first get what lay in memory there, mostly the next token's.
INHERITED: List[Union[int, str]] = [
    *("TAG", "POS", "MORPH", "LEMMA", "DEP", "SENT_START"),
    *("ENT_IOB", "ENT_TYPE", "ENT_KB_ID", "ENT_ID"),
]
# The relation of a piece of a word to its first one in Universal Dependencies.
PIECE_DEP = "goeswith"

INSIDE, BEGIN = (Token.iob_strings().index(tag) for tag in "IB")
# -1, as arrays of attributes hold it
NO_SENT_START = np.array(-1).astype("uint64")


def split_tokens(doc: Doc, edges: Iterable[int]) -> None:
    """Split the tokens that have one of these offsets inside.

    `doc.ents` and the groups of `doc.spans` cover the same characters afterwards, with
    the same labels and ids. A piece has the tag, the entity, the sentence and the row
    of `doc.tensor` of its token, and its own text for a lemma. The first one has the
    token's head, dependents and extension attributes, the last one the blank behind it.
    Spans and tokens taken from the doc before are no longer valid, as after any
    retokenization.

    doc (Doc): The document, modified in place.
    edges (Iterable[int]): Offsets of characters.
    """
    pieces = _pieces(doc, edges)
    if not pieces:
        return
    n_pieces = np.ones(len(doc), dtype="int")
    n_pieces[list(pieces)] = [len(texts) for texts in pieces.values()]
    attrs, tensor = doc.to_array(INHERITED), doc.tensor
    # The retokenizer would lengthen it by too many rows, and all of zeros.
    doc.tensor = np.zeros((0,), dtype="float32")
    with doc.retokenize() as retokenizer:
        for i, texts in pieces.items():
            retokenizer.split(doc[i], texts, _heads(doc[i], len(texts)))
    _renumber_children(doc)
    _hand_on_attrs(doc, attrs, n_pieces)
    if len(tensor) == len(n_pieces):
        tensor = get_array_module(tensor).repeat(tensor, n_pieces.tolist(), axis=0)
    doc.tensor = tensor
    _renumber_spans(doc, [0, *n_pieces.cumsum().tolist()])


def _pieces(doc: Doc, edges: Iterable[int]) -> Dict[int, List[str]]:
    """What the tokens with an edge inside are split into."""
    starts = [token.idx for token in doc]
    cuts: Dict[int, List[int]] = {}
    for edge in sorted(set(edges)):
        i = bisect_right(starts, edge) - 1
        if starts[i] < edge < starts[i] + len(doc[i]):
            cuts.setdefault(i, []).append(edge - starts[i])
    return {
        i: [doc[i].text[a:b] for a, b in zip([0, *inner], [*inner, len(doc[i])])]
        for i, inner in cuts.items()
    }


def _heads(token: Token, n_pieces: int) -> List[Union[Token, Tuple[Token, int]]]:
    """The head of each piece: a token, which stands for its first piece, or a token and
    which piece of it."""
    if not token.has_dep():
        return [(token, i) for i in range(n_pieces)]
    return [token.head, *[token] * (n_pieces - 1)]


def _renumber_children(doc: Doc) -> None:
    """Let the tokens count their children anew. The retokenizer does so in parsed docs
    only; in others, to ask a token behind a split one for its children would crash."""
    heads = doc.to_array("HEAD")
    # spaCy takes a doc for parsed if there is a dependency. They are set right afterwards.
    deps = np.full_like(heads, doc.vocab.strings.add(PIECE_DEP))
    doc.from_array(["HEAD", "DEP"], cast(Ints2d, np.stack([heads, deps], axis=1)))


def _hand_on_attrs(doc: Doc, attrs: np.ndarray, n_pieces: np.ndarray) -> None:
    """Give the tokens the attributes they had when each was one piece."""
    token_of = np.repeat(np.arange(len(n_pieces)), n_pieces)
    values = attrs[token_of]
    column = dict(zip(INHERITED, values.T))
    is_piece = n_pieces[token_of] > 1
    is_later = np.diff(token_of, prepend=-1) == 0
    has_lemma = is_piece & (column["LEMMA"] != 0)
    column["LEMMA"][has_lemma] = doc.to_array("ORTH")[has_lemma]
    column["DEP"][is_later & (column["DEP"] != 0)] = doc.vocab.strings.add(PIECE_DEP)
    column["SENT_START"][is_later & (column["SENT_START"] != 0)] = NO_SENT_START
    # B without a type means that no entity may be there, and does so for every token.
    begins = (column["ENT_IOB"] == BEGIN) & (column["ENT_TYPE"] != 0)
    column["ENT_IOB"][is_later & begins] = INSIDE
    doc.from_array(INHERITED, cast(Ints2d, values))


def _renumber_spans(doc: Doc, first_pieces: List[int]) -> None:
    """Let the groups of spans count the tokens anew: where each begins now."""
    # A group may stand under several keys.
    for group in {id(group): group for group in doc.spans.values()}.values():
        for i, span in enumerate(group):
            span.start, span.end = first_pieces[span.start], first_pieces[span.end]
            group[i] = span
