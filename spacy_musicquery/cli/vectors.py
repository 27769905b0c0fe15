from pathlib import Path
from typing import List

import typer
from tqdm import tqdm
from wasabi import msg

from ..errors import Errors
from ..vectors.char_vectors import train_char_vectors
from ._util import plain_errors, read_texts


def vectors(
    inputs: List[Path] = typer.Argument(
        ...,
        metavar="TEXT...",
        help="Raw text, a message a line; .json or .jsonl records; or folders of .txt files",
    ),
    output_path: Path = typer.Option(
        ...,
        "--out",
        "-o",
        help="Where to save them: text, or binary if the name ends in .bin",
    ),
    width: int = typer.Option(
        48, "--width", "-w", help="Width of the vectors: the model's embed_width", min=1
    ),
    window: int = typer.Option(
        5, "--window", help="Characters around one that count as its context", min=1
    ),
    min_count: int = typer.Option(
        1, "--min-count", help="How often a character must occur", min=1
    ),
    epochs: int = typer.Option(5, "--epochs", help="Passes over the texts", min=1),
    seed: int = typer.Option(0, "--seed", help="Same texts and seed, same vectors"),
) -> None:
    """Train character vectors on raw text, with gensim's word2vec."""
    if [str(path) for path in inputs] == ["null"]:
        msg.info("No text to train vectors on: null, as in a config, stands for none")
        return
    with plain_errors():
        if str(output_path) == "null":
            raise ValueError(
                Errors.MQ052.format(option="--out", value="null", problem="name a file")
            )
        texts = [text for path in inputs for text in read_texts(path)]
        with tqdm(desc="training", unit=" texts", disable=None, leave=False) as progress:
            trained = train_char_vectors(
                texts,
                width=width,
                window=window,
                min_count=min_count,
                epochs=epochs,
                seed=seed,
                progress=progress,
            )
        output_path.parent.mkdir(parents=True, exist_ok=True)
        binary = output_path.suffix == ".bin"
        trained.save_word2vec_format(str(output_path), binary=binary)
    msg.good(
        f"{len(trained)} vectors of width {width} from {len(texts)} texts: {output_path}"
    )
