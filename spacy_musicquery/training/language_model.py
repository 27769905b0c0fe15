"""Pretraining on raw text, as a bidirectional language model (Peters et al. 2017,
https://arxiv.org/abs/1705.00108): what the LSTMs have read of a message predicts what comes
next, or what came before. A tagger then begins with their weights and the vectors, and with
nothing of the softmax that predicted."""

from itertools import pairwise
from typing import (
    Any,
    Callable,
    Dict,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
)

import numpy as np

from ..errors import Errors, require_number
from ..features.batches import PaddedBatch, cut, padded_batches
from ..features.bigrams import BigramInventory
from ..features.catalogue import Catalogue
from ..features.characters import PAD_ID, UNK_ID, code_points
from ..features.plain_text import as_read
from ..ml.load_keras import language_model_module
from ..ml.parameters import Parameters
from ..ml.shapes import NetworkSizes, array_shapes
from ..types import FloatsXd, Ints1d, Ints2d

# Stands for a name; Unicode assigns it to no character.
MASK = "\uffff"
# A name of one character is a word of every message: 我, 爱 and 听 are songs.
MIN_NAME = 2
# With fewer, nothing can be set apart to measure by.
MIN_TEXTS = 100
_HELD_OUT = 0.05
_MOST_HELD_OUT = 500
_NAME = "pretrain"
# Texts that names are looked for in at a time.
_TEXTS_AT_A_TIME = 10_000
# Characters of a padded batch, and characters that batches are put together from: texts of
# similar length come together, so that little is padding.
_BATCH_CHARS = 4096
_POOL_CHARS = 16 * _BATCH_CHARS
# What a state remembers of more is not worth the time.
_MAX_LENGTH = 128
# Characters that are drawn for the softmax of a step.
_N_SAMPLED = 256
_RATE = 0.01
_WARMUP_STEPS = 20
_N_REPORTS = 10


class Settings(NamedTuple):
    """How to pretrain.

    steps (int): How many batches, of about 4,000 characters each; at least 1.
    seed (int): Same texts and seed, same weights; at least 0.
    min_count (int): How often a character must occur to be known; at least 1.
    bigram_min_count (int): How often a pair of characters must; 0 for no pairs.
    char_dropout (float): Share of characters that are read as the unknown one, from 0 to
        below 1.
    """

    steps: int
    seed: int = 0
    min_count: int = 3
    bigram_min_count: int = 20
    char_dropout: float = 0.1


class Progress(NamedTuple):
    """How far it is.

    step (int): How many steps have been done.
    n_chars (int): How many characters have been read in them.
    loss (float): The mean loss of the steps since the last report, in nats, over a sample
        of characters: lower than that over all; NaN before the first step.
    perplexity (float): Among how many equally probable characters those of lines that are
        held out would be as hard to guess. Before the first step, that by how frequent
        characters are.
    """

    step: int
    n_chars: int
    loss: float
    perplexity: float


class Lines(NamedTuple):
    """Lines of raw text, ready to be trained on.

    train (List[str]): Those to learn from, with MASK in the place of names.
    held_out (List[str]): Those to measure by; none of them is among the others.
    n_masked (int): How many names were masked, in all texts that were given.
    """

    train: List[str]
    held_out: List[str]
    n_masked: int


def prepare(texts: Sequence[str], catalogue: Catalogue, *, seed: int) -> Lines:
    """Mask names, and set lines apart.

    texts (Sequence[str]): Raw text, a message each.
    catalogue (Catalogue): What names are to be masked.
    seed (int): Draws the lines that are set apart.
    RETURNS (Lines): The lines, each once.
    RAISES (ValueError): If there are fewer than MIN_TEXTS.
    """
    masked = mask_names([as_read(text) for text in texts], catalogue)
    lines = [line for line in dict.fromkeys(masked) if line.strip(MASK + " \t")]
    n = len(lines)
    if n < MIN_TEXTS:
        raise ValueError(
            Errors.MQ450.format(name=_NAME, n=n, least=MIN_TEXTS, given=len(texts))
        )
    n_held_out = min(_MOST_HELD_OUT, int(n * _HELD_OUT))
    chosen = np.random.default_rng(seed).permutation(n)[:n_held_out]
    held_out = [lines[i] for i in chosen]
    is_chosen = set(held_out)
    train = [line for line in lines if line not in is_chosen]
    return Lines(train, held_out, sum(line.count(MASK) for line in masked))


def mask_names(texts: Sequence[str], catalogue: Catalogue) -> List[str]:
    """Put one character in the place of each name. Where names overlap, it is one for all of
    them, so that no part of any is left.

    texts (Sequence[str]): Any texts.
    catalogue (Catalogue): The names; those shorter than MIN_NAME are left where they are.
    RETURNS (List[str]): The texts, with MASK in the place of names.
    """
    masked: List[str] = []
    for begin in range(0, len(texts), _TEXTS_AT_A_TIME):
        masked += _masked(texts[begin : begin + _TEXTS_AT_A_TIME], catalogue)
    return masked


def _masked(texts: Sequence[str], catalogue: Catalogue) -> List[str]:
    lengths = np.fromiter(map(len, texts), dtype="int64", count=len(texts))
    found = catalogue.find_all(texts, lengths)
    is_long = found.lengths >= MIN_NAME
    starts, ends = found.starts[is_long], (found.starts + found.lengths)[is_long]
    codes = code_points("".join(texts)).copy()
    # How many names each character is in, and how many it is in and does not begin.
    depths = np.zeros((2, len(codes) + 1), dtype="int64")
    for of_kind, begins in zip(depths, (starts, starts + 1)):
        np.add.at(of_kind, begins, 1)
        np.add.at(of_kind, ends, -1)
    is_in, is_behind = depths.cumsum(axis=1)[:, :-1] > 0
    codes[is_in] = ord(MASK)
    kept = codes[~is_behind].tobytes().decode("utf-32-le", "surrogatepass")
    text_ends = np.append(0, np.cumsum(~is_behind))[np.append(0, lengths.cumsum())]
    return [kept[start:end] for start, end in pairwise(text_ends)]


def pretrain(
    parameters: Parameters,
    lines: Lines,
    widths: Mapping[str, int],
    settings: Settings,
    report: Callable[[Progress], None],
) -> Parameters:
    """Train characters' and pairs' vectors and the LSTMs on raw text.

    parameters (Parameters): What says how texts are normalised.
    lines (Lines): The text.
    widths (Mapping[str, int]): The sizes that a config tells, as `KerasShim.settings`.
    settings (Settings): How to.
    report (Callable[[Progress], None]): Called before the first step, after the last one,
        and some times between.
    RETURNS (Parameters): Those at the step where the perplexity of the lines that are held
        out was lowest, without labels: a head of zeros, which `growth` adds tags to.
    RAISES (ValueError): If a setting is not allowed, no character is frequent enough, or
        the loss is not finite.
    """
    leasts = {"steps": 1, "seed": 0, "min_count": 1, "bigram_min_count": 0}
    for setting, least in leasts.items():
        require_number(
            _NAME, setting, getattr(settings, setting), at_least=least, whole=True
        )
    require_number(_NAME, "char_dropout", settings.char_dropout, at_least=0, below=1)
    parameters = _knowing_characters(parameters, lines.train, settings)
    sizes = NetworkSizes(
        n_chars=len(parameters.characters),
        n_tags=1,
        n_bigrams=len(parameters.bigrams) if settings.bigram_min_count else 0,
        **widths,
    )
    text = _Text(parameters, sizes, lines.train, settings.char_dropout)
    held_out = list(_Text(parameters, sizes, lines.held_out, 0.0).batches(None))
    if not ((text.targets >= 0).any() and held_out):
        raise ValueError(Errors.MQ451.format(name=_NAME, min_count=settings.min_count))
    # One more of each, as of the lines held out some may hold what the others do not.
    counts = np.bincount(text.targets[text.targets >= 0], minlength=sizes.n_chars) + 1
    network = language_model_module(_NAME).CharLanguageModel(
        sizes, counts, seed=settings.seed
    )
    random = np.random.default_rng(settings.seed)
    ends = np.cumsum(counts / counts.sum())
    batches = _endless(text, random)
    best, lowest = network.arrays(), _perplexity(network, held_out)
    report(Progress(0, 0, float("nan"), lowest))
    n_chars, losses = 0, []
    every = max(1, settings.steps // _N_REPORTS)
    for step in range(1, settings.steps + 1):
        batch = next(batches)
        sampled = ends.searchsorted(random.random(_N_SAMPLED)).clip(max=sizes.n_chars - 1)
        rate = _rate(step, settings.steps)
        losses.append(network.update(*batch, sampled, rate))
        if not np.isfinite(losses[-1]):
            raise ValueError(Errors.MQ452.format(name=_NAME, step=step))
        n_chars += int((batch.ids[..., 0] != PAD_ID).sum())
        if step % every and step < settings.steps:
            continue
        perplexity = _perplexity(network, held_out)
        report(Progress(step, n_chars, float(np.mean(losses)), perplexity))
        losses = []
        if perplexity < lowest:
            best, lowest = network.arrays(), perplexity
    arrays: Dict[str, FloatsXd] = {
        name: best[name] if name in best else np.zeros(shape, dtype="float32")
        for name, shape in array_shapes(sizes).items()
    }
    return parameters.replace(sizes=sizes, arrays=arrays)


def _knowing_characters(
    parameters: Parameters, texts: Sequence[str], settings: Settings
) -> Parameters:
    """Know the characters and pairs of texts, but what stands for names."""
    without_names = (text.replace(MASK, "") for text in texts)
    characters = parameters.characters.learnt_from(
        without_names, min_count=settings.min_count
    )
    if not characters.chars:
        raise ValueError(Errors.MQ451.format(name=_NAME, min_count=settings.min_count))
    bigrams = BigramInventory.empty()
    if settings.bigram_min_count:
        bigrams = BigramInventory.learnt_from(
            *characters.encode(texts), min_count=settings.bigram_min_count
        )
    return parameters.replace(characters=characters, bigrams=bigrams)


class _Batch(NamedTuple):
    """What `CharLanguageModel.update` takes."""

    ids: np.ndarray
    places: Ints1d
    targets: Ints1d


class _Text:
    """Encoded lines.

    targets (Ints2d): What the state of each character, forwards and backwards, is to
        predict (characters, 2): PAD_ID for an end of the line, -1 for nothing.
    """

    def __init__(
        self,
        parameters: Parameters,
        sizes: NetworkSizes,
        texts: Sequence[str],
        dropout: float,
    ) -> None:
        self._bigrams, self._layout = parameters.bigrams, sizes.layout
        self._dropout = dropout
        self._chars, self._lengths = parameters.characters.encode(texts)
        self._ends = np.cumsum(self._lengths, dtype="int64")
        # With pairs, the vector of a character tells of its neighbours already.
        self.targets = _targets(self._chars, self._lengths, 2 if sizes.n_bigrams else 1)

    def batches(self, random: Optional[np.random.Generator]) -> Iterator[_Batch]:
        """All of the text once, in random order and with dropout; or in order, without."""
        order = np.arange(len(self._lengths))
        if random is not None:
            order = random.permutation(order)
        pool_ends = np.cumsum(self._lengths[order], dtype="int64") // _POOL_CHARS
        for pool in np.split(order, np.flatnonzero(np.diff(pool_ends)) + 1):
            batches = list(self._batches_of(pool, random))
            if random is not None:
                batches = [batches[i] for i in random.permutation(len(batches))]
            yield from (batch for batch in batches if len(batch.places))

    def _batches_of(
        self, lines: Ints1d, random: Optional[np.random.Generator]
    ) -> Iterator[_Batch]:
        lengths = self._lengths[lines]
        starts = (self._ends - self._lengths)[lines]
        places = np.arange(lengths.sum()) + (starts - lengths.cumsum() + lengths).repeat(
            lengths
        )
        chars = self._chars[places]
        if random is not None:
            chars = np.where(random.random(len(chars)) < self._dropout, UNK_ID, chars)
        pairs = self._bigrams.encode(chars, lengths) if self._layout.has_pairs else None
        rows = self._layout.rows(chars, pairs)
        pieces = cut(lengths, _MAX_LENGTH).lengths
        for batch in padded_batches(rows, pieces, _BATCH_CHARS, _BATCH_CHARS):
            yield _batch(batch, self.targets[places])


def _batch(batch: PaddedBatch, targets: Ints2d) -> _Batch:
    # 0 is what there is in the padding.
    padded = batch.gather(targets + 1)
    in_order = np.concatenate([padded[..., 0].ravel(), padded[..., 1].ravel()])
    places = np.flatnonzero(in_order)
    return _Batch(batch.ids, places.astype("int32"), in_order[places] - 1)


def _targets(chars: Ints1d, lengths: Ints1d, distance: int) -> Ints2d:
    """What is to be predicted: the nearest character that is not read. What is unknown, as a
    name is, is not predicted."""
    ends = np.cumsum(lengths, dtype="int64")
    bounds = (ends.repeat(lengths), (ends - lengths - 1).repeat(lengths))
    targets = np.full((len(chars), 2), -1, dtype="int32")
    for column, (step, bound) in enumerate(zip((distance, -distance), bounds)):
        places = np.arange(len(chars)) + step
        is_inside = places < bound if step > 0 else places > bound
        targets[is_inside, column] = chars[places[is_inside]]
        targets[places == bound, column] = PAD_ID
    targets[targets == UNK_ID] = -1
    return targets


def _endless(text: _Text, random: np.random.Generator) -> Iterator[_Batch]:
    while True:
        yield from text.batches(random)


def _perplexity(network: Any, batches: List[_Batch]) -> float:
    loss = sum(network.summed_loss(*batch) for batch in batches)
    return float(np.exp(loss / sum(len(batch.targets) for batch in batches)))


def _rate(step: int, steps: int) -> float:
    """The learning rate: rises, then falls to nothing."""
    rising = step / min(_WARMUP_STEPS, steps)
    falling = (steps + 1 - step) / steps
    return _RATE * min(rising, 1.0) * falling
