from pathlib import Path
from typing import Optional

import numpy as np
import typer
from wasabi import msg

from ..vectors.vector_files import import_gensim_models, project, read_checkpoint
from ._util import OLD_OUT_ARGUMENT, choose_output, plain_errors, refuse


def checkpoint_vectors(
    checkpoint: Path = typer.Argument(
        ...,
        metavar="CHECKPOINT",
        help="Folder of a BERT or ALBERT model: model.safetensors and vocab.txt",
    ),
    output: Optional[Path] = typer.Option(
        None,
        "--out",
        "-o",
        help="Where to save them: text, or binary if the name ends in .bin",
    ),
    old_output: Optional[Path] = OLD_OUT_ARGUMENT,
    width: Optional[int] = typer.Option(
        None,
        "--width",
        "-w",
        help="Width of the vectors: the model's embed_width; as wide as they are without it",
        min=1,
    ),
) -> None:
    """Take character vectors from the input embeddings of a BERT or ALBERT checkpoint."""
    with plain_errors():
        output_path = choose_output(output, old_output)
        models = import_gensim_models()
        by_char = read_checkpoint(checkpoint)
        vectors = np.stack(list(by_char.values()))
        found = vectors.shape[1]
        if width is not None and width > found:
            refuse("--width", width, f"the checkpoint's embeddings are {found} wide")
        kept = 1.0
        if width is not None and width < found:
            vectors, kept = project(vectors, width)
        keyed = models.KeyedVectors(vectors.shape[1])
        # The format separates by blanks, so a blank can have no vector.
        keyed.add_vectors(list(by_char), vectors)
        output_path.parent.mkdir(parents=True, exist_ok=True)
        keyed.save_word2vec_format(str(output_path), binary=output_path.suffix == ".bin")
    msg.good(
        f"{len(by_char)} vectors of width {vectors.shape[1]} from {checkpoint}, with "
        f"{kept:.1%} of the variance: {output_path}"
    )
