"""Kinds of damage to a saved pipeline. Each gets the directory of the component, and that of
another pipeline's, and leaves something that must not load."""

import hashlib
import json
import os
import pickle
import shutil
import struct
import zlib
from pathlib import Path
from typing import Any, Callable, Dict

import numpy as np
import srsly

from spacy_musicquery.saving import sealed_files as saving

Damage = Callable[[Path, Path], Any]

MODEL, CATALOGUE, CFG = "model", "catalogue", "cfg"
# Running any code leaves this file behind, in the component's directory.
SENTINEL = "code-was-run"


# Changes that no checksum shows


def reseal(directory: Path, name: str, data: bytes) -> None:
    """Write a file with the right checksum, in itself and in the settings."""
    sealed = saving.seal(data)
    (directory / name).write_bytes(sealed)
    digests = json.loads((directory / CFG).read_text())["digests"]
    change_settings(directory, digests={**digests, name: saving.digest_of(sealed)})


def change_settings(directory: Path, **changes: Any) -> None:
    """Write other settings with the right checksum."""
    saved = {**json.loads((directory / CFG).read_text()), **changes}
    digests, none = saved.pop("digests"), "0" * 64
    if isinstance(digests, dict):
        digests = {CFG: none, **{k: v for k, v in digests.items() if k != CFG}}
    data = json.dumps({"digests": digests, **saved})
    digest = hashlib.sha256(data.encode()).hexdigest()
    (directory / CFG).write_text(data.replace(none, digest, 1))


def unsealed(directory: Path, name: str) -> bytes:
    """RETURNS (bytes): What is in a sealed file."""
    return saving.unseal((directory / name).read_bytes(), "music_query")


def change_message(change: Callable[[Any], Any]) -> Damage:
    """Damage to thinc's part of the model."""

    def damage(directory: Path, other: Path) -> None:
        message = srsly.msgpack_loads(unsealed(directory, MODEL))
        change(message)
        reseal(directory, MODEL, srsly.msgpack_dumps(message))

    return damage


def change_weights(change: Callable[[Any], Any]) -> Damage:
    """Damage to the weights."""

    def change_shim(message: Any) -> None:
        weights = srsly.msgpack_loads(message["shims"][0][0])
        change(weights)
        message["shims"][0][0] = srsly.msgpack_dumps(weights)

    return change_message(change_shim)


def change_attribute(name: str, change: Callable[[Any], Any]) -> Damage:
    """Damage to an attribute of the model, such as its characters."""

    def change_attrs(message: Any) -> None:
        value = srsly.msgpack_loads(message["attrs"][0][name])
        message["attrs"][0][name] = srsly.msgpack_dumps(change(value))

    return change_message(change_attrs)


def change_array(change: Callable[[np.ndarray], Any]) -> Damage:
    """Damage to one of the arrays."""
    name = "output.kernel"
    return change_weights(lambda w: w["arrays"].update({name: change(w["arrays"][name])}))


def change_size(place: int, size: Any) -> Damage:
    """Damage to one of the sizes."""
    return change_weights(lambda w: w["sizes"].__setitem__(place, size))


def resealed(name: str, data: bytes) -> Damage:
    """Other data altogether."""
    return lambda directory, other: reseal(directory, name, data)


def names(message: Any) -> Damage:
    """Another catalogue."""
    packed = message if isinstance(message, bytes) else srsly.msgpack_dumps(message)
    return resealed(CATALOGUE, zlib.compress(packed, 9))


def settings(**changes: Any) -> Damage:
    """Other settings."""

    return lambda directory, other: change_settings(directory, **changes)


# Changes to files


def written(name: str, data: bytes) -> Damage:
    return lambda directory, other: (directory / name).write_bytes(data)


def gone(name: str) -> Damage:
    return lambda directory, other: (directory / name).unlink()


def cut(name: str, share: float) -> Damage:
    """Only the beginning is left; all but the last byte, for a share of 1."""

    def damage(directory: Path, other: Path) -> None:
        data = (directory / name).read_bytes()
        (directory / name).write_bytes(data[: min(int(len(data) * share), len(data) - 1)])

    return damage


def flipped(name: str, share: float) -> Damage:
    def damage(directory: Path, other: Path) -> None:
        data = bytearray((directory / name).read_bytes())
        data[int((len(data) - 1) * share)] ^= 1
        (directory / name).write_bytes(data)

    return damage


def swapped(name: str) -> Damage:
    """The file of another pipeline."""
    return lambda directory, other: shutil.copy(other / name, directory / name)


def linked(name: str, target: str) -> Damage:
    def damage(directory: Path, other: Path) -> None:
        (directory / name).unlink()
        (directory / name).symlink_to(target)

    return damage


def piped(name: str) -> Damage:
    def damage(directory: Path, other: Path) -> None:
        (directory / name).unlink()
        os.mkfifo(directory / name)

    return damage


def sparse(name: str, size: int) -> Damage:
    return lambda directory, other: os.truncate(directory / name, size)


def folder(name: str) -> Damage:
    def damage(directory: Path, other: Path) -> None:
        (directory / name).unlink()
        (directory / name).mkdir()

    return damage


def files_exchanged(directory: Path, other: Path) -> None:
    (directory / MODEL).rename(directory / "x")
    (directory / CATALOGUE).rename(directory / MODEL)
    (directory / "x").rename(directory / CATALOGUE)


class _Payload:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def pickled(directory: Path, other: Path) -> None:
    """An array of Python's objects, as `numpy` and `msgpack_numpy` pickle them."""
    data = pickle.dumps(_Payload(directory / SENTINEL))
    array = {b"nd": True, b"type": "|O", b"kind": b"O", b"shape": (1,), b"data": data}
    change_weights(lambda w: w["arrays"].update({"output.kernel": array}))(directory, other)


def pickled_model(directory: Path, other: Path) -> None:
    reseal(directory, MODEL, pickle.dumps(_Payload(directory / SENTINEL)))


def external_graph(location: str) -> bytes:
    """RETURNS (bytes): An ONNX model whose weights are in another file."""
    entry = b"\x0a\x08location\x12" + bytes([len(location)]) + location.encode()
    tensor = (
        b"\x08\x01\x10\x01\x42\x01w" + b"\x6a" + bytes([len(entry)]) + entry + b"\x70\x01"
    )
    graph = b"\x12\x01g\x2a" + bytes([len(tensor)]) + tensor
    return b"\x08\x07\x3a" + bytes([len(graph)]) + graph + b"\x42\x04\x0a\x00\x10\x0e"


def graph(location: str) -> Damage:
    """A graph, which no saved model has any more, that reads a file."""
    graphs = {p: external_graph(location) for p in ("float32", "int8")}
    return change_weights(lambda w: w.update(graphs=graphs))


def of_old_format(directory: Path, other: Path) -> None:
    """A graph in the format that had them: it loads, and the graph is not looked at."""
    graphs = {p: external_graph("/etc/passwd") for p in ("float32", "int8")}
    change_weights(lambda w: w.update(graphs=graphs, format=4))(directory, other)


def _array(**changes: Any) -> Damage:
    """An array as msgpack holds it, with changes that numpy would not make."""

    def change(array: np.ndarray) -> Any:
        fields = {"nd": True, "type": "<f4", "kind": b"", "shape": array.shape}
        fields = {**fields, "data": array.astype("float32").tobytes(), **changes}
        return {key.encode(): value for key, value in fields.items()}

    return change_array(change)


def _with(value: float, dtype: str = "float32") -> Damage:
    def change(array: np.ndarray) -> np.ndarray:
        changed = array.astype(dtype)
        changed.flat[0] = value
        return changed

    return change_array(change)


def config(old: str, new: str) -> Damage:
    """Another config around the same component."""

    def damage(directory: Path, other: Path) -> None:
        path = directory.parent / "config.cfg"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return damage


_HUGE = struct.pack(">I", 0xFFFFFFFF)
_NESTED = (b"\xdd" + struct.pack(">I", 1_000_000)) * 500 + b"\x00" * 1_000_000
_BOMB = zlib.compress(b"\x00" * 200_000_000, 9)


def _pairs(change: Callable[[np.ndarray], np.ndarray]) -> Damage:
    return change_attribute("bigrams", lambda v: {"pairs": change(v["pairs"].copy())})


def _out_of_range(pairs: np.ndarray) -> np.ndarray:
    pairs[-1] = 65535
    return pairs


FILES: Dict[str, Damage] = {
    "the component is gone": lambda d, o: shutil.rmtree(d),
    "cfg is of another pipeline": swapped(CFG),
    "model is of another pipeline": swapped(MODEL),
    "catalogue is of another pipeline": swapped(CATALOGUE),
    "model and catalogue are exchanged": files_exchanged,
    "config has another width": config("hidden_width = 32", "hidden_width = 16"),
    "config has an immense width": config("hidden_width = 32", "hidden_width = 1000000000"),
    "config has no CRF": config("crf = true", "crf = false"),
}
for _name in (CFG, MODEL, CATALOGUE):
    FILES.update(
        {
            f"{_name} is gone": gone(_name),
            f"{_name} is empty": written(_name, b""),
            f"{_name} has one byte": written(_name, b"\x00"),
            f"{_name} is cut after a tenth": cut(_name, 0.1),
            f"{_name} is cut in the middle": cut(_name, 0.5),
            f"{_name} lacks the last byte": cut(_name, 1.0),
            f"{_name} is a folder": folder(_name),
            f"{_name} is a pipe": piped(_name),
            f"{_name} is a link to a device without end": linked(_name, "/dev/zero"),
            f"{_name} is a link to another file": linked(_name, "/etc/passwd"),
            f"{_name} is a link to nothing": linked(_name, "../../nothing"),
            f"{_name} is a link to itself": linked(_name, _name),
            f"{_name} has a terabyte": sparse(_name, 1 << 40),
            f"{_name} has 900 MB": sparse(_name, 900_000_000),
        }
    )
for _name in (CFG, MODEL, CATALOGUE):
    for _share in (0.0, 0.3, 1.0):
        FILES[f"one bit of {_name} at {_share:.0%}"] = flipped(_name, _share)

SETTINGS: Dict[str, Damage] = {
    "cfg is a list": written(CFG, b"[]"),
    "cfg is a string": written(CFG, b'"labels"'),
    "cfg is not UTF-8": written(CFG, b'{"labels": ["\xff\xfe"], "intents": []}'),
    "cfg is UTF-16": written(CFG, '{"labels": ["A"]}'.encode("utf-16")),
    "cfg is 100,000 lists deep": written(CFG, b'{"labels": ' + b"[" * 100_000),
    "cfg is 100,000 records deep": written(CFG, b'{"labels":' * 100_000),
    "cfg has no labels": written(CFG, b"{}"),
    "labels are numbers": settings(labels=[1, 2]),
    "labels are a string": settings(labels="MUSIC_QUERY"),
    "a label is empty": settings(labels=[""]),
    "a label stands twice": settings(labels=["MUSIC_QUERY", "MUSIC_QUERY"]),
    "a label too many": settings(labels=["MUSIC_QUERY", "FILM"]),
    "100,000 labels": settings(labels=[f"L{i}" for i in range(100_000)]),
    "an intent too many": settings(intents=["Play"]),
    "intents are a number": settings(intents=1),
    "the threshold is NaN": settings(threshold=float("nan")),
    "the threshold is infinite": settings(threshold=float("inf")),
    "the threshold is immense": settings(threshold=10**300),
    "the threshold is a string": settings(threshold="0.5"),
    "overwrite is a string": settings(overwrite="no"),
    "the spans key is a number": settings(spans_key=7),
    "the alignment mode is unknown": settings(alignment_mode="widen"),
    "the checksums are a list": settings(digests=["x"]),
    "a checksum is a number": settings(digests={"model": 1}),
}

RESEALED: Dict[str, Damage] = {
    "model is noise": resealed(MODEL, b"\x93abc"),
    "model is nothing": resealed(MODEL, b""),
    "model is a list": resealed(MODEL, b"\x90"),
    "model is a pickle": pickled_model,
    "model has data of 4 GB": resealed(MODEL, b"\x81\xa5nodes\xc6" + _HUGE),
    "model has a string of 4 GB": resealed(MODEL, b"\x81\xa5nodes\xdb" + _HUGE),
    "model has a list of 4 billion": resealed(MODEL, b"\x81\xa5nodes\xdd" + _HUGE),
    "model has a dictionary of 4 billion": resealed(MODEL, b"\xdf" + _HUGE),
    "model has lists of a million, 500 deep": resealed(MODEL, _NESTED),
    "model is a million lists deep": resealed(MODEL, b"\x91" * 1_000_000),
    "model has a million dictionaries": resealed(
        MODEL, b"\xdd" + struct.pack(">I", 1_000_000) + b"\x80" * 1_000_000
    ),
    "model has an extension type": resealed(MODEL, b"\xc7\x05\x01hello"),
    "model has two nodes": change_message(lambda m: m["nodes"].append(m["nodes"][0])),
    "model has no node": change_message(lambda m: m.update(nodes=[])),
    "model is of another architecture": change_message(
        lambda m: m["nodes"][0].update(name="tok2vec")
    ),
    "model refers to itself": change_message(lambda m: m["nodes"][0].update(refs={"a": 0})),
    "model has a width that is a string": change_message(
        lambda m: m["nodes"][0].update(dims={"nO": "3"})
    ),
    "model has another width": change_message(
        lambda m: m["nodes"][0].update(dims={"nO": 5})
    ),
    "model has parameters": change_message(lambda m: m.update(params=[{"W": 1}])),
    "model has two shims": change_message(lambda m: m["shims"][0].append(b"")),
    "model has a shim of text": change_message(lambda m: m.update(shims=[["x"]])),
    "model has an unknown attribute": change_message(
        lambda m: m["attrs"][0].update(hook=b"\x00")
    ),
    "model has no characters": change_message(lambda m: m["attrs"][0].pop("inventory")),
    "characters are a number": change_attribute("inventory", lambda v: {**v, "chars": 7}),
    "a character stands twice": change_attribute(
        "inventory", lambda v: {**v, "chars": v["chars"][:-1] + v["chars"][0]}
    ),
    "a character too few": change_attribute(
        "inventory", lambda v: {**v, "chars": v["chars"][:-1]}
    ),
    "characters have case": change_attribute(
        "inventory", lambda v: {**v, "lowercase": False}
    ),
    "pairs are out of order": _pairs(lambda pairs: pairs[::-1]),
    "pairs are of unknown characters": _pairs(_out_of_range),
    "pairs are too few": _pairs(lambda pairs: pairs[:-1]),
    "pairs are numbers with a point": _pairs(lambda pairs: pairs.astype("float32")),
    "pairs are triples": _pairs(lambda pairs: np.concatenate([pairs, pairs[:, :1]], 1)),
    "the number of intents is a string": change_attribute("n_intents", lambda v: "0"),
    "the number of intents is another": change_attribute("n_intents", lambda v: 3),
    "types of names are numbers": change_attribute("catalogue", lambda v: list(range(10))),
    "types of names are too few": change_attribute("catalogue", lambda v: v[:-1]),
    "a type of names stands twice": change_attribute(
        "catalogue", lambda v: [v[0]] * len(v)
    ),
    "weights of format 99": change_weights(lambda w: w.update(format=99)),
    "weights without a format": change_weights(lambda w: w.pop("format")),
    "weights with a graph of /etc/passwd": graph("/etc/passwd"),
    "weights with a graph of ../../etc/passwd": graph("../../etc/passwd"),
    # One less is what pipelines from before contextual vectors have.
    "sizes are too few": change_weights(lambda w: w["sizes"].__delitem__(slice(-2, None))),
    "a size is a string": change_size(0, "5373"),
    "a size is negative": change_size(0, -1),
    "a size is true": change_size(6, True),
    "a size is 2 billion": change_size(0, 2_000_000_000),
    "a size is 2^63": change_size(0, 2**63),
    "a size has a point": change_size(0, 5373.0),
    "a size is of another width": change_size(3, 64),
    "an array is gone": change_weights(lambda w: w["arrays"].pop("output.bias")),
    "an array too many": change_weights(lambda w: w["arrays"].update(x=np.zeros(1, "f"))),
    "arrays are a list": change_weights(lambda w: w.update(arrays=[])),
    "an array of another shape": change_array(lambda a: a.T),
    "an array is a number": change_array(lambda a: 1.0),
    "an array is a list": change_array(lambda a: a.tolist()),
    "an array of float64": change_array(lambda a: a.astype("float64")),
    "an array of int32": change_array(lambda a: a.astype("int32")),
    "an array of complex numbers": change_array(lambda a: a.astype("complex64")),
    "an array of text": change_array(lambda a: a.astype("U4")),
    "an array of records": _array(kind=b"V", type=[[b"f0", b"<f4"]]),
    "an array of Python's objects": pickled,
    "an array declared to be immense": _array(shape=[1 << 40, 1 << 40]),
    "an array of a negative shape": _array(shape=[-1, 3]),
    "an array shorter than its shape": _array(data=b"\x00" * 8),
    "an array without data": _array(data=None),
    "a weight is NaN": _with(float("nan")),
    "a weight is infinite": _with(float("inf")),
    "a weight is minus infinity in half precision": _with(float("-inf"), "float16"),
    "what is frozen is a string": change_weights(lambda w: w.update(frozen="embedding")),
    "what is frozen is unknown": change_weights(lambda w: w.update(frozen=["x"])),
    "catalogue is not compressed": resealed(CATALOGUE, b"\x81\xa6artist\x90"),
    "catalogue is nothing": resealed(CATALOGUE, b""),
    "catalogue inflates to 200 MB": resealed(CATALOGUE, _BOMB),
    "catalogue inflates to 200 MB, twice": resealed(CATALOGUE, zlib.compress(_BOMB, 9)),
    "catalogue is a list": names([]),
    "catalogue has names that are numbers": names({"artist": [1, 2]}),
    "catalogue has lists of names in lists": names({"artist": [["a"]]}),
    "catalogue has one name, no list": names({"artist": "周杰伦"}),
    "catalogue has an unknown type": names({"planet": ["月亮"]}),
    "catalogue has 4 billion types": names(b"\xdf" + _HUGE),
    "catalogue has 4 billion names": names(b"\x81\xa6artist\xdd" + _HUGE + b"\xa1a"),
    "catalogue has a name of 4 GB": names(b"\x81\xa6artist\x91\xdb" + _HUGE),
    "catalogue has a name that is not UTF-8": names(b"\x81\xa6artist\x91\xa2\xff\xfe"),
    "catalogue has something behind it": names(b"\x81\xa6artist\x90\x00"),
    "catalogue is a million lists deep": names(b"\x81\xa6artist" + b"\x91" * 900_000),
    "catalogue has a million dictionaries": names(
        b"\x81\xa6artist\xdd" + struct.pack(">I", 900_000) + b"\x80" * 900_000
    ),
}

DAMAGES: Dict[str, Damage] = {**FILES, **SETTINGS, **RESEALED}
# What loads, without what was put in.
HARMLESS: Dict[str, Damage] = {"a graph in the format that had them": of_old_format}
