"""The `music_query_linker` pipeline component: from the words of queries to entries of a
catalogue."""

from functools import partial
from pathlib import Path
from typing import (
    Any,
    Callable,
    Dict,
    Final,
    Iterable,
    List,
    Optional,
    Sequence,
    Tuple,
    Union,
)

from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.scorer import Scorer
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.vocab import Vocab

from ..errors import Errors, bad_setting, excerpt, require_number
from ..linking.correction import correct_spans
from ..linking.entry_table import Row
from ..linking.index import LinkIndex
from ..linking.index_file import BEGINNING, digest_of
from ..linking.linker import DEFAULT_THRESHOLD, Linker, to_dict
from ..locks import fork_safe_lock
from ..saving import sealed_files
from ..tokens.links import (
    LINKS_EXTENSION,
    Links,
    install_links_extension,
    set_kb_id,
    set_links,
)
from ..tokens.moving import move_spans
from .music_query import is_made_from_config
from .saved_component import ByteWriters, FileWriters, Readers, SavedComponent

# One thread at a time reads the file of an index, as components cannot carry locks to
# other processes.
_READING = fork_safe_lock()

TIES = ("first", "none")
# Where in a row the score is; behind it are the characters.
_SCORE: Final = 4


@Language.factory(
    "music_query_linker",
    assigns=["token.ent_kb_id", "doc.spans", f"span._.{LINKS_EXTENSION}"],
    default_config={
        "index": None,
        "threshold": DEFAULT_THRESHOLD,
        "n": 5,
        "ties": "first",
        "correct": False,
        "labels": None,
        "spans_key": "music_query",
        "save_index": True,
        "scorer": {"@scorers": "spacy_musicquery.music_query_links_scorer.v1"},
    },
    default_score_weights={"nel_micro_f": None, "nel_micro_r": None, "nel_micro_p": None},
)
def make_music_query_linker(
    nlp: Language,
    name: str,
    index: Optional[str],
    threshold: float,
    n: int,
    ties: str,
    correct: bool,
    labels: Optional[List[str]],
    spans_key: str,
    save_index: bool,
    scorer: Optional[Callable],
) -> "MusicQueryLinker":
    """Make a `music_query_linker` component; see `MusicQueryLinker` for the settings.

    RAISES (ValueError): If a setting is not allowed, or there is no such index.
    """
    component = MusicQueryLinker(
        nlp.vocab,
        name,
        index=index,
        threshold=threshold,
        n=n,
        ties=ties,
        correct=correct,
        labels=labels,
        spans_key=spans_key,
        save_index=save_index,
        scorer=scorer,
    )
    # Of a whole pipeline that is being loaded, the index is read from where it was saved.
    if index is not None and not is_made_from_config():
        component.set_index(index)
    return component


def links_score(examples: Iterable[Example], **kwargs: Any) -> Dict[str, Any]:
    """Score what queries have been linked to, as spaCy does it for its entity linker.

    examples (Iterable[Example]): Annotated docs beside what was predicted for them.
    RETURNS (Dict[str, Any]): "nel_micro_p", "nel_micro_r", "nel_micro_f" and others. A query
        without an id counts as not linked.
    """
    return Scorer.score_links(examples, negative_labels=["", "NIL"], **kwargs)


def make_links_scorer() -> Callable:
    """Make the scoring method, for the registry. RETURNS (Callable): `links_score`."""
    return links_score


class MusicQueryLinker(SavedComponent, Pipe):
    """Links music queries to the entries of a catalogue.

    Sets `span._.music_query_links` of every query, those among `doc.ents` and those in
    `doc.spans[spans_key]`: entries, the likeliest first, each a dict of "id", "type", "name",
    "artist", "score", and "start" and "end", the characters of the query that it explains.
    The score is the probability that the query means this entry, or one that its words do
    not tell from it. If the first score reaches the threshold, `span.kb_id_` is its id.
    """

    def __init__(
        self,
        vocab: Vocab,
        name: str = "music_query_linker",
        *,
        index: Optional[str] = None,
        threshold: float = DEFAULT_THRESHOLD,
        n: int = 5,
        ties: str = "first",
        correct: bool = False,
        labels: Optional[Sequence[str]] = None,
        spans_key: str = "music_query",
        save_index: bool = True,
        scorer: Optional[Callable] = None,
    ) -> None:
        """Initialize a component.

        vocab (Vocab): The shared vocabulary.
        name (str): The component instance name.
        index (Optional[str]): The file of an index, as `music-query link-index` writes it;
            it is read when it is first needed. None if `set_index` will give one.
        threshold (float): The score that the best entry needs to become `span.kb_id_`.
        n (int): How many entries a query gets at most.
        ties (str): What becomes of `span.kb_id_` if the words do not tell the best entries
            from each other, as of a title that several artists have: "first" takes the
            most popular, or the first of the table; "none" leaves it empty.
        correct (bool): Whether queries that are no name of the catalogue are moved to where
            one is, by up to two characters at each end.
        labels (Optional[Sequence[str]]): The labels of the entities that are queries; None
            for all.
        spans_key (str): The key of `doc.spans` where queries are, beside `doc.ents`.
        save_index (bool): Whether the index is saved with the pipeline, or stays where
            `index` says.
        scorer (Optional[Callable]): The scoring method.
        RAISES (ValueError): If a setting has a value that is not allowed.
        """
        self.vocab = vocab
        self.name = name
        self.scorer = scorer
        self.cfg: Dict[str, Any] = {
            "correct": correct,
            "index": index,
            "labels": None if labels is None else list(labels),
            "n": n,
            "save_index": save_index,
            "spans_key": spans_key,
            "threshold": threshold,
            "ties": ties,
        }
        _check_settings(name, self.cfg)
        self._linker: Optional[Linker] = None
        install_links_extension()

    @property
    def index(self) -> LinkIndex:
        """The catalogue. RETURNS (LinkIndex): Of this moment; see `set_index`."""
        return self._current().index

    def set_index(self, index: Union[LinkIndex, str, Path]) -> None:
        """Put another index in place of this one. Messages that are being read meanwhile are
        linked to the old one or the new one, each to one of them alone.

        index (Union[LinkIndex, str, Path]): The index, or its file.
        RAISES (SavedModelError): If the file is missing or damaged; then the old one stays.
        """
        if isinstance(index, (str, Path)):
            index = LinkIndex.from_disk(index)
        if not isinstance(index, LinkIndex):
            value = excerpt(repr(index))
            raise ValueError(Errors.MQ215.format(name=self.name, value=value))
        self._linker = Linker(index)

    def _current(self) -> Linker:
        linker = self._linker
        if linker is not None:
            return linker
        with _READING:
            if self._linker is None:
                if self.cfg["index"] is None:
                    raise ValueError(Errors.MQ214.format(name=self.name))
                self.set_index(self.cfg["index"])
            assert self._linker is not None
            return self._linker

    def link(self, texts: Iterable[str]) -> List[Links]:
        """Find what queries of some words would get.

        texts (Iterable[str]): The words of queries.
        RETURNS (List[Links]): The entries of each, as `span._.music_query_links` has them.
        """
        linker, n = self._current(), self.cfg["n"]
        return [list(map(to_dict, linker.rows(text, n))) for text in texts]

    def __call__(self, doc: Doc) -> Doc:
        """Link the queries of a document.

        doc (Doc): The document, modified in place.
        RETURNS (Doc): The document.
        """
        try:
            self._annotate(doc)
        except Exception as error:
            self.get_error_handler()(self.name, self, [doc], error)
        return doc

    def _annotate(self, doc: Doc) -> None:
        # What is behind the proxies, since every message comes here.
        group = doc.spans.data.get(self.cfg["spans_key"]) if len(doc) else None
        ents: Sequence[Span] = doc.ents
        labels = self.cfg["labels"]
        if labels is not None:
            ents = [ent for ent in ents if ent.label_ in labels]
        if not ents and not group:
            return
        install_links_extension()
        linker = self._current()
        if self.cfg["correct"]:
            self._correct(doc, linker)
            ents = [ent for ent in doc.ents if labels is None or ent.label_ in labels]
            group = doc.spans.data.get(self.cfg["spans_key"])
        kb_ids: Dict[Tuple[int, int], int] = {}
        for ent in ents:
            kb_id = self._link(doc, ent, linker)
            kb_ids[ent.start, ent.end] = kb_id
            set_kb_id(ent, kb_id)
        if group is None:
            return
        for i, span in enumerate(group):
            found = kb_ids.get((span.start, span.end))
            kb_id = self._link(doc, span, linker) if found is None else found
            if kb_id != span.kb_id:
                # A group gives copies of its spans.
                span.kb_id = kb_id
                group[i] = span

    def _link(self, doc: Doc, span: Span, linker: Linker) -> int:
        """Write the links of a query. RETURNS (int): What becomes its `kb_id`."""
        rows = linker.rows(span.text, self.cfg["n"])
        set_links(doc, span.start_char, span.end_char, list(map(to_dict, rows)))
        kb_id = self._kb_id(rows)
        return doc.vocab.strings.add(kb_id) if kb_id else 0

    def _correct(self, doc: Doc, linker: Linker) -> None:
        """Move the queries among the entities, and what stands for them in the group."""
        places = [(ent.start_char, ent.end_char) for ent in doc.ents]
        labels = self.cfg["labels"]
        corrected = correct_spans(linker, doc.text, places, self.cfg["threshold"])
        moved = {
            old: new
            for ent, old, new in zip(doc.ents, places, corrected)
            if old != new and (labels is None or ent.label_ in labels)
        }
        move_spans(doc, self.cfg["spans_key"], moved)

    def _kb_id(self, links: Sequence[Row]) -> str:
        """The id of the best entry, if that is sure enough; else an empty one."""
        if not links or links[0][_SCORE] < self.cfg["threshold"]:
            return ""
        best = links[0]
        if self.cfg["ties"] == "none" and any(_is_tie(best, link) for link in links[1:]):
            return ""
        return best[0]

    def _byte_writers(self, exclude: Iterable[str]) -> ByteWriters:
        digests: Dict[str, str] = {}
        parts: Dict[str, bytes] = {}
        if self._is_to_save() and "index" not in exclude:
            parts["index"] = self.index.to_bytes()
            digests["index"] = digest_of(parts["index"])
        parts["cfg"] = sealed_files.write_settings(self.cfg, digests)
        return {name: partial(bytes, data) for name, data in parts.items()}

    def _byte_readers(self, saved: Dict[str, Any], exclude: Iterable[str]) -> Readers:
        # The settings first, as they say which index belongs to them.
        return {
            "cfg": lambda b: saved.update(
                cfg=sealed_files.read_sealed_settings(b, self.name)
            ),
            "index": lambda b: saved.update(
                index=LinkIndex.from_bytes(b, digest=_index_digest(saved))
            ),
        }

    def _file_writers(self, exclude: Iterable[str]) -> FileWriters:
        digests: Dict[str, str] = {}

        def write_index(path: Path) -> None:
            self.index.to_disk(path)
            with path.open("rb") as file:
                digests["index"] = digest_of(file.read(BEGINNING))

        def write_settings(path: Path) -> None:
            path.write_bytes(sealed_files.write_settings(self.cfg, digests))

        writers: FileWriters = {}
        if self._is_to_save():
            writers["index"] = write_index
        writers["cfg"] = write_settings
        return writers

    def _file_readers(self, saved: Dict[str, Any], exclude: Iterable[str]) -> Readers:
        def load_settings(path: Path) -> None:
            read = sealed_files.read_sealed_settings
            saved.update(cfg=sealed_files.read_settings_file(path, self.name, read))

        def load_index(path: Path) -> None:
            # One that stays where the settings say has no such file.
            if "cfg" not in saved or _index_digest(saved) is not None:
                saved.update(index=LinkIndex.from_disk(path, _index_digest(saved)))

        return {"cfg": load_settings, "index": load_index}

    def _is_to_save(self) -> bool:
        has_index = self._linker is not None or self.cfg["index"] is not None
        return has_index and self.cfg["save_index"]

    def _install(self, saved: Dict[str, Any]) -> None:
        """Take over what was saved, once all of it has been read."""
        settings = {**self.cfg}
        settings.update((k, v) for k, v in saved.get("cfg", {}).items() if k in self.cfg)
        _check_settings(self.name, settings)
        self.cfg = settings
        if "index" in saved:
            self._linker = Linker(saved["index"])


def _index_digest(saved: Dict[str, Any]) -> Optional[str]:
    """The checksum of the index that was saved with some settings; None if there was none."""
    return saved.get("cfg", {}).get("digests", {}).get("index")


def _is_tie(best: Row, other: Row) -> bool:
    """Whether a query says the same of two entries."""
    same_words = best[_SCORE + 1 :] == other[_SCORE + 1 :]
    return same_words and abs(best[_SCORE] - other[_SCORE]) < 1e-9


def _check_settings(name: str, settings: Dict[str, Any]) -> None:
    """Refuse settings of a wrong type or outside their range."""
    require_number(name, "threshold", settings["threshold"], at_least=0, at_most=1)
    require_number(name, "n", settings["n"], at_least=1, whole=True)
    if settings["ties"] not in TIES:
        raise bad_setting(name, "ties", settings["ties"], "one of " + ", ".join(TIES))
    for key in ("save_index", "correct"):
        if type(settings[key]) is not bool:
            raise bad_setting(name, key, settings[key], "true or false")
    index = settings["index"]
    if index is not None and not (isinstance(index, str) and index):
        raise bad_setting(name, "index", index, "the path of a file, or null")
    labels = settings["labels"]
    is_list = isinstance(labels, list) and all(isinstance(label, str) for label in labels)
    if labels is not None and not is_list:
        raise bad_setting(name, "labels", labels, "a list of labels, or null")
    key = settings["spans_key"]
    if not isinstance(key, str) or not key:
        raise bad_setting(name, "spans_key", key, "a string that is not empty")
