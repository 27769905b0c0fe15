"""The arrays of a tagger: what they are called and how large they are.

They are all that is saved and all that extraction needs; the Keras network that
is trained, the taggers that extract and the ONNX graph are made from them.
"""

from typing import Dict, NamedTuple, Tuple

from ..features.row_layout import RowLayout

EMBEDDING = "embedding"
BIGRAMS = "bigrams"
TRANSITIONS = "transitions"
LEXICON = "lexicon"
CONTEXT = "context.kernel"
WINDOW = "window.kernel"
INTENT_BIAS = "intents.bias"


class NetworkSizes(NamedTuple):
    """The sizes that determine a network.

    n_chars (int): Rows of the embedding, padding and unknown included.
    n_tags (int): Width of the output.
    embed_width (int): Width of the embedding.
    hidden_width (int): Units of the LSTM, in each direction.
    depth (int): How many bidirectional LSTMs stand on each other.
    n_bigrams (int): Pairs of characters, the unknown one included; 0 for a network
        that does not look at them.
    crf (int): 1 if transitions between tags are learnt, 0 if not.
    n_intents (int): Intents of whole texts; 0 for none.
    window (int): Width of the convolution from the embedding to the tags, in
        characters; 0 for none.
    n_lexicon (int): What a character can be within a name of a catalogue; 0 for a
        network that knows no catalogue.
    context_width (int): Width of the contextual vectors that are projected and added to
        the embedding; 0 for none.
    """

    n_chars: int
    n_tags: int
    embed_width: int
    hidden_width: int
    depth: int
    n_bigrams: int = 0
    crf: int = 0
    n_intents: int = 0
    window: int = 0
    n_lexicon: int = 0
    context_width: int = 0

    @property
    def layout(self) -> RowLayout:
        """Where the vectors stand. RETURNS (RowLayout): Their order."""
        return RowLayout.of(self.n_chars, self.n_bigrams)


class Untrained(NamedTuple):
    """What stands last in the output, and is not predicted before it is trained.

    n_tags (int): How many tags.
    n_intents (int): How many intents.
    """

    n_tags: int = 0
    n_intents: int = 0


def array_shapes(sizes: NetworkSizes) -> Dict[str, Tuple[int, ...]]:
    """The trainable arrays of a network, by name, in Keras' layout: the gates of
    an LSTM stand side by side in the order input, forget, cell, output. The bigrams'
    vectors come twice: first those for the pair with the character before, then those
    for the pair with the character after.

    sizes (NetworkSizes): The sizes.
    RETURNS (Dict[str, Tuple[int, ...]]): Name to shape.
    """
    hidden = sizes.hidden_width
    shapes: Dict[str, Tuple[int, ...]] = {EMBEDDING: (sizes.n_chars, sizes.embed_width)}
    if sizes.n_bigrams:
        shapes[BIGRAMS] = (2 * sizes.n_bigrams, sizes.embed_width)
    if sizes.n_lexicon:
        shapes[LEXICON] = (sizes.n_lexicon, sizes.embed_width)
    if sizes.context_width:
        shapes[CONTEXT] = (sizes.context_width, sizes.embed_width)
    width = sizes.embed_width
    for layer in range(sizes.depth):
        for direction in ("forward", "backward"):
            prefix = f"bilstm_{layer}.{direction}"
            shapes[f"{prefix}.kernel"] = (width, 4 * hidden)
            shapes[f"{prefix}.recurrent_kernel"] = (hidden, 4 * hidden)
            shapes[f"{prefix}.bias"] = (4 * hidden,)
        width = 2 * hidden
    shapes["output.kernel"] = (width, sizes.n_tags)
    shapes["output.bias"] = (sizes.n_tags,)
    if sizes.window:
        shapes[WINDOW] = (sizes.window, sizes.embed_width, sizes.n_tags)
    if sizes.n_intents:
        shapes["intents.kernel"] = (width, sizes.n_intents)
        shapes[INTENT_BIAS] = (sizes.n_intents,)
    if sizes.crf:
        shapes[TRANSITIONS] = (sizes.n_tags, sizes.n_tags)
    return shapes
