"""What a pipeline finds in texts, without Docs: what everything here is a shell of."""

import json
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional, Protocol, Sequence, Tuple, cast

from spacy.language import Language

from ..pipeline.load import load_pipeline
from ..pipeline.query_finder import Prediction, QueryFinder
from ..tokens.alignment import FoundSpan
from ..tokens.intents import LISTEN

_LINKER = "music_query_linker"
# Scores say no more, and lines stay readable.
_DIGITS = 4

Links = List[Dict[str, Any]]


class Linker(Protocol):
    """What links the words of queries to the entries of a catalogue."""

    def link(self, texts: Sequence[str]) -> List[Links]:
        """Find the entries that words may mean.

        texts (Sequence[str]): The words of queries.
        RETURNS (List[List[Dict[str, Any]]]): For each, its entries, the likeliest first:
            "id", "type", "name", "artist", "score", and "start" and "end", the characters of
            the words that say so.
        """
        ...

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Save to a bytestring, as spaCy's components do."""
        ...


class Extractor:
    """A pipeline that finds queries and listening in texts, and links what it found.

    max_length (int): How many characters a message may have.
    tells_listen (bool): Whether it says how likely a message asks to hear music.
    linker (Optional[Linker]): What links queries, if the pipeline has such a component.
    """

    def __init__(self, nlp: Language, *, threshold: Optional[float] = None) -> None:
        """Take the components of a pipeline that read texts.

        nlp (Language): The pipeline.
        threshold (Optional[float]): The least score of a query; None for the pipeline's.
        """
        self.finders = [pipe for _, pipe in nlp.pipeline if isinstance(pipe, QueryFinder)]
        if threshold is not None:
            for finder in self.finders:
                finder.cfg["threshold"] = threshold
        self.max_length = nlp.max_length
        linkers = [
            pipe
            for name, pipe in nlp.pipeline
            if nlp.get_pipe_meta(name).factory == _LINKER
        ]
        self.linker = cast(Linker, linkers[-1]) if linkers else None

    @classmethod
    def load(
        cls,
        model: Optional[str],
        threshold: Optional[float] = None,
        links: Optional[Path] = None,
    ) -> "Extractor":
        """Load a pipeline.

        model (Optional[str]): A directory or a package name; None for the model in the box.
        threshold (Optional[float]): The least score of a query; None for the pipeline's.
        links (Optional[Path]): An index to link queries to; None for the pipeline's own.
        RETURNS (Extractor): The pipeline's.
        RAISES (ValueError): If there is none, or it has no `music_query` component.
        """
        nlp = load_pipeline(model)
        if links is not None:
            if _LINKER not in (nlp.get_pipe_meta(name).factory for name in nlp.pipe_names):
                nlp.add_pipe(_LINKER)
            extractor = cls(nlp, threshold=threshold)
            cast(Any, extractor.linker).set_index(links)
            return extractor
        return cls(nlp, threshold=threshold)

    @property
    def tells_listen(self) -> bool:
        """Whether it says how likely a message asks to hear music.

        RETURNS (bool): True if a component has learnt the intent.
        """
        return any(LISTEN in finder.intents for finder in self.finders)

    def find(self, texts: Sequence[str]) -> List[Prediction]:
        """Find the queries of texts.

        texts (Sequence[str]): The texts.
        RETURNS (List[Prediction]): Of each, what all components of the pipeline find,
            as `doc.spans` holds it.
        """
        if len(self.finders) == 1:
            return self.finders[0].find(texts)
        by_finder = [finder.find(texts) for finder in self.finders]
        return [self._join(of_text) for of_text in zip(*by_finder)]

    def _join(self, predictions: Tuple[Prediction, ...]) -> Prediction:
        """What several components found in a text. Of those with one group, a later one
        replaces what others found with its labels."""
        groups: Dict[str, List[FoundSpan]] = {}
        cats: Dict[str, float] = {}
        for finder, found in zip(self.finders, predictions):
            before = groups.get(finder.cfg["spans_key"], [])
            kept = [span for span in before if span.label not in finder.labels]
            spans = sorted([*kept, *found.spans], key=lambda span: span[:2])
            groups[finder.cfg["spans_key"]] = spans
            cats.update(found.cats)
        return Prediction([span for spans in groups.values() for span in spans], cats)

    def links(self, words: Sequence[str]) -> List[Links]:
        """Link the words of queries.

        words (Sequence[str]): The words.
        RETURNS (List[List[Dict[str, Any]]]): As `Linker.link`; empty lists without one.
        """
        if self.linker is None or not words:
            return [[] for _ in words]
        return self.linker.link(words)

    def extract(self, texts: Sequence[str]) -> List[Dict[str, Any]]:
        """Describe texts and what was found in them.

        texts (Sequence[str]): The texts.
        RETURNS (List[Dict[str, Any]]): For each its "text", its queries as "music_query",
            and "listen" if the pipeline tells, as the command `extract` prints them.
        """
        found = self.find(texts)
        words = [
            text[span.start : span.end]
            for text, prediction in zip(texts, found)
            for span in prediction.spans
        ]
        links = iter(self.links(words))
        tells_listen, has_links = self.tells_listen, self.linker is not None
        described = []
        for text, (spans, cats) in zip(texts, found):
            queries = []
            for start, end, label, score in spans:
                query = {"text": text[start:end], "start": start, "end": end}
                query.update(label=label, score=rounded(score))
                if has_links:
                    query["links"] = [_rounded_link(link) for link in next(links)]
                queries.append(query)
            item: Dict[str, Any] = {"text": text, "music_query": queries}
            if tells_listen and LISTEN in cats:
                item["listen"] = rounded(cats[LISTEN])
            described.append(item)
        return described


def rounded(score: float) -> float:
    """Round a score or a probability as it is printed.

    score (float): From 0 to 1.
    RETURNS (float): With as many digits as it is printed with.
    """
    return round(float(score), _DIGITS)


def _rounded_link(link: Dict[str, Any]) -> Dict[str, Any]:
    return {key: rounded(v) if isinstance(v, float) else v for key, v in link.items()}


def as_line(item: Dict[str, Any]) -> str:
    """Write what was found in a message as a line of JSON.

    item (Dict[str, Any]): What `Extractor.extract` says of it.
    RETURNS (str): The line, without its end.
    """
    return json.dumps(item, ensure_ascii=False)
