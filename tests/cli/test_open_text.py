import json

from .test_data_commands import run


def test_open_text(tmp_path):
    """A line of account for each source, what is missing, and what is wrong."""
    raw = tmp_path / "raw"
    (raw / "kdconv" / "music").mkdir(parents=True)
    chat = [
        {"messages": [{"message": text} for text in ("知道他吗？", "知道。", "知道。")]}
    ]
    content = json.dumps([*chat, *[{}] * 12], ensure_ascii=False)
    path = raw / "kdconv" / "music" / "dev.json"
    path.write_text(content, encoding="utf8")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "own.txt").write_text("我的\n", encoding="utf8")

    code, output = run("open-text", raw, "--out", tmp_path / "out")
    assert code == 0
    written = tmp_path / "out" / "kdconv_music.txt"
    assert "KdConv, music: read 15, kept 2 (kdconv_music.txt)" in output
    assert written.read_bytes().decode() == "知道他吗？\n知道。\n"
    assert "Tatoeba: skipped, no tatoeba/cmn_sentences.tsv.bz2" in output
    assert f"left out: {path}:2: not a conversation" in output
    assert "left out: 2 more rows of KdConv, music" in output
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"own.txt", "kdconv_music.txt"}


def test_open_text_of_nothing(tmp_path):
    code, output = run("open-text", tmp_path / "raw", "--out", tmp_path / "out")
    assert code == 1
    assert "[MQ330]" in output and "spacy project assets" in output
    (tmp_path / "raw").mkdir()
    code, output = run("open-text", tmp_path / "raw", "--out", tmp_path / "out")
    assert code == 0
    assert output.count(": skipped, no ") == 11
    assert not (tmp_path / "out").exists()
