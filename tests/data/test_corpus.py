import json

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import DocBin

from spacy_musicquery.data.docs import doc_to_record, read_docs, record_to_doc, save_docs
from spacy_musicquery.data.records import Record

from ..conftest import found

Q = "MUSIC_QUERY"
TOKENIZERS = ["char", "jieba", "en", "xx"]
PIECES = [
    *"放王菲的红豆aB1.,，。! \t\n\u3000\u200b",
    "  ",
    "don't",
    "音乐",
    "❤️",
    "👨‍👩‍👧",
    "é",
]


def make_blank(name):
    if name in ("en", "xx"):
        return spacy.blank(name)
    return spacy.blank("zh", config={"nlp": {"tokenizer": {"segmenter": name}}})


@pytest.fixture(scope="module")
def pipelines():
    return {name: make_blank(name) for name in TOKENIZERS}


@st.composite
def records(draw):
    text = "".join(draw(st.lists(st.sampled_from(PIECES), min_size=1, max_size=10)))
    edges = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
    spans = zip(edges[::2], edges[1::2], "ABC")
    # Reading refuses queries with blanks around.
    kept = [s for s in spans if text[s[0] : s[1]] == text[s[0] : s[1]].strip()]
    return Record(1, text, tuple(kept))


@pytest.mark.parametrize("name", TOKENIZERS)
@given(case=records())
def test_every_query_and_the_text_survive_any_tokenizer(pipelines, name, case):
    doc = record_to_doc(pipelines[name], case)
    assert doc.text == case.text
    assert found(doc) == list(case.spans)
    assert doc_to_record(1, doc) == case


@pytest.mark.parametrize(
    "text, query",
    [
        ("我想听音乐会现场", "音乐"),
        ("我想听音乐会现场", "乐会"),
        ("播放中华人民共和国国歌", "人民"),
        ("来首 Hey Jude 吧 😀", "ey Ju"),
    ],
)
def test_a_query_that_ends_inside_a_jieba_word_is_kept_exactly(pipelines, text, query):
    nlp = pipelines["jieba"]
    start, end = text.index(query), text.index(query) + len(query)
    assert nlp.make_doc(text).char_span(start, end) is None
    doc = record_to_doc(nlp, Record(1, text, ((start, end, Q),)))
    assert doc.text == text
    assert [ent.text for ent in doc.ents] == [query]


def test_words_without_a_query_edge_stay_whole(pipelines):
    text = "我想听音乐会现场录音"
    doc = record_to_doc(pipelines["jieba"], Record(1, text, ((3, 5, Q),)))
    words = [token.text for token in pipelines["jieba"].make_doc(text)]
    assert "音乐会" in words
    assert [token.text for token in doc if token.idx >= 6] == words[
        words.index("音乐会") + 1 :
    ]


def test_docs_without_a_query_are_annotated_as_having_none(pipelines):
    doc = record_to_doc(pipelines["char"], Record(1, "早安", ()))
    assert doc.has_annotation("ENT_IOB")


@pytest.mark.parametrize("name", TOKENIZERS)
def test_saved_docs_are_read_back(tmp_path, pipelines, name):
    cases = [
        Record(1, "放 王菲  的红豆 😀", ((2, 4, "A"), (7, 9, "B"))),
        Record(2, "don't play Hey Jude!", ((11, 19, "A"),)),
        Record(3, "早", ()),
    ]
    path = tmp_path / "new" / "folder" / "a.spacy"
    save_docs((record_to_doc(pipelines[name], case) for case in cases), path)
    docs = read_docs(path, make_blank(name).vocab)
    assert [doc_to_record(row, doc) for row, doc in enumerate(docs, start=1)] == cases
    assert [p.name for p in path.parent.iterdir()] == ["a.spacy"]


def test_an_interrupted_save_leaves_the_old_file(tmp_path, pipelines):
    nlp, path = pipelines["char"], tmp_path / "a.spacy"
    save_docs([nlp.make_doc("早")], path)

    def interrupted():
        yield nlp.make_doc("晚")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save_docs(interrupted(), path)
    assert [doc.text for doc in DocBin().from_disk(path).get_docs(nlp.vocab)] == ["早"]
    assert [p.name for p in tmp_path.iterdir()] == ["a.spacy"]


@pytest.mark.parametrize("content", [b"", b"not a DocBin", '{"text": "早"}'.encode()])
def test_a_file_that_is_no_docbin_is_named(tmp_path, content):
    (tmp_path / "a.spacy").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.spacy"):
        read_docs(tmp_path / "a.spacy", spacy.blank("zh").vocab)


# The reader for [corpora]


def make_reader(path, **settings):
    reader = spacy.registry.get("readers", "spacy_musicquery.RecordCorpus.v1")
    return reader(path, **settings)


def write(path, items):
    path.write_text(json.dumps(items, ensure_ascii=False), encoding="utf8")
    return path


@pytest.mark.parametrize("name", TOKENIZERS)
def test_the_reader_yields_examples_of_the_pipeline_that_asks(tmp_path, pipelines, name):
    items = [
        {"text": "我想听音乐会现场", "music_query": "音乐"},
        {"text": "早", "music_query": ""},
    ]
    read = make_reader(str(write(tmp_path / "a.json", items)))
    nlp = pipelines[name]
    examples = list(read(nlp))
    assert [found(example.reference) for example in examples] == [[(3, 5, Q)], []]
    for example, item in zip(examples, items):
        assert example.reference.text == item["text"]
        assert [t.text for t in example.predicted] == [
            t.text for t in nlp.make_doc(item["text"])
        ]
        assert not example.predicted.ents
    assert len(list(read(nlp))) == 2


def test_the_reader_takes_a_label_and_a_key_of_offsets(tmp_path, pipelines):
    items = [
        {
            "text": "放红豆",
            "music_query": "红豆",
            "slots": [{"start": 1, "end": 2, "label": "song"}, {"start": 2, "end": 3}],
        }
    ]
    path = write(tmp_path / "a.json", items)
    nlp = pipelines["char"]
    [example] = make_reader(path, label="SONG")(nlp)
    assert found(example.reference) == [(1, 3, "SONG")]
    [example] = make_reader(path, label="SONG", spans_key="slots")(nlp)
    assert found(example.reference) == [(1, 2, "song"), (2, 3, "SONG")]


def test_the_reader_raises_with_all_that_is_wrong(tmp_path, pipelines):
    items = [
        {"text": "放红豆", "music_query": "晴空"},
        {"text": "早", "music_query": ""},
        7,
    ]
    path = write(tmp_path / "a.json", items)
    with pytest.raises(ValueError) as error:
        list(make_reader(path)(pipelines["char"]))
    lines = str(error.value).splitlines()
    rows = [line.split(": ")[0] for line in lines if line.startswith(str(path))]
    assert rows == [f"{path}:1", f"{path}:3"]


def test_the_reader_looks_for_the_file_only_when_it_is_asked(tmp_path, pipelines):
    read = make_reader(tmp_path / "a.json")
    with pytest.raises(ValueError, match=r"a\.json"):
        list(read(pipelines["char"]))
    write(tmp_path / "a.json", [{"text": "早", "music_query": ""}])
    assert len(list(read(pipelines["char"]))) == 1
