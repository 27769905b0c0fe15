"""A tokenizer for pipelines whose tokens are characters."""

import re
from typing import Any, Callable, Dict, List, cast

from spacy.lang.zh import ChineseTokenizer, Segmenter
from spacy.language import Language
from spacy.tokens import Doc
from spacy.vocab import Vocab

from .known_texts import keep_text

# A character and the blank behind it, or the blanks that are left over.
_TOKEN = re.compile(r"(\S)( ?)|(\s+)")
# More than a language has.
_MOST_KNOWN = 1 << 14


class CharTokenizer(ChineseTokenizer):
    """Makes the tokens that spaCy's Chinese tokenizer makes with the segmenter "char",
    in less than half the time, and in a time that grows with the length of a text and not
    with its square: spaCy's searches the rest of the text for every character."""

    def __init__(self, vocab: Vocab, segmenter: Segmenter = Segmenter.char) -> None:
        """Initialize a tokenizer.

        vocab (Vocab): The vocabulary of its Docs.
        segmenter (Segmenter): Always "char".
        """
        super().__init__(vocab, segmenter)
        # The number of each character that is no blank, once it has been met.
        self._orths: Dict[str, int] = {}

    def __call__(self, text: str) -> Doc:
        """Tokenize a text.

        text (str): The text.
        RETURNS (Doc): A token a character; a single blank behind one belongs to it,
            other blanks in a row are one token.
        """
        try:
            # spaCy hashes words twice, and looks numbers up; its stubs know words alone.
            orths: List[Any] = [*map(self._orths.__getitem__, text)]
            doc = Doc(self.vocab, orths, [False] * len(text))
        except KeyError:  # also for numbers of another vocabulary
            doc = self._new_chars(text)
        keep_text(doc, text)
        return doc

    def _new_chars(self, text: str) -> Doc:
        """Tokenize a text with blanks, or with characters that have no number yet."""
        pieces = _TOKEN.findall(text)
        words = [char or blanks for char, _, blanks in pieces]
        doc = Doc(self.vocab, words=words, spaces=[bool(blank) for _, blank, _ in pieces])
        # What is met in a memory zone is forgotten at its end.
        if len(self._orths) < _MOST_KNOWN and not cast(Any, self.vocab).in_memory_zone:
            for char in {char for char, _, _ in pieces} - self._orths.keys() - {""}:
                self._orths[char] = self.vocab.strings.add(char)
        return doc


def make_char_tokenizer() -> Callable[[Language], CharTokenizer]:
    """Make the tokenizer, for [nlp.tokenizer] of a config.

    RETURNS (Callable): Makes the tokenizer of a pipeline.
    """
    return lambda nlp: CharTokenizer(nlp.vocab)
