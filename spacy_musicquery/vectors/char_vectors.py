"""Pretrained character vectors: put into the embedding, and trained with gensim."""

import logging
from pathlib import Path
from typing import Any, Iterable, Iterator, List, Literal, Optional, Union

import numpy as np

from ..errors import Errors, Warnings
from ..features.characters import N_RESERVED, CharInventory
from ..types import Floats2d
from .vector_files import FoundVectors, find_vectors, import_gensim_models, project

logger = logging.getLogger("spacy.music_query")

Unseen = Literal["zero", "random"]


def load_char_vectors(
    path: Optional[Union[str, Path]] = None,
    trainable: bool = True,
    unseen: Unseen = "zero",
    binary: Optional[bool] = None,
) -> Optional["CharVectors"]:
    """Name a file of character vectors, to be read when training starts. For
    [initialize.components.music_query.char_vectors].

    path (Optional[Union[str, Path]]): A file in word2vec format, text or binary, or in
        fastText's; or the folder of a BERT or ALBERT checkpoint, see
        `vector_files.read_checkpoint`; None for no pretrained vectors. Vectors that are
        wider than the embedding are projected.
    trainable (bool): Whether training may change the embedding; False freezes it.
    unseen (str): The embedding of characters without a vector: "zero" or "random".
    binary (Optional[bool]): Whether a file in word2vec format is binary; None tells by
        the name (.bin, or .bin.gz).
    RETURNS (Optional[CharVectors]): What `MusicQuery.initialize` takes.
    """
    if path is None:
        return None
    return CharVectors(Path(path), trainable=trainable, unseen=unseen, binary=binary)


class CharVectors:
    """A file of character vectors, or a checkpoint that has some."""

    def __init__(
        self, path: Path, *, trainable: bool, unseen: Unseen, binary: Optional[bool]
    ) -> None:
        """Keep the settings of `load_char_vectors`."""
        self.path = path
        self.trainable = trainable
        self.unseen = unseen
        self.binary = path.name.endswith((".bin", ".bin.gz")) if binary is None else binary

    def align(
        self, inventory: CharInventory, embedding: Floats2d, *, component: str
    ) -> Floats2d:
        """Put the vectors into an embedding.

        inventory (CharInventory): The characters of the embedding's rows.
        embedding (Floats2d): The initial embedding (rows, width).
        component (str): The component's name, for errors.
        RETURNS (Floats2d): The embedding with the vectors in it.
        RAISES (ValueError): If the file is missing or broken, its vectors are narrower
            than the embedding or not finite, or no character has one.
        """
        found = find_vectors(self.path, inventory.chars, binary=self.binary)
        width = embedding.shape[1]
        if found.width < width:
            raise ValueError(
                Errors.MQ032.format(
                    path=self.path, found=found.width, expected=width, name=component
                )
            )
        n_chars, n_found = len(inventory.chars), len(found.by_char)
        if not n_found:
            raise ValueError(Errors.MQ033.format(n=n_chars, path=self.path))
        for char, vector in found.by_char.items():
            if not np.isfinite(vector).all():
                raise ValueError(Errors.MQ034.format(char=char, path=self.path))
        vectors = np.stack(list(found.by_char.values()))
        self._tell_of_coverage(found, n_chars, component)
        if found.width > width:
            vectors, kept = project(vectors, width)
            share = f"which keeps {kept:.1%} of their variance"
            logger.info(
                f"{component}: made them {width} wide instead of {found.width}, {share}"
            )
        aligned = embedding.copy() if self.unseen == "random" else embedding * 0
        places = {char: row for row, char in enumerate(inventory.chars, start=N_RESERVED)}
        aligned[[places[char] for char in found.by_char]] = vectors
        return aligned

    def _tell_of_coverage(self, found: FoundVectors, n_chars: int, component: str) -> None:
        n_found = len(found.by_char)
        share = n_found / n_chars
        coverage = f"{n_found} of {n_chars} characters ({share:.1%})"
        if found.from_subwords:
            coverage += f", {len(found.from_subwords)} of them from parts of words,"
        logger.info(f"{component}: {coverage} have a vector in {self.path}")
        if share < 0.5:
            logger.warning(
                Warnings.MQ102.format(
                    name=component,
                    found=n_found,
                    n=n_chars,
                    path=self.path,
                    share=share,
                )
            )


class _CharSentences:
    """Texts as lists of characters, once for every pass that gensim makes."""

    def __init__(self, texts: List[str], progress: Any) -> None:
        self.texts = texts
        self.progress = progress

    def __iter__(self) -> Iterator[List[str]]:
        for text in self.texts:
            # The format separates by blanks, so a blank can have no vector.
            yield [char for char in text if not char.isspace()]
            self.progress.update(1)


def train_char_vectors(
    texts: Iterable[str],
    *,
    width: int = 48,
    window: int = 5,
    min_count: int = 1,
    epochs: int = 5,
    seed: int = 0,
    progress: Any,
) -> Any:
    """Train character vectors (word2vec, skip-gram) on raw text.

    texts (Iterable[str]): The texts, one message or sentence each.
    width (int): Width of the vectors.
    window (int): How many characters around one count as its context.
    min_count (int): How often a character must occur to have a vector.
    epochs (int): Passes over the texts.
    seed (int): Seeds the training; the same texts and seed give the same vectors.
    progress (Any): A tqdm bar; its total becomes texts x passes.
    RETURNS (gensim.models.KeyedVectors): The vectors.
    RAISES (ValueError): If no character is frequent enough.
    """
    models = import_gensim_models()
    normalize = CharInventory().normalize
    sentences = _CharSentences([normalize(text) for text in texts], progress)
    progress.total = len(sentences.texts) * (epochs + 1)
    model = models.Word2Vec(
        vector_size=width,
        window=window,
        min_count=min_count,
        epochs=epochs,
        sg=1,
        seed=seed,
        workers=1,  # more would make the result depend on their timing
    )
    model.build_vocab(sentences)
    if not len(model.wv):
        raise ValueError(Errors.MQ035.format(min_count=min_count))
    model.train(sentences, total_examples=model.corpus_count, epochs=epochs)
    return model.wv
