import pytest

from spacy_musicquery.linking.correction import correct_spans
from spacy_musicquery.linking.entries import Entry
from spacy_musicquery.linking.index import LinkIndex
from spacy_musicquery.linking.linker import Linker


@pytest.fixture(scope="module")
def linker():
    names = ("晴天", "稻香", "七里香", "我们的歌", "香")
    return Linker(LinkIndex.build(Entry(name, "title", name) for name in names))


@pytest.mark.parametrize(
    "text, found, meant",
    [
        ("来一首稻香吧", ["稻"], ["稻香"]),
        ("来一首稻香吧", ["首稻香吧"], ["稻香"]),
        ("我要听七里香", ["里香"], ["七里香"]),
        ("听晴天和稻香", ["晴", "稻"], ["晴天", "稻香"]),
        ("放我们的歌", ["我们的歌"], ["我们的歌"]),  # a name already
        ("放很好听的香", ["很好听的香"], ["很好听的香"]),  # a character alone says nothing
        ("来首情天吧", ["情"], ["情"]),  # what only sounds like a name moves nothing
        ("听周杰伦", ["周杰伦"], ["周杰伦"]),
        ("", [], []),
    ],
)
def test_spans_are_moved_to_names(linker, text, found, meant):
    spans = [(text.index(words), text.index(words) + len(words)) for words in found]
    corrected = correct_spans(linker, text, spans, 0.8)
    assert [text[start:end] for start, end in corrected] == meant


def test_spans_do_not_overlap(linker):
    text = "晴天稻香"
    for cut in (1, 3):
        first, second = correct_spans(linker, text, [(0, cut), (cut, 4)], 0.8)
        assert 0 <= first[0] < first[1] <= second[0] < second[1] <= 4
