"""What predicts: made from parameters when it is first needed."""

from typing import List, Sequence

import numpy as np

from ..features.row_layout import RowLayout
from ..types import FloatsXd
from .onnx_graph import Precision, build_graph, graph_weights, stacked_vectors
from .onnx_session import EmissionSession
from .parameters import Parameters, require_network
from .shapes import CONTEXT


class Predictor:
    """Computes emissions with the weights of one moment.

    layout (RowLayout): Where the vectors stand.
    sizes (NetworkSizes): The sizes, without tags and intents that are not trained yet.
    chain (LinearChain): The transitions between the tags that are predicted.
    """

    def __init__(
        self,
        parameters: Parameters,
        component: str,
        *,
        precision: Precision,
        threads: int,
        spinning: bool,
    ) -> None:
        """Make a predictor. ONNX Runtime is not imported before the first call.

        parameters (Parameters): What has been learnt.
        component (str): The component's name, for the error.
        precision (str): Of the weights: "float32" or "int8".
        threads (int): Threads that one call may use.
        spinning (bool): Whether idle threads wait actively.
        RAISES (ValueError): If nothing has been learnt.
        """
        require_network(parameters, component)
        trained = parameters.trained
        self.sizes = require_network(trained, component)
        self.layout: RowLayout = self.sizes.layout
        self.chain = trained.chain()
        self._made_of = parameters.arrays, parameters.untrained
        self._session = EmissionSession(
            build_graph(self.sizes, precision),
            graph_weights(trained.arrays, precision),
            stacked_vectors(trained.arrays),
            trained.arrays.get(CONTEXT),
            threads=threads,
            spinning=spinning,
        )

    def is_of(self, parameters: Parameters) -> bool:
        """Tell whether this still predicts what parameters say.

        parameters (Parameters): Any.
        RETURNS (bool): Whether their network is the one that this was made from.
        """
        arrays, untrained = self._made_of
        return parameters.arrays is arrays and parameters.untrained == untrained

    def __call__(self, inputs: Sequence[np.ndarray]) -> List[FloatsXd]:
        """Compute emissions and scores of intents, without TensorFlow.

        inputs (Sequence[np.ndarray]): Padded rows (texts, longest, n), the length of
            each text, none of them 0; and contextual vectors (texts, longest, width) if
            the network takes them.
        RETURNS (List[FloatsXd]): Emissions (texts, longest, tags), and scores of
            intents (texts, intents) if there are any.
        """
        return self._session(*inputs)
