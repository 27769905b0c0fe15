"""Whether the queries are the same whatever the tokenizer.

python benchmarks/tokenization.py --cais DIR [--pkuseg MODEL] [--out DIR]

Runs the model in the box over DIR/valid.jsonl behind each tokenizer. Prints in how many
messages the exact offsets, and the entities of each alignment mode, are others than behind
the char tokenizer; leaves OUT/tokenization.json and tokenization.md. MODEL is the folder of a
pkuseg model, or the name of one that pkuseg may download; without it, one is trained on
DIR/train.jsonl as jieba segments it.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import spacy
from spacy.language import Language

from spacy_musicquery.tokens.alignment import AlignmentMode

HERE = Path(__file__).resolve().parent
CHAR, JIEBA, PKUSEG = "char", "jieba", "pkuseg"
# Messages that a pkuseg model is trained on, and how often it goes through them.
N_PKUSEG_MESSAGES = 2000
N_PKUSEG_EPOCHS = 5
MODES: Tuple[AlignmentMode, ...] = ("split", "expand", "contract", "strict")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cais", type=Path, required=True, help="train.jsonl, valid.jsonl")
    parser.add_argument("--pkuseg", metavar="MODEL", help="folder or name of a model")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    options = parser.parse_args()
    rows = measure(options.cais, options.pkuseg)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "tokenization.json").write_text(json.dumps(rows, indent=1), "utf8")
    table = markdown_table(rows)
    (options.out / "tokenization.md").write_text(table, encoding="utf8")
    print(table)


def measure(cais: Path, pkuseg_model: Optional[str]) -> List[Dict[str, Any]]:
    texts = read_texts(cais / "valid.jsonl")
    pipelines = {name: segmenting(name) for name in (CHAR, JIEBA)}
    pkuseg = pkuseg_pipeline(pipelines[JIEBA], cais / "train.jsonl", pkuseg_model)
    if pkuseg is not None:
        pipelines[PKUSEG] = pkuseg
    pipelines.update({lang: spacy.blank(lang) for lang in ("xx", "en")})
    for nlp in pipelines.values():
        nlp.add_pipe("music_query")
    expected = strings(pipelines[CHAR], texts, "split")
    rows: List[Dict[str, Any]] = []
    for name, nlp in pipelines.items():
        n_tokens = sum(len(nlp.make_doc(text)) for text in texts)
        row: Dict[str, Any] = {"tokenizer": name, "messages": len(texts)}
        row["tokens"] = n_tokens
        for mode in MODES:
            found = strings(nlp, texts, mode)
            row[mode] = n_different(found["ents"], expected["ents"])
            n_exact = n_different(found["exact"], expected["exact"])
            row["exact"] = max(n_exact, row.get("exact", 0))
        rows.append(row)
    return rows


def read_texts(path: Path) -> List[str]:
    lines = path.read_text(encoding="utf8").splitlines()
    return [json.loads(line)["text"] for line in lines]


def segmenting(segmenter: str) -> Language:
    return spacy.blank("zh", config={"nlp": {"tokenizer": {"segmenter": segmenter}}})


def pkuseg_pipeline(
    jieba: Language, train_path: Path, model: Optional[str]
) -> Optional[Language]:
    """A pipeline that segments with pkuseg; None if that is not installed."""
    try:
        import spacy_pkuseg
    except ImportError:
        return None
    nlp = segmenting(PKUSEG)
    with tempfile.TemporaryDirectory() as folder:
        if model is None:
            model = f"{folder}/model"
            corpus = Path(folder) / "segmented.txt"
            docs = map(jieba.make_doc, read_texts(train_path)[:N_PKUSEG_MESSAGES])
            lines = [" ".join(" ".join(t.text for t in doc).split()) for doc in docs]
            corpus.write_text("\n".join(lines), encoding="utf8")
            spacy_pkuseg.train(str(corpus), str(corpus), model, N_PKUSEG_EPOCHS)
        nlp.tokenizer.initialize(pkuseg_model=model)
    return nlp


def strings(nlp: Language, texts: List[str], mode: AlignmentMode) -> Dict[str, List]:
    """The strings of the entities of each text, and those at the exact offsets."""
    nlp.get_pipe("music_query").cfg["alignment_mode"] = mode
    found: Dict[str, List] = {"ents": [], "exact": []}
    for doc in nlp.pipe(texts):
        found["ents"].append([ent.text for ent in doc.ents])
        spans = doc.spans["music_query"].attrs["char_spans"]
        found["exact"].append([doc.text[span["start"] : span["end"]] for span in spans])
    return found


def n_different(found: List, expected: List) -> int:
    return sum(one != other for one, other in zip(found, expected))


def markdown_table(rows: List[Dict[str, Any]]) -> str:
    columns = ("tokenizer", "messages", "tokens", "exact", *MODES)
    lines = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    for row in rows:
        cells = [f"{row[c]:,}" if c != "tokenizer" else row[c] for c in columns]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
