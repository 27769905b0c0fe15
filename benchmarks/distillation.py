"""What a small tagger learns from larger ones, beside the same one trained directly.

python benchmarks/distillation.py --cais DIR --chat DIR [--utterances 0] [--seeds 3]

The student is configs/default.cfg, trained from nothing on the music queries of CAIS, or
of its first so many utterances in a fixed random order. Its teachers were trained on the
same utterances: one of hidden width 256 and two layers (`wide`), those trained directly
together (`ensemble`), and the model in the box trained further, with its catalogue
(`box`). The student hears what they think of these utterances, of the other ones, of
messages generated from assets/, and of DIR's ordinary chat (.txt files); it is told the
queries of the first only. Prints F1 on valid, false alarms in its other utterances, size,
and speed; leaves OUT/distillation.json and .md. What has been trained before is not
trained again.
"""

import argparse
import json
import random
import statistics
import time
from pathlib import Path
from typing import Any, Dict, List, Optional

import spacy
from commands import CONFIGS, ROOT, run_spacy, train
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.util import load_config
from tqdm import tqdm

from spacy_musicquery.data.raw_text import read_lines

HERE = Path(__file__).resolve().parent
MODEL = "components.music_query.model"
WIDE = {
    f"{MODEL}.embed_width": 96,
    f"{MODEL}.hidden_width": 256,
    f"{MODEL}.depth": 2,
    "training.optimizer.learn_rate.initial_rate": 0.002,
}
TEACHERS = ("ensemble", "wide", "box")
RAW_CHAT = 4000
GENERATED = {
    "size": 12000,
    "seed": 1,
    "mentions": 0.05,
    "other_requests": 0.1,
    "chat": 0.05,
}
# Twice that of configs/default.cfg, since raw text stands in a batch beside the others.
BATCH = 128
# So frequent must a pair of characters be in all that the student reads: then it has about
# as many vectors as the tagger that is trained directly, and is no larger.
BIGRAM_MIN_COUNT = 8
SCORES = ("ents_f", "ents_p", "ents_r", "music_query_false_alarms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cais", type=Path, required=True, help="train.jsonl, valid.jsonl")
    parser.add_argument("--chat", type=Path, required=True, help="a folder of .txt files")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--utterances", type=int, default=0, help="0: all")
    parser.add_argument("--steps", type=int, default=3000, help="of each training")
    parser.add_argument("--teachers", nargs="*", choices=TEACHERS, default=list(TEACHERS))
    options = parser.parse_args()
    runs = options.out / f"distillation_{options.utterances}_{options.steps}"
    for part in ("train", "valid"):
        source = options.cais / f"{part}.jsonl"
        run_spacy("music-query", "convert", source, "--out", runs / f"{part}.spacy")
    docs = read_docs(runs / "train.spacy")
    random.Random(0).shuffle(docs)
    n_gold = options.utterances or len(docs)
    DocBin(docs=docs[:n_gold]).to_disk(runs / "gold.spacy")
    write_raw_text(runs, docs[n_gold:], options.chat)

    results: Dict[str, Dict[str, Any]] = {}
    steps, seeds = options.steps, range(options.seeds)
    direct = [train_on_cais(runs, f"direct.{seed}", seed, steps) for seed in seeds]
    add_result(results, "direct", direct)
    for teacher in tqdm(options.teachers, desc="teachers", unit=""):
        paths = train_teacher(runs, teacher, direct, steps)
        if len(paths) == 1:
            add_result(results, f"teacher: {teacher}", paths)
        students = [distil(runs, teacher, paths, seed, steps) for seed in seeds]
        add_result(results, f"from {teacher}", students)
        save(results, options.out)
    measure_speed(results, [doc.text for doc in read_docs(runs / "valid.spacy")])
    print(save(results, options.out))


def write_raw_text(runs: Path, docs: List[Doc], chat: Path) -> None:
    """Texts without annotation: other utterances, generated messages, and ordinary chat."""
    settings, generated = runs / "generate.json", runs / "generated.jsonl"
    settings.write_text(json.dumps(GENERATED), encoding="utf8")
    assets = ROOT / "assets"
    run_spacy("music-query", "generate", assets / "corpus", assets / "catalogue",
              "--out", generated, "--settings", settings)  # fmt: skip
    lines = generated.read_text(encoding="utf8").splitlines()
    texts = [doc.text for doc in docs] + [json.loads(line)["text"] for line in lines]
    ordinary = read_lines(chat)
    texts += random.Random(0).sample(ordinary, min(RAW_CHAT, len(ordinary)))
    (runs / "raw.txt").write_text("\n".join(texts), encoding="utf8")


def read_docs(path: Path) -> List[Doc]:
    return list(DocBin().from_disk(path).get_docs(spacy.blank("zh").vocab))


def train_on_cais(
    runs: Path,
    name: str,
    seed: int,
    steps: Optional[int],
    config: Path = CONFIGS / "default.cfg",
    **changes: Any,
) -> Path:
    """Train, unless that has been done, by default for as long as the config says. The
    saved pipeline."""
    settings: Dict[str, Any] = {
        "paths.train": runs / "gold.spacy",
        "paths.dev": runs / "valid.spacy",
        "system.seed": seed,
        "components.music_query.learn_intents": "false",
    }
    if steps is not None:
        settings["training.max_steps"] = steps
        settings["training.optimizer.learn_rate.total_steps"] = steps
    train(config, runs / name, {**settings, **changes})
    return runs / name / "model-best"


def train_teacher(runs: Path, teacher: str, direct: List[Path], steps: int) -> List[Path]:
    if teacher == "ensemble":
        return direct
    if teacher == "box":
        return [train_on_cais(runs, "box", 0, None, CONFIGS / "cais.cfg")]
    return [train_on_cais(runs, "wide", 0, steps, **WIDE)]


def distil(runs: Path, teacher: str, paths: List[Path], seed: int, steps: int) -> Path:
    config = load_config(CONFIGS / "default.cfg")
    raw = {"@readers": "spacy_musicquery.RawText.v1", "path": str(runs / "raw.txt")}
    config["corpora"]["train"]["parts"]["raw"] = raw
    config["training"]["batcher"]["size"] = BATCH
    config["components"]["music_query"]["model"]["bigram_min_count"] = BIGRAM_MIN_COUNT
    config["paths"]["teacher"] = [str(path) for path in paths]
    path = runs / f"from_{teacher}.cfg"
    config.to_disk(path)
    return train_on_cais(runs, f"from_{teacher}.{seed}", seed, steps, path)


def add_result(results: Dict[str, Dict[str, Any]], name: str, paths: List[Path]) -> None:
    """Mean and standard deviation of the scores of pipelines that differ by their seed,
    and the size of one."""
    metas = [json.loads((path / "meta.json").read_text("utf8")) for path in paths]
    scores = {key: [meta["performance"][key] for meta in metas] for key in SCORES}
    files = (paths[0] / "music_query").iterdir()
    megabytes = sum(file.stat().st_size for file in files) / 1e6
    results[name] = {"scores": scores, "megabytes": megabytes, "path": str(paths[0])}


def measure_speed(results: Dict[str, Dict[str, Any]], texts: List[str]) -> None:
    """Messages a second beside those of the first pipeline in the same round, the median of
    rounds that go through all pipelines in turn."""
    pipelines = {name: spacy.load(row["path"]) for name, row in results.items()}
    speeds: Dict[str, List[float]] = {name: [] for name in results}
    for _ in tqdm(range(15), desc="rounds", unit=""):
        for name, nlp in pipelines.items():
            speeds[name].append(speed_of(nlp, texts * 5))
    for name, row in results.items():
        ratios = [speed / first for speed, first in zip(speeds[name], speeds["direct"])]
        row["speed"] = statistics.median(ratios)


def speed_of(nlp: Language, texts: List[str]) -> float:
    began = time.perf_counter()
    for _ in nlp.pipe(texts):
        pass
    return len(texts) / (time.perf_counter() - began)


def save(results: Dict[str, Dict[str, Any]], out: Path) -> str:
    """The table, which is saved beside the figures."""
    (out / "distillation.json").write_text(json.dumps(results, indent=1), "utf8")
    lines = ["| | F1 | false alarms | MB | messages/s |", "|---|---|---|---|---|"]
    for name, row in results.items():
        f1 = [100 * score for score in row["scores"]["ents_f"]]
        alarms = statistics.mean(row["scores"]["music_query_false_alarms"])
        cells = [name, f"{statistics.mean(f1):.2f}"]
        if len(f1) > 1:
            cells[1] += f" ± {statistics.pstdev(f1):.2f}"
        cells += [f"{alarms:.1%}", f"{row['megabytes']:.1f}", ""]
        if "speed" in row:
            cells[-1] = f"{row['speed']:.2f} x"
        lines.append(f"| {' | '.join(cells)} |")
    table = "\n".join(lines)
    (out / "distillation.md").write_text(table, encoding="utf8")
    return table


if __name__ == "__main__":
    main()
