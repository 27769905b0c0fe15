"""Finding queries: what a `music_query` component needs to serve messages, with its
labels, its catalogue and its files. What it needs to be trained is in `music_query`.

Longer than other modules, as it is one class, in the order of spaCy's own components.
"""

import logging
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
    Tuple,
    cast,
)

import numpy as np
from spacy import util
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import Model

from ..decoding import bio
from ..decoding.emissions import Emissions
from ..errors import Errors, Warnings, damaged, excerpt
from ..features.batches import portions, split_by_length
from ..features.catalogue import require_names
from ..features.plain_text import PlainText, may_be_shorter, plain_text
from ..locks import fork_safe_lock
from ..ml.architectures import get_shim, predict, set_parameters
from ..ml.keras_shim import KerasShim
from ..ml.parameters import Parameters
from ..ml.saved_model import read_model, write_model
from ..saving import sealed_files
from ..saving.pretrained import find_pretrained, known_labels
from ..tokens.alignment import (
    CHANGES,
    Change,
    FoundSpan,
    add_ents,
    align,
    annotate_chars,
    install_extensions,
    set_group,
    set_scores,
    strip_blanks,
)
from ..tokens.intents import LISTEN
from ..tokens.known_texts import take_text
from ..types import Floats2d
from .saved_component import ByteWriters, FileWriters, Readers, SavedComponent
from .settings import check_settings

logger = logging.getLogger("spacy.music_query")

# One thread at a time reads what is pretrained or puts something else in its place, as
# components cannot carry locks to other processes.
READING = fork_safe_lock()
# And one at a time counts.
_COUNTING = fork_safe_lock()
# Docs of which `pipe` keeps what was found. Python collects garbage when 700 objects more are
# alive than before, and a Doc with what was found has about 13: with more of them, collections
# take a tenth of the time; with fewer, batches do.
_MOST_DOCS = 32
# What is in work at once: characters, unless a single text has more; and, of as many texts,
# the scores of each tag behind each other one.
MAX_CHARS = 1 << 17
MAX_SCORES = 1 << 25
# How much likelier it is that a query is meant if its words are names of the catalogue. Chosen
# together with the box's threshold, on the development sets of `benchmarks/real.py`.
_CATALOGUE_ODDS = 4.0


class Prediction(NamedTuple):
    """What the model found in a message.

    spans (List[FoundSpan]): Its queries, in order.
    cats (Dict[str, float]): The probability of each intent; empty if none were learnt.
    """

    spans: List[FoundSpan]
    cats: Dict[str, float]


class QueryFinder(SavedComponent, TrainablePipe):
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
        name: str,
        *,
        pretrained: Optional[str],
        scorer: Optional[Callable],
        settings: Mapping[str, Any],
    ) -> None:
        """Initialize a component.

        vocab, model, name, pretrained, scorer: See `MusicQuery`.
        settings (Mapping[str, Any]): Those of `MusicQuery` that are saved with the
            component: what `check_settings` checks.
        RAISES (ValueError): If a setting has a value that is not allowed.
        """
        self.vocab = vocab
        self.model = model
        self.name = name
        self.scorer = scorer
        self.cfg: Dict[str, Any] = dict(settings)
        check_settings(name, self.cfg)
        self._configured = dict(self.cfg)
        # spaCy asks for the labels before it loads what it has saved.
        known = known_labels(pretrained, name).items()
        names = {key: tuple(of_key) for key, of_key in known}
        set_parameters(model, self._shim.parameters.replace(**names))
        self._pretrained = pretrained
        self._awaits_pretrained = pretrained is not None
        self.misaligned: Dict[Change, int] = dict.fromkeys(CHANGES, 0)
        install_extensions()

    @property
    def parameters(self) -> Parameters:
        """What has been learnt: the one place where it is kept.

        RETURNS (Parameters): Of this moment. Assign others to exchange all of it;
            schedules of training then start over.
        """
        self._read_pretrained()
        return self._shim.parameters

    @parameters.setter
    def parameters(self, parameters: Parameters) -> None:
        with READING:
            set_parameters(self.model, parameters)
            self._awaits_pretrained = False

    @property
    def _shim(self) -> KerasShim:
        """What holds the parameters, under the name that the component has now: spaCy
        changes it when a component is sourced."""
        shim = get_shim(self.model)
        shim.component = self.name
        return shim

    @property
    def labels(self) -> Tuple[str, ...]:
        """The entity labels. RETURNS (Tuple[str]): In the order of the tags."""
        return self._shim.parameters.labels

    @property
    def intents(self) -> Tuple[str, ...]:
        """The intents of whole messages. RETURNS (Tuple[str]): None if none were learnt."""
        return self._shim.parameters.intents

    @property
    def label_data(self) -> Dict[str, List[str]]:
        """What `spacy init labels` saves and `initialize` takes.

        RETURNS (Dict[str, List[str]]): "labels" and "intents".
        """
        return {"labels": list(self.labels), "intents": list(self.intents)}

    @property
    def tags(self) -> List[str]:
        """The BIO tags. RETURNS (List[str]): In the order of the model's output."""
        return list(self._shim.parameters.tags)

    def predict(self, docs: Iterable[Doc]) -> List[Prediction]:
        """Find the queries of a batch of docs, without modifying them.

        docs (Iterable[Doc]): The documents. Only their text counts.
        RETURNS (List[Prediction]): As `find`, one a doc.
        """
        return self.find([take_text(doc) for doc in docs])

    def find(self, texts: Sequence[str]) -> List[Prediction]:
        """Find the queries of a batch of texts: what `nlp.pipe` finds, without Docs, for
        services and bulk. What says nothing is not read, see `plain_text`.

        texts (Sequence[str]): The texts.
        RETURNS (List[Prediction]): The queries of each text that are probable enough, see
            the settings `threshold` and `listen_threshold`, and its intents.
        """
        if not texts:
            return []
        parameters, threshold = self.parameters, self.cfg["threshold"]
        if len(texts) > 1:
            max_texts = MAX_SCORES // (parameters.n_tags or 1) ** 2
            parts = portions(texts, MAX_CHARS, max_texts)
            if len(parts) > 1:
                return [prediction for part in parts for prediction in self.find(part)]
        # An empty message has the intents of a blank: whoever asks for the likeliest of a
        # message, any message, gets an answer.
        read, places_of = [text or " " for text in texts], {}
        for i in [i for i, text in enumerate(texts) if may_be_shorter(text)]:
            if (shorter := plain_text(texts[i])) is not None:
                read[i], places_of[i] = shorter
        predictor = get_shim(self.model).get_predictor(parameters)
        spans, probabilities = predictor.find(parameters, read)
        labels, intents = parameters.labels, parameters.intents
        found = [Prediction([], dict(zip(intents, row))) for row in probabilities]
        listen_threshold = self.cfg["listen_threshold"] if LISTEN in intents else None
        for i, start, end, label, score in spans:
            text, (in_text, cats) = texts[i], found[i]
            if score < threshold or not text:
                continue
            if listen_threshold:
                asked = score * cats.get(LISTEN, 0.0)
                if asked < listen_threshold and not (
                    asked >= _least_of_names(listen_threshold)
                    and parameters.catalogue.explains(read[i][start:end])
                ):
                    continue
            if i in places_of:
                places = places_of[i]
                start, end = places[start], places[end - 1] + 1
            if text[start].isspace() or text[end - 1].isspace():
                start, end = strip_blanks(text, start, end)
                if start == end:
                    continue
            in_text.append(FoundSpan(start, end, labels[label], score))
        return found

    def tag_probabilities(self, docs: Iterable[Doc]) -> List[Floats2d]:
        """The probability of every tag for every character.

        docs (Iterable[Doc]): The documents.
        RETURNS (List[Floats2d]): One array a doc (characters, tags); the columns
            are `tags`, every row sums to 1. What is not read is outside of queries.
        """
        parameters = self.parameters
        texts = [doc.text for doc in docs]
        plain = [plain_text(text) or PlainText(text, range(len(text))) for text in texts]
        emissions = predict(self.model, parameters, [read.text for read in plain])
        probabilities = bio.tag_probabilities(
            emissions.data, emissions.lengths, emissions.chain
        )
        # Tags that were added and never updated.
        n_new = len(parameters.tags) - probabilities.shape[1]
        probabilities = np.pad(probabilities, ((0, 0), (0, n_new)))
        of_read = split_by_length(probabilities, emissions.lengths)
        return [_of_all_chars(*of_text) for of_text in zip(texts, plain, of_read)]

    def emissions(self, texts: List[str]) -> Emissions:
        """The scores that tags and intents are chosen by.

        texts (List[str]): The texts.
        RETURNS (Emissions): The scores of all their characters.
        """
        return predict(self.model, self.parameters, texts)

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Apply the component to a stream of documents.

        stream (Iterable[Doc]): The documents.
        batch_size (int): How many to predict at a time, if that is less than _MOST_DOCS.
        YIELDS (Doc): The documents in order, each modified in place.
        """
        error_handler = self.get_error_handler()
        install_extensions()
        for docs in util.minibatch(stream, size=min(batch_size, _MOST_DOCS)):
            batch = self._predicted(docs, error_handler)
            labels = self.labels
            # Annotate each only when it is asked for, and let go of it then: the more
            # objects are alive, the longer Python's garbage collector takes.
            docs.clear()
            batch.reverse()
            while batch:
                doc, found = batch.pop()
                try:
                    self._annotate(doc, found, labels)
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

    def set_annotations(self, docs: Iterable[Doc], scores: Sequence[Prediction]) -> None:
        """Write queries and intents to a batch of docs.

        docs (Iterable[Doc]): The documents to modify.
        scores (Sequence[Prediction]): What `predict` returned for them.
        """
        install_extensions()
        labels = self.labels
        for doc, found in zip(docs, scores):
            self._annotate(doc, found, labels)

    def _annotate(self, doc: Doc, found: Prediction, labels: Tuple[str, ...]) -> None:
        """Write the queries, of some of these labels, and the intents of one doc."""
        spans, cats = found
        key = self.cfg["spans_key"]
        if not annotate_chars(doc, key, spans):
            aligned = align(doc, spans, self.cfg["alignment_mode"])
            if aligned.changes:
                self._count_misaligned(doc, aligned.changes)
            set_group(doc, key, aligned, spans, labels)
            if aligned.spans:
                set_scores(doc, aligned)
            add_ents(doc, aligned.spans, overwrite=self.cfg["overwrite"])
        if cats:
            doc.cats.update(cats)

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

    def _read_pretrained(self) -> None:
        """Read what the component shall know before it is trained, unless it has been
        read, or loading has made it needless."""
        if not self._awaits_pretrained:
            return
        with READING:
            if self._awaits_pretrained:  # still, when other threads have read
                self._load_pretrained()

    def _load_pretrained(self) -> None:
        path = find_pretrained(cast(str, self._pretrained), self.name)
        chosen = self.cfg["listen_threshold"]
        self.from_disk(path, exclude=["vocab"])
        if chosen is not None:
            self.cfg = {**self.cfg, "listen_threshold": chosen}

    @property
    def catalogue(self) -> Dict[str, List[str]]:
        """The names of the catalogue.

        RETURNS (Dict[str, List[str]]): By type, normalised as messages are.
        """
        return self.parameters.catalogue.names()

    def set_catalogue(self, names: Mapping[str, Iterable[str]]) -> None:
        """Replace the catalogue: names that are found even if training never saw them.
        Messages that are being read meanwhile see the old one or the new one.

        names (Mapping[str, Iterable[str]]): Names by type, such as {"artist": ["周杰伦"]}.
        RAISES (ValueError): If the pipeline was trained without a catalogue, or without
            one of the types.
        """
        parameters = self.parameters
        types = parameters.catalogue.types
        names = self._checked_names(names, types)
        self._shim.change(catalogue=parameters.new_catalogue(types, names))

    def add_to_catalogue(self, names: Mapping[str, Iterable[str]]) -> None:
        """Add names to the catalogue; they are found from now on.

        names (Mapping[str, Iterable[str]]): Names by type.
        RAISES (ValueError): As `set_catalogue`.
        """
        catalogue = self.parameters.catalogue
        catalogue.add(self._checked_names(names, catalogue.types))

    def _checked_names(
        self, names: Mapping[str, Iterable[str]], types: Sequence[str]
    ) -> Mapping[str, Iterable[str]]:
        """Refuse names of types that were not learnt."""
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

    def _byte_writers(self, exclude: Iterable[str]) -> ByteWriters:
        self._read_pretrained()  # settings come with it
        written = self._written(self.cfg, exclude)
        return {
            "vocab": lambda: self.vocab.to_bytes(exclude=exclude),
            **{name: partial(bytes, data) for name, data in written.items()},
        }

    def _byte_readers(self, saved: Dict[str, Any], exclude: Iterable[str]) -> Readers:
        return {
            "cfg": lambda b: saved.update(cfg=sealed_files.read_settings(b, self.name)),
            "vocab": lambda b: self.vocab.from_bytes(b, exclude=exclude),
            "model": lambda b: saved.update(model=b),
            "catalogue": lambda b: saved.update(catalogue=lambda: b),
        }

    def _file_writers(self, exclude: Iterable[str]) -> FileWriters:
        self._read_pretrained()  # settings come with it
        # Settings that were changed after the component was made: the config holds the
        # others, and whoever loads it may override them.
        before = self._configured
        changed = {k: v for k, v in self.cfg.items() if v != before.get(k)}
        written = self._written(changed, exclude)
        return {
            "vocab": lambda p: self.vocab.to_disk(p, exclude=exclude),
            **{name: partial(_write, data) for name, data in written.items()},
        }

    def _file_readers(self, saved: Dict[str, Any], exclude: Iterable[str]) -> Readers:
        def read(path: Path) -> bytes:
            digest = saved.get("cfg", {}).get("digests", {}).get(path.name)
            return sealed_files.read_file(path, self.name, digest)

        return {
            "cfg": lambda p: saved.update(
                cfg=sealed_files.read_settings_file(p, self.name)
            ),
            "vocab": lambda p: self.vocab.from_disk(p, exclude=exclude),
            "model": lambda p: saved.update(model=read(p)),
            # Pipelines without a catalogue have no such file.
            "catalogue": lambda p: saved.update(catalogue=lambda: read(p)),
        }

    def _written(
        self, settings: Mapping[str, Any], exclude: Iterable[str]
    ) -> Dict[str, bytes]:
        """Settings, with the labels and intents, and what else is saved but the vocabulary,
        by name, once it has been read again: whatever a component holds, nothing takes the
        place of what was saved before that does not load."""
        parameters, name = self.parameters, self.name
        labels, intents = list(parameters.labels), list(parameters.intents)
        sealed: Dict[str, bytes] = {}
        try:
            if "model" not in exclude:
                sealed["model"] = write_model(self.model, parameters)
            if "catalogue" not in exclude and parameters.catalogue.types:
                names = parameters.catalogue.names()
                sealed["catalogue"] = sealed_files.write_names(names)
            sealed_files.require_room(sealed)
            settings = {**settings, "labels": labels, "intents": intents}
            digests = {key: sealed_files.digest_of(data) for key, data in sealed.items()}
            cfg = sealed_files.write_settings(settings, digests)
            check_settings(name, {**self.cfg, **sealed_files.read_settings(cfg, name)})
            if "model" in sealed:
                model, data = self.model, sealed["model"]
                read_model(model, data, component=name, labels=labels, intents=intents)
            if "catalogue" in sealed:
                sealed_files.read_names(sealed["catalogue"], name)
        except ValueError as error:
            raise ValueError(Errors.MQ260.format(name=name, problem=error)) from error
        return {"cfg": cfg, **sealed}

    def _install(self, saved: Dict[str, Any]) -> None:
        """Take over what was saved, once all of it has been read and agrees: of "cfg" the
        settings, of "model" the bytes, and of "catalogue" what reads its bytes, since only
        the model says whether there are any. What was left out stays as it is."""
        with READING:
            settings, labels = self.cfg, self.label_data
            if "cfg" in saved:
                sealed_files.require_known(saved["cfg"], self.cfg, self.name)
                labels = {key: saved["cfg"].get(key, []) for key in labels}
                settings = {**settings, **saved["cfg"]}
                for other in ("digests", *labels):
                    settings.pop(other, None)
                check_settings(self.name, settings)
            has_model = "model" in saved
            parameters = self._read_parameters(saved, labels)
            set_parameters(self.model, parameters)
            self.cfg = settings
            if has_model:
                self._awaits_pretrained = False
        for label in parameters.labels:
            self.vocab.strings.add(label)

    def _read_parameters(
        self, saved: Dict[str, Any], labels: Mapping[str, List[str]]
    ) -> Parameters:
        """Read "model" and "catalogue" of what was saved, see `_install`. The bytes of the
        model are taken out, as names take memory, too."""
        if saved.keys() == {"catalogue"}:
            self._read_pretrained()  # its types are those that names may have
        before = self._shim.parameters
        if "model" in saved:
            parameters = read_model(
                self.model, saved.pop("model"), component=self.name, **labels
            )
        else:
            names = {key: tuple(of_key) for key, of_key in labels.items()}
            parameters = before.replace(**names)
            if (problem := parameters.disagreement()) is not None:
                raise damaged(self.name, problem)
        types = parameters.catalogue.types
        if "catalogue" in saved and types:
            of_types = sealed_files.read_names(saved["catalogue"](), self.name)
            self._checked_names(of_types, types)
            catalogue = parameters.new_catalogue(types, of_types)
            parameters = parameters.replace(catalogue=catalogue)
        elif types and types == before.catalogue.types:
            catalogue = parameters.new_catalogue(types, before.catalogue.names())
            parameters = parameters.replace(catalogue=catalogue)
        return parameters


def _of_all_chars(text: str, plain: PlainText, of_read: Floats2d) -> Floats2d:
    """The tag probabilities of all characters of a text, given those of the ones read."""
    probabilities = np.zeros((len(text), of_read.shape[1]), dtype=of_read.dtype)
    probabilities[:, bio.OUTSIDE] = 1.0
    probabilities[np.asarray(plain.places, dtype="int64")] = of_read
    return probabilities


def _least_of_names(listen_threshold: float) -> float:
    """What a query whose words are names of the catalogue must reach in the place of a
    threshold: its odds count `_CATALOGUE_ODDS` times."""
    others = _CATALOGUE_ODDS * (1.0 - listen_threshold)
    return listen_threshold / (listen_threshold + others)


def _write(data: bytes, path: Path) -> None:
    path.write_bytes(data)
