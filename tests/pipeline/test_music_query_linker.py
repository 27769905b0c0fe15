import pickle
import threading

import pytest
import spacy
import srsly
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_musicquery.errors import SavedModelError
from spacy_musicquery.linking.entries import Entry
from spacy_musicquery.linking.index import LinkIndex
from spacy_musicquery.tokens.alignment import install_extensions

from ..conftest import STRICT_CONFIG

ENTRIES = [
    Entry("a1", "artist", "周杰伦", ("Jay",), (), 99.0),
    Entry("t1", "title", "晴天", (), ("周杰伦",), 90.0),
    Entry("t2", "title", "晴天", (), ("孙燕姿",), 10.0),
    Entry("t3", "title", "鸿雁", (), ("呼斯楞",)),
]


@pytest.fixture(scope="module")
def index_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("index") / "music.mql"
    LinkIndex.build(ENTRIES).to_disk(path)
    return path


@pytest.fixture
def nlp(index_path):
    """Entities by rules: whatever finds queries, they are linked."""
    nlp = spacy.blank("zh")
    ruler = nlp.add_pipe("entity_ruler")
    names = ("周杰伦的晴天", "晴天", "洪燕", "鸿雁", "今天")
    ruler.add_patterns([{"label": "SONG", "pattern": name} for name in names])
    nlp.add_pipe("music_query_linker", config={"index": str(index_path)})
    return nlp


def kb_ids(doc):
    return [(ent.text, ent.kb_id_) for ent in doc.ents]


def test_queries_get_ids_and_links(nlp):
    doc = nlp("我想听周杰伦的晴天和鸿雁")
    assert kb_ids(doc) == [("周杰伦的晴天", "t1"), ("鸿雁", "t3")]
    links = doc.ents[0]._.music_query_links
    assert [(link["id"], link["start"], link["end"]) for link in links[:2]] == [
        ("t1", 4, 6),
        ("a1", 0, 3),
    ]
    assert links[0]["type"] == "title" and links[0]["name"] == "晴天"
    assert links[0]["artist"] == "周杰伦" and 0.8 < links[0]["score"] <= 1
    assert links == nlp.get_pipe("music_query_linker").link(["周杰伦的晴天"])[0]


def test_what_is_not_in_the_catalogue_has_no_id(nlp):
    doc = nlp("听今天")
    assert kb_ids(doc) == [("今天", "")]
    assert all(link["score"] < 0.8 for link in doc.ents[0]._.music_query_links)
    assert nlp("你好").ents == ()


def test_the_threshold_is_read_when_it_is_used(nlp):
    linker = nlp.get_pipe("music_query_linker")
    ((link, *_),) = linker.link(["洪燕"])
    assert link["id"] == "t3"
    for threshold, kb_id in ((link["score"] - 0.01, "t3"), (link["score"] + 0.01, "")):
        linker.cfg["threshold"] = threshold
        assert kb_ids(nlp("听洪燕")) == [("洪燕", kb_id)]


def test_ties_are_broken_by_popularity_or_not_at_all(nlp):
    assert kb_ids(nlp("听晴天")) == [("晴天", "t1")]
    nlp.get_pipe("music_query_linker").cfg["ties"] = "none"
    assert kb_ids(nlp("听晴天")) == [("晴天", "")]
    assert kb_ids(nlp("听周杰伦的晴天")) == [("周杰伦的晴天", "t1")]


def test_at_most_n_links(nlp):
    nlp.get_pipe("music_query_linker").cfg["n"] = 1
    assert len(nlp("听晴天").ents[0]._.music_query_links) == 1


def test_only_some_labels(nlp):
    nlp.get_pipe("music_query_linker").cfg["labels"] = ["OTHER"]
    assert kb_ids(nlp("听晴天")) == [("晴天", "")]
    assert nlp("听晴天").ents[0]._.music_query_links is None


def test_the_group_of_queries_is_linked_and_keeps_its_scores(index_path):
    nlp = spacy.blank("zh")
    nlp.add_pipe("music_query_linker", config={"index": str(index_path)})
    doc = nlp.make_doc("听晴天")
    doc.spans["music_query"] = [Span(doc, 1, 3, label="MUSIC_QUERY")]
    doc.spans["music_query"].attrs["scores"] = [0.9]
    doc = nlp.get_pipe("music_query_linker")(doc)
    (span,) = doc.spans["music_query"]
    assert span.kb_id_ == "t1" and span.label_ == "MUSIC_QUERY"
    assert doc.spans["music_query"].attrs["scores"] == [0.9]
    assert span._.music_query_links[0]["id"] == "t1"


def test_a_query_that_was_cut_is_moved_to_its_name_if_that_is_wanted(index_path):
    install_extensions()

    def linked(correct):
        nlp = spacy.blank("zh")
        config = {"index": str(index_path), "correct": correct}
        linker = nlp.add_pipe("music_query_linker", config=config)
        doc = nlp.make_doc("来一首鸿雁吧")
        doc.set_ents([Span(doc, 3, 4, "SONG")])
        doc.spans["music_query"] = [Span(doc, 3, 4, "SONG")]
        found = {"start": 3, "end": 4, "label": "SONG", "score": 0.9}
        doc.spans["music_query"].attrs.update(scores=[0.9], char_spans=[found])
        doc.ents[0]._.music_query_score = 0.9
        return linker(doc)

    assert kb_ids(linked(False)) == [("鸿", "")]
    doc = linked(True)
    assert kb_ids(doc) == [("鸿雁", "t3")]
    (span,) = doc.spans["music_query"]
    assert (span.text, span.kb_id_, span.label_) == ("鸿雁", "t3", "SONG")
    assert span._.music_query_links[0]["id"] == "t3" and span._.music_query_score == 0.9
    attrs = doc.spans["music_query"].attrs
    assert attrs["scores"] == [0.9] and attrs["char_spans"][0]["end"] == 5


def test_after_the_box(index_path):
    nlp = spacy.blank("zh")
    nlp.add_pipe("music_query")
    nlp.add_pipe("music_query_linker", config={"index": str(index_path)})
    docs = list(nlp.pipe(["我想听周杰伦的晴天", "今天天气怎么样", ""]))
    assert kb_ids(docs[0]) == [("周杰伦的晴天", "t1")]
    assert [span.kb_id_ for span in docs[0].spans["music_query"]] == ["t1"]
    assert docs[0].spans["music_query"].attrs["scores"]
    assert not docs[1].ents


def test_links_survive_bytes(nlp):
    doc = nlp("听晴天")
    again = Doc(nlp.vocab).from_bytes(doc.to_bytes())
    assert again.ents[0].kb_id_ == "t1"
    assert again.ents[0]._.music_query_links == doc.ents[0]._.music_query_links


def test_saved_with_the_pipeline(nlp, tmp_path):
    nlp.get_pipe("music_query_linker").cfg["n"] = 2
    nlp.to_disk(tmp_path / "first")
    again = spacy.load(tmp_path / "first")
    assert (tmp_path / "first" / "music_query_linker" / "index").exists()
    again.to_disk(tmp_path / "second")
    for other in (again, spacy.load(tmp_path / "second"), pickle.loads(pickle.dumps(nlp))):
        assert kb_ids(other("听周杰伦的晴天")) == [("周杰伦的晴天", "t1")]
        assert other.get_pipe("music_query_linker").cfg["n"] == 2


def test_bytes(nlp, index_path):
    linker = nlp.get_pipe("music_query_linker")
    other = spacy.blank("zh").add_pipe("music_query_linker")
    other.from_bytes(linker.to_bytes())
    assert other.link(["晴天"]) == linker.link(["晴天"])
    with pytest.raises(SavedModelError):
        other.from_bytes(linker.to_bytes()[:-9])


def test_saved_without_the_index(index_path, tmp_path):
    nlp = spacy.blank("zh")
    config = {"index": str(index_path), "save_index": False}
    nlp.add_pipe("music_query_linker", config=config)
    nlp.to_disk(tmp_path / "first")
    assert not (tmp_path / "first" / "music_query_linker" / "index").exists()
    assert spacy.load(tmp_path / "first").get_pipe("music_query_linker").link(["晴天"])[0]


def test_a_pipeline_is_loaded_where_the_first_index_is_gone(tmp_path):
    LinkIndex.build(ENTRIES).to_disk(tmp_path / "index")
    nlp = spacy.blank("zh")
    nlp.add_pipe("music_query_linker", config={"index": str(tmp_path / "index")})
    nlp.to_disk(tmp_path / "first")
    (tmp_path / "index").unlink()
    assert spacy.load(tmp_path / "first").get_pipe("music_query_linker").link(["晴天"])[0]


def test_a_damaged_index_is_refused(nlp, tmp_path):
    nlp.to_disk(tmp_path / "first")
    path = tmp_path / "first" / "music_query_linker" / "index"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(SavedModelError, match="MQ211"):
        spacy.load(tmp_path / "first")
    linker = nlp.get_pipe("music_query_linker")
    with pytest.raises(SavedModelError, match="MQ211"):
        linker.set_index(path)
    assert kb_ids(nlp("听鸿雁")) == [("鸿雁", "t3")]  # the old one stays


def test_no_bit_of_the_settings_changes_unseen(nlp, tmp_path):
    linker = nlp.get_pipe("music_query_linker")
    linker.to_disk(tmp_path / "linker")
    path = tmp_path / "linker" / "cfg"
    written = path.read_bytes()
    other = spacy.blank("zh").add_pipe("music_query_linker")
    for place in range(len(written)):
        data = bytearray(written)
        data[place] ^= 1 << place % 7
        path.write_bytes(data)
        with pytest.raises(SavedModelError):
            other.from_disk(tmp_path / "linker")


def test_settings_and_index_of_two_saves_are_told_apart(nlp, tmp_path):
    linker = nlp.get_pipe("music_query_linker")
    linker.to_disk(tmp_path / "one")
    linker.set_index(LinkIndex.build(ENTRIES[:2]))
    linker.to_disk(tmp_path / "two")
    (tmp_path / "two" / "cfg").replace(tmp_path / "one" / "cfg")
    other = spacy.blank("zh").add_pipe("music_query_linker")
    with pytest.raises(SavedModelError, match=r"MQ211.*saved together"):
        other.from_disk(tmp_path / "one")
    parts = srsly.msgpack_loads(linker.to_bytes())
    parts["index"] = LinkIndex.build(ENTRIES).to_bytes()
    with pytest.raises(SavedModelError, match=r"MQ211.*saved together"):
        other.from_bytes(srsly.msgpack_dumps(parts))


@pytest.mark.parametrize("cfg", ["{}", "[]", "{", '{"threshold": 0.5}', '{"digests": {}}'])
def test_settings_without_a_checksum_are_refused(nlp, tmp_path, cfg):
    linker = nlp.get_pipe("music_query_linker")
    linker.to_disk(tmp_path / "linker")
    (tmp_path / "linker" / "cfg").write_text(cfg, encoding="utf8")
    with pytest.raises(SavedModelError, match="music_query_linker"):
        linker.from_disk(tmp_path / "linker")
    (tmp_path / "linker" / "cfg").unlink()
    with pytest.raises(SavedModelError, match="cfg"):
        linker.from_disk(tmp_path / "linker")
    assert kb_ids(nlp("听鸿雁")) == [("鸿雁", "t3")]  # it goes on as it was


@pytest.mark.parametrize(
    "setting, value",
    [
        ("threshold", 1.5),
        ("threshold", "x"),
        ("n", 0),
        ("ties", "all"),
        ("spans_key", ""),
        ("labels", "SONG"),
        pytest.param("correct", 1, marks=STRICT_CONFIG),
        ("index", "nowhere.mql"),
    ],
)
def test_wrong_settings_are_refused(setting, value):
    with pytest.raises(ValueError):
        spacy.blank("zh").add_pipe("music_query_linker", config={setting: value})


def test_without_an_index_it_says_what_to_do():
    linker = spacy.blank("zh").add_pipe("music_query_linker")
    with pytest.raises(ValueError, match=r"MQ214.*link-index"):
        linker.link(["晴天"])
    with pytest.raises(ValueError, match="MQ215"):
        linker.set_index({"晴天": 1})


def test_nel_scores(nlp):
    reference = nlp.make_doc("听鸿雁和今天")
    ents = [
        Span(reference, s, s + 2, "SONG", kb_id=kb_id)
        for s, kb_id in ((1, "t3"), (4, "t9"))
    ]
    reference.set_ents(ents)
    scores = nlp.evaluate([Example(nlp.make_doc(reference.text), reference)])
    assert scores["nel_micro_p"] == 1.0 and scores["nel_micro_r"] == 0.5


def test_worker_processes(nlp):
    docs = list(nlp.pipe(["听鸿雁", "听晴天"] * 2, n_process=2, batch_size=2))
    assert [kb_ids(doc)[0][1] for doc in docs] == ["t3", "t1"] * 2


def test_an_index_is_exchanged_while_messages_are_served(nlp):
    """Each message is linked to one index or the other, by 16 threads."""
    linker = nlp.get_pipe("music_query_linker")
    indexes = [
        LinkIndex.build(entry._replace(id=f"{side}-{entry.id}") for entry in ENTRIES)
        for side in ("old", "new")
    ]
    linker.set_index(indexes[0])
    problems, done = [], threading.Event()

    def serve():
        try:
            while not done.is_set():
                doc = linker(make_doc(nlp))
                sides = {
                    link["id"].split("-")[0]
                    for ent in doc.ents
                    for link in ent._.music_query_links
                }
                ids = [ent.kb_id_.split("-")[1] for ent in doc.ents]
                if len(sides) != 1 or ids != ["t1", "t3"]:
                    problems.append((sides, ids))
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=serve) for _ in range(16)]
    for thread in threads:
        thread.start()
    for i in range(20):
        linker.set_index(indexes[i % 2])
    done.set()
    for thread in threads:
        thread.join()
    assert problems == []


def make_doc(nlp):
    doc = nlp.make_doc("听周杰伦的晴天和洪雁")
    doc.set_ents([Span(doc, 1, 7, "SONG"), Span(doc, 8, 10, "SONG")])
    return doc
