"""A page to try a pipeline on, which `python -m spacy music-query try` shows. Streamlit
runs this file anew at every click; nothing imports it."""

import sys
from copy import deepcopy
from typing import Callable, Dict, List, Optional, cast

import streamlit as st
from spacy.language import Language
from spacy.tokens import Doc

from spacy_musicquery.pipeline.load import load_pipeline
from spacy_musicquery.pipeline.music_query import MusicQuery
from spacy_musicquery.reports.pages import Mark, render
from spacy_musicquery.reports.words import translator
from spacy_musicquery.tokens.alignment import is_found_group
from spacy_musicquery.tokens.links import get_links

LANGUAGES: Dict[str, str] = {"中文": "zh", "English": "en"}
EXAMPLES = [
    "附近有什么好吃的，再来一首周杰伦的晴天",
    "放首歌",
    "播放五月天、林俊杰的歌",
    "别放晴天了，放七里香吧",
    "今天天气怎么样",
]
# Of those that are typed at once, so many are shown.
MAX_MESSAGES = 50

Words = Callable[[str], str]


def show_page(path: Optional[str]) -> None:
    """Show the page.

    path (Optional[str]): The pipeline to try; None for the model in the box.
    """
    # No icon: that of an emoji is fetched from elsewhere.
    st.set_page_config(page_title="听歌的查询 · spacy-musicquery")
    lang = choose_language()
    _ = translator(lang)
    st.title(_("Who wants to hear what?"))
    shared = load(path)
    # Whoever opens the page has a copy: the names that they add are theirs alone.
    if "nlp" not in st.session_state:
        st.session_state.nlp = deepcopy(shared)
    nlp = st.session_state.nlp
    texts = ask_for_messages(_)
    found = st.container()
    # Settings stand below on a phone, and still count for what stands above them.
    with st.expander(_("Settings")):
        name = choose_component(nlp, _)
        component = cast(MusicQuery, nlp.get_pipe(name))
        choose_thresholds(component, cast(MusicQuery, shared.get_pipe(name)), _)
    with st.expander(_("Names to find"), expanded=True):
        offer_catalogue(component, _)
    with found:
        for text in texts[:MAX_MESSAGES]:
            with st.container(border=True):
                show_message(nlp(text), component, lang)
        if len(texts) > MAX_MESSAGES:
            st.info(_("… and {n} more.").format(n=len(texts) - MAX_MESSAGES))


@st.cache_resource(show_spinner=False)
def load(path: Optional[str]) -> Language:
    """Load a pipeline, once for all who open the page.

    path (Optional[str]): The pipeline to try; None for the model in the box.
    RETURNS (Language): The pipeline, loaded once for everybody.
    """
    nlp = load_pipeline(path)
    nlp("")  # the model in the box is read when it is first needed
    return nlp


def choose_language() -> str:
    """Let the reader choose the language of the page.

    RETURNS (str): Chinese, until they do.
    """
    chosen = st.segmented_control(
        "语言 / Language", list(LANGUAGES), default="中文", label_visibility="collapsed"
    )
    return LANGUAGES.get(chosen or "", "zh")


def ask_for_messages(_: Words) -> List[str]:
    """Ask for messages, or offer some.

    _ (Words): Translates.
    RETURNS (List[str]): The messages.
    """
    st.session_state.setdefault("messages", EXAMPLES[0])

    def take_example() -> None:
        if st.session_state.example is not None:
            st.session_state.messages = st.session_state.example

    st.pills(_("Examples"), EXAMPLES, key="example", on_change=take_example)
    with st.form("messages_form", border=False):
        typed = st.text_area(_("Messages, one a line"), key="messages")
        st.form_submit_button(_("Find"), type="primary")
    return [line.strip() for line in typed.splitlines() if line.strip()]


def choose_component(nlp: Language, _: Words) -> str:
    """Let the reader choose among several `music_query` components.

    nlp (Language): The pipeline.
    _ (Words): Translates.
    RETURNS (str): The name of its `music_query`, or of the chosen one if it has several.
    """
    names = [name for name, pipe in nlp.pipeline if isinstance(pipe, MusicQuery)]
    return names[0] if len(names) == 1 else st.selectbox(_("Component"), names)


def choose_thresholds(component: MusicQuery, original: MusicQuery, _: Words) -> None:
    """Let the reader say how sure a query has to be.

    component (MusicQuery): The component that is set.
    original (MusicQuery): What it was copied from.
    _ (Words): Translates.
    """
    component.cfg["threshold"] = st.slider(
        _("Threshold"),
        0.0,
        1.0,
        float(original.cfg["threshold"]),
        help=_("Leaves out queries that score lower"),
    )
    if component.intents:
        component.cfg["listen_threshold"] = st.slider(
            _("Threshold of listening"),
            0.0,
            1.0,
            float(original.cfg["listen_threshold"] or 0.0),
            help=_("Leaves out queries whose score times that of listening is lower"),
        )


def offer_catalogue(component: MusicQuery, _: Words) -> None:
    """Add the names that are typed to the catalogue, and list what was added.

    component (MusicQuery): The component to add them to.
    _ (Words): Translates.
    """
    types = component.parameters.catalogue.types
    if not types:
        st.caption(_("This pipeline was trained without a catalogue."))
        return
    added_to: Dict[str, Dict[str, List[str]]] = st.session_state.setdefault("added", {})
    added = added_to.setdefault(component.name, {})
    with st.form("catalogue"):
        typed = st.text_area(
            _("Names, one a line"), help=_("Kept until the page is reloaded")
        )
        # No type is chosen before the reader has: a wrong one would be learnt nowhere.
        type_name = st.selectbox(
            _("What are they?"), types, index=None, format_func=_, placeholder=_("Choose")
        )
        if st.form_submit_button(_("Add to the catalogue")):
            names = [name.strip() for name in typed.splitlines() if name.strip()]
            if type_name is None:
                st.warning(_("Say what these names are: artists, titles, ..."))
            elif names:
                component.add_to_catalogue({type_name: names})
                added.setdefault(type_name, []).extend(names)
    for of_type, names in added.items():
        # Not as Markdown: there are names with asterisks.
        st.text(f"{_('Added')} · {_(of_type)}: {'、'.join(dict.fromkeys(names))}")


def show_message(doc: Doc, component: MusicQuery, lang: str) -> None:
    """Show a message with what was found in it.

    doc (Doc): A message that went through the pipeline.
    component (MusicQuery): The component whose queries and probabilities are shown; what
        other components found stands beside them.
    lang (str): The language of the page.
    """
    links = {(ent.start_char, ent.end_char): ent.kb_id_ for ent in doc.ents}
    group = doc.spans[component.cfg["spans_key"]]
    # Another component may have put something else there.
    found = group.attrs["char_spans"] if is_found_group(group) else []
    marks = [
        Mark(**span, link=links.get((span["start"], span["end"]), "")) for span in found
    ]
    marks += [
        Mark(ent.start_char, ent.end_char, ent.label_, link=ent.kb_id_)
        for ent in doc.ents
        if ent.label_ not in component.labels
    ]
    of_marks = [(mark, get_links(doc, mark.start, mark.end)) for mark in marks]
    (probabilities,) = component.tag_probabilities([doc])
    page = render(
        "result.html",
        lang=lang,
        text=doc.text,
        marks=marks,
        linked=[(doc.text[m.start : m.end], links) for m, links in of_marks if links],
        cats=sorted(doc.cats.items(), key=lambda cat: -cat[1]),
        tags=component.tags,
        rows=list(zip(doc.text, probabilities.tolist())),
    )
    st.html(page)


if __name__ == "__main__":
    show_page(sys.argv[1] if len(sys.argv) > 1 else None)
