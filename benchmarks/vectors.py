"""What pretraining is worth, of character vectors alone and of a whole language model, from
few and from many utterances.

python benchmarks/vectors.py --cais DIR --chat DIR [--checkpoint DIR] [--raw DIR ...] [--sizes 100 1000 0]

Trains configs/default.cfg on the first so many utterances of CAIS in a fixed random order:
without vectors, with word2vec and with fastText vectors that were trained on
the texts of CAIS train, of messages generated from assets/ and of DIR's chat (.txt files),
with the input embeddings of a BERT or ALBERT checkpoint, if there is one, and from what
`music-query pretrain` makes of the same texts, and of the raw text of other folders, if
there are any, with the names of assets/catalogue masked. Prints F1
of music queries on CAIS valid; leaves OUT/vectors.json and .md. What has been trained
before is not trained again.
"""

import argparse
import json
import random
import statistics
from itertools import product
from pathlib import Path
from typing import Any, Dict, List, Optional

import spacy
from commands import CONFIGS, ROOT, run_spacy, train
from gensim.models import FastText
from gensim.models.fasttext import save_facebook_model
from spacy.tokens import DocBin
from tqdm import tqdm

from spacy_musicquery.data.raw_text import read_lines
from spacy_musicquery.features.characters import CharInventory

HERE = Path(__file__).resolve().parent
WIDTH = 48  # the embed_width of configs/default.cfg
GENERATED = {"size": 12000, "seed": 1}
# Of what has been said to be raw text, without names; and of what the vectors are trained on.
LANGUAGE_MODELS = ("language model", "language model of the same text")
KINDS = ("none", "word2vec", "fastText", "checkpoint", *LANGUAGE_MODELS)
OF_RAW_TEXT = ("word2vec", "fastText", LANGUAGE_MODELS[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cais", type=Path, required=True, help="train.jsonl, valid.jsonl")
    parser.add_argument("--chat", type=Path, required=True, help="a folder of .txt files")
    parser.add_argument("--checkpoint", type=Path, help="a BERT's or ALBERT's folder")
    parser.add_argument("--raw", type=Path, nargs="*", help="for a language model")
    parser.add_argument("--raw-steps", type=int, default=3000, help="of its training")
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=list(KINDS))
    parser.add_argument(
        "--sizes", type=int, nargs="*", default=(100, 1000, 0), help="0: all"
    )
    parser.add_argument("--steps", type=int, default=1500, help="of each training")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--numpy", action="store_true", help="Train with numpy_network.py")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    options = parser.parse_args()
    runs = options.out / "vectors"
    for part in ("train", "valid"):
        source = options.cais / f"{part}.jsonl"
        run_spacy("music-query", "convert", source, "--out", runs / f"{part}.spacy")
    docs = list(DocBin().from_disk(runs / "train.spacy").get_docs(spacy.blank("zh").vocab))
    random.Random(0).shuffle(docs)
    for size in options.sizes:
        DocBin(docs=docs[: size or None]).to_disk(runs / f"train_{size}.spacy")
    if {*OF_RAW_TEXT} & {*options.kinds}:
        write_raw_text(runs, [doc.text for doc in docs], options.chat)

    missing = [*["checkpoint"] * (not options.checkpoint)]
    missing += [LANGUAGE_MODELS[0]] * (not options.raw)
    kinds = [kind for kind in options.kinds if kind not in missing]
    results: Dict[str, Dict[str, List[float]]] = {kind: {} for kind in kinds}
    tasks = list(product(kinds, options.sizes, range(options.seeds)))
    for kind, size, seed in tqdm(tasks, unit=" trainings"):
        if kind in LANGUAGE_MODELS:
            made = pretrain(runs, kind, options)
            begin = {"components.music_query.pretrained": made}
        else:
            made = make_vectors(runs, kind, options.checkpoint)
            begin = {} if made is None else {"paths.char_vectors": made}
        score = measure(runs, kind, size, seed, begin, options)
        results[kind].setdefault(str(size), []).append(score)
        (options.out / "vectors.json").write_text(json.dumps(results, indent=1), "utf8")
    table = markdown_table(results, [str(size) for size in options.sizes])
    (options.out / "vectors.md").write_text(table, encoding="utf8")
    print(table)


def write_raw_text(runs: Path, texts: List[str], chat: Path) -> None:
    settings, generated = runs / "generate.json", runs / "generated.jsonl"
    settings.write_text(json.dumps(GENERATED), encoding="utf8")
    assets = ROOT / "assets"
    run_spacy("music-query", "generate", assets / "corpus", assets / "catalogue",
              "--out", generated, "--settings", settings)  # fmt: skip
    lines = generated.read_text(encoding="utf8").splitlines()
    texts = [*texts, *(json.loads(line)["text"] for line in lines), *read_lines(chat)]
    (runs / "raw.txt").write_text("\n".join(texts), encoding="utf8")


def make_vectors(runs: Path, kind: str, checkpoint: Optional[Path]) -> Optional[Path]:
    """The file of a kind of vectors, made unless there is one."""
    path = runs / f"{kind}.bin"
    if kind == "none":
        return None
    if kind == "checkpoint":
        run_spacy(
            "music-query", "checkpoint-vectors", checkpoint, "--out", path, "--width", WIDTH
        )
    elif kind == "word2vec" and not path.exists():
        run_spacy("music-query", "vectors", runs / "raw.txt", "--out", path)
    elif kind == "fastText" and not path.exists():
        normalize = CharInventory().normalize
        texts = read_lines(runs / "raw.txt")
        sentences = [[c for c in normalize(text) if not c.isspace()] for text in texts]
        model = FastText(sentences, vector_size=WIDTH, min_count=1, sg=1, seed=0, workers=1)
        save_facebook_model(model, str(path))
    return path


def pretrain(runs: Path, kind: str, options: argparse.Namespace) -> Path:
    """The folder of a language model, made unless there is one."""
    steps = options.raw_steps
    path = runs / f"{kind.replace(' ', '_')}_{steps}"
    if kind == LANGUAGE_MODELS[0]:
        arguments = [*options.raw, "--catalogue", ROOT / "assets" / "catalogue"]
    else:
        arguments = [runs / "raw.txt"]
    if not path.exists():
        arguments += ["--out", path, "--steps", steps, "--config", CONFIGS / "default.cfg"]
        run_spacy("music-query", "pretrain", *arguments)
    return path


def measure(
    runs: Path,
    kind: str,
    size: int,
    seed: int,
    begin: Dict[str, Any],
    options: argparse.Namespace,
) -> float:
    """Train, from what some settings say. The best F1 on valid."""
    steps = options.steps
    settings: Dict[str, Any] = {
        **begin,
        "paths.train": runs / f"train_{size}.spacy",
        "paths.dev": runs / "valid.spacy",
        "system.seed": seed,
        "components.music_query.learn_intents": "false",
        "training.max_steps": steps,
        "training.optimizer.learn_rate.total_steps": steps,
    }
    run = runs / f"{kind}_{size}_{steps}.{seed}"
    config = CONFIGS / "default.cfg"
    return train(config, run, settings, with_numpy=options.numpy)["ents_f"]


def markdown_table(results: Dict[str, Dict[str, List[float]]], sizes: List[str]) -> str:
    names = ["all" if size == "0" else f"{int(size):,}" for size in sizes]
    lines = [f"| F1 from this many utterances | {' | '.join(names)} |"]
    lines.append("|---" * (1 + len(sizes)) + "|")
    for kind, by_size in results.items():
        cells = [f"{100 * statistics.mean(by_size[size]):.2f}" for size in sizes]
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
