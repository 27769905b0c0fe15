"""In one pipeline with others: their entities, their training, their scores; and under
tokenizers that do not make characters."""

import json

import numpy as np
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus, Example
from spacy.util import load_model_from_config, registry
from thinc.util import fix_random_seed
from typer.testing import CliRunner

from spacy_musicquery.cli import app
from spacy_musicquery.data.docs import record_to_doc
from spacy_musicquery.data.records import Record
from spacy_musicquery.tokens.gold import gold_tags

from ..conftest import FROM_SCRATCH, MESSAGES, found, make_examples

TEXTS = [text for text, _ in MESSAGES]
EXPECTED = [spans for _, spans in MESSAGES]
SPLIT = {"components": {"music_query": {"alignment_mode": "split"}}}
JIEBA = {"nlp": {"tokenizer": {"segmenter": "jieba"}}}


class OneToken:
    """A tokenizer that makes one token of everything."""

    def __init__(self, vocab):
        self.vocab = vocab

    def __call__(self, text):
        return Doc(self.vocab, words=[text] if text else [], spaces=[False] * bool(text))

    def to_disk(self, path, exclude=()):
        pass

    from_disk = to_disk


@registry.tokenizers("one_token_for_tests")
def make_one_token():
    return lambda nlp: OneToken(nlp.vocab)


ONE_TOKEN = {"nlp": {"tokenizer": {"@tokenizers": "one_token_for_tests"}}}
TOKENIZERS = {
    "jieba": ("zh", JIEBA),
    "one": ("zh", ONE_TOKEN),
    "xx": ("xx", {}),
    "en": ("en", {}),
}


def make_nlp(tokenizer, trained_path, **config):
    """The trained component behind another tokenizer."""
    lang, settings = TOKENIZERS[tokenizer]
    nlp = spacy.blank(lang, config=settings)
    nlp.add_pipe("music_query", source=spacy.load(trained_path))
    nlp.get_pipe("music_query").cfg.update(config)
    return nlp


def char_spans(doc):
    spans = doc.spans["music_query"].attrs["char_spans"]
    return [(span["start"], span["end"], span["label"]) for span in spans]


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_tokenizers(tokenizer, trained_path, tmp_path):
    nlp = make_nlp(tokenizer, trained_path, alignment_mode="split")
    assert [found(doc) for doc in nlp.pipe(TEXTS)] == EXPECTED
    for mode in ("expand", "contract", "strict"):
        nlp.get_pipe("music_query").cfg["alignment_mode"] = mode
        assert [char_spans(doc) for doc in nlp.pipe(TEXTS)] == EXPECTED
    nlp.to_disk(tmp_path / "pipeline")
    assert char_spans(spacy.load(tmp_path / "pipeline")(TEXTS[0])) == EXPECTED[0]


@pytest.mark.parametrize("mode", ["expand", "contract", "strict", "split"])
def test_extract_prints_exact_offsets(mode, trained_path, tmp_path):
    nlp = make_nlp("one", trained_path, alignment_mode=mode)
    nlp.to_disk(tmp_path / "pipeline")
    page = tmp_path / "page.html"
    arguments = ["extract", TEXTS[1], "--model", str(tmp_path / "pipeline")]
    result = CliRunner().invoke(app, arguments)
    queries = json.loads(result.stdout)["music_query"]
    assert [(q["start"], q["end"], q["label"]) for q in queries] == EXPECTED[1]
    assert [q["text"] for q in queries] == ["五月天", "林俊杰"]
    assert CliRunner().invoke(app, [*arguments, "--html", str(page)]).exit_code == 0
    assert page.read_text(encoding="utf8").count("<mark") == 2


@pytest.mark.parametrize("mode,ents_f", [("split", 1.0), ("expand", 0.0), ("strict", 0.0)])
def test_scores_of_entities_and_of_what_was_found(mode, ents_f, trained_path):
    """What is widened to the tokens is wrong in `doc.ents`, and right all the same."""
    nlp = make_nlp("one", trained_path, alignment_mode=mode)
    scores = nlp.evaluate(make_examples(nlp))
    assert scores["ents_f"] == ents_f
    assert [scores[f"music_query_{name}"] for name in "prf"] == [1.0, 1.0, 1.0]


def test_evaluate_prints_both(trained_path, tmp_path):
    nlp = make_nlp("one", trained_path, alignment_mode="expand")
    nlp.to_disk(tmp_path / "pipeline")
    docs = [example.reference for example in make_examples(spacy.blank("zh"))]
    DocBin(docs=docs).to_disk(tmp_path / "data.spacy")
    arguments = ["evaluate", str(tmp_path / "pipeline"), str(tmp_path / "data.spacy")]
    rows = CliRunner().invoke(app, arguments).stdout.splitlines()
    for name, share in (("all labels", "0.00%"), ("as the model found them", "100.00%")):
        (row,) = (row for row in rows if row.startswith(name))
        assert row.split()[-3:] == [share] * 3
    nlp.get_pipe("music_query").cfg["alignment_mode"] = "split"
    nlp.to_disk(tmp_path / "pipeline")
    assert "as the model found them" not in CliRunner().invoke(app, arguments).stdout


def make_trained_on(tokenizer, tmp_path):
    """Train on a .spacy file that this tokenizer's pipeline has written and reads."""
    lang, settings = TOKENIZERS.get(tokenizer, ("zh", {}))
    nlp = spacy.blank(lang, config=settings)
    docs = [record_to_doc(nlp, Record(1, text, tuple(spans))) for text, spans in MESSAGES]
    assert [found(doc) for doc in docs] == EXPECTED
    path = tmp_path / f"{tokenizer}.spacy"
    DocBin(docs=docs).to_disk(path)
    fix_random_seed(0)
    nlp.add_pipe("music_query", config=FROM_SCRATCH)
    examples = list(Corpus(path)(nlp))
    assert [example.reference.text for example in examples] == TEXTS
    optimizer = nlp.initialize(lambda: examples)
    losses = {}
    for _ in range(3):
        nlp.update(examples, sgd=optimizer, losses=losses, drop=0.1)
    return nlp.get_pipe("music_query").model.shims[0].arrays, losses["music_query"]


def test_training_does_not_depend_on_the_tokenizer(tmp_path):
    arrays, loss = make_trained_on("char", tmp_path)
    for tokenizer in ("jieba", "one"):
        others, other_loss = make_trained_on(tokenizer, tmp_path)
        assert other_loss == loss
        assert others.keys() == arrays.keys()
        assert all(np.array_equal(others[name], arrays[name]) for name in arrays)


def test_references_for_training_on_offsets_inside_tokens(trained_path):
    """spaCy's own way from offsets to examples takes what is inside a token for unknown;
    a reference of single characters does not."""
    nlp = make_nlp("one", trained_path)
    component = nlp.get_pipe("music_query")
    entities = {"entities": EXPECTED[0]}
    with pytest.warns(UserWarning, match="W030"):
        lost = Example.from_dict(nlp.make_doc(TEXTS[0]), entities).reference
    assert lost.ents == () and not any(token.ent_iob for token in lost)
    reference = Example.from_dict(spacy.blank("zh").make_doc(TEXTS[0]), entities).reference
    example = Example(nlp.make_doc(TEXTS[0]), reference)
    gold = gold_tags(example, component.labels, component.name)
    tags = [component.tags[tag] for tag in gold]
    assert tags == ["O"] * 3 + ["B-MUSIC_QUERY"] + ["I-MUSIC_QUERY"] * 5
    assert nlp.update([example], sgd=False)["music_query"] < 0.1


def add_ruler(nlp, **placing):
    """It finds 周杰伦, which the query begins with, and 我 outside of it."""
    ruler = nlp.add_pipe("entity_ruler", config={"phrase_matcher_attr": "ORTH"}, **placing)
    ruler.add_patterns(
        [{"label": "PERSON", "pattern": "周杰伦"}, {"label": "ME", "pattern": "我"}]
    )
    return ruler


@pytest.mark.parametrize("ruler_overwrites", [False, True])
def test_entity_ruler_behind(ruler_overwrites, trained_path):
    nlp = spacy.load(trained_path)
    add_ruler(nlp, last=True).overwrite = ruler_overwrites
    doc = nlp(TEXTS[0])
    expected = ["我", "周杰伦"] if ruler_overwrites else ["我", "周杰伦的晴天"]
    assert [ent.text for ent in doc.ents] == expected
    assert char_spans(doc) == EXPECTED[0]


@pytest.mark.parametrize(
    "overwrite,expected",
    [(False, ["我", "周杰伦"]), (True, ["我", "周杰伦的晴天"])],
)
def test_entity_ruler_before_and_split_tokens(overwrite, expected, trained_path):
    nlp = make_nlp("jieba", trained_path, alignment_mode="split", overwrite=overwrite)
    add_ruler(nlp, first=True)
    doc = nlp(TEXTS[0])
    assert [ent.text for ent in doc.ents] == expected
    assert [span.text for span in doc.spans["music_query"]] == ["周杰伦的晴天"]


def test_two_components_with_labels_of_their_own(trained_path, tmp_path):
    """They share `doc.ents` and the group of spans."""
    nlp = spacy.load(trained_path)
    films = nlp.add_pipe("music_query", name="films", config=FROM_SCRATCH)
    examples = make_examples(nlp, [("看电影流浪地球", [(3, 7, "MOVIE")]), ("你好", [])])
    films.initialize(lambda: examples, nlp=nlp)
    optimizer = nlp.create_optimizer()
    optimizer.learn_rate = 0.01
    with nlp.select_pipes(enable="films"):
        for _ in range(40):
            nlp.update(examples, sgd=optimizer)
    nlp.to_disk(tmp_path / "both")
    for pipeline in (nlp, spacy.load(tmp_path / "both")):
        doc = pipeline(TEXTS[3])
        assert found(doc) == [(3, 7, "FILM")]
        assert sorted(char_spans(doc)) == [(3, 7, "FILM"), (3, 7, "MOVIE")]
        assert [span.label_ for span in doc.spans["music_query"]] == ["FILM", "MOVIE"]
        assert len(doc.spans["music_query"].attrs["scores"]) == 2
        doc = pipeline(TEXTS[0])
        assert (3, 9, "MUSIC_QUERY") in char_spans(doc)
    scores = nlp.evaluate(make_examples(nlp), per_component=True)
    assert scores["music_query"]["ents_f"] == 1.0
    assert scores["films"]["ents_r"] == 0.0


def test_scorer_beside_ner(trained_path):
    """`ner` scores all entities, also ours; what we found has scores of its own."""
    nlp = spacy.load(trained_path)
    ner = nlp.add_pipe("ner")
    ner.add_label("PERSON")
    ner.initialize(lambda: make_examples(nlp, [("我叫小红", [(2, 4, "PERSON")])]), nlp=nlp)
    scores = nlp.evaluate(make_examples(nlp))
    assert [scores[f"music_query_{name}"] for name in "prf"] == [1.0, 1.0, 1.0]
    by_component = nlp.evaluate(make_examples(nlp), per_component=True)
    assert by_component["music_query"]["ents_f"] == 1.0
    assert "PERSON" not in by_component["music_query"]["ents_per_type"]


def test_disabled(trained_path):
    nlp = spacy.load(trained_path, disable=["music_query"])
    assert nlp(TEXTS[0]).ents == () and "music_query" not in nlp(TEXTS[0]).spans
    assert nlp.evaluate(make_examples(nlp)).get("ents_f") is None
    nlp.enable_pipe("music_query")
    assert found(nlp(TEXTS[0])) == EXPECTED[0]
    with nlp.select_pipes(disable="music_query"):
        assert nlp(TEXTS[0]).ents == ()


def test_sourced_in_a_config(trained_path, tmp_path):
    config = spacy.blank("zh", config=JIEBA).config
    config["nlp"]["pipeline"] = ["queries"]
    source = {"source": str(trained_path), "component": "music_query"}
    config["components"] = {"queries": source}
    nlp = load_model_from_config(config, auto_fill=True)
    assert char_spans(nlp(TEXTS[0])) == EXPECTED[0]
    nlp.get_pipe("queries").cfg["alignment_mode"] = "split"
    nlp.to_disk(tmp_path / "pipeline")
    loaded = spacy.load(tmp_path / "pipeline")
    assert [found(doc) for doc in loaded.pipe(TEXTS)] == EXPECTED


def test_renamed(trained_path, tmp_path):
    nlp = spacy.load(trained_path, config=SPLIT)
    nlp.rename_pipe("music_query", "queries")
    assert nlp.evaluate(make_examples(nlp))["ents_f"] == 1.0
    nlp.to_disk(tmp_path / "renamed")
    loaded = spacy.load(tmp_path / "renamed")
    assert loaded.pipe_names == ["queries"]
    assert loaded.get_pipe("queries").cfg["alignment_mode"] == "split"
    assert [found(doc) for doc in loaded.pipe(TEXTS)] == EXPECTED


def test_a_tagger_is_trained_behind_split_tokens(trained_path):
    """With ours frozen and annotating, as [training] can say."""
    nlp = make_nlp("jieba", trained_path, alignment_mode="split")
    seen = []

    @Language.component("spy_for_tests")
    def spy(doc):
        seen.append(found(doc))
        return doc

    nlp.add_pipe("spy_for_tests")
    tagger = nlp.add_pipe("tagger")
    references = [nlp.make_doc(text) for text in TEXTS]
    for reference in references:
        for token in reference:
            token.tag_ = "NN" if len(token) > 1 else "X"
    examples = [Example(nlp.make_doc(doc.text), doc) for doc in references]
    tagger.initialize(lambda: examples, nlp=nlp)
    before = nlp.get_pipe("music_query").model.shims[0].arrays["output.bias"].copy()
    losses = nlp.update(
        examples,
        sgd=nlp.create_optimizer(),
        exclude=["music_query"],
        annotates=["music_query", "spy_for_tests"],
    )
    assert losses["tagger"] > 0 and "music_query" not in losses
    assert seen == EXPECTED
    after = nlp.get_pipe("music_query").model.shims[0].arrays["output.bias"]
    assert np.array_equal(before, after)
    assert all(token.tag_ for token in nlp(TEXTS[0]))
