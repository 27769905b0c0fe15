"""What a tagger forgets as it learns one thing after the other, and what helps.

python benchmarks/forgetting.py --cais DIR --chat DIR [--steps 300] [--methods NAME ...] [--out DIR]

Starts from the model in the box, and learns 1,000 utterances of CAIS, then a new label
from 200 messages, then English from 200 messages, each with a training of its own:
plainly, with each remedy, and with all; and, for a ceiling, each time from the box on the
messages of all tasks so far. After each training, prints F1 on every task so far and the
share of ordinary messages in which a query was found; leaves OUT/forgetting.json, .md and
.png. Old messages are those of the earlier tasks, and for the box some that its generator
writes.
"""

import argparse
import io
import json
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

import spacy
from commands import CONFIGS
from forgetting_tasks import Task, make_tasks
from plots import draw_forgetting
from spacy.tokens import DocBin
from spacy.training.initialize import init_nlp
from spacy.training.loop import train
from spacy.util import load_config

from spacy_musicquery.data.docs import record_to_doc
from spacy_musicquery.data.raw_text import read_lines
from spacy_musicquery.data.records import Record

HERE = Path(__file__).resolve().parent
RATE, STRENGTH, WEIGHT, SHARE = 1e-3, 1e3, 1.0, 0.5
METHODS: Dict[str, Sequence[str]] = {
    "naive": (),
    "replay": ("replay",),
    "rehearsal": ("rehearsal",),
    "consolidation": ("consolidation",),
    "replay and rehearsal": ("replay", "rehearsal"),
    "all three": ("replay", "rehearsal", "consolidation"),
    "joint": (),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cais", type=Path, required=True, help="train.jsonl, valid.jsonl")
    parser.add_argument("--chat", type=Path, required=True, help="a folder of .txt files")
    parser.add_argument("--steps", type=int, default=300, help="of each training")
    parser.add_argument("--methods", nargs="*", default=list(METHODS), choices=METHODS)
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rate", type=float, default=RATE, help="of learning, at first")
    parser.add_argument("--weight", type=float, default=WEIGHT, help="of rehearsal")
    parser.add_argument("--strength", type=float, default=STRENGTH, help="of consolidation")
    parser.add_argument("--share", type=float, default=SHARE, help="of replayed messages")
    options = parser.parse_args()
    tasks, chat = make_tasks(options.cais), read_lines(options.chat)
    runs = options.out / "forgetting"
    path = options.out / "forgetting.json"
    rows: List[Dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
    done = {row["method"] for row in rows}
    for method in options.methods:
        if method in done:
            continue
        of_method = []
        before: Optional[Path] = None
        for n_learnt in range(len(tasks)):
            if n_learnt:
                run = runs / f"{method.replace(' ', '_')}_{n_learnt}"
                before = learn(method, before, tasks, n_learnt, run, options)
            scores = score(before, tasks[: n_learnt + 1], chat)
            of_method.append({"method": method, "learnt": tasks[n_learnt].name, **scores})
            print(json.dumps(of_method[-1]), flush=True)
        rows += of_method
        rows.sort(key=lambda row: list(METHODS).index(row["method"]))
        path.write_text(json.dumps(rows, indent=1), encoding="utf8")
    table = markdown_table(rows, [task.name for task in tasks])
    (options.out / "forgetting.md").write_text(table, encoding="utf8")
    draw_forgetting(rows, [task.name for task in tasks], options.out / "forgetting.png")
    print(table)


def learn(
    method: str,
    before: Optional[Path],
    tasks: List[Task],
    n_learnt: int,
    run: Path,
    options: argparse.Namespace,
) -> Path:
    """Learn one task, from the pipeline that was learnt before."""
    remedies = METHODS[method]
    old = [record for task in tasks[:n_learnt] for record in repeated(task.train)]
    new = list(tasks[n_learnt].train)
    if method == "joint":
        before, new = None, [*old, *repeated(new)]
    save(new, run / "new.spacy")
    save(old, run / "old.spacy")
    config = load_config(CONFIGS / "cais.cfg")
    config["paths"].update(train=str(run / "new.spacy"), dev=str(run / "new.spacy"))
    config["system"]["seed"] = options.seed
    component = config["components"]["music_query"]
    component.update(pretrained=str(before or "box"), learn_intents=False)
    steps = options.steps * (2 if method == "joint" else 1)
    config["training"].update(
        max_steps=steps, eval_frequency=steps, patience=0, dropout=0.3
    )
    config["training"]["optimizer"]["learn_rate"].update(
        total_steps=steps, initial_rate=options.rate
    )
    replay = config["corpora"]["train"]
    reader = {**replay["new"], "path": str(run / "old.spacy")}
    if "replay" in remedies:
        replay.update(old=reader, share=options.share)
    else:
        config["corpora"]["train"] = replay["new"]
    initialize = config["initialize"]["components"]["music_query"]
    if "rehearsal" in remedies:
        initialize["rehearsal"] = {
            "@readers": "spacy_musicquery.Rehearsal.v1",
            "corpus": reader,
            "weight": options.weight,
        }
    if "consolidation" in remedies:
        initialize["consolidation"] = {
            "@readers": "spacy_musicquery.Consolidation.v1",
            "corpus": reader,
            "strength": options.strength,
        }
    train(init_nlp(config), run, stdout=io.StringIO(), stderr=io.StringIO())
    return run / "model-last"


def repeated(records: List[Record], least: int = 1000) -> List[Record]:
    """Small tasks count like larger ones."""
    return list(islice(cycle(records), max(least, len(records))))


def save(records: List[Record], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nlp = spacy.blank("zh")
    DocBin(docs=[record_to_doc(nlp, record) for record in records]).to_disk(path)


def score(model: Optional[Path], tasks: List[Task], chat: List[str]) -> Dict[str, Any]:
    """F1 on each task, of what it finds with the task's label, and false alarms."""
    nlp = spacy.load(model) if model else spacy.blank("zh")
    if model is None:
        nlp.add_pipe("music_query")
    found_in_chat = sum(bool(doc.ents) for doc in nlp.pipe(chat))
    scores: Dict[str, Any] = {"false alarms": found_in_chat / len(chat)}
    for task in tasks:
        docs = nlp.pipe([record.text for record in task.test])
        n_right = n_found = n_gold = 0
        for doc, record in zip(docs, task.test):
            found = {(e.start_char, e.end_char, e.label_) for e in doc.ents}
            found = {span for span in found if span[2] == task.label}
            n_right += len(found & set(record.spans))
            n_found, n_gold = n_found + len(found), n_gold + len(record.spans)
        scores[task.name] = 2 * n_right / max(n_found + n_gold, 1)
    return scores


def markdown_table(rows: List[Dict[str, Any]], tasks: List[str]) -> str:
    columns = [*tasks, "false alarms"]
    lines = [f"| method | after | {' | '.join(columns)} |"]
    lines.append("|---" * (2 + len(columns)) + "|")
    for row in rows:
        cells = [f"{row[key]:.2%}" if key in row else "" for key in columns]
        lines.append(f"| {row['method']} | {row['learnt']} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
