"""The `music_query` pipeline component: its factory, and its training.

Longer than other modules, as it is one class, in the order of spaCy's own components.
"""

import logging
import sys
from contextlib import contextmanager
from copy import deepcopy
from types import FrameType
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    Union,
    cast,
)

import numpy as np
from spacy.language import Language
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Config, Model, Optimizer, set_dropout_rate

from ..data.box_messages import rehearsal_texts
from ..data.corpus import make_text_corpus
from ..decoding.emissions import EmissionGradients, Emissions
from ..errors import Errors, Warnings, bad_setting, excerpt, require_name, require_number
from ..features.catalogue import require_names
from ..features.plain_text import as_read
from ..ml.architectures import set_parameters
from ..ml.growth import grow, grow_chars, grow_output
from ..ml.learn_rates import LearnRates, Rate
from ..ml.parameters import Parameters
from ..ml.shapes import EMBEDDING
from ..saving.pretrained import BOX, find_pretrained, known_labels
from ..tokens.alignment import SCORE_EXTENSION, AlignmentMode
from ..tokens.gold import Sample, new_examples, read_sample
from ..tokens.intents import LISTEN
from ..training.consolidation import Consolidation, Consolidator
from ..training.contrast import Contrast
from ..training.distillation import Teacher
from ..training.losses import (
    TagLoss,
    make_negative_log_likelihood,
)
from ..training.objective import Objective, Regularizer
from ..training.rehearsal import (
    Rehearsal,
    Rehearser,
    make_rehearsal,
    read_texts,
    rehearse,
)
from ..vectors.char_vectors import CharVectors
from .load import load_component
from .query_finder import READING, QueryFinder
from .scorer import music_query_score

logger = logging.getLogger("spacy.music_query")

# With more, the scores of each tag behind each other one fill the memory.
MAX_LABELS = 1000

default_model_config = """
[model]
@architectures = "spacy_musicquery.CharBiLSTM.v1"
embed_width = 48
hidden_width = 32
depth = 1
min_count = 1
bigram_min_count = 2
window = 7
crf = true
char_dropout = 0.1
catalogue_dropout = 0.5
name_dropout = 0.5
name_distractors = 0.5
fullwidth = true
lowercase = true
simplified = false
symbols = false
precision = "float32"
threads = 1
spinning = false
encoder = null
"""
# How many messages of the box's are rehearsed with each update.
_REHEARSED_AT_ONCE = 48
DEFAULT_MODEL = Config().from_str(default_model_config)["model"]


@Language.factory(
    "music_query",
    assigns=[
        "doc.ents",
        "token.ent_iob",
        "token.ent_type",
        "doc.spans",
        f"span._.{SCORE_EXTENSION}",
        "doc.cats",
    ],
    default_config={
        "model": DEFAULT_MODEL,
        "pretrained": "box",
        "threshold": 0.0,
        "listen_threshold": None,
        "overwrite": False,
        "spans_key": "music_query",
        "alignment_mode": "expand",
        "learn_intents": True,
        "learn_rates": {},
        "rehearsal_weight": 3.0,
        "loss": {"@losses": "spacy_musicquery.NegativeLogLikelihood.v1"},
        "scorer": {"@scorers": "spacy_musicquery.music_query_scorer.v1"},
    },
    default_score_weights={
        "ents_f": 1.0,
        "ents_p": 0.0,
        "ents_r": 0.0,
        "ents_per_type": None,
        "music_query_f": None,
        "music_query_p": None,
        "music_query_r": None,
        "music_query_false_alarms": 0.0,
        "music_query_intent_acc": None,
        "music_query_utterance_acc": None,
    },
)
def make_music_query(
    nlp: Language,
    name: str,
    model: Model[List[str], Emissions],
    pretrained: Optional[str],
    threshold: float,
    listen_threshold: Optional[float],
    overwrite: bool,
    spans_key: str,
    alignment_mode: AlignmentMode,
    learn_intents: bool,
    learn_rates: Dict[str, Any],  # of Rate, which confection would take for floats alone
    rehearsal_weight: float,
    loss: TagLoss,
    scorer: Optional[Callable],
) -> "MusicQuery":
    """Make a `music_query` component; see `MusicQuery` for the settings.

    RAISES (ValueError): If a setting is not allowed, or there is nothing to start from.
    """
    if pretrained is not None and (not pretrained or not is_made_from_config()):
        find_pretrained(pretrained, name)
    return MusicQuery(
        nlp.vocab,
        model,
        name,
        pretrained=pretrained,
        threshold=threshold,
        listen_threshold=listen_threshold,
        overwrite=overwrite,
        spans_key=spans_key,
        alignment_mode=alignment_mode,
        learn_intents=learn_intents,
        learn_rates=learn_rates,
        rehearsal_weight=rehearsal_weight,
        loss=loss,
        scorer=scorer,
    )


def is_made_from_config() -> bool:
    """Tell whether spaCy makes a whole pipeline, of which it tells a factory nothing. Then what
    it was trained from may be gone, if what was saved is loaded next; and if it is trained
    next, `initialize` looks for it."""
    frame: Optional[FrameType] = sys._getframe(1)
    while frame is not None:
        if frame.f_code is Language.from_config.__func__.__code__:  # type: ignore[attr-defined]
            return True
        frame = frame.f_back
    return False


class MusicQuery(QueryFinder):
    """The `music_query` component: finds queries, as `QueryFinder` says, and learns to."""

    def __init__(
        self,
        vocab: Vocab,
        model: Model[List[str], Emissions],
        name: str = "music_query",
        *,
        pretrained: Optional[str] = None,
        threshold: float = 0.0,
        listen_threshold: Optional[float] = None,
        overwrite: bool = False,
        spans_key: str = "music_query",
        alignment_mode: AlignmentMode = "expand",
        learn_intents: bool = True,
        learn_rates: Optional[Mapping[str, Rate]] = None,
        rehearsal_weight: float = 0.0,
        loss: Optional[TagLoss] = None,
        scorer: Optional[Callable] = music_query_score,
    ) -> None:
        """Initialize a component.

        vocab (Vocab): The shared vocabulary.
        model (Model[List[str], Emissions]): Texts to emissions, such as
            `spacy_musicquery.CharBiLSTM.v1` builds.
        name (str): The component instance name.
        pretrained (Optional[str]): What the component knows before it is trained or
            loaded: "box" for the model that comes with this package, a path for the
            `music_query` of a saved pipeline, None for nothing. It is read when it is
            first needed, and `initialize` starts from it.
        threshold (float): Spans with a lower score are not annotated, 0 to 1.
        listen_threshold (Optional[float]): Spans are not annotated whose score, times the
            probability that the message asks to hear music (the intent LISTEN), is lower,
            0 to 1: both must be so, and each is judged alone. If its words are names of
            the catalogue, the odds of that product count four times. None for what the
            component has that this one starts from, or 0. Training that does not keep up
            this intent sets it to 0, as what it tells is no longer known: neither
            messages that have it, nor rehearsal.
        overwrite (bool): Where a query overlaps entities that are already there:
            True replaces them, False leaves them and keeps the query in `doc.spans`
            only. Other entities always stay.
        spans_key (str): Key of `doc.spans` to save the queries under.
        alignment_mode (str): What happens to a query that begins or ends inside a
            token: "expand" takes the whole token in, "contract" leaves it out,
            "strict" drops the query, "split" splits the token.
        learn_intents (bool): Learn the intents of the training data, if it has any
            in `doc.cats`. Set it to False beside another text classifier.
        learn_rates (Optional[Mapping[str, Rate]]): Factors of the learning rate by
            layer, each a number or a schedule; 0 freezes. See `LearnRates`.
        rehearsal_weight (float): How much it counts, in training that starts from the
            box, to go on predicting for messages that come with it what the box predicts:
            see `Rehearsal`. 0 for none; at least 0.
        loss (Optional[TagLoss]): What training minimises over the tags; by default
            `losses.make_negative_log_likelihood`.
        scorer (Optional[Callable]): The scoring method.
        RAISES (ValueError): If a setting has a value that is not allowed.
        """
        super().__init__(
            vocab,
            model,
            name,
            pretrained=pretrained,
            scorer=scorer,
            settings={
                "alignment_mode": alignment_mode,
                "learn_intents": learn_intents,
                "listen_threshold": listen_threshold,
                "overwrite": overwrite,
                "spans_key": spans_key,
                "threshold": threshold,
            },
        )
        self._objective = Objective(loss or make_negative_log_likelihood(), None)
        shim = self._shim
        shim.learn_rates = LearnRates(
            learn_rates or {}, component=name, depth=shim.settings["depth"]
        )
        require_number(name, "rehearsal_weight", rehearsal_weight, at_least=0)
        self._rehearsal_weight = rehearsal_weight
        self._labels_to_learn: List[str] = []
        # What `nlp.rehearse` holds to.
        self._former: Optional[Model[List[str], Emissions]] = None
        # Until `initialize` says otherwise.
        self._keeps_listening = True
        self._n_updates = 0
        self._told_of_parameters = False

    @property
    def loss(self) -> TagLoss:
        """What training minimises over the tags. RETURNS (Callable): See `losses`."""
        return self._objective.loss

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Optional[Language] = None,
        labels: Union[Dict[str, List[str]], Sequence[str], None] = None,
        char_vectors: Optional[CharVectors] = None,
        catalogue: Optional[Dict[str, List[str]]] = None,
        rehearsal: Optional[Rehearsal] = None,
        consolidation: Optional[Consolidation] = None,
        teacher: Optional[Teacher] = None,
        contrast: Optional[Contrast] = None,
    ) -> None:
        """Set the component up for training: labels, character inventory, weights. If
        it is pretrained, it keeps what that has, and grows by what is new.

        get_examples (Callable[[], Iterable[Example]]): Returns a representative
            sample of examples.
        nlp (Optional[Language]): The pipeline the component is part of.
        labels (Union[Dict[str, List[str]], Sequence[str], None]): The labels; or a
            dictionary of "labels" and "intents", for instance from `spacy init
            labels`; by default those of the examples.
        char_vectors (Optional[CharVectors]): Pretrained vectors for the embedding,
            such as `spacy_musicquery.Char2VecLoader.v1` gives.
        catalogue (Optional[Dict[str, List[str]]]): Names by type, such as
            `spacy_musicquery.Catalogue.v1` gives. Training learns what it means that a
            catalogue has a name, and the pipeline keeps these; see `set_catalogue`.
        rehearsal (Optional[Rehearsal]): Old texts to rehearse with each update, such as
            `spacy_musicquery.Rehearsal.v1` gives, if the component is pretrained.
        consolidation (Optional[Consolidation]): Old texts for which weights matter that
            shall change little, such as `spacy_musicquery.Consolidation.v1` gives, if
            the component is pretrained.
        teacher (Optional[Teacher]): Saved pipelines to learn from as well, such as
            `spacy_musicquery.Teacher.v1` gives; the saved component does not need them.
        contrast (Optional[Contrast]): Move vectors of utterances by contrast before
            intents are learnt from them, such as `spacy_musicquery.Contrast.v1` gives.
        RAISES (ValueError): If there is no label to learn, or too many; something cannot
            name a label, an intent or a type; or a setting does not fit.
        """
        validate_get_examples(get_examples, "MusicQuery.initialize")
        if isinstance(labels, str):
            raise ValueError(Errors.MQ012.format(name=self.name, labels=labels))
        if char_vectors is not None and self._pretrained is not None:
            expected = "null beside pretrained character vectors"
            raise bad_setting(self.name, "pretrained", self._pretrained, expected)
        if self._pretrained is None and (rehearsal or consolidation):
            expected = "what a component knows that rehearses or consolidates"
            raise bad_setting(self.name, "pretrained", None, expected)
        if catalogue is not None:
            require_names(self.name, catalogue)
        examples = get_examples()
        if self._pretrained is not None:
            examples = new_examples(examples)
        sample = read_sample(examples)
        if sample.spaced is not None:
            text = excerpt(sample.spaced)
            logger.warning(Warnings.MQ103.format(name=self.name, text=text))
        given = labels if isinstance(labels, dict) else {"labels": labels}
        labels = given.get("labels")
        intents = given.get("intents")
        if intents is None:
            intents = sample.intents if self.cfg["learn_intents"] else []
        # Labels that were added by hand count, unless this starts over.
        known = self._shim.parameters
        added = () if known.sizes is not None else known.labels
        wanted = [*added, *(sample.labels if labels is None else labels)]
        wanted = [*self._labels_to_learn, *wanted]
        new_names = catalogue or {}
        with self._unchanged_on_error():
            known_names: Dict[str, List[str]] = {}
            if self._pretrained is not None:
                self._load_pretrained()  # whatever was learnt since
                wanted = [*self.labels, *wanted]
                intents = [*self.intents, *intents]
                known_names = self.catalogue
            if not wanted:
                raise ValueError(Errors.MQ005.format(name=self.name, n=len(sample.texts)))
            types = [*known_names, *sorted(set(new_names) - set(known_names))]
            parameters = self._shim.parameters.replace(
                labels=tuple(dict.fromkeys(map(self._checked_label, wanted))),
                intents=tuple(dict.fromkeys(map(self._checked_intent, intents))),
            )
            self._require_few(parameters.labels)
            if contrast is not None and not sample.intents:
                expected = "nothing, where no message has an intent to learn"
                raise bad_setting(self.name, "contrast", contrast.steps, expected)
            catalogue_of_all = parameters.new_catalogue(types, known_names)
            catalogue_of_all.add(new_names)
            parameters = parameters.replace(catalogue=catalogue_of_all)
            objective = Objective(self.loss, teacher, contrast)
            if teacher is not None:
                teacher.load(parameters.labels, load_component, component=self.name)
            if self._pretrained is None:
                set_parameters(self.model, parameters.without_network())
                self.model.initialize(X=sample.texts)
            else:
                parameters = grow(parameters, sample.texts, **self._min_counts)
                set_parameters(self.model, parameters)
                self._shim.start_training()
            nlp = nlp or Language(self.vocab)
            if rehearsal is None:
                rehearsal = self._own_rehearsal(sample)
            objective.regularizers = self._regularizers(nlp, rehearsal, consolidation)
            if char_vectors is not None:
                self._use_char_vectors(char_vectors)
        self._keeps_listening = LISTEN in sample.intents
        says_intents = self.cfg["learn_intents"] and sample.intents
        if rehearsal is not None and not says_intents:
            self._keeps_listening = self._asks_for_what_it_knows(sample)
            objective.implied_intent = LISTEN if self._keeps_listening else None
        self._objective, self._former = objective, None
        self._awaits_pretrained = False
        self._told_of_parameters = False
        self._tell_of_parameters()

    @contextmanager
    def _unchanged_on_error(self) -> Iterator[None]:
        """Take back what becomes of the component in a `with` block that fails."""
        before = self._objective, self._former
        with READING, self._shim.unchanged_on_error():
            try:
                yield
            except Exception:
                self._objective, self._former = before
                raise

    def _install(self, saved: Dict[str, Any]) -> None:
        """Take over what was saved, and nothing of what was to be kept of another model."""
        has_model = "model" in saved  # its bytes are taken out
        super()._install(saved)
        if has_model:
            self._objective, self._former = Objective(self.loss, None), None

    @property
    def _min_counts(self) -> Dict[str, int]:
        """How often characters and pairs must occur to become known."""
        attrs = self.model.attrs
        return {name: attrs[name] for name in ("min_count", "bigram_min_count")}

    @property
    def _rehearsal_model(self) -> Optional[Model[List[str], Emissions]]:
        """What `Language.resume_training` sets, where there is such an attribute, to a copy
        of the model."""
        return self._former

    @_rehearsal_model.setter
    def _rehearsal_model(self, model: Model[List[str], Emissions]) -> None:
        if self._awaits_pretrained:  # then it is a copy of nothing
            self._read_pretrained()
            model = deepcopy(self.model)
        self._former = model

    def _regularizers(
        self,
        nlp: Language,
        rehearsal: Optional[Rehearsal],
        consolidation: Optional[Consolidation],
    ) -> List[Regularizer]:
        """Take down what training shall not forget: what the model predicts for old texts,
        and what its weights are."""
        regularizers: List[Regularizer] = []
        if rehearsal is not None:
            texts = read_texts(rehearsal.corpus, nlp, self.name)
            regularizers.append(Rehearser(self.model, texts, rehearsal))
        if consolidation is not None:
            texts = read_texts(consolidation.corpus, nlp, self.name)
            regularizers.append(Consolidator(self.model, texts, consolidation))
        return regularizers

    def _asks_for_what_it_knows(self, sample: Sample) -> bool:
        """Whether training data hold a label of what the component starts from."""
        known = known_labels(self._pretrained, self.name).get("labels", [])
        return not set(known).isdisjoint(sample.labels)

    def _own_rehearsal(self, sample: Sample) -> Optional[Rehearsal]:
        """What to rehearse of the box, if nobody says so. A message in which it finds what
        has other labels from now on would hold the component back: of these, only those
        in which it finds nothing."""
        if self._pretrained != BOX or not self._rehearsal_weight:
            return None
        texts = rehearsal_texts()
        if not self._asks_for_what_it_knows(sample):
            found = self.find(texts)
            texts = [text for text, of_text in zip(texts, found) if not of_text.spans]
        corpus = make_text_corpus(texts)
        return make_rehearsal(corpus, self._rehearsal_weight, _REHEARSED_AT_ONCE)

    def _use_char_vectors(self, char_vectors: CharVectors) -> None:
        shim = self._shim
        aligned = char_vectors.align(
            shim.parameters.characters,
            shim.arrays[EMBEDDING],
            component=self.name,
        )
        shim.set_array(EMBEDDING, aligned, trainable=char_vectors.trainable)

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optional[Optimizer] = None,
        losses: Optional[Dict[str, float]] = None,
    ) -> Dict[str, float]:
        """Learn from a batch of examples. After `Language.resume_training`, characters that
        are new in them become known.

        examples (Iterable[Example]): A batch of examples.
        drop (float): The dropout rate.
        sgd (Optional[Optimizer]): The optimizer; without one the gradients are kept
            for `finish_update`.
        losses (Optional[Dict[str, float]]): Losses by component name, added to.
        RETURNS (Dict[str, float]): The updated losses.
        RAISES (ValueError): If the emissions or the loss are not finite.
        """
        self._read_pretrained()
        if losses is None:
            losses = {}
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, "MusicQuery.update")
        texts = [as_read(example.predicted.text) for example in examples]
        if not any(texts):
            return losses
        require_number(self.name, "dropout", float(drop), at_least=0, below=1)
        self._n_updates += 1
        if self._former is not None:
            self._grow_chars([e.predicted.text for e in new_examples(examples)])
        if not self._keeps_listening:
            # What it tells of messages is not kept up from here on.
            self.cfg = {**self.cfg, "listen_threshold": 0.0}
        self._shim.activate()
        self._tell_of_parameters()
        set_dropout_rate(self.model, drop)
        emissions, backprop = self.model.begin_update(texts)
        self._require_finite("model's output", emissions.data)
        loss, gradients = self.get_loss(examples, emissions)
        self._require_finite("loss", loss)
        cast(Any, backprop)(gradients)
        loss += self._objective.regularize(self.model, drop)
        if sgd not in (None, False):
            self.finish_update(sgd)
        losses[self.name] += loss
        return losses

    def rehearse(
        self,
        examples: Iterable[Example],
        *,
        sgd: Optional[Optimizer] = None,
        losses: Optional[Dict[str, float]] = None,
    ) -> Dict[str, float]:
        """Learn to predict what was predicted when `Language.resume_training` was called,
        so that it is not forgotten. Without that, nothing happens.

        examples (Iterable[Example]): A batch of examples. Only their text counts.
        sgd (Optional[Optimizer]): The optimizer; without one the gradients are kept
            for `finish_update`.
        losses (Optional[Dict[str, float]]): Losses by component name, added to.
        RETURNS (Dict[str, float]): The updated losses.
        """
        if losses is None:
            losses = {}
        examples = list(examples)
        validate_examples(examples, "MusicQuery.rehearse")
        texts = [as_read(e.predicted.text) for e in examples if e.predicted.text]
        if self._former is None or not texts:
            return losses
        loss = rehearse(self.model, self._former, texts)
        self._require_finite("loss", loss)
        if sgd not in (None, False):
            self.finish_update(sgd)
        losses[self.name] = losses.get(self.name, 0.0) + loss
        return losses

    def get_loss(
        self, examples: Iterable[Example], scores: Emissions
    ) -> Tuple[float, EmissionGradients]:
        """The loss of the gold tags and intents, and its gradient; see `losses`, and
        `distillation` for that of a teacher, if there is one. Characters of tokens
        without entity annotation may have any tag, and docs
        without `cats` any intent.

        examples (Iterable[Example]): The batch of examples.
        scores (Emissions): Emissions of all characters that are read, in a row
            (characters, tags), see `plain_text`.
        RETURNS (Tuple[float, EmissionGradients]): The loss and its gradient.
        RAISES (ValueError): If a predicted and its reference text differ, or the
            reference has a label that the model does not.
        """
        # What it is pretrained with may have intents, of which the examples know nothing.
        return self._objective.of_examples(
            list(examples),
            scores,
            labels=self.labels,
            intents=self.intents if self.cfg["learn_intents"] else (),
            component=self.name,
        )

    def _require_finite(self, what: str, values: Union[float, np.ndarray]) -> None:
        if not np.isfinite(values).all():
            raise ValueError(
                Errors.MQ010.format(name=self.name, what=what, step=self._n_updates)
            )

    def _tell_of_parameters(self) -> None:
        """Log, once, how many parameters training will change."""
        if not self._told_of_parameters:
            self._told_of_parameters = True
            shim = self._shim
            n_trained, n_frozen = shim.n_parameters
            text = f"{self.name}: {n_trained:,} parameters to train, {n_frozen:,} frozen"
            if shim.n_waiting:
                text += f"; of those to train, {shim.n_waiting:,} are frozen at first"
            logger.info(text)

    def add_label(self, label: str) -> int:
        """Add a label. A model that is trained grows by its tags, which it predicts once
        it has been updated.

        label (str): The label.
        RETURNS (int): 0 if the label is already present, otherwise 1.
        RAISES (ValueError): If it is no label, or there are MAX_LABELS.
        """
        self._read_pretrained()
        if self._checked_label(label) in self.labels:
            return 0
        parameters = self.parameters.replace(labels=(*self.labels, label))
        self._require_few(parameters.labels)
        if parameters.sizes is not None:
            self._labels_to_learn.append(label)
            self._grow(grow_output(parameters))
        else:
            set_parameters(self.model, parameters)
        return 1

    def _checked_label(self, label: str) -> str:
        require_name(self.name, "a label", label)
        self.vocab.strings.add(label)
        return label

    def _require_few(self, labels: Sequence[str]) -> None:
        if len(labels) > MAX_LABELS:
            message = Errors.MQ262.format(name=self.name, n=len(labels), most=MAX_LABELS)
            raise ValueError(message)

    def _checked_intent(self, intent: str) -> str:
        require_name(self.name, "an intent", intent)
        return intent

    def _grow_chars(self, texts: List[str]) -> None:
        """Let the characters of texts become known, in the middle of training."""
        min_count = self.model.attrs["min_count"]
        grown = grow_chars(self.parameters, texts, min_count=min_count)
        if grown is not self.parameters:
            self._grow(grown)

    def _grow(self, parameters: Parameters) -> None:
        """Know more, in the middle of training."""
        self._shim.grow(parameters)
        self.model.set_dim("nO", cast(Any, parameters.n_tags), force=True)
