"""Registered model builders: a tagger as a thinc Model from texts to emissions."""

from typing import Callable, List, Literal, Optional, Sequence, Tuple, Union, cast

import numpy as np
from spacy.tokens import Doc
from thinc.api import Model

from ..decoding.emissions import EmissionGradients, Emissions
from ..errors import Errors, bad_setting, require_number
from ..features.batches import cut, padded_batches
from ..features.characters import UNK_ID, CharInventory
from ..features.name_matches import n_features
from ..types import Floats2d
from ..vectors.encoder import FrozenEncoder
from .keras_shim import KerasShim
from .parameters import Parameters, require_network
from .rows import Perturbation, rows_of_all
from .shapes import TRANSITIONS, NetworkSizes

# Characters in a padded batch: a call to TensorFlow costs more than any padding.
MAX_TRAIN_CHARS = 16384
# Of a text that is trained on, characters that the network sees together: its gradient takes
# TensorFlow a time that grows with the square of their number. Longer ones are cut.
MAX_TRAIN_LENGTH = 1024
# What makes training random, each 0 where it is not to be.
RANDOM_IN_TRAINING = (
    "char_dropout",
    "catalogue_dropout",
    "name_dropout",
    "name_distractors",
)

_NAME = "spacy_musicquery.CharBiLSTM.v1"


def build_char_bilstm(
    embed_width: int = 48,
    hidden_width: int = 32,
    depth: int = 1,
    min_count: int = 1,
    bigram_min_count: int = 2,
    window: int = 7,
    crf: bool = True,
    char_dropout: float = 0.1,
    catalogue_dropout: float = 0.5,
    name_dropout: float = 0.5,
    name_distractors: float = 0.5,
    fullwidth: bool = True,
    lowercase: bool = True,
    simplified: bool = False,
    symbols: bool = False,
    precision: Literal["float32", "int8"] = "float32",
    threads: int = 1,
    spinning: bool = False,
    encoder: Optional[str] = None,
    nO: Optional[int] = None,
) -> Model[List[str], Emissions]:
    """Build a character-level BiLSTM tagger. Its input is a list of texts, its
    output the emissions of all their characters in a row, (characters, tags),
    with the length of each text; and scores of intents (texts, intents) if its
    parameters have any.

    embed_width (int): Width of the character embedding.
    hidden_width (int): Units of the LSTM, in each direction.
    depth (int): How many bidirectional LSTMs stand on each other.
    min_count (int): How often a character must occur in the training data to be
        known; the others share one embedding.
    bigram_min_count (int): How often a pair of neighbouring characters must occur
        to have a vector of its own, which is added to those of both; 0 for none.
    window (int): How many characters around each one score its tags directly, besides
        the LSTM: an odd number, the width of a convolution from the embedding to the
        tags; 0 for none. It learns what words stand beside a query, as the features of
        a CRF do.
    crf (bool): Learn transitions between tags, and score whole tag sequences (a
        conditional random field); otherwise every character by itself (softmax).
    char_dropout (float): Share of characters that training replaces by the
        unknown one, so that its embedding is learnt, from 0 to below 1.
    catalogue_dropout (float): Share of the texts in which training overlooks the whole
        catalogue, from 0 to below 1, so that the tagger works without one.
    name_dropout (float): Share of the names that it overlooks in the other texts, from 0
        to below 1, so that the tagger does not need every name to be listed.
    name_distractors (float): How many names training makes up in a text, on average.
    fullwidth (bool): Treat full-width forms as their ASCII counterparts.
    lowercase (bool): Treat upper case as lower case.
    simplified (bool): Treat traditional characters as their simplified counterparts. What
        is loaded keeps what it was trained with.
    symbols (bool): Treat all emoji and other symbols as one, since few of them are frequent
        enough to be learnt. What is loaded keeps what it was trained with.
    threads (int): Threads that a large batch may use.
    precision, spinning: Of no effect, and here for the configs of 0.1.0: the kernel computes
        in single precision, faster than ONNX Runtime did in 8 bits, and no thread waits.
    encoder (Optional[str]): The folder of a BERT or ALBERT model whose contextual
        vectors of the characters are projected and added to their embedding; it is
        frozen, and extraction needs it as well. None for none.
    nO (Optional[int]): Number of tags, normally inferred from the labels.
    RETURNS (Model[List[str], Emissions]): The model.
    RAISES (ValueError): For a size below 1 or a share outside its range.
    """
    sizes = {"embed_width": embed_width, "hidden_width": hidden_width, "depth": depth}
    counts = {**sizes, "min_count": min_count, "threads": threads}
    if nO is not None:
        counts["nO"] = nO
    for setting, value in counts.items():
        require_number(_NAME, setting, value, at_least=1, whole=True)
    require_number(_NAME, "bigram_min_count", bigram_min_count, at_least=0, whole=True)
    if type(window) is not int or window < 0 or (window and window % 2 == 0):
        raise bad_setting(_NAME, "window", window, "0 or an odd number")
    for setting, share in {
        "char_dropout": char_dropout,
        "catalogue_dropout": catalogue_dropout,
        "name_dropout": name_dropout,
    }.items():
        require_number(_NAME, setting, share, at_least=0, below=1)
    require_number(_NAME, "name_distractors", name_distractors, at_least=0)
    characters = CharInventory(
        fullwidth=fullwidth, lowercase=lowercase, simplified=simplified, symbols=symbols
    )
    parameters = Parameters(
        characters, encoder=None if encoder is None else FrozenEncoder(encoder)
    )
    shim = KerasShim(
        parameters,
        **sizes,
        window=window,
        crf=crf,
        threads=threads,
    )
    return Model(
        "char_bilstm",
        forward,
        init=init,
        dims={"nO": nO},
        attrs={
            "min_count": min_count,
            "bigram_min_count": bigram_min_count,
            "char_dropout": char_dropout,
            "catalogue_dropout": catalogue_dropout,
            "name_dropout": name_dropout,
            "name_distractors": name_distractors,
            "dropout_rate": 0.0,
        },
        shims=[shim],
    )


def get_shim(model: Model[List[str], Emissions]) -> KerasShim:
    """Find what a model has learnt.

    model (Model[List[str], Emissions]): What `build_char_bilstm` built.
    RETURNS (KerasShim): The holder of its parameters.
    """
    return cast(KerasShim, model.shims[0])


def set_parameters(model: Model[List[str], Emissions], parameters: Parameters) -> None:
    """Let a model know something else, see `KerasShim.exchange`.

    model (Model[List[str], Emissions]): What `build_char_bilstm` built.
    parameters (Parameters): What it shall know.
    """
    get_shim(model).exchange(parameters)
    if parameters.n_tags is not None:
        model.set_dim("nO", parameters.n_tags, force=True)


def init(
    model: Model[List[str], Emissions],
    X: Optional[List[str]] = None,
    Y: Optional[Emissions] = None,
) -> None:
    """Learn which characters and pairs there are, and draw the weights. Seeded through
    numpy's generator, as all of thinc is: `thinc.util.fix_random_seed` fixes both.

    model (Model): The model. Its parameters say what labels, intents and types of names it
        is to learn; without labels, its dimension nO says how many tags.
    X (List[str]): The texts of the training data.
    RAISES (ValueError): If no character is frequent enough to be known.
    """
    if X is None:
        return
    shim = get_shim(model)
    min_count, bigram_min_count = (
        model.attrs[name] for name in ("min_count", "bigram_min_count")
    )
    parameters = shim.parameters.without_network().learnt_from(
        X, min_count=min_count, bigram_min_count=bigram_min_count
    )
    if not parameters.characters.chars:
        raise ValueError(Errors.MQ011.format(name=shim.component, min_count=min_count))
    seed = np.random.randint(2**31)
    sizes = NetworkSizes(
        n_chars=len(parameters.characters),
        n_tags=parameters.n_tags or model.get_dim("nO"),
        n_bigrams=len(parameters.bigrams) if bigram_min_count else 0,
        n_intents=len(parameters.intents),
        n_lexicon=n_features(len(parameters.catalogue.types)),
        context_width=parameters.context_width,
        **shim.settings,
    )
    shim.initialize(parameters, sizes, seed=seed)
    model.set_dim("nO", sizes.n_tags, force=True)


def forward(
    model: Model[List[str], Emissions], X: Sequence[Union[str, Doc]], is_train: bool
) -> Tuple[Emissions, Callable[[EmissionGradients], List[str]]]:
    """Compute emissions; see `build_char_bilstm`."""
    # `spacy debug model` passes Docs.
    texts = [text if isinstance(text, str) else text.text for text in X]
    if is_train:
        return _forward_in_training(model, texts)
    return predict(model, get_shim(model).parameters, texts), lambda gradients: []


def predict(
    model: Model[List[str], Emissions], parameters: Parameters, texts: List[str]
) -> Emissions:
    """Compute emissions with what a model knows at one moment, whatever another thread
    lets it know meanwhile.

    model (Model[List[str], Emissions]): What `build_char_bilstm` built.
    parameters (Parameters): Its parameters.
    texts (List[str]): The texts.
    RETURNS (Emissions): The scores of all their characters.
    RAISES (ValueError): If nothing has been learnt yet.
    """
    return get_shim(model).get_predictor(parameters).emissions(parameters, texts)


def _forward_in_training(
    model: Model[List[str], Emissions], texts: List[str]
) -> Tuple[Emissions, Callable[[EmissionGradients], List[str]]]:
    shim, attrs = get_shim(model), model.attrs
    parameters = shim.parameters
    sizes = require_network(parameters, shim.component)
    chars, lengths = parameters.characters.encode(texts)
    if attrs["char_dropout"]:
        dropped = np.random.random_sample(len(chars)) < attrs["char_dropout"]
        chars = np.where(dropped, UNK_ID, chars)
    perturbation = Perturbation(
        catalogue_dropout=attrs["catalogue_dropout"],
        name_dropout=attrs["name_dropout"],
        distractors=attrs["name_distractors"],
    )
    ids = rows_of_all(parameters, sizes.layout, texts, chars, lengths, perturbation)
    contexts: List[Floats2d] = []
    if sizes.context_width:
        contexts = [cast(FrozenEncoder, parameters.encoder)(texts, cache=True)]
    data = np.empty((len(ids), sizes.n_tags), dtype="float32")
    intents = np.zeros((len(texts), sizes.n_intents), dtype="float32")
    utterances = np.zeros((len(texts), 2 * sizes.hidden_width), dtype="float32")
    emissions = Emissions(data, lengths, parameters.chain(), intents, utterances)
    backprops = []
    pieces = cut(lengths, MAX_TRAIN_LENGTH)
    for batch in padded_batches(ids, pieces.lengths, MAX_TRAIN_CHARS, MAX_TRAIN_CHARS):
        inputs = (batch.ids, attrs["dropout_rate"], *map(batch.gather, contexts))
        outputs, backprop_rows = shim.begin_update(inputs)
        rows, *of_pieces = outputs
        # The beginning of a text that was cut says what it wants.
        are_first = pieces.are_first[batch.texts]
        firsts = pieces.texts[batch.texts[are_first]]
        for of_texts, of_batch in zip((intents, utterances), of_pieces):
            of_texts[firsts] = of_batch[are_first]
        batch.scatter(rows, data)
        backprops.append((batch, backprop_rows))

    def backprop(gradients: EmissionGradients) -> List[str]:
        of_texts = [
            np.zeros_like(values) if gradient is None else gradient
            for values, gradient in (
                (intents, gradients.intents),
                (utterances, gradients.utterances),
            )
        ]
        for batch, backprop_rows in backprops:
            d_pieces = [gradient[pieces.texts[batch.texts]] for gradient in of_texts]
            for d_piece in d_pieces:
                d_piece[~pieces.are_first[batch.texts]] = 0
            backprop_rows(batch.gather(gradients.data), *d_pieces)
        if gradients.transitions is not None:
            shim.add_gradient(TRANSITIONS, gradients.transitions)
        return []

    return emissions, backprop
