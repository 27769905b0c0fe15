"""What predicts: made from parameters when it is first needed."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, List, Optional, Tuple, cast

import numpy as np

from ..decoding.bio import CharSpan
from ..decoding.emissions import Emissions
from ..errors import Errors
from ..features.name_matches import n_features
from ..types import Floats2d
from ..vectors.encoder import FrozenEncoder
from .numpy_tagger import NumpyTagger
from .parameters import Parameters, require_network
from .shapes import CONTEXT

try:
    from .compiled_tagger import CompiledTagger as Tagger
except ImportError:  # where there was no compiler
    Tagger = NumpyTagger  # type: ignore[assignment, misc]

# With fewer characters, a part of a batch is not worth a thread.
_LEAST_CHARS = 512


class Predictor:
    """Tags texts with the weights of one moment.

    chain (LinearChain): The transitions between the tags that are predicted.
    """

    def __init__(self, parameters: Parameters, component: str, *, threads: int) -> None:
        """Make a predictor.

        parameters (Parameters): What has been learnt.
        component (str): The component's name, for the error.
        threads (int): Threads that one call may use.
        RAISES (ValueError): If nothing has been learnt, or not of these characters.
        """
        require_network(parameters, component)
        trained = parameters.trained
        problem = _rows_beyond(trained)
        if problem is not None:
            raise ValueError(Errors.MQ200.format(name=component, problem=problem))
        self.chain = trained.chain()
        self._parameters = parameters
        self._projection = trained.arrays.get(CONTEXT)
        self._encoder = trained.encoder
        self._tagger: Any = Tagger(trained, self.chain)
        self._threads = threads

    def is_of(self, parameters: Parameters) -> bool:
        """Tell whether this still predicts what parameters say.

        parameters (Parameters): Any.
        RETURNS (bool): Whether their network, characters and pairs are those that this was
            made from.
        """
        if parameters is self._parameters:
            return True
        is_same = zip(_identity(parameters), _identity(self._parameters))
        return all(a is b for a, b in is_same)

    def emissions(self, parameters: Parameters, texts: List[str]) -> Emissions:
        """Score all characters of texts, and the texts.

        parameters (Parameters): Those of this predictor, whose catalogue is looked at.
        texts (List[str]): The texts.
        RETURNS (Emissions): Scores of tags and of intents.
        """
        parts = self._in_parts(self._tagger.emissions, parameters, texts)
        data, intents = parts[0]
        if len(parts) > 1:
            data, intents = (np.concatenate(of_parts) for of_parts in zip(*parts))
        lengths = np.fromiter(map(len, texts), "int32", len(texts))
        return Emissions(data, lengths, self.chain, intents)

    def find(
        self, parameters: Parameters, texts: List[str]
    ) -> Tuple[List[CharSpan], List[List[float]]]:
        """Find the spans of texts.

        parameters (Parameters): Those of this predictor, whose catalogue is looked at.
        texts (List[str]): The texts.
        RETURNS (Tuple[List[CharSpan], List[List[float]]]): The spans, by text and start, as
            tuples; and the probabilities of the intents of each text.
        """
        parts = self._in_parts(self._tagger.find, parameters, texts)
        spans, probabilities = parts[0]
        for further, (of_part, of_texts) in zip(self._begins(texts)[1:], parts[1:]):
            spans += [(text + further, *place) for text, *place in of_part]
            probabilities += of_texts
        return spans, probabilities

    def _in_parts(
        self, function: Callable[..., Any], parameters: Parameters, texts: List[str]
    ) -> List[Any]:
        """Call a function of the tagger, for large batches in several threads: its results
        for each part of the texts."""
        catalogue = parameters.catalogue
        begins = self._begins(texts)

        def of_part(begin: int, end: int) -> Any:
            part = texts[begin:end]
            return function(part, catalogue, self._context(part))

        if len(begins) == 1:
            return [function(texts, catalogue, self._context(texts))]
        with ThreadPoolExecutor(len(begins)) as pool:
            return list(pool.map(of_part, begins, [*begins[1:], len(texts)]))

    def _begins(self, texts: List[str]) -> List[int]:
        """Where the part of each thread begins, with about as many characters each."""
        if self._threads == 1 or len(texts) == 1:
            return [0]
        ends = np.cumsum([len(text) for text in texts])
        n_parts = max(1, min(self._threads, int(ends[-1]) // _LEAST_CHARS))
        shares = ends[-1] * np.arange(n_parts) / n_parts
        return np.unique(ends.searchsorted(shares)).tolist()

    def _context(self, texts: List[str]) -> Optional[Floats2d]:
        """What the encoder adds to the vectors of characters; None without one."""
        if self._projection is None:
            return None
        return cast(FrozenEncoder, self._encoder)(texts, cache=False) @ self._projection


def _identity(parameters: Parameters) -> Tuple[Any, ...]:
    return (
        parameters.arrays,
        parameters.untrained,
        parameters.characters,
        parameters.bigrams,
        parameters.encoder,
        parameters.catalogue.types,
    )


def _rows_beyond(parameters: Parameters) -> Optional[str]:
    """Compare characters, pairs and types of names with the vectors: no row may be beyond,
    as nothing looks when one is read.

    RETURNS (Optional[str]): What does not fit, in words; None if all does.
    """
    sizes = parameters.sizes
    assert sizes is not None
    n_names = n_features(len(parameters.catalogue.types))
    pairs = parameters.bigrams
    if len(parameters.characters) > sizes.n_chars:
        return f"{len(parameters.characters)} characters and {sizes.n_chars} vectors"
    if sizes.n_bigrams and len(pairs) > sizes.n_bigrams:
        return f"{len(pairs)} pairs of characters and {sizes.n_bigrams} vectors"
    if sizes.n_bigrams and pairs.pairs.max(initial=0) >= sizes.n_chars:
        return "pairs of characters without vectors"
    if n_names > sizes.n_lexicon:
        return f"{n_names} places in names and {sizes.n_lexicon} vectors"
    return None
