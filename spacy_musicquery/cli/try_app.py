"""A page to try a pipeline on, which `python -m spacy music-query try` shows. Streamlit
runs this file anew at every click; nothing imports it."""

import sys
from copy import deepcopy
from html import escape
from typing import Any, Dict, List, Optional, cast

import streamlit as st
from spacy import displacy
from spacy.language import Language
from spacy.tokens import Doc

from spacy_musicquery.pipeline.load import load_pipeline
from spacy_musicquery.pipeline.music_query import MusicQuery

TITLE = "Music queries in a message"
MESSAGE = "附近有什么好吃的，再来一首周杰伦的晴天"

# Of a table, in pixels, and how many rows it shows before it scrolls.
ROW_HEIGHT = 35
MAX_ROWS = 20


def show_page(path: Optional[str]) -> None:
    """Show the page.

    path (Optional[str]): The pipeline to try; None for the model in the box.
    """
    st.set_page_config(page_title=TITLE)
    st.title(TITLE)
    shared = load(path)
    # Whoever opens the page has a copy: the names that they add are theirs alone.
    if "nlp" not in st.session_state:
        st.session_state.nlp = deepcopy(shared)
    nlp = st.session_state.nlp
    with st.sidebar:
        name = choose_component(nlp)
        component = cast(MusicQuery, nlp.get_pipe(name))
        original = cast(MusicQuery, shared.get_pipe(name))
        component.cfg["threshold"] = st.slider(
            "Threshold",
            0.0,
            1.0,
            float(original.cfg["threshold"]),
            help="Leaves out queries that score lower",
        )
        offer_catalogue(component)
    text = st.text_area("Message", MESSAGE, help="Ctrl+Enter shows what is found")
    # Without other components, whose entities might be in the way.
    doc = component(nlp.make_doc(text))
    show_queries(doc, component)
    show_probabilities(doc, component)


@st.cache_resource(show_spinner="Loading the pipeline")
def load(path: Optional[str]) -> Language:
    """Load a pipeline, once for all who open the page.

    path (Optional[str]): The pipeline to try; None for the model in the box.
    RETURNS (Language): The pipeline, loaded once for everybody.
    """
    nlp = load_pipeline(path)
    nlp("")  # the model in the box is read when it is first needed
    return nlp


def choose_component(nlp: Language) -> str:
    """Let the reader choose among several `music_query` components.

    nlp (Language): The pipeline.
    RETURNS (str): The name of its `music_query`, or of the chosen one if it has several.
    """
    names = [name for name, pipe in nlp.pipeline if isinstance(pipe, MusicQuery)]
    return names[0] if len(names) == 1 else st.selectbox("Component", names)


def offer_catalogue(component: MusicQuery) -> None:
    """Add the names that are typed to the catalogue, and list what was added.

    component (MusicQuery): The component to add them to.
    """
    types = component.parameters.catalogue.types
    if not types:
        st.caption("This pipeline was trained without a catalogue.")
        return
    added_to: Dict[str, Dict[str, List[str]]] = st.session_state.setdefault("added", {})
    added = added_to.setdefault(component.name, {})
    with st.form("catalogue"):
        st.markdown("**Names to find**")
        type_name = st.selectbox("Type", types)
        typed = st.text_area("Names, one a line", help="Kept until the page is reloaded")
        if st.form_submit_button("Add to the catalogue"):
            names = [name.strip() for name in typed.splitlines() if name.strip()]
            component.add_to_catalogue({type_name: names})
            added.setdefault(type_name, []).extend(names)
    for type_name, names in added.items():
        # Not as Markdown: there are names with asterisks.
        st.text(f"Added as {type_name}: {'、'.join(dict.fromkeys(names))}")


def show_queries(doc: Doc, component: MusicQuery) -> None:
    """Show a message with its queries marked, and their scores.

    doc (Doc): A message that went through the component.
    component (MusicQuery): The component.
    """
    queries = [
        {"query": doc.text[query["start"] : query["end"]], **query}
        for query in doc.spans[component.cfg["spans_key"]].attrs["char_spans"]
    ]
    # displaCy escapes the text, but not the labels, which come with the model.
    ents = [{**query, "label": escape(query["label"])} for query in queries]
    marked = {"text": doc.text, "ents": ents, "title": None}
    st.html(displacy.render(marked, style="ent", manual=True, jupyter=False))
    if queries:
        st.dataframe(queries, column_config={"score": probability_column()})
    else:
        st.info("No query was found.")


def show_probabilities(doc: Doc, component: MusicQuery) -> None:
    """Show how likely each tag of each character is.

    doc (Doc): A message.
    component (MusicQuery): The component to ask for the probability of every tag.
    """
    (probabilities,) = component.tag_probabilities([doc])
    by_tag = dict(zip(component.tags, probabilities.T.tolist()))
    st.subheader("Tag probabilities")
    st.dataframe(
        {"character": list(doc.text), **by_tag},
        height=ROW_HEIGHT * (1 + min(len(doc.text), MAX_ROWS)) + 3,  # and its borders
        column_config=dict.fromkeys(by_tag, probability_column()),
        hide_index=False,  # it counts as the queries' start and end do
    )


def probability_column() -> Any:
    """Show numbers from 0 to 1 as bars.

    RETURNS (ColumnConfig): Of numbers from 0 to 1, shown as bars.
    """
    return st.column_config.ProgressColumn(format="%.3f", min_value=0.0, max_value=1.0)


if __name__ == "__main__":
    show_page(sys.argv[1] if len(sys.argv) > 1 else None)
