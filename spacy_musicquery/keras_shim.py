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
    Tuple,
    cast,
    get_args,
)

import numpy as np
import srsly
from thinc.api import Optimizer
from thinc.shims import Shim

from .bio import crf_chain, softmax_chain
from .errors import Errors, SavedModelError
from .layout import TRANSITIONS, NetworkSizes, array_shapes
from .linear_chain import LinearChain
from .onnx_graph import Precision, build_graph, graph_weights
from .onnx_session import EmissionSession
from .types import Floats2d, Floats3d, FloatsXd

_FORMAT = 4


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
        # Made from the above when needed:
        self._graphs: Dict[str, bytes] = {}
        self._network: Optional[Any] = None
        self._network_is_stale = True
        self._session: Optional[EmissionSession] = None
        self._chain: Optional[LinearChain] = None
        self._gradients: Dict[str, FloatsXd] = {}

    @property
    def n_parameters(self) -> Tuple[int, int]:
        """RETURNS (Tuple[int, int]): How many parameters training changes, and how
        many are frozen.
        """
        counts = {name: array.size for name, array in self.arrays.items()}
        n_frozen = sum(counts[name] for name in self.frozen)
        return sum(counts.values()) - n_frozen, n_frozen

    @property
    def chain(self) -> LinearChain:
        """RETURNS (LinearChain): The transitions between tags."""
        if self._chain is None:
            if self.sizes is None:
                raise ValueError(Errors.MQ004.format(name="music_query"))
            if TRANSITIONS in self.arrays:
                self._chain = crf_chain(self.arrays[TRANSITIONS])
            else:
                self._chain = softmax_chain(self.sizes.n_tags)
        return self._chain

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
        self._graphs = {}
        self._forget_derived()
        self._network = network

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
        if name not in self.frozen:
            self._gradients[name] = self._gradients.get(name, 0.0) + gradient

    def finish_update(self, optimizer: Optimizer) -> None:
        """Let an optimizer change the arrays by the gradients so far.

        optimizer (Optimizer): The optimizer.
        """
        if not self._gradients:
            return
        arrays = dict(self.arrays)
        for name, gradient in self._gradients.items():
            # The optimizer works in place; whoever holds the array keeps the old one.
            weights: Any = arrays[name].copy()
            arrays[name], _ = optimizer((self.id, name), weights, cast(Any, gradient))
        self._gradients = {}
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
        """Round all arrays to half precision. They go on being float32."""
        self.set_arrays(
            {
                n: array.astype("float16").astype("float32")
                for n, array in self.arrays.items()
            }
        )

    def to_device(self, device_type: str, device_id: int) -> None:
        """Does nothing: TensorFlow places its own tensors, and the arrays stay on
        the CPU, where predicting happens."""

    def to_bytes(self) -> bytes:
        """RETURNS (bytes): The arrays, sizes and graph. An array that half precision can
        hold, as `round_to_half` leaves it, takes half the space.
        """
        message: Dict[str, Any] = {"format": _FORMAT, "sizes": None}
        if self.sizes is not None:
            message.update(
                sizes=list(self.sizes),
                arrays={name: _smallest(array) for name, array in self.arrays.items()},
                frozen=list(self.frozen),
                graphs=self._onnx_graphs(),
            )
        return srsly.msgpack_dumps(message)

    def from_bytes(self, data: bytes) -> "KerasShim":
        """Load what `to_bytes` wrote.

        data (bytes): The bytes.
        RETURNS (KerasShim): The shim itself.
        RAISES (SavedModelError): If the bytes are damaged, or are of another network
            than the config describes; the shim stays as it was.
        """
        message = srsly.msgpack_loads(data)
        _require(
            isinstance(message, dict) and message.get("format") == _FORMAT,
            f"it is not of format {_FORMAT}",
        )
        if message["sizes"] is None:
            self.sizes, self.arrays, self.frozen, self._graphs = None, {}, (), {}
        else:
            sizes = self._checked_sizes(message["sizes"])
            arrays = _checked_arrays(message.get("arrays"), sizes)
            frozen, graphs = message.get("frozen"), message.get("graphs")
            _require(isinstance(frozen, list), "it does not say what is frozen")
            precisions = list(get_args(Precision))
            complete = isinstance(graphs, dict) and list(graphs) == precisions
            _require(complete, f"it does not hold the graphs for {precisions}")
            self.sizes, self.arrays, self._graphs = sizes, arrays, graphs
            self.frozen = tuple(frozen)
        self._forget_derived()
        return self

    def _checked_sizes(self, saved: Sequence[int]) -> NetworkSizes:
        # Pipelines from before there were contextual vectors do not say so.
        n_sizes = len(NetworkSizes._fields)
        _require(len(saved) in (n_sizes - 1, n_sizes), f"the sizes are {saved!r}")
        sizes = NetworkSizes(*saved)
        for name, configured in self.settings.items():
            if getattr(sizes, name) != configured:
                raise SavedModelError(
                    Errors.MQ022.format(
                        name="music_query",
                        setting=name,
                        saved=getattr(sizes, name),
                        configured=configured,
                    )
                )
        return sizes

    def _onnx_graphs(self) -> Dict[str, bytes]:
        """The graphs for all precisions: where they are loaded, `onnx` may be missing."""
        if not self._graphs:
            assert self.sizes is not None
            self._graphs = {p: build_graph(self.sizes, p) for p in get_args(Precision)}
        return self._graphs

    def _make_session(self) -> EmissionSession:
        if self.sizes is None:
            raise ValueError(Errors.MQ004.format(name="music_query"))
        return EmissionSession(
            self._onnx_graphs()[self.precision],
            graph_weights(self.arrays, self.precision),
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
        self._chain = None

    def _forget_derived(self) -> None:
        """Drop whatever is made from the arrays."""
        self._network = None
        self._network_is_stale = True
        self._session = None
        self._chain = None
        self._gradients = {}

    def __getstate__(self) -> Dict[str, Any]:
        state = self.__dict__.copy()
        for derived in ("id", "_network", "_session", "_chain", "_gradients"):
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
    from . import network

    return network


def _checked_arrays(arrays: Any, sizes: NetworkSizes) -> Dict[str, FloatsXd]:
    """Check saved arrays against the sizes, so that damage shows here and not
    deep inside a runtime."""
    shapes = array_shapes(sizes)
    _require(isinstance(arrays, dict) and list(arrays) == list(shapes), "arrays missing")
    for name, shape in shapes.items():
        array = arrays[name]
        _require(
            isinstance(array, np.ndarray)
            and array.dtype in (np.float32, np.float16)
            and array.shape == shape,
            f"the array '{name}' does not have the shape {shape}",
        )
        _require(bool(np.isfinite(array).all()), f"the array '{name}' is not finite")
    return {name: np.array(array, dtype="float32") for name, array in arrays.items()}


def _smallest(array: FloatsXd) -> FloatsXd:
    """The array in half precision, if that changes nothing."""
    with np.errstate(over="ignore"):
        half = array.astype("float16")
    return half if np.array_equal(half, array) else array


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise SavedModelError(Errors.MQ021.format(name="music_query", problem=problem))
