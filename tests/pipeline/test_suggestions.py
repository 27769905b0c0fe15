"""What of a log is worth annotating."""

import pytest

from spacy_musicquery.pipeline.load import box_pipeline
from spacy_musicquery.pipeline.suggestions import suggest_messages

CLEAR = [f"我想听{name}的歌" for name in ("周杰伦", "林俊杰", "邓紫棋", "陈奕迅")]
SILENT = [f"{day}点开会，别迟到" for day in "一二三四五六七八九十"]
UNSURE = ["听我介意", "打回歌曲", "播放稳稳的体面", "给我剥皮皮虾"]


@pytest.fixture(scope="module")
def component():
    return box_pipeline().get_pipe("music_query")


def test_the_unsure_come_first_and_some_are_silent(component):
    log = [*CLEAR, *SILENT, *UNSURE, *UNSURE]
    chosen = suggest_messages(component, log, n=5, silent_share=0.2)
    assert len({suggestion.text for suggestion in chosen}) == 5
    assert set(UNSURE) & {suggestion.text for suggestion in chosen[:4]}
    assert chosen[-1].text in SILENT and not chosen[-1].spans
    values = [suggestion.uncertainty for suggestion in chosen]
    assert values[0] == max(values) and values[-1] == min(values)


def test_those_that_are_alike_are_not_chosen_together(component):
    log = [f"听我介意{end}" for end in ("", "吧", "啊", "了")] + ["打回歌曲"]
    chosen = suggest_messages(component, log, n=2, silent_share=0.0)
    assert "打回歌曲" in [suggestion.text for suggestion in chosen]


def test_fewer_messages_than_are_wanted(component):
    assert len(suggest_messages(component, SILENT[:3], n=10)) == 3
    assert suggest_messages(component, ["", "好" * 1000], n=10) == []


def test_guesses_are_what_the_pipeline_finds(component):
    (suggestion,) = suggest_messages(component, [CLEAR[0]], n=1, silent_share=0.0)
    (span,) = component.find([CLEAR[0]])[0].spans
    assert suggestion.spans == [(span.start, span.end, span.label)]


@pytest.mark.parametrize("settings", [{"n": 0}, {"n": 1, "silent_share": 1.5}])
def test_settings_that_are_not_allowed(component, settings):
    with pytest.raises(ValueError, match="suggest"):
        suggest_messages(component, CLEAR, **settings)
