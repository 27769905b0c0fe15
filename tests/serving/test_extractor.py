"""Without Docs, exactly what Docs hold."""

import spacy

from spacy_musicquery.pipeline.load import box_pipeline
from spacy_musicquery.serving.extractor import Extractor
from spacy_musicquery.tokens.intents import LISTEN

from ..conftest import HARD_TEXTS
from .conftest import TEXTS


def of_docs(nlp, texts, key="music_query"):
    """What the pipeline finds, by way of Docs."""
    described = []
    for doc in nlp.pipe(texts):
        queries = []
        for span in doc.spans[key].attrs["char_spans"]:
            text = doc.text[span["start"] : span["end"]]
            queries.append({"text": text, **span, "score": round(span["score"], 4)})
        item = {"text": doc.text, "music_query": queries}
        if LISTEN in doc.cats:
            item["listen"] = round(doc.cats[LISTEN], 4)
        described.append(item)
    return described


def test_it_finds_what_docs_hold():
    nlp = box_pipeline()
    texts = [*TEXTS, *HARD_TEXTS, "放首歌", "别放晴天"]
    extractor = Extractor(nlp)
    assert extractor.tells_listen
    assert extractor.extract(texts) == of_docs(nlp, texts)
    assert extractor.extract([]) == []


def test_components_with_one_group_replace_what_others_found(trained_path):
    nlp = spacy.load(trained_path)
    nlp.rename_pipe("music_query", "one")
    two = nlp.add_pipe("music_query", source=spacy.load(trained_path), name="two")
    labels = {"MUSIC_QUERY": "ARTIST", "FILM": "FILM"}
    renamed = tuple(labels[label] for label in two.labels)
    two.parameters = two.parameters.replace(labels=renamed)
    found = Extractor(nlp).extract(TEXTS)
    assert found == of_docs(nlp, TEXTS)
    # Both have found the first; the film is that of the later one alone.
    assert {query["label"] for query in found[0]["music_query"]} == {
        "MUSIC_QUERY",
        "ARTIST",
    }
    assert [query["label"] for query in found[3]["music_query"]] == ["FILM"]


def test_a_threshold_leaves_out_what_is_less_sure(trained_path):
    sure = Extractor.load(str(trained_path), threshold=1.0)
    assert not any(item["music_query"] for item in sure.extract(TEXTS))


def test_queries_have_the_links_of_their_words(linking):
    one, two = linking.extract(TEXTS[:2])
    assert one["music_query"][0]["links"][0]["id"] == "id-周杰伦的晴天"
    assert [q["links"][0]["name"] for q in two["music_query"]] == ["五月天", "林俊杰"]
