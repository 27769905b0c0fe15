"""What spaCy does to our annotations: the table of docs/annotations.md."""

import pickle
import subprocess
import sys

import pytest
import spacy
from spacy.tokens import Doc, DocBin

from ..conftest import MESSAGES, found

TEXT, SPANS = MESSAGES[0]
GROUP = "music_query"


@pytest.fixture
def doc(trained):
    return trained(TEXT)


def scores(doc):
    return [ent._.music_query_score for ent in doc.ents]


def through_bytes(doc):
    return Doc(doc.vocab).from_bytes(doc.to_bytes())


def through_a_docbin(doc):
    data = DocBin(docs=[doc], store_user_data=True).to_bytes()
    return next(DocBin().from_bytes(data).get_docs(doc.vocab))


def through_pickle(doc):
    return pickle.loads(pickle.dumps(doc))


@pytest.mark.parametrize("way", [through_bytes, through_a_docbin, through_pickle])
def test_all_is_kept(doc, way):
    other = way(doc)
    assert found(other) == SPANS
    assert scores(other) == scores(doc) == doc.spans[GROUP].attrs["scores"]
    assert other.spans[GROUP].attrs == doc.spans[GROUP].attrs


def test_joined_docs_keep_entities_and_their_scores(doc):
    joined = Doc.from_docs([doc, doc], ensure_whitespace=False)
    assert [ent.text for ent in joined.ents] == 2 * [ent.text for ent in doc.ents]
    assert scores(joined) == 2 * scores(doc)
    assert [span.text for span in joined.spans[GROUP]] == [e.text for e in joined.ents]


def test_a_doc_of_a_span_keeps_its_scores_with_user_data(doc):
    whole = doc[0 : len(doc)]
    assert scores(whole.as_doc(copy_user_data=True)) == scores(doc)
    assert [ent.text for ent in whole.as_doc().ents] == [ent.text for ent in doc.ents]


def test_merged_entities_keep_their_scores(trained_path):
    nlp = spacy.load(trained_path)
    nlp.add_pipe("merge_entities")
    merged = nlp(TEXT)
    (ent,) = merged.ents
    assert len(ent) == 1 and ent._.music_query_score > 0.5
    (query,) = merged.spans[GROUP].attrs["char_spans"]
    assert merged.text[query["start"] : query["end"]] == ent.text
    with pytest.raises(IndexError, match="E035"):
        list(merged.spans[GROUP])


@pytest.mark.parametrize(
    "knows", ["import spacy; spacy.blank('en')", "import spacy_musicquery"]
)
def test_another_process_reads_the_scores(doc, knows, tmp_path):
    (tmp_path / "doc").write_bytes(doc.to_bytes())
    code = f"""
import sys
from spacy.tokens import Doc
from spacy.vocab import Vocab
{knows}
doc = Doc(Vocab()).from_bytes(open(sys.argv[1], "rb").read())
print([ent._.music_query_score for ent in doc.ents])
"""
    command = [sys.executable, "-c", code, str(tmp_path / "doc")]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.stdout == f"{scores(doc)}\n", result.stderr


THEIRS = """
import sys, spacy
from spacy.tokens import Span
Span.set_extension("music_query_score", {declared})
nlp = spacy.load(sys.argv[1])
doc, _ = nlp("我想听周杰伦的晴天"), nlp("播放五月天和林俊杰的歌")
print([ent._.music_query_score for ent in doc.ents], len(doc.spans["music_query"].attrs["scores"]))
"""


@pytest.mark.parametrize(
    "declared, printed",
    [("getter=lambda span: 'mine'", "['mine'] 1\n"), ("default=7", "[7] 1\n")],
)
def test_an_extension_of_somebody_else_stays_theirs(trained_path, declared, printed):
    code = THEIRS.format(declared=declared)
    command = [sys.executable, "-c", code, str(trained_path)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.stdout == printed, result.stderr
    assert result.stderr.count("MQ105") == 1
