"""Thinc's view of the network: a `Shim` that trains it with Keras 3.

Thinc's own TensorFlow shim calls functions that Keras 3 no longer has. This one
keeps the weights as plain numpy arrays, and those are the truth: the optimizer
of the training config updates them, averages replace them, saving writes them.
The Keras network (for training) and the ONNX session (for predicting) are made
from the arrays when they are needed and follow them when they change.
"""

import contextlib
import os
from typing import (
    Any,
    Callable,
    Dict,
    Iterator,
    List,
    Optional,
    Sequence,
    Set,
    Tuple,
    cast,
)

import numpy as np
from thinc.api import Optimizer
from thinc.shims import Shim

from ..decoding.bio import crf_chain, softmax_chain
from ..decoding.linear_chain import LinearChain
from ..errors import Errors
from ..types import Floats2d, Floats3d, FloatsXd, Ints1d
from .learn_rates import LearnRates
from .onnx_graph import Precision, build_graph, graph_weights, stacked_vectors
from .onnx_session import EmissionSession
from .saved_weights import Weights, read_weights, write_weights
from .shapes import CONTEXT, TRANSITIONS, NetworkSizes, Untrained, array_shapes

# How far new vectors move apart before they are trained, a standard deviation.
_SPREAD = 0.1


class KerasShim(Shim):
    """The weights of a character BiLSTM, and what trains and runs them."""

    def __init__(
        self,
        *,
        embed_width: int,
        hidden_width: int,
        depth: int,
        window: int = 0,
        crf: bool = False,
        precision: Precision = "float32",
        threads: int = 1,
        spinning: bool = False,
    ) -> None:
        """Make a shim without weights: `initialize` or `from_bytes` brings them.

        embed_width (int): Width of the embedding.
        hidden_width (int): Units of the LSTM, in each direction.
        depth (int): Number of bidirectional LSTMs.
        window (int): Width of the convolution from the embedding to the tags; 0 for none.
        crf (bool): Whether transitions between tags are learnt.
        precision (str): Of the weights that predict: "float32" or "int8". What is
            trained and saved is float32 in any case.
        threads (int): Threads that one prediction may use.
        spinning (bool): Whether idle prediction threads wait actively.
        """
        super().__init__(None)
        self.settings = {
            "embed_width": embed_width,
            "hidden_width": hidden_width,
            "depth": depth,
            "window": window,
            "crf": int(crf),
        }
        self.precision = precision
        self.threads = threads
        self.spinning = spinning
        self.sizes: Optional[NetworkSizes] = None
        self.arrays: Dict[str, FloatsXd] = {}
        self.frozen: Tuple[str, ...] = ()
        self.learn_rates = LearnRates({}, component="music_query", depth=depth)
        self.untrained = Untrained()
        self._n_steps = 0
        # Arrays that an optimizer knows in another size.
        self._outgrown: Set[str] = set()
        self._equal_vectors: Dict[str, Ints1d] = {}
        # Made from the above when needed:
        self._network: Optional[Any] = None
        self._network_is_stale = True
        self._session: Optional[EmissionSession] = None
        self._known_chain: Optional[LinearChain] = None
        self._gradients: Dict[str, FloatsXd] = {}

    @property
    def weights(self) -> Weights:
        """RETURNS (Weights): What has been learnt, as `set_weights` takes it."""
        return Weights(self.sizes, self.arrays, self.frozen, self.untrained)

    @property
    def n_parameters(self) -> Tuple[int, int]:
        """RETURNS (Tuple[int, int]): How many parameters training changes, and how
        many are frozen.
        """
        counts = {name: array.size for name, array in self.arrays.items()}
        n_frozen = sum(n for name, n in counts.items() if self._is_frozen(name))
        return sum(counts.values()) - n_frozen, n_frozen

    @property
    def n_waiting(self) -> int:
        """RETURNS (int): How many of those that training changes wait for a schedule of
        theirs to begin.
        """
        return sum(
            array.size
            for name, array in self.arrays.items()
            if not self._is_frozen(name) and not self.learn_rates.factor(name, 0)
        )

    @property
    def chain(self) -> LinearChain:
        """RETURNS (LinearChain): The transitions between the tags that are trained."""
        if self.sizes is None:
            raise ValueError(Errors.MQ004.format(name="music_query"))
        if TRANSITIONS in self.arrays:
            return crf_chain(self.arrays[TRANSITIONS])
        return softmax_chain(self.sizes.n_tags)

    @property
    def known_chain(self) -> LinearChain:
        """RETURNS (LinearChain): The transitions between the tags that are predicted."""
        if self._known_chain is None:
            n_tags = self.known_sizes.n_tags
            if TRANSITIONS in self.arrays:
                transitions = self.arrays[TRANSITIONS][:n_tags, :n_tags]
                self._known_chain = crf_chain(transitions)
            else:
                self._known_chain = softmax_chain(n_tags)
        return self._known_chain

    @property
    def known_sizes(self) -> NetworkSizes:
        """RETURNS (NetworkSizes): The sizes of what predicts: without the tags and intents
        that have not been trained yet.
        """
        if self.sizes is None:
            raise ValueError(Errors.MQ004.format(name="music_query"))
        if not any(self.untrained):
            return self.sizes
        return self.sizes._replace(
            n_tags=self.sizes.n_tags - self.untrained.n_tags,
            n_intents=self.sizes.n_intents - self.untrained.n_intents,
        )

    def _is_frozen(self, name: str) -> bool:
        return name in self.frozen or self.learn_rates.is_frozen(name)

    def initialize(
        self,
        n_chars: int,
        n_tags: int,
        *,
        n_bigrams: int = 0,
        n_intents: int = 0,
        n_lexicon: int = 0,
        context_width: int = 0,
        seed: int,
    ) -> None:
        """Draw new weights.

        n_chars (int): Rows of the embedding, padding and unknown included.
        n_tags (int): Number of tags.
        n_bigrams (int): Number of bigrams, the unknown one included; 0 for none.
        n_intents (int): Number of intents; 0 for none.
        n_lexicon (int): What a character can be within names; 0 for no catalogue.
        context_width (int): Width of contextual vectors; 0 for none.
        seed (int): Seeds the weights.
        """
        sizes = NetworkSizes(
            n_chars=n_chars,
            n_tags=n_tags,
            n_bigrams=n_bigrams,
            n_intents=n_intents,
            n_lexicon=n_lexicon,
            context_width=context_width,
            **self.settings,
        )
        network = _network_module().CharBiLSTM(sizes, seed)
        self.sizes = sizes
        self.arrays = {
            name: np.array(variable.numpy()) for name, variable in network.arrays().items()
        }
        if sizes.crf:
            self.arrays[TRANSITIONS] = np.zeros((n_tags, n_tags), dtype="float32")
        self.frozen = ()
        self.untrained = Untrained()
        self._n_steps = 0
        self._outgrown = set()
        self._equal_vectors = {}
        self._forget_derived()
        self._network = network

    def resize(
        self,
        sizes: NetworkSizes,
        arrays: Dict[str, FloatsXd],
        new_vectors: Dict[str, Ints1d],
    ) -> None:
        """Replace the arrays by others, some of them larger. Tags and intents that come
        with them take no part in predictions before `wake`.

        sizes (NetworkSizes): The sizes; no number of tags or intents may shrink.
        arrays (Dict[str, FloatsXd]): By the names of `layout.array_shapes`.
        new_vectors (Dict[str, Ints1d]): Which rows of vectors are equal to the unknown one
            until `wake`, by the name of the array.
        """
        old = self.known_sizes
        self.untrained = Untrained(
            sizes.n_tags - old.n_tags, sizes.n_intents - old.n_intents
        )
        self._outgrown |= {
            name
            for name, array in arrays.items()
            if name in self.arrays and array.shape != self.arrays[name].shape
        }
        self._equal_vectors.update(new_vectors)
        self.sizes, self.arrays = sizes, arrays
        self._forget_derived()

    def wake(self) -> None:
        """Let all that has been added take part from now on: new tags and intents are
        predicted, and new vectors move apart, unless they are frozen, so that training can
        tell them from each other. Draws from numpy's generator."""
        if self._equal_vectors:
            arrays = dict(self.arrays)
            for name, rows in self._equal_vectors.items():
                if self._is_frozen(name):
                    continue
                arrays[name] = array = arrays[name].copy()
                noise = np.random.normal(0.0, _SPREAD, (len(rows), array.shape[1]))
                array[rows] += noise.astype("float32")
            self._equal_vectors = {}
            self.set_arrays(arrays)
        if any(self.untrained):
            self.untrained = Untrained()
            self._session, self._known_chain = None, None

    def start_training(self) -> None:
        """Let all that has been learnt be the beginning: schedules start over, and nothing
        is frozen but by them."""
        self.frozen = ()
        self._n_steps = 0

    def set_array(self, name: str, array: FloatsXd, *, trainable: bool) -> None:
        """Replace one of the arrays, for instance by pretrained vectors.

        name (str): One of `layout.array_shapes`.
        array (FloatsXd): Its new value, of the same shape.
        trainable (bool): Whether training may change it from now on.
        """
        self.set_arrays({**self.arrays, name: np.array(array, dtype="float32")})
        self.frozen = tuple(n for n in self.frozen if n != name)
        if not trainable:
            self.frozen += (name,)

    def predict(self, inputs: Sequence[np.ndarray]) -> List[FloatsXd]:
        """Compute emissions and scores of intents, without TensorFlow.

        inputs (Sequence[np.ndarray]): Padded ids (texts, longest, n), the length of
            each text, none of them 0; and contextual vectors (texts, longest, width) if
            the network takes them.
        RETURNS (List[FloatsXd]): Emissions (texts, longest, tags), and scores of
            intents (texts, intents) if there are any.
        """
        if self._session is None:
            self._session = self._make_session()
        return self._session(*inputs)

    def begin_update(
        self, inputs: Tuple[Any, ...]
    ) -> Tuple[Tuple[Floats3d, Floats2d], Callable[[Floats3d, Floats2d], None]]:
        """Compute emissions and scores of intents for training.

        inputs (Tuple[Any, ...]): Padded ids (texts, longest, n), the dropout; and
            contextual vectors as for `predict`.
        RETURNS (Tuple[Tuple[Floats3d, Floats2d], Callable]): Emissions (texts, longest,
            tags) and scores of intents (texts, intents); and a callback that takes the
            gradients with respect to both and adds to the gradients of the arrays,
            which `finish_update` consumes.
        """
        network = self._synced_network()
        ids, dropout, *context = inputs
        seed = np.random.randint(2**31, size=2, dtype="int32")
        dropped = (ids, np.float32(dropout), seed)
        emissions, intents = map(np.array, network.forward(*dropped, *context))

        def backprop(d_emissions: Floats3d, d_intents: Floats2d) -> None:
            gradients = network.backward(*dropped, d_emissions, d_intents, *context)
            for name, gradient in zip(network.arrays(), gradients):
                self.add_gradient(name, np.array(gradient))

        return (emissions, intents), backprop

    def add_gradient(self, name: str, gradient: FloatsXd) -> None:
        """Add to the gradient of an array, unless it is frozen.

        name (str): One of `layout.array_shapes`.
        gradient (FloatsXd): Of the same shape.
        """
        if not self._is_frozen(name):
            self._gradients[name] = self._gradients.get(name, 0.0) + gradient

    def take_gradients(self) -> Dict[str, FloatsXd]:
        """RETURNS (Dict[str, FloatsXd]): The gradients so far, which are none from now on."""
        gradients, self._gradients = self._gradients, {}
        return gradients

    def finish_update(self, optimizer: Optimizer) -> None:
        """Let an optimizer change the arrays by the gradients so far.

        optimizer (Optimizer): The optimizer; or any other function of a key, weights and
            gradients, such as `Language.rehearse` passes, which cannot be told how fast
            each layer learns.
        """
        arrays = dict(self.arrays)
        gradients = self.take_gradients()
        for name, gradient in gradients.items():
            rate = self.learn_rates.factor(name, self._n_steps)
            if not rate:
                continue  # or weight decay would change it
            # The optimizer works in place; whoever holds the array keeps the old one.
            weights: Any = arrays[name].copy()
            key, options = (self.id, name), {}
            if isinstance(optimizer, Optimizer):
                options["lr_scale"] = rate
                if name in self._outgrown:
                    _start_over(optimizer, key, weights)
                    self._outgrown.remove(name)
            arrays[name], _ = optimizer(key, weights, cast(Any, gradient), **options)
        if isinstance(optimizer, Optimizer):
            self._n_steps += 1
        if not gradients:
            return
        self.set_arrays(arrays)

    @contextlib.contextmanager
    def use_params(self, params: Dict[Any, FloatsXd]) -> Iterator[None]:
        """Use other values for the arrays within a `with` block, such as the
        averages that an optimizer keeps.

        params (Dict[Any, FloatsXd]): By (id of the shim, name of the array).
        """
        original = self.arrays
        replaced = {
            name: params[(self.id, name)] for name in original if (self.id, name) in params
        }
        if not replaced:
            yield
            return
        self.set_arrays({**original, **replaced})
        try:
            yield
        finally:
            self.set_arrays(original)

    def round_to_half(self) -> None:
        """Round the arrays to half precision, but those that training leaves as they are.
        They go on being float32."""
        self.set_arrays(
            {
                name: array
                if self._is_frozen(name)
                else array.astype("float16").astype("float32")
                for name, array in self.arrays.items()
            }
        )

    def to_device(self, device_type: str, device_id: int) -> None:
        """Does nothing: TensorFlow places its own tensors, and the arrays stay on
        the CPU, where predicting happens."""

    def to_bytes(self) -> bytes:
        """RETURNS (bytes): The arrays and sizes. An array that half precision can
        hold, as `round_to_half` leaves it, takes half the space.
        """
        return write_weights(self.weights)

    def from_bytes(self, data: bytes) -> "KerasShim":
        """Load what `to_bytes` wrote.

        data (bytes): The bytes.
        RETURNS (KerasShim): The shim itself.
        RAISES (SavedModelError): If the bytes are damaged, or are of another network
            than the config describes; the shim stays as it was.
        """
        self.set_weights(read_weights(data, self.settings))
        return self

    def set_weights(self, weights: Weights) -> None:
        """Become another network.

        weights (Weights): Its weights.
        """
        self.sizes, self.arrays, self.frozen, self.untrained = weights
        self._n_steps = 0
        self._outgrown = set()
        self._equal_vectors = {}
        self._forget_derived()

    def _make_session(self) -> EmissionSession:
        shapes = array_shapes(self.known_sizes)
        arrays = {name: self.arrays[name][_corner(shape)] for name, shape in shapes.items()}
        return EmissionSession(
            build_graph(self.known_sizes, self.precision),
            graph_weights(arrays, self.precision),
            stacked_vectors(arrays),
            arrays.get(CONTEXT),
            threads=self.threads,
            spinning=self.spinning,
        )

    def _synced_network(self) -> Any:
        """The Keras network, holding the arrays as they are now."""
        if self._network is None:
            if self.sizes is None:
                raise ValueError(Errors.MQ004.format(name="music_query"))
            self._network = _network_module().CharBiLSTM(self.sizes, seed=0)
        if self._network_is_stale:
            for name, variable in self._network.arrays().items():
                variable.assign(self.arrays[name])
            self._network_is_stale = False
        return self._network

    def set_arrays(self, arrays: Dict[str, FloatsXd]) -> None:
        """Replace all arrays.

        arrays (Dict[str, FloatsXd]): By the names of `layout.array_shapes`.
        """
        self.arrays = arrays
        self._network_is_stale = True
        self._session = None
        self._known_chain = None

    def _forget_derived(self) -> None:
        """Drop whatever is made from the arrays."""
        self._network = None
        self._network_is_stale = True
        self._session = None
        self._known_chain = None
        self._gradients = {}

    def __getstate__(self) -> Dict[str, Any]:
        state = self.__dict__.copy()
        for derived in ("id", "_network", "_session", "_known_chain", "_gradients"):
            del state[derived]
        return state

    def __setstate__(self, state: Dict[str, Any]) -> None:
        # A copy gets an id of its own: optimizers and averages tell shims by it.
        super().__init__(None)
        self.__dict__.update(state)
        self._forget_derived()


def _network_module() -> Any:
    """Import the Keras network.

    RAISES (ImportError): Without the training extra, or on another Keras backend.
    """
    # TensorFlow greets every process with a page about CPU instructions.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # The operations are small: sharing them among threads costs more than it saves.
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    try:
        import keras
        import tensorflow  # noqa: F401
    except ImportError as error:
        module = getattr(error, "name", None) or "tensorflow"
        raise ImportError(
            Errors.MQ001.format(name="music_query", module=module, error=error)
        ) from error
    if keras.backend.backend() != "tensorflow":
        raise ImportError(
            Errors.MQ002.format(name="music_query", backend=keras.backend.backend())
        )
    from . import keras_network as network

    return network


def _corner(shape: Tuple[int, ...]) -> Tuple[slice, ...]:
    """Where an array of this shape lies in one that has grown."""
    return tuple(map(slice, shape))


def _start_over(optimizer: Optimizer, key: Any, weights: FloatsXd) -> None:
    """Let an optimizer forget what it keeps of an array that had another size."""
    for kept in (optimizer.mom1, optimizer.mom2, optimizer.nr_update):
        cast(Dict[Any, Any], kept).pop(key, None)
    if optimizer.averages is not None:
        optimizer.averages[key] = cast(Any, weights.copy())
