"""Where character vectors come from: word2vec and fastText files, read with gensim, and
the input embeddings of BERT and ALBERT checkpoints."""

import gzip
import struct
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, Dict, Iterable, List, NamedTuple, Tuple

import numpy as np

from ..errors import Errors
from ..types import Floats1d, Floats2d

WEIGHTS_FILE = "model.safetensors"
VOCAB_FILE = "vocab.txt"
# Whatever stands in front, such as "bert." or "albert.".
EMBEDDINGS = "embeddings.word_embeddings.weight"

# The standard deviation of a new embedding. That of a checkpoint's is much smaller, and
# would be lost among the vectors of bigrams that are added to it.
_SPREAD = 0.5
# Of an embedding of a million tokens, a thousand wide.
_MAX_NUMBERS = 1 << 30
_FASTTEXT_MAGIC = (793712314).to_bytes(4, "little")
# What stands before the vocabulary, see fastText's saveModel: magic, version, twelve
# settings and a double; then how many words there are, three numbers and two long ones. A word
# is followed by its count and its kind.
_FASTTEXT_SETTINGS_BYTES = 4 * (2 + 12) + 8
_FASTTEXT_COUNTS_BYTES = 4 * 3 + 8 * 2
_FASTTEXT_ENTRY_BYTES = 8 + 1
_PICKLE_MAGIC = b"\x80"


class FoundVectors(NamedTuple):
    """The vectors of some characters.

    width (int): How wide they are.
    by_char (Dict[str, Floats1d]): Those that there are.
    from_subwords (List[str]): Characters of these that the file does not hold, so that
        fastText makes up their vectors from parts of words.
    """

    width: int
    by_char: Dict[str, Floats1d]
    from_subwords: List[str]


def find_vectors(path: Path, chars: Iterable[str], *, binary: bool) -> FoundVectors:
    """Read the vectors of some characters.

    path (Path): A file in word2vec or fastText format, or the folder of a checkpoint.
    chars (Iterable[str]): The characters.
    binary (bool): Whether a file in word2vec format is binary.
    RETURNS (FoundVectors): Their vectors.
    RAISES (ValueError): If there is no such file, or it is broken.
    """
    if path.is_dir():
        of_checkpoint = read_checkpoint(path)
        width = len(next(iter(of_checkpoint.values())))
        by_char = {char: of_checkpoint[char] for char in chars if char in of_checkpoint}
        return FoundVectors(width, by_char, [])
    vectors = _read_with_gensim(path, binary)
    # What fastText has no part of either, it calls zero.
    by_char = {char: vectors[char] for char in chars if char in vectors}
    unknown = [char for char in by_char if char not in vectors.key_to_index]
    unheard_of = [char for char in unknown if not by_char[char].any()]
    for char in unheard_of:
        del by_char[char]
    from_subwords = [char for char in unknown if char in by_char]
    return FoundVectors(vectors.vector_size, by_char, from_subwords)


def _read_with_gensim(path: Path, binary: bool) -> Any:
    if not path.is_file():
        raise ValueError(Errors.MQ030.format(path=path))
    models = import_gensim_models()
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            start = file.read(4)
        if start == _FASTTEXT_MAGIC and path.suffix == ".gz":
            # numpy reads past what gensim hands it.
            raise ValueError("fastText's .bin must be unpacked first")
        if start == _FASTTEXT_MAGIC:
            _require_whole_vocabulary(path)
            return models.fasttext.load_facebook_vectors(str(path))
        if start.startswith(_PICKLE_MAGIC):
            # gensim's own format. It is not read: whoever wrote it could run any code.
            raise ValueError("it is a pickle")
        return models.KeyedVectors.load_word2vec_format(str(path), binary=binary)
    except Exception as error:  # gensim lets through whatever the parser hits
        raise ValueError(Errors.MQ031.format(path=path, error=repr(error))) from error


def _require_whole_vocabulary(path: Path) -> None:
    """Refuse a fastText file that ends within its vocabulary: gensim would look for the
    end of a word for ever."""
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        (n_words,) = struct.unpack_from("<i", data, _FASTTEXT_SETTINGS_BYTES)
        place = _FASTTEXT_SETTINGS_BYTES + _FASTTEXT_COUNTS_BYTES
        for _ in range(n_words):
            end = data.find(b"\0", place)
            if end < 0:
                raise ValueError("it ends within its vocabulary")
            place = end + 1 + _FASTTEXT_ENTRY_BYTES


def read_checkpoint(path: Path) -> Dict[str, Floats1d]:
    """Read the input embeddings of a BERT or ALBERT checkpoint, of the tokens that are
    one character. Those that continue a word, as ##字 does, are not taken: where such a
    model reads Chinese, every character is a token by itself. All vectors are scaled
    alike, to the spread of a new embedding.

    path (Path): A folder with `model.safetensors` and `vocab.txt`, as Hugging Face's
        transformers saves them.
    RETURNS (Dict[str, Floats1d]): Vectors by character.
    RAISES (ValueError): If a file is missing or broken, or holds no such embeddings.
    """
    for name in (WEIGHTS_FILE, VOCAB_FILE):
        if not (path / name).is_file():
            problem = f"it has no file {name}"
            raise ValueError(Errors.MQ036.format(path=path, problem=problem))
    try:
        lines = (path / VOCAB_FILE).read_text(encoding="utf8").split("\n")
    except UnicodeDecodeError as error:
        row = error.object[: error.start].count(b"\n") + 1
        problem = f"not UTF-8 ({error.reason}); save the file as UTF-8"
        raise ValueError(
            Errors.MQ048.format(path=path / VOCAB_FILE, row=row, problem=problem)
        ) from error
    tokens = [line.rstrip("\r") for line in lines]
    rows = {token: row for row, token in enumerate(tokens) if len(token) == 1}
    embeddings = _read_embeddings(path, len(tokens) - (tokens[-1] == ""))
    if not rows:
        problem = f"no token of {VOCAB_FILE} is a single character"
        raise ValueError(Errors.MQ036.format(path=path, problem=problem))
    vectors = embeddings[list(rows.values())].astype("float32")
    vectors *= _SPREAD / (vectors.std() or 1.0)
    return dict(zip(rows, vectors))


def _read_embeddings(path: Path, n_tokens: int) -> Floats2d:
    try:
        from safetensors import safe_open
    except ImportError as error:
        message = Errors.MQ001.format(
            name="character vectors", module="safetensors", error=error
        )
        raise ImportError(message) from error

    def wrong(problem: str) -> ValueError:
        return ValueError(Errors.MQ036.format(path=path, problem=problem))

    try:
        with safe_open(path / WEIGHTS_FILE, framework="numpy") as tensors:
            all_names = tensors.keys()
            names = [name for name in all_names if f".{name}".endswith(f".{EMBEDDINGS}")]
            if len(names) != 1:
                what = f"{len(names)} tensors" if names else "no tensor"
                raise wrong(f"{WEIGHTS_FILE} has {what} whose name ends in {EMBEDDINGS}")
            shape = tensors.get_slice(names[0]).get_shape()
            if len(shape) != 2 or shape[0] < n_tokens:
                raise wrong(
                    f"{names[0]} is {shape}, but {VOCAB_FILE} has {n_tokens} tokens"
                )
            if np.prod(shape, dtype="int64") > _MAX_NUMBERS:
                raise wrong(f"{names[0]} is {shape}, too large for characters' vectors")
            return tensors.get_tensor(names[0])
    except ValueError:
        raise
    except Exception as error:  # safetensors has its own, and numpy lacks some types
        raise wrong(f"{WEIGHTS_FILE} cannot be read ({error!r})") from error


def project(vectors: Floats2d, width: int) -> Tuple[Floats2d, float]:
    """Make vectors narrower by a principal component analysis; the same vectors give the
    same result.

    vectors (Floats2d): Vectors (rows, old width).
    width (int): The new width, below the old one.
    RETURNS (Tuple[Floats2d, float]): Vectors (rows, width), whose mean is zero, and the
        share of the variance that they keep. Fewer rows than the width leave columns zero.
    """
    centred = vectors - vectors.mean(axis=0, dtype="float64")
    left, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    # An axis may point either way: its largest number decides.
    signs = np.sign(np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1))
    components = left * sizes * signs[:, 0]
    projected = np.zeros((len(vectors), width), dtype="float32")
    projected[:, : components.shape[1]] = components[:, :width]
    total = (sizes**2).sum()
    return projected, float((sizes[:width] ** 2).sum() / total) if total else 1.0


def import_gensim_models() -> Any:
    """Import gensim, or say what is missing.

    RETURNS (module): `gensim.models`.
    RAISES (ImportError): Without the training extra.
    """
    try:
        from gensim import models
    except ImportError as error:
        raise ImportError(
            Errors.MQ001.format(name="character vectors", module="gensim", error=error)
        ) from error
    return models
