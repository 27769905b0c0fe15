"""The systems that are measured, all behind one interface.

`System.train(train, dev, path)` makes a model; `load(path)` readies it, importing
only what it needs, since the start-up is measured too; `one(text)` and
`many(texts)` find the entities. `packages` are the distributions that extraction
needs installed.
"""

import json
import shutil
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any, Dict, Iterable, List, Tuple

ROOT = Path(__file__).resolve().parent.parent
Record = Dict[str, Any]
Found = List[Tuple[int, int]]


class System:
    name: str
    packages: Tuple[str, ...]

    def train(self, train: Path, dev: Path, path: Path) -> None:
        """Train on record files and save to a directory."""

    def load(self, path: Path) -> None:
        """Get ready to extract."""
        raise NotImplementedError

    def one(self, text: str) -> Found:
        """Find the entities of one message."""
        raise NotImplementedError

    def many(self, texts: Iterable[str]) -> int:
        """Find the entities of many messages, by the batch interface; count them."""
        raise NotImplementedError


class SpacyPipeline(System):
    def load(self, path: Path) -> None:
        import spacy

        self.nlp = spacy.load(path / "model-best")

    def one(self, text: str) -> Found:
        return [(ent.start_char, ent.end_char) for ent in self.nlp(text).ents]

    def many(self, texts: Iterable[str]) -> int:
        return sum(len(doc.ents) for doc in self.nlp.pipe(texts))

    def _spacy(self, *args: object) -> None:
        subprocess.run([sys.executable, "-m", "spacy", *map(str, args)], check=True)

    def _train(
        self, config: Path, train: Path, dev: Path, path: Path, *overrides: str
    ) -> None:
        for name, records in (("train", train), ("dev", dev)):
            self._spacy("music-query", "convert", records, "--out", path / f"{name}.spacy")
        paths = [f"--paths.{name}={path / name}.spacy" for name in ("train", "dev")]
        self._spacy("train", config, "--output", path, *paths, *overrides)


class MusicQuery(SpacyPipeline):
    name = "music_query"
    packages = ("spacy-musicquery",)

    def train(self, train: Path, dev: Path, path: Path) -> None:
        # Queries alone, as `spacy project run cais` trains them.
        only_queries = "--components.music_query.learn_intents=false"
        self._train(ROOT / "configs" / "default.cfg", train, dev, path, only_queries)


class Box(SpacyPipeline):
    """The model in the box, with its names."""

    name = "box"
    packages = ("spacy-musicquery",)

    def load(self, path: Path) -> None:
        from spacy_musicquery.pipeline.load import box_pipeline

        self.nlp = box_pipeline()


class Find(Box):
    """The same without Docs: `component.find`."""

    name = "find"
    BATCH_SIZE = 128

    def load(self, path: Path) -> None:
        super().load(path)
        self.find = self.nlp.get_pipe("music_query").find

    def one(self, text: str) -> Found:
        return [(span.start, span.end) for span in self.find([text])[0].spans]

    def many(self, texts: Iterable[str]) -> int:
        rest, n = iter(texts), 0
        while batch := list(islice(rest, self.BATCH_SIZE)):
            n += sum(len(found.spans) for found in self.find(batch))
        return n


class SpacyNer(SpacyPipeline):
    name = "spacy_ner"
    packages = ("spacy",)

    def train(self, train: Path, dev: Path, path: Path) -> None:
        config = path / "config.cfg"
        options = ["--lang", "zh", "--pipeline", "ner", "--optimize", "efficiency"]
        self._spacy("init", "config", config, *options, "--force")
        # It goes on rising by tenths of a point for an hour; its speed does not change.
        self._train(config, train, dev, path, "--training.max_steps=6000")


class Floor(System):
    """spaCy's tokenizer, and setting one known entity."""

    name = "floor"
    packages = ("spacy",)

    def load(self, path: Path) -> None:
        import spacy
        from spacy.tokens import Span

        self.nlp = spacy.blank("zh")
        self.span = Span

    def one(self, text: str) -> Found:
        doc = self.nlp(text)
        doc.ents = [self.span(doc, 0, 1, label="MUSIC_QUERY")]
        return [(ent.start_char, ent.end_char) for ent in doc.ents]

    def many(self, texts: Iterable[str]) -> int:
        n = 0
        for doc in self.nlp.pipe(texts):
            doc.ents = [self.span(doc, 0, 1, label="MUSIC_QUERY")]
            n += len(doc.ents)
        return n


class CrfSuite(System):
    """A linear-chain CRF on the character n-grams of a window, L-BFGS with L1 and L2:
    of the templates of at most trigrams that were tried, the one with the best F1 on
    CAIS valid."""

    name = "crfsuite"
    packages = ("python-crfsuite",)
    LARGEST, WINDOW = 3, 3

    def train(self, train: Path, dev: Path, path: Path) -> None:
        import pycrfsuite

        trainer = pycrfsuite.Trainer(verbose=False)
        for record in read_records(train):
            trainer.append(self._features(record["text"]), bio_tags(record))
        trainer.set_params({"c1": 0.1, "c2": 0.01, "max_iterations": 200})
        trainer.train(str(path / "model.crfsuite"))

    def load(self, path: Path) -> None:
        import pycrfsuite

        self.tagger = pycrfsuite.Tagger()
        self.tagger.open(str(path / "model.crfsuite"))

    def one(self, text: str) -> Found:
        return bio_spans(self.tagger.tag(self._features(text)))

    def many(self, texts: Iterable[str]) -> int:
        return sum(len(self.one(text)) for text in texts)

    def _features(self, text: str) -> List[List[str]]:
        window = self.WINDOW
        padded = "\x02" * window + text.lower() + "\x03" * window
        grams = [
            (f"{size}[{offset}]=", offset + window, offset + window + size)
            for size in range(1, self.LARGEST + 1)
            for offset in range(-window, window + 2 - size)
        ]
        return [
            [name + padded[i + start : i + end] for name, start, end in grams]
            for i in range(len(text))
        ]


class CrfSuiteSmall(CrfSuite):
    """The same with 12 n-grams a character, written out for speed; a little less accurate."""

    name = "crfsuite_small"

    def _features(self, text: str) -> List[List[str]]:
        padded = f"\x02\x02{text.lower()}\x03\x03"
        return [
            [
                f"a{padded[i]}", f"b{padded[i + 1]}", f"c{padded[i + 2]}",
                f"d{padded[i + 3]}", f"e{padded[i + 4]}",
                f"f{padded[i:i + 2]}", f"g{padded[i + 1:i + 3]}",
                f"h{padded[i + 2:i + 4]}", f"i{padded[i + 3:i + 5]}",
                f"j{padded[i + 1:i + 4]}", f"k{padded[i:i + 3]}",
                f"l{padded[i + 2:i + 5]}",
            ]
            for i in range(len(text))
        ]  # fmt: skip


class KerasScript(System):
    """The tutorial: Embedding(64, masked), bidirectional LSTM(64), softmax, padded
    to the longest message, `model.predict`."""

    name = "keras_script"
    packages = ("tensorflow", "keras")
    TAGS = ("O", "B", "I")

    def train(self, train: Path, dev: Path, path: Path) -> None:
        import keras
        import numpy as np

        keras.utils.set_random_seed(0)
        records = {name: read_records(p) for name, p in (("train", train), ("dev", dev))}
        chars = sorted({char for record in records["train"] for char in record["text"]})
        self.ids = {char: i for i, char in enumerate(chars, start=2)}
        self.longest = max(len(record["text"]) for r in records.values() for record in r)
        data = {}
        for name, part in records.items():
            tags = np.zeros((len(part), self.longest), dtype="int32")
            for row, record in zip(tags, part):
                row[: len(record["text"])] = [self.TAGS.index(t) for t in bio_tags(record)]
            data[name] = (self._encode([record["text"] for record in part]), tags)
        self.model = keras.Sequential(
            [
                keras.layers.Embedding(len(chars) + 2, 64, mask_zero=True),
                keras.layers.Bidirectional(keras.layers.LSTM(64, return_sequences=True)),
                keras.layers.Dense(len(self.TAGS), activation="softmax"),
            ]
        )
        self.model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        stop = keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)
        self.model.fit(
            *data["train"],
            validation_data=data["dev"],
            batch_size=64,
            epochs=50,
            callbacks=[stop],
            verbose=0,
        )
        self.model.save(path / "model.keras")
        settings = {"chars": chars, "longest": self.longest}
        (path / "settings.json").write_text(json.dumps(settings))

    def load(self, path: Path) -> None:
        import keras

        settings = json.loads((path / "settings.json").read_text())
        self.ids = {char: i for i, char in enumerate(settings["chars"], start=2)}
        self.longest = settings["longest"]
        self.model = keras.models.load_model(path / "model.keras")

    def one(self, text: str) -> Found:
        tags = self.model.predict(self._encode([text]), verbose=0).argmax(axis=-1)[0]
        return bio_spans([self.TAGS[tag] for tag in tags[: len(text)]])

    def many(self, texts: Iterable[str]) -> int:
        texts = list(texts)
        rows = self.model.predict(self._encode(texts), batch_size=64, verbose=0)
        tags = rows.argmax(axis=-1)
        return sum(
            len(bio_spans([self.TAGS[tag] for tag in row[: len(text)]]))
            for row, text in zip(tags, texts)
        )

    def _encode(self, texts: List[str]) -> Any:
        import numpy as np

        ids = np.zeros((len(texts), self.longest), dtype="int32")
        for row, text in zip(ids, texts):
            known = [self.ids.get(char, 1) for char in text[: self.longest]]
            row[: len(known)] = known
        return ids


class Bert(System):
    """A BERT-base token classifier with random weights: its speed, not its skill."""

    name = "bert_base"
    packages = ("transformers", "torch")

    def load(self, path: Path) -> None:
        import torch
        from transformers import BertConfig, BertForTokenClassification

        torch.set_num_threads(1)
        torch.manual_seed(0)
        self.torch = torch
        self.model = BertForTokenClassification(BertConfig(vocab_size=21128, num_labels=3))
        self.model.eval()

    def one(self, text: str) -> Found:
        return self._tag([text])[0]

    def many(self, texts: Iterable[str]) -> int:
        texts = sorted(texts, key=len)
        batches = (texts[i : i + 32] for i in range(0, len(texts), 32))
        return sum(len(found) for batch in batches for found in self._tag(batch))

    def _tag(self, texts: List[str]) -> List[Found]:
        longest = max(map(len, texts))
        ids = self.torch.zeros(len(texts), longest, dtype=self.torch.long)
        for row, text in zip(ids, texts):
            row[: len(text)] = self.torch.tensor([ord(char) % 21128 for char in text])
        with self.torch.inference_mode():
            logits = self.model(input_ids=ids, attention_mask=(ids > 0).long()).logits
        rows = logits.argmax(-1).tolist()
        return [
            bio_spans(["OBI"[tag] for tag in row[: len(text)]])
            for row, text in zip(rows, texts)
        ]


SYSTEMS = {
    system.name: system
    for system in (
        MusicQuery,
        Box,
        Find,
        Floor,
        CrfSuite,
        CrfSuiteSmall,
        SpacyNer,
        KerasScript,
        Bert,
    )
}


def read_records(path: Path) -> List[Record]:
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


def bio_tags(record: Record) -> List[str]:
    tags = ["O"] * len(record["text"])
    for span in record["spans"]:
        tags[span["start"] : span["end"]] = ["I"] * (span["end"] - span["start"])
        tags[span["start"]] = "B"
    return tags


def bio_spans(tags: List[str]) -> Found:
    spans: Found = []
    start = None
    for i, tag in enumerate([*tags, "O"]):
        if start is not None and tag != "I":
            spans.append((start, i))
            start = None
        if tag == "B" or (tag == "I" and start is None):
            start = i
    return spans


def train_all(names: List[str], train: Path, dev: Path, models: Path) -> Dict[str, float]:
    """Train what is not there yet; RETURNS (Dict[str, float]): seconds that it took."""
    seconds = {}
    for name in names:
        path = models / name
        record = path / "training_seconds.json"
        if not record.exists():
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir(parents=True)
            began = time.perf_counter()
            SYSTEMS[name]().train(train, dev, path)
            record.write_text(json.dumps(time.perf_counter() - began))
        seconds[name] = json.loads(record.read_text())
    return seconds
