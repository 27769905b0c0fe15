"""Pages of HTML: what they show, in which language, and that nothing in them is markup."""

import re

import pytest

from spacy_musicquery.reports.error_analysis import Message
from spacy_musicquery.reports.error_page import make_page
from spacy_musicquery.reports.pages import Mark, make_messages_page, pieces

TEXT = "我想听<b>晴天"
QUERY = {"text": "晴天", "start": 6, "end": 8, "label": "<i>", "score": 0.914}
ITEM = {"text": TEXT, "music_query": [QUERY], "listen": 0.99}


def test_a_text_is_cut_where_marks_begin_and_end():
    one, late, inside = Mark(1, 3, "A"), Mark(3, 4, "B"), Mark(2, 4, "C")
    found = list(pieces("听晴天吧啊", [late, inside, one]))
    assert found == [("听", None), ("晴天", one), ("吧", late), ("啊", None)]
    assert list(pieces("", [])) == []


@pytest.mark.parametrize(
    "lang, words", [("en", "1 messages, 1 queries"), ("zh", "1 条消息，1 个查询")]
)
def test_messages(lang, words):
    page = make_messages_page([ITEM], lang=lang)
    assert f'lang="{lang}"' in page and words in page
    (query,) = re.findall(r"<mark.*?>(.*?)</mark>", page)
    assert query == "晴天<span>&lt;i&gt; 91 %</span>"
    assert "<b>" not in page and "我想听&lt;b&gt;" in page


def test_many_messages_are_paged():
    page = make_messages_page([{**ITEM, "text": f"我想听晴天{i}"} for i in range(250)])
    assert page.count("<li>") == 250
    assert 'data-page-size="100"' in page and "Previous" in page


def test_errors_with_scores_in_chinese():
    span = (3, 5, "SONG")
    message = Message("我想听晴天", (), (span,), {span: 0.5})
    tables = [("Errors by kind", ("", "queries", ""), [("right", "0", "of 1")])]
    page = make_page("标题", tables, [message], 10, "zh")
    assert "各类错误" in page and "误报，消息里没有查询: 1 条消息" in page
    assert re.search(r"晴天<span>SONG 50 %</span>", page)


def test_a_language_that_there_is_not():
    with pytest.raises(ValueError, match=r"MQ003.*lang = 'fr'.*en, zh"):
        make_page("", [], [], 0, "fr")
