"""The `music_query` pipeline component."""

import logging
import threading
from contextlib import contextmanager
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
    Union,
    cast,
)

import numpy as np
import srsly
from spacy import util
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Config, Model, Optimizer, set_dropout_rate
from wasabi import msg

from . import atomic, bio, saving
from .alignment import (
    CHANGES,
    SCORE_EXTENSION,
    AlignmentMode,
    Change,
    FoundSpan,
    add_ents,
    align,
    install_extensions,
    set_group,
    set_score,
    strip_blanks,
)
from .architectures import get_shim, model_catalogue
from .catalogue import require_names
from .char_vectors import CharVectors
from .consolidation import Consolidation, Consolidator
from .distillation import Teacher
from .encoding import split_by_length
from .errors import Errors, Warnings, bad_setting, excerpt
from .growth import grow, grow_chars, grow_output, new_examples
from .intents import best_intent
from .layout import EMBEDDING
from .learn_rates import LearnRates, Rate
from .losses import INTENT_WEIGHT, TagLoss, cross_entropy, make_negative_log_likelihood
from .pretrained import find_pretrained, known_labels
from .rehearsal import Rehearsal, Rehearser, read_texts, rehearse
from .scorer import music_query_score
from .settings import check_settings
from .types import EmissionGradients, Emissions, Floats2d, Ints1d

logger = logging.getLogger("spacy.music_query")

# One thread at a time reads what is pretrained, as components cannot carry locks to
# other processes.
_READING = threading.Lock()
# And one at a time counts.
_COUNTING = threading.Lock()

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
name_dropout = 0.5
name_distractors = 0.5
fullwidth = true
lowercase = true
precision = "float32"
threads = 1
spinning = false
encoder = null
"""
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
        "overwrite": False,
        "spans_key": "music_query",
        "alignment_mode": "expand",
        "learn_intents": True,
        "learn_rates": {},
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
    overwrite: bool,
    spans_key: str,
    alignment_mode: AlignmentMode,
    learn_intents: bool,
    learn_rates: Dict[str, Any],  # of Rate, which confection would take for floats alone
    loss: TagLoss,
    scorer: Optional[Callable],
) -> "MusicQuery":
    """Make a `music_query` component; see `MusicQuery` for the settings."""
    return MusicQuery(
        nlp.vocab,
        model,
        name,
        pretrained=pretrained,
        threshold=threshold,
        overwrite=overwrite,
        spans_key=spans_key,
        alignment_mode=alignment_mode,
        learn_intents=learn_intents,
        learn_rates=learn_rates,
        loss=loss,
        scorer=scorer,
    )


class Prediction(NamedTuple):
    """What the model found in a message.

    spans (List[FoundSpan]): Its queries, in order.
    cats (Dict[str, float]): The probability of each intent; empty if none were learnt.
    """

    spans: List[FoundSpan]
    cats: Dict[str, float]


class MusicQuery(TrainablePipe):
    """Marks the music queries of a message: the words to search a catalogue with.

    Sets `doc.ents`, `doc.spans[spans_key]` with `attrs["scores"]` in the order of
    its spans, and `span._.music_query_score` of each. The score is the probability
    that exactly this span is a query, see `bio.decode`. Whatever the tokens are, the
    group's `attrs["char_spans"]` has all queries as the model found them, each a dict
    of "start", "end", "label" and "score", in characters. If it learnt intents, it
    sets `doc.cats` as well.

    misaligned (Dict[Change, int]): How many queries did not fit the tokens since the
        component was made or loaded, in this process: "widened", "cut", "dropped".
    """

    def __init__(
        self,
        vocab: Vocab,
        model: Model[List[str], Emissions],
        name: str = "music_query",
        *,
        pretrained: Optional[str] = None,
        threshold: float = 0.0,
        overwrite: bool = False,
        spans_key: str = "music_query",
        alignment_mode: AlignmentMode = "expand",
        learn_intents: bool = True,
        learn_rates: Optional[Mapping[str, Rate]] = None,
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
        loss (Optional[TagLoss]): What training minimises over the tags; by default
            `losses.make_negative_log_likelihood`.
        scorer (Optional[Callable]): The scoring method.
        RAISES (ValueError): If a setting has a value that is not allowed.
        """
        self.vocab = vocab
        self.model = model
        self.name = name
        self.loss = loss or make_negative_log_likelihood()
        self.scorer = scorer
        self.cfg: Dict[str, Any] = {
            "alignment_mode": alignment_mode,
            "intents": [],
            "labels": [],
            "learn_intents": learn_intents,
            "overwrite": overwrite,
            "spans_key": spans_key,
            "threshold": threshold,
        }
        check_settings(name, self.cfg)
        self._configured = dict(self.cfg)
        shim = get_shim(model)
        shim.learn_rates = LearnRates(
            learn_rates or {}, component=name, depth=shim.settings["depth"]
        )
        # spaCy asks for the labels before it loads what it has saved.
        self.cfg.update(known_labels(pretrained, name))
        self._teacher: Optional[Teacher] = None
        self._pretrained = pretrained
        self._awaits_pretrained = pretrained is not None
        self._labels_to_learn: List[str] = []
        # What `Language.resume_training` copies, for `Language.rehearse`.
        self._rehearsal_model: Optional[Model[List[str], Emissions]] = None
        # What else adds to the gradients of each update, and returns its loss.
        self._reminders: List[Callable[[Model[List[str], Emissions], float], float]] = []
        self._n_updates = 0
        self.misaligned: Dict[Change, int] = dict.fromkeys(CHANGES, 0)
        self._told_of_parameters = False
        install_extensions()

    @property
    def labels(self) -> Tuple[str, ...]:
        """RETURNS (Tuple[str]): The entity labels."""
        return tuple(self.cfg["labels"])

    @property
    def intents(self) -> Tuple[str, ...]:
        """RETURNS (Tuple[str]): The intents of whole messages, if any were learnt."""
        return tuple(self.cfg["intents"])

    @property
    def label_data(self) -> Dict[str, List[str]]:
        """RETURNS (Dict[str, List[str]]): "labels" and "intents": what `spacy init
        labels` saves and `initialize` takes.
        """
        return {"labels": list(self.labels), "intents": list(self.intents)}

    @property
    def tags(self) -> List[str]:
        """RETURNS (List[str]): The BIO tags, in the order of the model's output."""
        return bio.tag_names(self.labels)

    def predict(self, docs: Iterable[Doc]) -> List[Prediction]:
        """Find the queries of a batch of docs, without modifying them.

        docs (Iterable[Doc]): The documents. Only their text counts.
        RETURNS (List[Prediction]): The queries of each doc whose score reaches the
            threshold, and its intents.
        """
        self._read_pretrained()
        texts = [doc.text for doc in docs]
        found = [Prediction([], {}) for _ in texts]
        if not any(texts):
            return found
        emissions = self.model.predict(texts)
        labels, threshold = self.cfg["labels"], self.cfg["threshold"]
        spans = bio.decode(emissions.data, emissions.lengths, emissions.chain)
        for i, start, end, label, score in spans:
            start, end = strip_blanks(texts[i], start, end)
            if start < end and score >= threshold:
                found[i].spans.append(FoundSpan(start, end, labels[label], score))
        if emissions.intents.size:
            probabilities = np.exp(bio.log_softmax(emissions.intents)).tolist()
            for text, prediction, row in zip(texts, found, probabilities):
                if text:
                    prediction.cats.update(zip(self.cfg["intents"], row))
        return found

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Apply the component to a stream of documents.

        stream (Iterable[Doc]): The documents.
        batch_size (int): How many to predict at a time.
        YIELDS (Doc): The documents in order, each modified in place.
        """
        error_handler = self.get_error_handler()
        install_extensions()
        for docs in util.minibatch(stream, size=batch_size):
            batch = self._predicted(docs, error_handler)
            # Annotate each only when it is asked for, and let go of it then: the more
            # objects are alive, the longer Python's garbage collector takes.
            docs.clear()
            batch.reverse()
            while batch:
                doc, found = batch.pop()
                try:
                    self._annotate(doc, found)
                except Exception as error:
                    error_handler(self.name, self, [doc], error)
                else:
                    yield doc

    def _predicted(
        self, docs: List[Doc], error_handler: Callable
    ) -> List[Tuple[Doc, Prediction]]:
        """The docs of a batch with what was found in each. Those that cannot be predicted
        are left to the error handler, and the others go on without them."""
        try:
            return list(zip(docs, self.predict(docs)))
        except Exception as error:
            if len(docs) == 1:
                error_handler(self.name, self, docs, error)
                return []
        alone = (self._predicted([doc], error_handler) for doc in docs)
        return [pair for of_doc in alone for pair in of_doc]

    def tag_probabilities(self, docs: Iterable[Doc]) -> List[Floats2d]:
        """The probability of every tag for every character.

        docs (Iterable[Doc]): The documents.
        RETURNS (List[Floats2d]): One array a doc (characters, tags); the columns
            are `tags`, every row sums to 1.
        """
        emissions = self.emissions([doc.text for doc in docs])
        probabilities = bio.tag_probabilities(
            emissions.data, emissions.lengths, emissions.chain
        )
        # Tags that were added and never updated.
        n_new = len(self.tags) - probabilities.shape[1]
        probabilities = np.pad(probabilities, ((0, 0), (0, n_new)))
        return split_by_length(probabilities, emissions.lengths)

    def emissions(self, texts: List[str]) -> Emissions:
        """The scores that tags and intents are chosen by.

        texts (List[str]): The texts.
        RETURNS (Emissions): The scores of all their characters.
        """
        self._read_pretrained()
        return self.model.predict(texts)

    def set_annotations(self, docs: Iterable[Doc], scores: Sequence[Prediction]) -> None:
        """Write queries and intents to a batch of docs.

        docs (Iterable[Doc]): The documents to modify.
        scores (Sequence[Prediction]): What `predict` returned for them.
        """
        install_extensions()
        for doc, found in zip(docs, scores):
            self._annotate(doc, found)

    def _annotate(self, doc: Doc, found: Prediction) -> None:
        """Write the queries and the intents of one doc."""
        aligned = align(doc, found.spans, self.cfg["alignment_mode"])
        if aligned.changes:
            self._count_misaligned(doc, aligned.changes)
        set_group(doc, self.cfg["spans_key"], aligned, found.spans, self.cfg["labels"])
        for span, score in zip(aligned.spans, aligned.scores):
            set_score(span, score)
        add_ents(doc, aligned.spans, overwrite=self.cfg["overwrite"])
        if found.cats:
            doc.cats.update(found.cats)

    def _count_misaligned(self, doc: Doc, changes: Mapping[Change, int]) -> None:
        """Count the queries that were changed to fit the tokens, and say so once."""
        with _COUNTING:
            is_first = not any(self.misaligned.values())
            for change, n in changes.items():
                self.misaligned[change] += n
        if is_first:
            logger.warning(
                Warnings.MQ101.format(
                    name=self.name,
                    n=sum(changes.values()),
                    actions=" or ".join(changes),
                    mode=self.cfg["alignment_mode"],
                    text=excerpt(doc.text),
                    key=self.cfg["spans_key"],
                )
            )

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
        texts = [example.predicted.text for example in examples]
        if not any(texts):
            return losses
        if drop >= 1.0:
            raise bad_setting(self.name, "dropout", drop, "at least 0 and below 1")
        self._n_updates += 1
        if self._rehearsal_model is not None:
            grow_chars(self.model, [e.predicted.text for e in new_examples(examples)])
        get_shim(self.model).wake()
        self._tell_of_parameters()
        set_dropout_rate(self.model, drop)
        emissions, backprop = self.model.begin_update(texts)
        self._require_finite("model's output", emissions.data)
        loss, gradients = self.get_loss(examples, emissions)
        self._require_finite("loss", loss)
        cast(Any, backprop)(gradients)
        for remind in self._reminders:
            loss += remind(self.model, drop)
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
        texts = [example.predicted.text for example in examples if example.predicted.text]
        if self._rehearsal_model is None or not texts:
            return losses
        self._read_pretrained()
        loss = rehearse(self.model, self._rehearsal_model, texts)
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
        scores (Emissions): Emissions of all characters in a row (characters, tags).
        RETURNS (Tuple[float, EmissionGradients]): The loss and its gradient.
        RAISES (ValueError): If a predicted and its reference text differ, or the
            reference has a label that the model does not.
        """
        examples = list(examples)
        gold_tags = np.concatenate([self._gold_tags(example) for example in examples])
        loss, gradients = self.loss(scores, gold_tags)
        if self._teacher is not None:
            loss, gradients = self._teacher.add_to(
                loss,
                gradients,
                texts=[example.predicted.text for example in examples],
                emissions=scores,
                tags=self.tags,
            )
        if not self.intents:
            return loss, gradients
        gold_intents = np.array([self._gold_intent(example) for example in examples])
        intent_loss, d_intents = cross_entropy(scores.intents, gold_intents)
        n_tags = max((gold_tags != bio.MISSING).sum(), 1)
        weight = INTENT_WEIGHT * (gold_intents != bio.MISSING).sum() / n_tags
        d_intents *= weight
        return loss + weight * intent_loss, gradients._replace(intents=d_intents)

    def _gold_tags(self, example: Example) -> Ints1d:
        """One tag a character of the reference, MISSING where it says nothing."""
        reference = example.reference
        text = reference.text
        if example.predicted.text != text:
            raise ValueError(
                Errors.MQ009.format(
                    name=self.name,
                    predicted=excerpt(example.predicted.text),
                    reference=excerpt(text),
                )
            )
        spans = [
            (*strip_blanks(text, ent.start_char, ent.end_char), ent.label_)
            for ent in reference.ents
        ]
        unknown = sorted({label for *_, label in spans if label not in self.labels})
        if unknown:
            raise ValueError(
                Errors.MQ006.format(
                    name=self.name,
                    unknown=", ".join(unknown),
                    labels=", ".join(self.labels) or "none",
                )
            )
        tags = bio.encode_spans(len(text), spans, self.labels)
        if not reference.has_annotation("ENT_IOB", require_complete=True):
            for token in reference:
                if token.ent_iob == 0:
                    tags[token.idx : token.idx + len(token.text_with_ws)] = bio.MISSING
        return tags

    def _gold_intent(self, example: Example) -> int:
        """The place of the reference's intent, MISSING if it has none."""
        intent = best_intent(example.reference)
        if intent is None:
            return bio.MISSING
        if intent not in self.intents:
            raise ValueError(
                Errors.MQ013.format(
                    name=self.name, unknown=intent, intents=", ".join(self.intents)
                )
            )
        return self.intents.index(intent)

    def _require_finite(self, what: str, values: Union[float, np.ndarray]) -> None:
        if not np.isfinite(values).all():
            raise ValueError(
                Errors.MQ010.format(name=self.name, what=what, step=self._n_updates)
            )

    def _read_pretrained(self) -> None:
        """Read what the component shall know before it is trained, unless it has been
        read, or loading has made it needless."""
        if not self._awaits_pretrained:
            return
        with _READING:
            if self._awaits_pretrained:  # still, when other threads have read
                path = find_pretrained(cast(str, self._pretrained), self.name)
                with self._unchanged_on_error():
                    # There may be other tags by now.
                    self.model.set_dim("nO", cast(Any, None), force=True)
                    self.from_disk(path, exclude=["vocab"])
                if self._rehearsal_model is not None:  # there was nothing to copy yet
                    self._rehearsal_model = deepcopy(self.model)

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
        RAISES (ValueError): If there is no label to learn, or a setting does not fit.
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
        texts: List[str] = []
        seen_labels: Set[str] = set()
        seen_intents: Set[str] = set()
        spaced: Optional[str] = None
        examples = get_examples()
        for example in examples if self._pretrained is None else new_examples(examples):
            texts.append(example.reference.text)
            seen_labels.update(ent.label_ for ent in example.reference.ents)
            seen_intents.update(example.reference.cats)
            if spaced is None and example.reference.has_unknown_spaces:
                spaced = example.reference.text
        if spaced is not None:
            text = excerpt(spaced)
            logger.warning(Warnings.MQ103.format(name=self.name, text=text))
        given = labels if isinstance(labels, dict) else {"labels": labels}
        labels = given.get("labels")
        intents = given.get("intents")
        if intents is None:
            intents = sorted(seen_intents) if self.cfg["learn_intents"] else []
        # Labels that were added by hand count, unless this starts over.
        added = () if self.model.has_dim("nO") else self.labels
        wanted = [*added, *(sorted(seen_labels) if labels is None else labels)]
        known_names: Dict[str, List[str]] = {}
        self._rehearsal_model, self._reminders = None, []
        wanted = [*self._labels_to_learn, *wanted]
        if self._pretrained is not None:
            self._awaits_pretrained = True  # once more, whatever was learnt since
            self._read_pretrained()
            wanted = [*self.labels, *wanted]
            intents = list(dict.fromkeys([*self.intents, *intents]))
            known_names = self.catalogue
        if not wanted:
            raise ValueError(Errors.MQ005.format(name=self.name, n=len(texts)))
        new_names = catalogue or {}
        types = [*known_names, *sorted(set(new_names) - set(known_names))]
        with self._unchanged_on_error():
            self.cfg = {**self.cfg, "labels": [], "intents": intents}
            for label in wanted:
                self._append_label(label)
            if teacher is not None:
                teacher.load(self.labels, component=self.name)
            self.model.set_dim("nO", len(self.tags), force=True)
            self.model.attrs["n_intents"] = len(intents)
            self.model.attrs["catalogue"] = model_catalogue(self.model, types)
            self.model.attrs["catalogue"].add(known_names)
            self.model.attrs["catalogue"].add(new_names)
            if self._pretrained is None:
                self.model.initialize(X=texts)
            else:
                grow(self.model, texts)
                get_shim(self.model).start_training()
        self._remember(nlp or Language(self.vocab), rehearsal, consolidation)
        if char_vectors is not None:
            self._use_char_vectors(char_vectors)
        self._teacher = teacher
        self._told_of_parameters = False
        self._tell_of_parameters()

    def _tell_of_parameters(self) -> None:
        """Print, once, how many parameters training will change."""
        if not self._told_of_parameters:
            self._told_of_parameters = True
            shim = get_shim(self.model)
            n_trained, n_frozen = shim.n_parameters
            text = f"{self.name}: {n_trained:,} parameters to train, {n_frozen:,} frozen"
            if shim.n_waiting:
                text += f"; of those to train, {shim.n_waiting:,} are frozen at first"
            msg.info(text)

    def _remember(
        self,
        nlp: Language,
        rehearsal: Optional[Rehearsal],
        consolidation: Optional[Consolidation],
    ) -> None:
        """Take down what training shall not forget: what the model predicts for old texts,
        and what its weights are."""
        if rehearsal is not None:
            texts = read_texts(rehearsal.corpus, nlp, self.name)
            self._reminders.append(Rehearser(self.model, texts, rehearsal))
        if consolidation is not None:
            texts = read_texts(consolidation.corpus, nlp, self.name)
            self._reminders.append(Consolidator(self.model, texts, consolidation))

    def _use_char_vectors(self, char_vectors: CharVectors) -> None:
        shim = get_shim(self.model)
        aligned = char_vectors.align(
            self.model.attrs["inventory"],
            shim.arrays[EMBEDDING],
            component=self.name,
        )
        shim.set_array(EMBEDDING, aligned, trainable=char_vectors.trainable)

    def set_catalogue(self, names: Mapping[str, Iterable[str]]) -> None:
        """Replace the catalogue: names that are found even if training never saw them.
        Messages that are being read meanwhile see the old one or the new one.

        names (Mapping[str, Iterable[str]]): Names by type, such as {"artist": ["周杰伦"]}.
        RAISES (ValueError): If the pipeline was trained without a catalogue, or without
            one of the types.
        """
        self._read_pretrained()
        self._replace_catalogue(names)

    def _replace_catalogue(self, names: Mapping[str, Iterable[str]]) -> None:
        catalogue = model_catalogue(self.model, self.model.attrs["catalogue"].types)
        catalogue.add(self._checked_names(names))
        self.model.attrs["catalogue"] = catalogue

    def add_to_catalogue(self, names: Mapping[str, Iterable[str]]) -> None:
        """Add names to the catalogue; they are found from now on.

        names (Mapping[str, Iterable[str]]): Names by type.
        RAISES (ValueError): As `set_catalogue`.
        """
        self._read_pretrained()
        self.model.attrs["catalogue"].add(self._checked_names(names))

    @property
    def catalogue(self) -> Dict[str, List[str]]:
        """RETURNS (Dict[str, List[str]]): The names of the catalogue, normalised as
        messages are, by type.
        """
        self._read_pretrained()
        return self.model.attrs["catalogue"].names()

    def _checked_names(
        self, names: Mapping[str, Iterable[str]]
    ) -> Mapping[str, Iterable[str]]:
        types = self.model.attrs["catalogue"].types
        if not types:
            raise ValueError(Errors.MQ014.format(name=self.name))
        require_names(self.name, names)
        for type_name in names:
            if type_name not in types:
                raise ValueError(
                    Errors.MQ015.format(
                        name=self.name, unknown=type_name, types=", ".join(types)
                    )
                )
        return names

    def add_label(self, label: str) -> int:
        """Add a label. A model that is trained grows by its tags, which it predicts once
        it has been updated.

        label (str): The label.
        RETURNS (int): 0 if the label is already present, otherwise 1.
        RAISES (ValueError): If it is no label.
        """
        self._read_pretrained()
        added = self._append_label(label)
        if added and get_shim(self.model).sizes is not None:
            self._labels_to_learn.append(label)
            self.model.set_dim("nO", len(self.tags), force=True)
            grow_output(self.model)
        return added

    def _append_label(self, label: str) -> int:
        if not isinstance(label, str) or not label:
            raise ValueError(Errors.MQ008.format(name=self.name, label=label))
        if label in self.labels:
            return 0
        self.cfg["labels"].append(label)
        self.vocab.strings.add(label)
        return 1

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Save to a bytestring.

        exclude (Iterable[str]): Names of serialization fields to leave out.
        RETURNS (bytes): The serialized component.
        """
        self._read_pretrained()
        writers = {
            "cfg": lambda: srsly.json_dumps(self.cfg),
            "vocab": lambda: self.vocab.to_bytes(exclude=exclude),
            "model": lambda: saving.seal(self.model.to_bytes()),
        }
        if self.model.attrs["catalogue"].types:
            writers["catalogue"] = self._catalogue_to_bytes
        return util.to_bytes(writers, exclude)

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> "MusicQuery":
        """Load from a bytestring.

        bytes_data (bytes): What `to_bytes` returned.
        exclude (Iterable[str]): Names of serialization fields to leave out.
        RETURNS (MusicQuery): The component itself.
        RAISES (SavedModelError): If the data are damaged.
        """
        readers = {
            "cfg": lambda b: self._load_settings(saving.read_settings(b, self.name)),
            "vocab": lambda b: self.vocab.from_bytes(b, exclude=exclude),
            "model": self._load_model,
            "catalogue": self._load_catalogue,
        }
        message = saving.read_message(bytes_data, self.name)
        with self._unchanged_on_error():
            util.from_dict(message, readers, exclude)
        self._awaits_pretrained = False
        return self

    def to_disk(self, path: Union[str, Path], *, exclude: Iterable[str] = ()) -> None:
        """Save to a directory. A save that fails leaves what was there before.

        path (Union[str, Path]): The directory; made if need be.
        exclude (Iterable[str]): Names of serialization fields to leave out.
        """
        self._read_pretrained()
        sealed: Dict[str, bytes] = {}
        if "model" not in exclude:
            sealed["model"] = saving.seal(self.model.to_bytes())
        if "catalogue" not in exclude and self.model.attrs["catalogue"].types:
            sealed["catalogue"] = self._catalogue_to_bytes()
        digests = {name: saving.digest_of(data) for name, data in sealed.items()}
        settings = {**self._settings_to_save(), "digests": digests}
        writers: Dict[str, Callable[[Path], Any]] = {
            "cfg": lambda p: srsly.write_json(p, settings),
            "vocab": lambda p: self.vocab.to_disk(p, exclude=exclude),
            **{name: partial(_write, data) for name, data in sealed.items()},
        }
        with atomic.complete_files(util.ensure_path(path)) as directory:
            util.to_disk(directory, writers, exclude)

    def from_disk(
        self, path: Union[str, Path], *, exclude: Iterable[str] = ()
    ) -> "MusicQuery":
        """Load from a directory.

        path (Union[str, Path]): The directory.
        exclude (Iterable[str]): Names of serialization fields to leave out.
        RETURNS (MusicQuery): The component itself.
        RAISES (SavedModelError): If a file is missing or damaged.
        """
        digests: Dict[str, str] = {}

        def load_settings(path: Path) -> None:
            settings = saving.read_settings_file(path, self.name)
            digests.update(settings["digests"])
            self._load_settings(settings)

        def read(path: Path) -> bytes:
            return saving.read_file(path, self.name, digests.get(path.name))

        def load_catalogue(path: Path) -> None:
            # Pipelines without a catalogue have no such file.
            if self.model.attrs["catalogue"].types:
                self._load_catalogue(read(path))

        readers: Dict[str, Callable[[Path], Any]] = {
            "cfg": load_settings,
            "vocab": lambda p: self.vocab.from_disk(p, exclude=exclude),
            "model": lambda p: self._load_model(read(p)),
            "catalogue": load_catalogue,
        }
        with self._unchanged_on_error():
            util.from_disk(path, readers, exclude)
        self._awaits_pretrained = False
        return self

    @contextmanager
    def _unchanged_on_error(self) -> Iterator[None]:
        """Take new settings back if the model that belongs to them cannot be had."""
        settings = dict(self.cfg)
        n_tags = self.model.maybe_get_dim("nO")
        attrs = {name: self.model.attrs[name] for name in ("n_intents", "catalogue")}
        try:
            yield
        except Exception:
            self.cfg = settings
            self.model.attrs.update(attrs)
            if n_tags is not None:
                self.model.set_dim("nO", n_tags, force=True)
            raise

    def _settings_to_save(self) -> Dict[str, Any]:
        """The labels and intents, and settings that were changed after the component was made:
        the config holds the others, and whoever loads it may override them."""
        changed = {k: v for k, v in self.cfg.items() if v != self._configured.get(k)}
        return {**changed, **self.label_data}

    def _load_settings(self, saved: Mapping[str, Any]) -> None:
        settings = {**self.cfg, **saved}
        del settings["digests"]
        check_settings(self.name, settings)
        self.cfg = settings
        for label in settings["labels"]:
            self.vocab.strings.add(label)

    def _catalogue_to_bytes(self) -> bytes:
        return saving.write_names(self.catalogue)

    def _load_catalogue(self, data: bytes) -> None:
        names = saving.read_names(data, self.name)
        if names:
            self._replace_catalogue(names)

    def _load_model(self, data: bytes) -> None:
        saving.load_model(
            self.model,
            data,
            component=self.name,
            n_tags=len(self.tags),
            n_intents=len(self.intents),
        )


def _write(data: bytes, path: Path) -> None:
    path.write_bytes(data)
