"""A pipeline with a `music_query` component, by path, by package name, or the box."""

from pathlib import Path
from typing import Optional, cast

import spacy
from spacy.language import Language

from ..errors import Errors
from ..saving.pretrained import BOX
from .query_finder import QueryFinder


def box_pipeline() -> Language:
    """Make a pipeline with the model in the box.

    RETURNS (Language): A pipeline with the model that comes with this package.
    """
    config = {"nlp": {"tokenizer": {"@tokenizers": "spacy_musicquery.CharTokenizer.v1"}}}
    nlp = spacy.blank("zh", config=config)
    nlp.add_pipe("music_query")
    return nlp


def load_pipeline(path: Optional[str]) -> Language:
    """Load a pipeline that has a `music_query` component.

    path (Optional[str]): The directory or package name of a pipeline; None or "box" for
        one with the model in the box.
    RETURNS (Language): The pipeline.
    RAISES (ValueError): If there is none, or it has no `music_query` component.
    """
    if path is None or path == BOX:
        return box_pipeline()
    try:
        nlp = spacy.load(path)
    except OSError as error:
        if Path(path).is_dir():
            raise  # spaCy says what is missing or damaged
        raise ValueError(Errors.MQ050.format(path=path)) from error
    factories = [nlp.get_pipe_meta(name).factory for name in nlp.pipe_names]
    if "music_query" not in factories:
        pipes = ", ".join(nlp.pipe_names) or "none"
        raise ValueError(Errors.MQ051.format(path=path, pipes=pipes))
    return nlp


def load_component(path: str, component: str) -> QueryFinder:
    """Load a `music_query` component, for instance to learn from.

    path (str): The directory or package name of a pipeline, or "box".
    component (str): The name of the component that wants it, which is that of the one in
        the pipeline, if there are several.
    RETURNS (QueryFinder): The component.
    RAISES (ValueError): If there is no such pipeline.
    """
    if path == BOX:
        return cast(QueryFinder, box_pipeline().get_pipe("music_query"))
    try:
        nlp = spacy.load(path)
    except OSError as error:
        raise ValueError(Errors.MQ070.format(name=component, path=path)) from error
    for name in (component, *nlp.pipe_names):
        if name in nlp.pipe_names and nlp.get_pipe_meta(name).factory == "music_query":
            return cast(QueryFinder, nlp.get_pipe(name))
    raise ValueError(Errors.MQ070.format(name=component, path=path))
