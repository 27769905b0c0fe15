"""Run the ONNX graph: a session that is made when first needed, in each process."""

import os
from typing import Any, Dict, List, NamedTuple, Optional

import numpy as np

from ..locks import fork_safe_lock
from ..types import Floats2d, FloatsXd, Ints1d, Ints3d
from .onnx_graph import INPUTS

# One thread at a time makes a session.
_MAKING = fork_safe_lock()


class _Made(NamedTuple):
    """A session, the process that made it, and the weights that it reads where they are."""

    process: int
    session: Any
    values: List[Any]


class EmissionSession:
    """An ONNX Runtime session over a graph and its weights.

    ONNX Runtime is imported and the session is made at the first call, so that
    loading a pipeline is cheap. `run` may be called from many threads. A copy,
    or the object in another process, makes a session of its own: in one that was forked
    while another thread was computing, that of the other process may never answer.
    """

    def __init__(
        self,
        graph: bytes,
        weights: Dict[str, FloatsXd],
        vectors: Floats2d,
        projection: Optional[Floats2d] = None,
        *,
        threads: int = 1,
        spinning: bool = False,
    ) -> None:
        """Keep what a session will be made of.

        graph (bytes): What `onnx_graph.build_graph` wrote.
        weights (Dict[str, FloatsXd]): What `onnx_graph.graph_weights` returned.
        vectors (Floats2d): What `onnx_graph.stacked_vectors` returned.
        projection (Optional[Floats2d]): What makes vectors of contextual ones, if the
            network takes any (width, width of the vectors).
        threads (int): How many threads one call may use.
        spinning (bool): Whether idle threads wait actively, which slows whatever
            else the machine does.
        """
        self.graph = graph
        self.weights = weights
        self.vectors = vectors
        self.projection = projection
        self.threads = threads
        self.spinning = spinning
        self._made: Optional[_Made] = None
        self._inherited: Optional[_Made] = None

    def __call__(self, ids: Ints3d, lengths: Ints1d, *context: FloatsXd) -> List[FloatsXd]:
        """Compute emissions, and scores of intents if the graph has them.

        ids (Ints3d): Padded ids (texts, longest, n): the rows of the vectors that make
            a character's together.
        lengths (Ints1d): The length of each text, none 0 (texts,).
        context (FloatsXd): Contextual vectors (texts, longest, width), if the network
            takes them.
        RETURNS (List[FloatsXd]): Emissions (texts, longest, tags), of which those
            beyond the end of a text mean nothing; and intents (texts, intents), if any.
        """
        made = self._made
        if made is None or made.process != os.getpid():
            made = self._make_session()
        if len(ids) == 1:  # all at once, which needs little memory here and is faster
            vectors = np.add.reduce(self.vectors.take(ids.T, axis=0))
        else:
            first, *others = ids.T
            vectors = self.vectors.take(first, axis=0)
            for rows in others:
                vectors += self.vectors.take(rows, axis=0)
        for values in context:
            vectors += values.swapaxes(0, 1) @ self.projection
        return made.session.run(None, dict(zip(INPUTS, (vectors, lengths))))

    def _make_session(self) -> "_Made":
        with _MAKING:
            if self._made is None or self._made.process != os.getpid():
                import onnxruntime

                options = onnxruntime.SessionOptions()
                options.intra_op_num_threads = self.threads
                options.inter_op_num_threads = 1
                options.log_severity_level = 3  # errors only
                spinning = "1" if self.spinning else "0"
                options.add_session_config_entry(
                    "session.intra_op.allow_spinning", spinning
                )
                values = [
                    onnxruntime.OrtValue.ortvalue_from_numpy(array)
                    for array in self.weights.values()
                ]
                options.add_external_initializers(list(self.weights), values)
                session = onnxruntime.InferenceSession(
                    self.graph, options, providers=["CPUExecutionProvider"]
                )
                # Letting go of what the other process has may hang as well.
                self._inherited = self._made
                self._made = _Made(os.getpid(), session, values)
        return self._made

    def __getstate__(self) -> Dict[str, Any]:
        state = self.__dict__.copy()
        del state["_made"], state["_inherited"]
        return state

    def __setstate__(self, state: Dict[str, Any]) -> None:
        self.__dict__.update(state, _made=None, _inherited=None)
