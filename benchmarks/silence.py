"""False alarms in ordinary chat: of domains seen in training, and of one left out.

python benchmarks/silence.py --cais DIR --chat DIR [--without NAME ...] [--out DIR]
    [--config FILE] [--seed 0]

DIR of --chat holds a .txt file a domain, a message a line. Trains on CAIS and its names
with all domains, then once for each domain (or each NAME) without it; a tenth of every
domain that is trained on is set apart. Prints F1 on CAIS valid, and the share of messages
in which a query was found; leaves OUT/silence.json, silence.md and silence.png.
"""

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Dict, List, Optional

from commands import CONFIGS, ROOT, run_spacy, train, trust_in_names
from plots import draw_silence
from spacy.tokens import DocBin
from tqdm import tqdm

from spacy_musicquery.data.raw_text import read_lines

HERE = Path(__file__).resolve().parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cais", type=Path, required=True, help="train.jsonl, valid.jsonl")
    parser.add_argument("--chat", type=Path, required=True, help="a .txt file a domain")
    parser.add_argument("--without", nargs="*", help="domains to leave out in turn; all")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--config", type=Path, default=CONFIGS / "cais.cfg")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="Trainings at a time")
    options = parser.parse_args()
    domains = sorted(options.chat.glob("*.txt"))
    corpora = options.out / "silence"
    prepare(options.cais, domains, corpora)
    names = [domain.stem for domain in domains]
    with ThreadPoolExecutor(options.jobs) as pool:
        futures = [
            pool.submit(
                measure,
                left_out,
                [name for name in names if name != left_out],
                corpora,
                options.config,
                options.seed,
            )
            for left_out in (None, *(options.without or names))
        ]
        results = [future.result() for future in tqdm(futures, unit=" trainings")]
    (options.out / "silence.json").write_text(json.dumps(results, indent=2))
    table = markdown_table(results)
    (options.out / "silence.md").write_text(table, encoding="utf8")
    draw_silence(results, options.out / "silence.png")
    print(table)
    chat = {line for domain in domains for line in read_lines(domain)}
    small_talk = read_lines(ROOT / "assets" / "small_talk.txt")
    n_seen = sum(line in chat for line in small_talk)
    print(f"{n_seen} of the {len(small_talk)} lines of small talk are in this chat")


def prepare(cais: Path, domains: List[Path], corpora: Path) -> None:
    for part in ("train", "valid"):
        music_query("convert", cais / f"{part}.jsonl", "--out", corpora / f"{part}.spacy")
    types = ROOT / "assets" / "cais_types.json"
    music_query("names", cais / "train.jsonl", "--out", corpora / "names",
                "--spans-key", "slots", "--types", types)  # fmt: skip
    for domain in domains:
        parts = [corpora / f"{domain.stem}.{part}.spacy" for part in ("train", "held_out")]
        music_query(
            "negatives", domain, "--out", parts[0], "--dev", parts[1], "--dev-share", 0.1
        )
        music_query("negatives", domain, "--out", corpora / f"{domain.stem}.all.spacy")


def measure(
    left_out: Optional[str], seen: List[str], corpora: Path, config: Path, seed: int
) -> Dict[str, Any]:
    run = corpora / (f"without_{left_out}" if left_out else "with_all")
    (run / "dev").mkdir(parents=True, exist_ok=True)
    join([corpora / f"{name}.train.spacy" for name in seen], run / "chat.spacy")
    join([corpora / f"{name}.held_out.spacy" for name in seen], run / "dev" / "chat.spacy")
    join([corpora / "valid.spacy"], run / "dev" / "requests.spacy")
    train(
        config,
        run,
        {
            "paths.train": corpora / "train.spacy",
            "paths.chat": run / "chat.spacy",
            "paths.dev": run / "dev",
            "paths.catalogue": corpora / "names",
            **trust_in_names(),
            "system.seed": seed,
            "components.music_query.learn_intents": "false",
        },
    )
    model = run / "model-best"
    f1 = scores(model, corpora / "valid.spacy")["ents_f"]
    found = {name: alarms(model, corpora / f"{name}.held_out.spacy") for name in seen}
    if left_out:
        found[left_out] = alarms(model, corpora / f"{left_out}.all.spacy")
    return {"left_out": left_out, "f1": f1, "false_alarms": found}


def alarms(model: Path, chat: Path) -> float:
    return scores(model, chat)["music_query_false_alarms"]


def scores(model: Path, data: Path) -> Dict[str, Any]:
    path = model / "scores.json"
    music_query("evaluate", data, "--model", model, "--out", path)
    return json.loads(path.read_text(encoding="utf8"))


def join(files: List[Path], file: Path) -> None:
    docs = DocBin()
    for one in files:
        docs.merge(DocBin().from_disk(one))
    docs.to_disk(file)


def music_query(*args: object) -> None:
    run_spacy("music-query", *args)


def markdown_table(results: List[Dict[str, Any]]) -> str:
    names = list(results[0]["false_alarms"])
    lines = [
        f"| trained without | F1 on CAIS | {' | '.join(names)} |",
        "|---|---|" + "---|" * len(names),
    ]
    for row in results:
        cells = [
            f"**{row['false_alarms'][name]:.2%}**"
            if name == row["left_out"]
            else f"{row['false_alarms'][name]:.2%}"
            for name in names
        ]
        lines.append(f"| {row['left_out'] or ''} | {row['f1']:.2%} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
