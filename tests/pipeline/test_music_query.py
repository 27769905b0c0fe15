import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import Adam, Config

from spacy_musicquery.decoding import bio
from spacy_musicquery.ml.architectures import build_char_bilstm
from spacy_musicquery.tokens.gold import gold_tags

from ..conftest import (
    FROM_SCRATCH,
    HARD_TEXTS,
    MESSAGES,
    STRICT_CONFIG,
    found,
    make_examples,
    make_trained,
)

TEXTS = [text for text, _ in MESSAGES]


def test_overfitting_io(trained, tmp_path):
    examples = make_examples(trained)
    losses = trained.update(examples, sgd=Adam(0.0), losses={})
    assert losses["music_query"] < 0.01
    for text, spans in MESSAGES:
        assert found(trained(text)) == spans
    assert [found(doc) for doc in trained.pipe(TEXTS)] == [spans for _, spans in MESSAGES]

    trained.to_disk(tmp_path / "model")
    from_disk = spacy.load(tmp_path / "model")
    from_bytes = spacy.blank("zh")
    from_bytes.add_pipe("music_query")
    from_bytes.from_bytes(trained.to_bytes())
    for nlp in (from_disk, from_bytes):
        for text in TEXTS + HARD_TEXTS:
            doc, expected = nlp(text), trained(text)
            assert found(doc) == found(expected)
            assert doc.spans["music_query"].attrs == expected.spans["music_query"].attrs

    scores = trained.evaluate(examples)
    assert scores["ents_f"] == scores["ents_p"] == scores["ents_r"] == 1.0
    assert scores["ents_per_type"]["FILM"]["f"] == 1.0
    assert scores["music_query_false_alarms"] == 0.0


def test_training_is_indifferent_to_tokenisation():
    texts = {}
    for lang in ("zh", "xx", "en"):
        nlp = make_trained(steps=40, lang=lang)
        probabilities = nlp.get_pipe("music_query").tag_probabilities(
            [nlp.make_doc(text) for text in TEXTS]
        )
        texts[lang] = np.concatenate(probabilities)
    assert np.array_equal(texts["zh"], texts["xx"])
    assert np.array_equal(texts["zh"], texts["en"])


def test_same_seed_same_weights_other_seed_other_weights():
    def weights(seed):
        config = {"model": {"char_dropout": 0.2}}
        nlp = make_trained(steps=8, seed=seed, drop=0.3, **config)
        return nlp.get_pipe("music_query").model.shims[0].arrays

    first, second, other = weights(0), weights(0), weights(1)
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert not any(np.array_equal(first[name], other[name]) for name in first)


# Labels and initialization


def test_labels_are_learnt_from_the_data(trained):
    component = trained.get_pipe("music_query")
    assert component.labels == ("FILM", "MUSIC_QUERY")
    assert component.label_data == {"labels": ["FILM", "MUSIC_QUERY"], "intents": []}


def test_labels_may_be_given():
    nlp = spacy.blank("zh")
    component = nlp.add_pipe("music_query", config=FROM_SCRATCH)
    examples = make_examples(nlp)
    labels = ["MUSIC_QUERY", "FILM", "NEVER_SEEN"]
    component.initialize(lambda: examples, nlp=nlp, labels=labels)
    assert component.labels == tuple(labels)
    assert component.model.get_dim("nO") == 7
    nlp.update(examples, sgd=Adam(0.001))


def test_initialize_again_starts_afresh():
    nlp = make_trained(steps=2)
    examples = make_examples(nlp, MESSAGES[:1])
    nlp.initialize(lambda: examples)
    component = nlp.get_pipe("music_query")
    assert component.labels == ("MUSIC_QUERY",)
    nlp.update(examples, sgd=Adam(0.001))
    assert component.tag_probabilities([nlp.make_doc("听")])[0].shape == (1, 3)


def test_add_label():
    component = spacy.blank("zh").add_pipe("music_query", config=FROM_SCRATCH)
    assert component.add_label("A") == 1
    assert component.add_label("A") == 0
    assert component.labels == ("A",)
    for bad in ("", 3, None):
        with pytest.raises(ValueError, match="non-empty string"):
            component.add_label(bad)


def test_labels_added_by_hand_are_kept():
    nlp = spacy.blank("zh")
    component = nlp.add_pipe("music_query", config=FROM_SCRATCH)
    component.add_label("ALBUM")
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    assert component.labels == ("ALBUM", "FILM", "MUSIC_QUERY")


def test_labels_must_be_a_list():
    nlp = spacy.blank("zh")
    component = nlp.add_pipe("music_query", config=FROM_SCRATCH)
    examples = make_examples(nlp)
    with pytest.raises(ValueError, match=r"MQ012.*'MUSIC_QUERY'"):
        component.initialize(lambda: examples, labels="MUSIC_QUERY")


def test_initialize_that_fails_leaves_the_component_as_it_was(trained_path):
    nlp = spacy.load(trained_path)
    quiet = make_examples(nlp, [("今天天气怎么样", [])])
    with pytest.raises(ValueError, match="MQ005"):
        nlp.get_pipe("music_query").initialize(lambda: quiet)
    assert found(nlp(TEXTS[0])) == MESSAGES[0][1]


def test_messages_without_a_query_can_be_learnt_from(trained):
    """What the pipeline annotated, used as training data."""
    doc = trained("今天天气怎么样")
    assert doc.has_annotation("ENT_IOB")
    example = Example(trained.make_doc(doc.text), doc)
    assert not gold_tags(
        example, trained.get_pipe("music_query").labels, "music_query"
    ).any()


def test_spaced_training_data_is_warned_of(caplog):
    nlp = spacy.blank("zh")
    nlp.add_pipe("music_query", config=FROM_SCRATCH)
    reference = Doc(nlp.vocab, words=list("我想听歌"))
    reference = Doc(nlp.vocab).from_bytes(reference.to_bytes())
    reference.has_unknown_spaces = True
    reference.ents = [Span(reference, 3, 4, label="Q")]
    example = Example(nlp.make_doc(reference.text), reference)
    nlp.initialize(lambda: [example])
    assert "MQ103" in caplog.text and "我 想 听 歌" in caplog.text


def test_dropping_everything_is_refused(trained):
    with pytest.raises(ValueError, match=r"dropout = 1.0"):
        trained.get_pipe("music_query").update(make_examples(trained), drop=1.0)


def test_no_query_in_the_training_data():
    nlp = spacy.blank("zh")
    nlp.add_pipe("music_query", config=FROM_SCRATCH)
    examples = make_examples(nlp, [("今天天气怎么样", [])])
    with pytest.raises(ValueError, match=r"MQ005.*check-data"):
        nlp.initialize(lambda: examples)


def test_initialize_without_examples():
    component = spacy.blank("zh").add_pipe("music_query", config=FROM_SCRATCH)
    with pytest.raises(TypeError, match="E930"):
        component.initialize(lambda: [])


def test_no_character_is_frequent_enough():
    nlp = spacy.blank("zh")
    nlp.add_pipe("music_query", config={**FROM_SCRATCH, "model": {"min_count": 99}})
    examples = make_examples(nlp)
    with pytest.raises(ValueError, match=r"MQ011.*min_count = 99"):
        nlp.initialize(lambda: examples)


def test_predicting_before_training():
    nlp = spacy.blank("zh")
    nlp.add_pipe("music_query", config=FROM_SCRATCH)
    with pytest.raises(ValueError, match=r"MQ004.*initialize"):
        nlp("我想听晴天")


def test_untrained_pipeline_may_be_saved(tmp_path):
    nlp = spacy.blank("zh")
    nlp.add_pipe("music_query", config=FROM_SCRATCH).add_label("A")
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert loaded.get_pipe("music_query").labels == ("A",)
    examples = make_examples(loaded)
    loaded.initialize(lambda: examples)
    loaded.update(examples, sgd=Adam(0.001))


def test_label_that_was_never_learnt(trained):
    examples = make_examples(trained, [("我想听晴天", [(3, 5, "NEW")])])
    with pytest.raises(ValueError, match=r"MQ006.*NEW.*FILM, MUSIC_QUERY"):
        trained.update(examples)


# Loss


def test_gradient_is_that_of_the_loss(trained):
    component = trained.get_pipe("music_query")
    examples = make_examples(trained)
    emissions = component.model.predict(TEXTS)
    noise = np.random.default_rng(0).normal(size=emissions.data.shape)
    emissions = emissions._replace(data=noise.astype("float64"))
    loss, gradient = component.get_loss(examples, emissions)
    assert loss > 0
    for row, tag in ((0, 0), (4, 3), (30, 2)):
        shifted = emissions.data.copy()
        shifted[row, tag] += 1e-4
        raised, _ = component.get_loss(examples, emissions._replace(data=shifted))
        assert gradient.data[row, tag] == pytest.approx((raised - loss) / 1e-4, abs=1e-5)


def test_missing_annotation_plays_no_part(trained):
    component = trained.get_pipe("music_query")
    reference = trained.make_doc("我想听 周杰伦的歌")
    query = Span(reference, 3, 6, label="MUSIC_QUERY")
    reference.set_ents([query], missing=[reference[0:3]])
    example = Example(trained.make_doc(reference.text), reference)
    emissions = component.model.predict([reference.text])
    # Without transitions, which carry what is known to the neighbours.
    emissions = emissions._replace(chain=bio.softmax_chain(5))
    _, gradient = component.get_loss([example], emissions)
    is_zero = (gradient.data == 0).all(axis=1).tolist()
    assert is_zero == [True] * 4 + [False] * 5

    unannotated = Example(trained.make_doc("听歌"), trained.make_doc("听歌"))
    loss, gradient = component.get_loss([unannotated], component.model.predict(["听歌"]))
    assert loss == 0.0 and not gradient.data.any()


def test_texts_that_differ_are_an_error(trained):
    reference = make_examples(trained, MESSAGES[:1])[0].reference
    example = Example(trained.make_doc("我想听周杰伦的雨天"), reference)
    with pytest.raises(ValueError, match=r"MQ009.*雨天.*晴天"):
        trained.get_pipe("music_query").update([example])


def test_gold_tags_of_words_and_blanks(trained):
    component = trained.get_pipe("music_query")
    words = ["来一首", "Hey", "Jude", "吧"]
    reference = Doc(trained.vocab, words=words, spaces=[True, True, True, False])
    reference.ents = [Span(reference, 1, 3, label="MUSIC_QUERY")]
    example = Example(trained.make_doc(reference.text), reference)
    tags = [
        component.tags[tag][0]
        for tag in gold_tags(example, component.labels, component.name)
    ]
    assert "".join(tags) == "OOOOBIIIIIIIOO"


def test_empty_texts_in_training(trained_path):
    nlp = spacy.load(trained_path)
    optimizer = nlp.resume_training()
    empty = Example(nlp.make_doc(""), nlp.make_doc(""))
    assert nlp.update([empty], sgd=optimizer) == {"music_query": 0.0}
    losses = nlp.update([empty, *make_examples(nlp)], sgd=optimizer)
    assert 0 < losses["music_query"] < 1


def test_infinite_loss_says_so(trained_path):
    nlp = spacy.load(trained_path)
    component = nlp.get_pipe("music_query")
    shim = component.model.shims[0]
    shim.set_array("output.bias", shim.arrays["output.bias"] * np.nan, trainable=True)
    with pytest.raises(ValueError, match=r"MQ010.*update 1"):
        component.update(make_examples(nlp))


# Settings


@pytest.mark.parametrize(
    "config,message",
    [
        ({"threshold": 1.5}, "threshold = 1.5"),
        ({"threshold": "high"}, "threshold"),
        ({"alignment_mode": "widen"}, "alignment_mode"),
        ({"overwrite": "perhaps"}, "overwrite"),
        ({"model": {"hidden_width": 0}}, "hidden_width = 0"),
        ({"model": {"embed_width": -1}}, "embed_width = -1"),
        ({"model": {"depth": "two"}}, "depth"),
        ({"model": {"min_count": 0}}, "min_count = 0"),
        ({"model": {"char_dropout": 1.0}}, "char_dropout = 1.0"),
        ({"model": {"threads": 0}}, "threads = 0"),
        ({"model": {"width": 64}}, "width"),
        pytest.param(*({"threshold": "0.5"}, "threshold = '0.5'"), marks=STRICT_CONFIG),
        ({"spans_key": ""}, "spans_key = ''"),
        pytest.param(
            *({"model": {"hidden_width": "64"}}, "hidden_width = '64'"), marks=STRICT_CONFIG
        ),
        pytest.param(
            *({"model": {"hidden_width": 64.5}}, "hidden_width"), marks=STRICT_CONFIG
        ),
        pytest.param(
            *({"model": {"char_dropout": "0.5"}}, "char_dropout = '0.5'"),
            marks=STRICT_CONFIG,
        ),
        ({"model": {"nO": -5}}, "nO = -5"),
    ],
)
def test_wrong_setting_fails_when_the_component_is_added(config, message):
    with pytest.raises(Exception, match=message) as error:
        spacy.blank("zh").add_pipe("music_query", config=config)
    assert isinstance(error.value, ValueError)


@pytest.mark.parametrize("depth", [1, 2])
def test_sizes_of_the_network_follow_the_config(depth):
    sizes = {"embed_width": 6, "hidden_width": 5, "depth": depth}
    nlp = make_trained(steps=3, model=sizes)
    arrays = nlp.get_pipe("music_query").model.shims[0].arrays
    assert arrays["embedding"].shape[1] == 6
    assert arrays["bilstm_0.forward.recurrent_kernel"].shape == (5, 20)
    assert arrays["output.kernel"].shape == (10, 5)
    assert ("bilstm_1.backward.kernel" in arrays) == (depth == 2)
    assert nlp("听").text == "听"


def test_default_config_of_the_factory_is_complete():
    nlp = spacy.blank("zh")
    nlp.add_pipe("music_query")
    config = Config().from_str(nlp.config.to_str())["components"]["music_query"]
    model = config.pop("model")
    assert set(config) == {
        *("factory", "pretrained", "threshold", "overwrite", "spans_key", "alignment_mode"),
        *("learn_intents", "listen_threshold", "learn_rates", "loss", "scorer"),
        "rehearsal_weight",
    }
    arguments = build_char_bilstm.__annotations__.keys() - {"nO", "return"}
    assert arguments <= model.keys()
