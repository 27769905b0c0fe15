"""Thinc's view of the network: a `Shim` that trains it with Keras 3.

Thinc's own TensorFlow shim calls functions that Keras 3 no longer has. This one holds
`Parameters`, whose arrays are plain numpy, and those are the truth: the optimizer of the
training config updates them, averages replace them, saving writes them. The Keras network
(for training) and the predictor are made from them when they are needed.

Longer than other modules, as thinc's protocol of a shim is one class.
"""

import contextlib
from typing import (
    Any,
    Callable,
    Dict,
    Iterator,
    Mapping,
    Optional,
    Tuple,
    cast,
)

import numpy as np
from thinc.api import Optimizer
from thinc.shims import Shim

from ..locks import fork_safe_lock
from ..types import Floats2d, Floats3d, FloatsXd
from .learn_rates import LearnRates
from .load_keras import network_module
from .parameters import Parameters, require_network
from .predictor import Predictor
from .saved_weights import read_weights, write_weights
from .shapes import TRANSITIONS, NetworkSizes, Untrained

# One thread at a time replaces some of what has been learnt.
_CHANGING = fork_safe_lock()
# How far new vectors move apart before they are trained, a standard deviation.
_SPREAD = 0.1


class KerasShim(Shim):
    """What a character BiLSTM has learnt, and what trains and runs it.

    parameters (Parameters): What it has learnt. `exchange` replaces them.
    component (str): The name of the component, for errors.
    """

    def __init__(
        self,
        parameters: Parameters,
        *,
        embed_width: int,
        hidden_width: int,
        depth: int,
        window: int = 0,
        crf: bool = False,
        threads: int = 1,
    ) -> None:
        """Make a shim.

        parameters (Parameters): Those without a network: `initialize` or `from_bytes`
            brings it.
        embed_width (int): Width of the embedding.
        hidden_width (int): Units of the LSTM, in each direction.
        depth (int): Number of bidirectional LSTMs.
        window (int): Width of the convolution from the embedding to the tags; 0 for none.
        crf (bool): Whether transitions between tags are learnt.
        threads (int): Threads that one prediction may use.
        """
        super().__init__(None)
        self.parameters = parameters
        self.component = "music_query"
        self.settings = {
            "embed_width": embed_width,
            "hidden_width": hidden_width,
            "depth": depth,
            "window": window,
            "crf": int(crf),
        }
        self.threads = threads
        self.learn_rates = LearnRates({}, component=self.component, depth=depth)
        self._n_steps = 0
        self._gradients: Dict[str, FloatsXd] = {}
        # Made from the parameters when needed.
        self._predictor: Optional[Predictor] = None

    @property
    def arrays(self) -> Mapping[str, FloatsXd]:
        """The weights. RETURNS (Mapping[str, FloatsXd]): Those of the parameters."""
        return self.parameters.arrays

    @property
    def sizes(self) -> Optional[NetworkSizes]:
        """The sizes of the network. RETURNS (Optional[NetworkSizes]): None for none."""
        return self.parameters.sizes

    @property
    def n_parameters(self) -> Tuple[int, int]:
        """Count weights.

        RETURNS (Tuple[int, int]): How many training changes, and how many are frozen.
        """
        counts = {name: array.size for name, array in self.arrays.items()}
        n_frozen = sum(n for name, n in counts.items() if self.is_frozen(name))
        return sum(counts.values()) - n_frozen, n_frozen

    @property
    def n_waiting(self) -> int:
        """Count weights that training does not change at first.

        RETURNS (int): How many of those that it changes wait for a schedule of theirs to
            begin.
        """
        return sum(
            array.size
            for name, array in self.arrays.items()
            if not self.is_frozen(name) and not self.learn_rates.factor(name, 0)
        )

    def is_frozen(self, name: str) -> bool:
        """Tell whether training leaves an array as it is.

        name (str): One of `shapes.array_shapes`.
        RETURNS (bool): Whether it does, at every step.
        """
        return name in self.parameters.frozen or self.learn_rates.is_frozen(name)

    def get_predictor(self, parameters: Parameters) -> Predictor:
        """What predicts with parameters, made anew if those it was made from are others.

        parameters (Parameters): This shim's, as whoever predicts has read them.
        RETURNS (Predictor): The predictor.
        RAISES (ValueError): If nothing has been learnt yet.
        """
        predictor = self._predictor
        if predictor is None or not predictor.is_of(parameters):
            predictor = Predictor(parameters, self.component, threads=self.threads)
            self._predictor = predictor
        return predictor

    def initialize(self, parameters: Parameters, sizes: NetworkSizes, *, seed: int) -> None:
        """Draw the weights of a new network.

        parameters (Parameters): The characters and all else that it is to be for.
        sizes (NetworkSizes): Its sizes.
        seed (int): Seeds the weights.
        """
        arrays = network_module(self.component).initial_arrays(sizes, seed)
        if sizes.crf:
            arrays[TRANSITIONS] = np.zeros((sizes.n_tags, sizes.n_tags), dtype="float32")
        self.exchange(parameters.replace(sizes=sizes, arrays=arrays))

    def exchange(self, parameters: Parameters) -> None:
        """Know something else. If that is another network, schedules start over, and
        gradients are forgotten.

        parameters (Parameters): What to know.
        """
        if parameters.arrays is not self.arrays:
            self._n_steps = 0
            self._gradients = {}
            self._predictor = None
        self.parameters = parameters

    def change(self, **fields: Any) -> None:
        """Replace some of the parameters' fields, whatever becomes of the others at the
        same time in another thread.

        fields: Their new values, by name.
        """
        with _CHANGING:
            self.parameters = self.parameters.replace(**fields)
        if "arrays" in fields:
            self._predictor = None

    @contextlib.contextmanager
    def unchanged_on_error(self) -> Iterator[None]:
        """Take back what becomes of the parameters in a `with` block that fails."""
        before = self.parameters, self._n_steps, self._gradients
        try:
            yield
        except Exception:
            self.parameters, self._n_steps, self._gradients = before
            self._predictor = None
            raise

    def grow(self, parameters: Parameters) -> None:
        """Know more.

        parameters (Parameters): The grown ones, as `growth` makes them. What is new in
            them takes no part in predictions before `activate`.
        """
        self.parameters = parameters
        self._gradients = {}
        self._predictor = None

    def activate(self) -> None:
        """Let all that has been added take part from now on: new tags and intents are
        predicted, and new vectors move apart, unless they are frozen, so that training can
        tell them from each other. Draws from numpy's generator."""
        parameters = self.parameters
        if parameters.equal_vectors:
            arrays = dict(self.arrays)
            for name, rows in parameters.equal_vectors.items():
                if self.is_frozen(name):
                    continue
                arrays[name] = array = arrays[name].copy()
                noise = np.random.normal(0.0, _SPREAD, (len(rows), array.shape[1]))
                array[rows] += noise.astype("float32")
            self.change(arrays=arrays, equal_vectors={})
        if any(parameters.untrained):
            self.change(untrained=Untrained())

    def start_training(self) -> None:
        """Let all that has been learnt be the beginning: schedules start over, and nothing
        is frozen but by them."""
        self.change(frozen=())
        self._n_steps = 0

    def set_array(self, name: str, array: FloatsXd, *, trainable: bool) -> None:
        """Replace one of the arrays, for instance by pretrained vectors.

        name (str): One of `shapes.array_shapes`.
        array (FloatsXd): Its new value, of the same shape.
        trainable (bool): Whether training may change it from now on.
        """
        frozen = tuple(n for n in self.parameters.frozen if n != name)
        self.change(
            arrays={**self.arrays, name: np.array(array, dtype="float32")},
            frozen=frozen if trainable else (*frozen, name),
        )

    def begin_update(
        self, inputs: Tuple[Any, ...]
    ) -> Tuple[
        Tuple[Floats3d, Floats2d, Floats2d], Callable[[Floats3d, Floats2d, Floats2d], None]
    ]:
        """Compute emissions, scores of intents and vectors of utterances for training.

        inputs (Tuple[Any, ...]): Padded rows (texts, longest, n), the dropout; and
            contextual vectors (texts, longest, width) if the network takes them.
        RETURNS (Tuple[Tuple[Floats3d, Floats2d, Floats2d], Callable]): Emissions (texts,
            longest, tags), scores of intents (texts, intents) and vectors of the texts
            (texts, width); and a callback that takes the gradients with respect to these
            and adds to the gradients of the arrays, which `finish_update` consumes.
        """
        parameters = self.parameters
        arrays = parameters.arrays
        sizes = require_network(parameters, self.component)
        network = network_module(self.component).shared_network(sizes)
        ids, dropout, *context = inputs
        seed = np.random.randint(2**31, size=2, dtype="int32")
        dropped = (ids, np.float32(dropout), seed)
        with network.holding(arrays):
            outputs = network.forward(*dropped, *context)
        emissions, intents, utterances = map(np.array, outputs)

        def backprop(
            d_emissions: Floats3d, d_intents: Floats2d, d_utterances: Floats2d
        ) -> None:
            d_outputs = (d_emissions, d_intents, d_utterances)
            with network.holding(arrays):
                gradients = network.backward(*dropped, d_outputs, *context)
            for name, gradient in gradients.items():
                self.add_gradient(name, np.array(gradient))

        return (emissions, intents, utterances), backprop

    def add_gradient(self, name: str, gradient: FloatsXd) -> None:
        """Add to the gradient of an array, unless it is frozen.

        name (str): One of `shapes.array_shapes`.
        gradient (FloatsXd): Of the same shape.
        """
        if not self.is_frozen(name):
            self._gradients[name] = self._gradients.get(name, 0.0) + gradient

    def take_gradients(self) -> Dict[str, FloatsXd]:
        """Hand the gradients over.

        RETURNS (Dict[str, FloatsXd]): Those so far; there are none from now on.
        """
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
                _forget_other_sizes(optimizer, key, weights)
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

    def to_device(self, device_type: str, device_id: int) -> None:
        """Does nothing: TensorFlow places its own tensors, and the arrays stay on
        the CPU, where predicting happens."""

    def to_bytes(self) -> bytes:
        """Save the network: `saved_model` saves what else the parameters hold.

        RETURNS (bytes): The arrays and sizes. An array that half precision can hold
            takes half the space.
        """
        return write_weights(self.parameters.weights)

    def from_bytes(self, data: bytes) -> "KerasShim":
        """Load what `to_bytes` wrote.

        data (bytes): The bytes.
        RETURNS (KerasShim): The shim itself.
        RAISES (SavedModelError): If the bytes are damaged, or are of another network
            than the config describes; the shim stays as it was.
        """
        weights = read_weights(data, self.settings, self.component)
        self.exchange(self.parameters.replace(**weights._asdict(), equal_vectors={}))
        return self

    def set_arrays(self, arrays: Mapping[str, FloatsXd]) -> None:
        """Replace all arrays.

        arrays (Mapping[str, FloatsXd]): By the names of `shapes.array_shapes`.
        """
        self.change(arrays=arrays)

    def __getstate__(self) -> Dict[str, Any]:
        state = self.__dict__.copy()
        state["_predictor"] = None
        del state["id"]
        state["_gradients"] = {}
        return state

    def __setstate__(self, state: Dict[str, Any]) -> None:
        # A copy gets an id of its own: optimizers and averages tell shims by it.
        super().__init__(None)
        self.__dict__.update(state)


def _forget_other_sizes(optimizer: Optimizer, key: Any, weights: FloatsXd) -> None:
    """Let an optimizer forget what it keeps of an array that had another size when it last
    saw it: the array has grown, or is another network's."""
    kept = (optimizer.mom1, optimizer.mom2, optimizer.averages or {})
    of_array = [cast(Dict[Any, Any], arrays).get(key) for arrays in kept]
    if all(array is None or array.size == weights.size for array in of_array):
        return
    for arrays in (*kept[:2], optimizer.nr_update):
        cast(Dict[Any, Any], arrays).pop(key, None)
    if optimizer.averages is not None:
        optimizer.averages[key] = cast(Any, weights.copy())
