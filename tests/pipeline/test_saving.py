import errno
import shutil

import numpy as np
import pytest
import spacy
import srsly

from spacy_musicquery import save
from spacy_musicquery.errors import SavedModelError
from spacy_musicquery.features.characters import CharInventory
from spacy_musicquery.pipeline import query_finder
from spacy_musicquery.saving import atomic
from spacy_musicquery.saving import sealed_files as saving
from stress.damages import change_settings, reseal

from ..conftest import MESSAGES, found

TEXT, SPANS = MESSAGES[0]


@pytest.fixture
def saved(trained_path, tmp_path):
    path = tmp_path / "pipeline"
    shutil.copytree(trained_path, path)
    return path


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def change_model(path, change):
    """Damage that the checksum does not show, as another version might leave."""
    message = srsly.msgpack_loads(saving.unseal(path.read_bytes(), "music_query"))
    shim = srsly.msgpack_loads(message["shims"][0][0])
    change(shim)
    message["shims"][0][0] = srsly.msgpack_dumps(shim)
    reseal(path.parent, path.name, srsly.msgpack_dumps(message))


def flip_bit(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def set_nan(shim):
    shim["arrays"]["output.bias"] = shim["arrays"]["output.bias"] * float("nan")


DAMAGES = {
    "no component directory": (lambda d: shutil.rmtree(d), "'cfg' cannot be read"),
    "no cfg": (lambda d: (d / "cfg").unlink(), "'cfg' cannot be read"),
    "no model": (lambda d: (d / "model").unlink(), "'model' cannot be read"),
    "empty model": (lambda d: (d / "model").write_bytes(b""), "MQ021"),
    "truncated model": (lambda d: truncate(d / "model"), "MQ021"),
    "model of noise": (lambda d: (d / "model").write_bytes(b"\x93abc"), "MQ021"),
    "one bit of the model": (lambda d: flip_bit(d / "model"), "checksum is wrong"),
    "noise with a checksum": (
        lambda d: reseal(d, "model", b"\x93abc"),
        "MQ021",
    ),
    "truncated cfg": (lambda d: truncate(d / "cfg"), "its settings"),
    "cfg is a list": (lambda d: (d / "cfg").write_text("[]"), "not a JSON object"),
    "labels are gone": (lambda d: (d / "cfg").write_text("{}"), "no list of labels"),
    "intents are no list": (
        lambda d: change_settings(d, intents="Play"),
        "no list of intents",
    ),
    "another label": (
        lambda d: (d / "cfg").write_text('{"labels": ["A"], "intents": []}'),
        "for 5 tags, but there are 3",
    ),
    "an intent too many": (
        lambda d: change_settings(d, intents=["Play"]),
        "for 0 intents, but there are 1",
    ),
    "another format": (
        lambda d: change_model(d / "model", lambda m: m.update(format=99)),
        "not of format",
    ),
    "an array is gone": (
        lambda d: change_model(d / "model", lambda m: m["arrays"].popitem()),
        "arrays missing",
    ),
    "an array of another shape": (
        lambda d: change_model(
            d / "model", lambda m: m.update(sizes=[9, 5, 48, 32, 1, 9, 1, 0, 7, 0])
        ),
        "'embedding' does not have the shape",
    ),
    "weights that are not finite": (
        lambda d: change_model(d / "model", set_nan),
        "'output.bias' is not finite",
    ),
    "a graph": (
        lambda d: change_model(d / "model", lambda m: m.update(graphs={"int8": b""})),
        "it holds.*graphs",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_directory_gives_a_clear_error(saved, damage):
    do_damage, message = DAMAGES[damage]
    do_damage(saved / "music_query")
    with pytest.raises(SavedModelError, match=message):
        spacy.load(saved)


def test_damaged_bytes_give_a_clear_error(trained):
    data = trained.get_pipe("music_query").to_bytes()
    message = srsly.msgpack_loads(data)
    message["model"] = message["model"][:100]
    component = spacy.blank("zh").add_pipe("music_query")
    with pytest.raises(SavedModelError, match="MQ021"):
        component.from_bytes(srsly.msgpack_dumps(message))


@pytest.mark.parametrize(
    "setting,message",
    [
        ({"hidden_width": 16}, r"hidden_width = 32.*says 16"),
        ({"lowercase": False}, r"lowercase = True.*says False"),
    ],
)
def test_config_of_another_model_gives_a_clear_error(trained_path, setting, message):
    override = {"components": {"music_query": {"model": setting}}}
    with pytest.raises(SavedModelError, match=message):
        spacy.load(trained_path, config=override)


def test_what_only_training_uses_may_be_changed_at_load(trained_path):
    override = {"components": {"music_query": {"model": {"char_dropout": 0.4}}}}
    nlp = spacy.load(trained_path, config=override)
    assert nlp.get_pipe("music_query").model.attrs["char_dropout"] == 0.4


def fail_to_write(*args, **kwargs):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_failed_save_leaves_the_old_pipeline(saved, monkeypatch):
    nlp = spacy.load(saved)
    component = nlp.get_pipe("music_query")
    monkeypatch.setattr(query_finder, "write_model", fail_to_write)
    component.cfg["threshold"] = 1.0
    with pytest.raises(OSError, match="No space left"):
        nlp.to_disk(saved)
    again = spacy.load(saved)
    assert again.get_pipe("music_query").cfg["threshold"] == 0.0
    assert found(again(TEXT)) == SPANS
    assert not list(saved.glob(".*"))


def test_failed_first_save_leaves_nothing_that_loads(trained_path, tmp_path, monkeypatch):
    nlp = spacy.load(trained_path)
    monkeypatch.setattr(query_finder, "write_model", fail_to_write)
    with pytest.raises(OSError, match="No space left"):
        nlp.to_disk(tmp_path / "new")
    with pytest.raises(ValueError, match="cannot be read"):
        spacy.load(tmp_path / "new")


@pytest.mark.parametrize(
    "setting,message",
    [
        ({"threshold": "x"}, "threshold = 'x'"),
        ({"alignment_mode": "widen"}, "alignment_mode = 'widen'"),
        ({"spans_key": ""}, "spans_key = ''"),
    ],
)
def test_wrong_saved_setting_gives_a_clear_error(saved, setting, message):
    change_settings(saved / "music_query", **setting)
    with pytest.raises(ValueError, match=message):
        spacy.load(saved)


def test_load_that_fails_leaves_the_component_as_it_was(trained, saved):
    nlp = spacy.load(saved)
    component = nlp.get_pipe("music_query")
    cfg = saved / "music_query" / "cfg"
    cfg.write_text('{"labels": ["A"]}')
    flip_bit(saved / "music_query" / "model")
    with pytest.raises(SavedModelError):
        component.from_disk(saved / "music_query", exclude=["vocab"])
    assert component.labels == ("FILM", "MUSIC_QUERY")
    assert found(nlp(TEXT)) == SPANS


def test_saving_leaves_other_files_alone(trained, tmp_path):
    component = trained.get_pipe("music_query")
    (tmp_path / "notes.txt").write_text("mine")
    for exclude in (["vocab"], ["vocab", "model"]):
        component.to_disk(tmp_path, exclude=exclude)
        assert sorted(p.name for p in tmp_path.iterdir()) == ["cfg", "model", "notes.txt"]
    assert (tmp_path / "notes.txt").read_text() == "mine"
    other = spacy.blank("zh").add_pipe("music_query")
    other.from_disk(tmp_path, exclude=["vocab"])
    assert found(other(trained.make_doc(TEXT))) == SPANS


def test_complete_files(tmp_path):
    path = tmp_path / "a" / "b"
    for content in ("old", "new"):
        with atomic.complete_files(path) as directory:
            (directory / "sub").mkdir()
            (directory / "sub" / "file").write_text(content)
        assert (path / "sub" / "file").read_text() == content
    with pytest.raises(KeyboardInterrupt), atomic.complete_files(path) as directory:
        (directory / "half").touch()
        raise KeyboardInterrupt
    assert [p.name for p in path.iterdir()] == ["sub"]


def test_bytes_hold_all_settings(trained_path):
    component = spacy.load(trained_path).get_pipe("music_query")
    component.cfg["threshold"] = 0.5
    other = spacy.blank("zh").add_pipe("music_query")
    other.from_bytes(component.to_bytes())
    assert other.cfg == component.cfg


def test_exclude(trained, tmp_path):
    component = trained.get_pipe("music_query")
    component.to_disk(tmp_path / "component", exclude=["vocab", "model"])
    assert [p.name for p in (tmp_path / "component").iterdir()] == ["cfg"]
    other = spacy.blank("zh").add_pipe("music_query")
    other.from_disk(tmp_path / "component", exclude=["vocab", "model"])
    assert other.labels == component.labels
    data = component.to_bytes(exclude=["vocab", "model"])
    assert srsly.msgpack_loads(data).keys() == {"cfg"}
    other.from_bytes(component.to_bytes(exclude=["vocab"]), exclude=["vocab"])
    assert found(other(trained.make_doc(TEXT))) == SPANS


# What a component may hold that could not be read again, and where it comes in.
UNREADABLE = {
    "a setting": lambda c: c.cfg.update(threshold="x"),
    "a setting that is no JSON": lambda c: c.cfg.update(spans_key=b"x"),
    "a label with half a surrogate": lambda c: replace(c, labels=("\ud800",)),
    "a label twice": lambda c: replace(c, labels=c.labels[:1] * len(c.labels)),
    "an intent too many": lambda c: replace(c, intents=(*c.intents, "X")),
    "characters with half a surrogate": lambda c: replace(
        c, characters=CharInventory("\ud800" + "".join(c.parameters.characters.chars[1:]))
    ),
    "weights that are not finite": lambda c: spoil(c, float("nan")),
    "weights that overflow": lambda c: spoil(c, 1e30),
}


def replace(component, **changes):
    component.parameters = component.parameters.replace(**changes)


def spoil(component, value):
    arrays = dict(component.parameters.arrays)
    arrays["output.bias"] = np.full_like(arrays["output.bias"], value)
    replace(component, arrays=arrays)


@pytest.mark.parametrize("change", UNREADABLE)
def test_what_could_not_be_read_is_not_saved(trained_path, saved, change):
    nlp = spacy.load(trained_path)
    component = nlp.get_pipe("music_query")
    UNREADABLE[change](component)
    for save_it in (
        lambda: component.to_disk(saved / "music_query", exclude=["vocab"]),
        lambda: component.to_bytes(),
        lambda: save(nlp, saved),
    ):
        with pytest.raises(ValueError):
            save_it()
    with pytest.raises(ValueError, match="MQ260"):
        component.to_bytes()
    assert found(spacy.load(saved)(TEXT)) == SPANS


def test_a_file_that_is_too_large_to_be_read_is_not_saved(trained, saved, monkeypatch):
    monkeypatch.setattr(saving, "_MAX_FILE_BYTES", 1000)
    with pytest.raises(ValueError, match="the file 'model' would have"):
        trained.get_pipe("music_query").to_disk(saved / "music_query", exclude=["vocab"])
    monkeypatch.undo()
    assert found(spacy.load(saved)(TEXT)) == SPANS


def test_bytes_have_checksums(trained):
    component = trained.get_pipe("music_query")
    message = srsly.msgpack_loads(component.to_bytes())
    for old, new in ((b"FILM", b"FILN"), (b'"digests"', b'"digestr"'), (b"cfg", b"cfh")):
        cfg = bytes(message["cfg"]).replace(old, new)
        assert cfg != message["cfg"]
        other = spacy.blank("zh").add_pipe("music_query")
        with pytest.raises(SavedModelError, match="settings"):
            other.from_bytes(srsly.msgpack_dumps({**message, "cfg": cfg}))


def test_bytes_of_versions_without_checksums_are_read(trained):
    component = trained.get_pipe("music_query")
    message = srsly.msgpack_loads(component.to_bytes())
    settings = {**component.cfg, **component.label_data}
    message["cfg"] = srsly.json_dumps(settings)
    other = spacy.blank("zh").add_pipe("music_query")
    other.from_bytes(srsly.msgpack_dumps(message))
    assert found(other(trained.make_doc(TEXT))) == SPANS


def test_a_catalogue_of_many_alike_names_is_loaded(tmp_path):
    nlp = spacy.blank("zh")
    component = nlp.add_pipe("music_query")
    names = {"title": ["一千零一夜的故事" * 4 + f"第{i}集" for i in range(20_000)]}
    component.set_catalogue(names)
    save(nlp, tmp_path / "pipeline")
    again = spacy.load(tmp_path / "pipeline").get_pipe("music_query")
    assert again.catalogue["title"] == names["title"]
    again.from_bytes(component.to_bytes())
    assert again.catalogue["title"] == names["title"]
