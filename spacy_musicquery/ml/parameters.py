"""What a tagger has learnt, in one object: read, compared, grown and exchanged whole."""

from dataclasses import dataclass, field, replace
from typing import Any, Iterable, Mapping, Optional, Sequence, Tuple

from ..decoding.bio import crf_chain, softmax_chain, tag_names
from ..decoding.linear_chain import LinearChain
from ..errors import Errors
from ..features.bigrams import BigramInventory
from ..features.catalogue import Catalogue
from ..features.characters import CharInventory
from ..features.name_matches import n_features
from ..types import FloatsXd, Ints1d
from ..vectors.encoder import FrozenEncoder
from .saved_weights import Weights
from .shapes import INTENT_BIAS, TRANSITIONS, NetworkSizes, Untrained, array_shapes


@dataclass(frozen=True, eq=False)
class Parameters:
    """All that a tagger has learnt, and what it was given to work with. Nothing in it
    changes in place, except that names may be added to the catalogue: who trains, grows,
    loads or takes back puts another object in its place, so whoever holds one sees
    arrays, characters and labels of one moment.

    characters (CharInventory): The characters it knows, and how it normalises text.
    bigrams (BigramInventory): The pairs of neighbouring characters it knows.
    catalogue (Catalogue): Names by type. The types are learnt, the names are given.
    encoder (Optional[FrozenEncoder]): What its contextual vectors come from, if any.
    labels (Tuple[str, ...]): What its tags stand for, in their order.
    intents (Tuple[str, ...]): The intents of whole texts, in order.
    sizes (Optional[NetworkSizes]): The sizes of the network; None as long as there is none.
    arrays (Mapping[str, FloatsXd]): Its weights, by the names of `shapes.array_shapes`.
    frozen (Tuple[str, ...]): Those that training leaves as they are.
    untrained (Untrained): What stands last in the output, and is not predicted yet.
    equal_vectors (Mapping[str, Ints1d]): Rows of vectors that equal the unknown one until
        training begins, by the name of the array. They are not saved.
    """

    characters: CharInventory
    bigrams: BigramInventory = field(default_factory=BigramInventory.empty)
    catalogue: Catalogue = field(default_factory=lambda: Catalogue(()))
    encoder: Optional[FrozenEncoder] = None
    labels: Tuple[str, ...] = ()
    intents: Tuple[str, ...] = ()
    sizes: Optional[NetworkSizes] = None
    arrays: Mapping[str, FloatsXd] = field(default_factory=dict)
    frozen: Tuple[str, ...] = ()
    untrained: Untrained = field(default_factory=Untrained)
    equal_vectors: Mapping[str, Ints1d] = field(default_factory=dict)

    def replace(self, **changes: Any) -> "Parameters":
        """Exchange some of the fields.

        changes: Their new values, by name.
        RETURNS (Parameters): Another object; this one stays as it is.
        """
        return replace(self, **changes)

    def without_network(self) -> "Parameters":
        """Begin anew.

        RETURNS (Parameters): The same characters, labels and all, and no weights.
        """
        return self.replace(
            sizes=None, arrays={}, frozen=(), untrained=Untrained(), equal_vectors={}
        )

    @property
    def tags(self) -> Tuple[str, ...]:
        """The BIO tags. RETURNS (Tuple[str, ...]): In the order of the output."""
        return tuple(tag_names(self.labels))

    @property
    def n_tags(self) -> Optional[int]:
        """The width of the output.

        RETURNS (Optional[int]): That of the network; before there is one, what the labels
            will make; None without labels.
        """
        if self.sizes is not None:
            return self.sizes.n_tags
        return len(self.tags) if self.labels else None

    @property
    def context_width(self) -> int:
        """How wide contextual vectors are. RETURNS (int): 0 without an encoder."""
        return 0 if self.encoder is None else self.encoder.width

    @property
    def weights(self) -> Weights:
        """The network alone. RETURNS (Weights): What `write_weights` saves."""
        return Weights(self.sizes, self.arrays, self.frozen, self.untrained)

    @property
    def trained(self) -> "Parameters":
        """What predicts: without the labels and intents that have not been trained yet.

        RETURNS (Parameters): These, or those with smaller arrays.
        """
        if self.sizes is None or not any(self.untrained):
            return self
        sizes = self.sizes._replace(
            n_tags=self.sizes.n_tags - self.untrained.n_tags,
            n_intents=self.sizes.n_intents - self.untrained.n_intents,
        )
        arrays = {
            name: self.arrays[name][tuple(map(slice, shape))]
            for name, shape in array_shapes(sizes).items()
        }
        return self.replace(
            labels=self.labels[: sizes.n_tags // 2],
            intents=self.intents[: sizes.n_intents],
            sizes=sizes,
            arrays=arrays,
            untrained=Untrained(),
        )

    def chain(self) -> LinearChain:
        """Make the transitions between all tags.

        RETURNS (LinearChain): The learnt ones, or those that BIO allows.
        """
        if TRANSITIONS in self.arrays:
            return crf_chain(self.arrays[TRANSITIONS])
        assert self.sizes is not None
        return softmax_chain(self.sizes.n_tags)

    def with_intent_offset(self, intent: str, offset: float) -> "Parameters":
        """Correct how likely an intent is for where messages are used: there it may be rarer
        than in training (Saerens et al. 2002, https://doi.org/10.1162/089976602753284446).

        intent (str): One of the intents.
        offset (float): Added to its score: the logarithm of how many times likelier it
            becomes than any other.
        RETURNS (Parameters): Others.
        """
        bias = self.arrays[INTENT_BIAS].copy()
        bias[self.intents.index(intent)] += offset
        return self.replace(arrays={**self.arrays, INTENT_BIAS: bias})

    def learnt_from(
        self, texts: Sequence[str], *, min_count: int, bigram_min_count: int
    ) -> "Parameters":
        """Know the characters and pairs of some texts, and no others.

        texts (Sequence[str]): The texts.
        min_count (int): How often a character must occur there.
        bigram_min_count (int): How often a pair must; 0 for no pairs.
        RETURNS (Parameters): Others, still without a network.
        """
        characters = self.characters.learnt_from(texts, min_count=min_count)
        bigrams = BigramInventory.empty()
        if bigram_min_count:
            bigrams = BigramInventory.learnt_from(
                *characters.encode(texts), min_count=bigram_min_count
            )
        return self.replace(characters=characters, bigrams=bigrams)

    def new_catalogue(
        self, types: Sequence[str], names: Mapping[str, Iterable[str]]
    ) -> Catalogue:
        """Make a catalogue that treats text as this tagger does.

        types (Sequence[str]): The types that names may have.
        names (Mapping[str, Iterable[str]]): Names by type.
        RETURNS (Catalogue): The catalogue.
        RAISES (ValueError): If there are too many types.
        """
        catalogue = Catalogue(types, **self.characters.normalization)
        catalogue.add(names)
        return catalogue

    def disagreement(self) -> Optional[str]:
        """Compare the sizes of the network with what it is for: characters, pairs, labels,
        intents and types of names.

        RETURNS (Optional[str]): The first that is not, in words; None if all agree.
        """
        if self.sizes is None:
            return None
        sizes = self.sizes
        n_names = n_features(len(self.catalogue.types))
        for what, in_weights, elsewhere in (
            ("characters", sizes.n_chars, len(self.characters)),
            ("pairs of characters", sizes.n_bigrams or 1, len(self.bigrams)),
            ("tags", sizes.n_tags, len(self.tags)),
            ("intents", sizes.n_intents, len(self.intents)),
            ("places in names", sizes.n_lexicon, n_names),
        ):
            if in_weights != elsewhere:
                return f"its weights are for {in_weights} {what}, but there are {elsewhere}"
        if self.bigrams.pairs.max(initial=0) >= sizes.n_chars:
            return "a pair is of characters that it does not know"
        return None


def require_network(parameters: Parameters, component: str) -> NetworkSizes:
    """Refuse parameters without a network.

    parameters (Parameters): Any.
    component (str): The component's name, for the error.
    RETURNS (NetworkSizes): The sizes of the network.
    RAISES (ValueError): If it has neither been trained nor loaded.
    """
    if parameters.sizes is None:
        raise ValueError(Errors.MQ004.format(name=component))
    return parameters.sizes
