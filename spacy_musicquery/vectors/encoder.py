"""A large encoder, such as ALBERT or BERT, whose contextual vectors of characters are
features of the tagger. It is frozen. The only module that imports transformers, when the
first text is to be encoded.
"""

import hashlib
import re
from importlib import import_module
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from ..errors import Errors
from ..types import Floats2d
from .vector_files import VOCAB_FILE, WEIGHTS_FILE

# Training comes back to the same texts: so many characters are not encoded again.
MAX_CACHED = 200_000
MAX_TEXTS = 32
_N_SPECIAL = 2  # [CLS] and [SEP]
_SURROGATE = re.compile("[\ud800-\udfff]")


class FrozenEncoder:
    """One vector a character, from a model in a local folder."""

    def __init__(self, path: str, digest: Optional[str] = None) -> None:
        """Name an encoder.

        path (str): A folder with `config.json`, `model.safetensors` and `vocab.txt`,
            as transformers' `save_pretrained` writes them. Nothing is read yet.
        digest (Optional[str]): That of the weights that it must have; once it is loaded,
            that of those it has.
        """
        self.path = Path(path)
        self.digest = digest
        self._loaded: Optional[Tuple[Any, Any, Any]] = None
        self._cached: Dict[str, np.ndarray] = {}
        self._n_cached = 0

    @property
    def width(self) -> int:
        """The width of the vectors.

        RETURNS (int): How wide the vectors are.
        """
        return self._load()[0].config.hidden_size

    def __call__(self, texts: Sequence[str], *, cache: bool) -> Floats2d:
        """Encode texts.

        texts (Sequence[str]): The texts.
        cache (bool): Whether to keep the vectors for when a text comes again.
        RETURNS (Floats2d): One row a character, the texts one after the other. Zero
            where there is no token: in blanks.
        """
        unknown = [text for text in texts if text not in self._cached]
        new = sorted(dict.fromkeys(unknown), key=len)
        rows: Dict[str, np.ndarray] = {}
        for begin in range(0, len(new), MAX_TEXTS):
            rows.update(self._encode(new[begin : begin + MAX_TEXTS]))
        found = [self._cached[t] if t in self._cached else rows[t] for t in texts]
        if cache and self._n_cached < MAX_CACHED:
            self._cached.update(rows)
            self._n_cached += sum(map(len, rows))
        none = np.zeros((0, self.width))
        return np.concatenate([none, *found], dtype="float32")

    def _encode(self, texts: List[str]) -> Dict[str, np.ndarray]:
        model, tokenizer, torch = self._load()
        # No character makes more than one token, so this is never too much.
        longest = model.config.max_position_embeddings - _N_SPECIAL
        pieces = [
            (text, start, _SURROGATE.sub("\ufffd", text[start : start + longest]))
            for text in texts
            for start in range(0, len(text), longest)
        ]
        rows = {text: np.zeros((len(text), self.width), dtype="float16") for text in texts}
        for begin in range(0, len(pieces), MAX_TEXTS):
            some = pieces[begin : begin + MAX_TEXTS]
            inputs = tokenizer(
                [piece for *_, piece in some],
                padding=True,
                truncation=True,
                max_length=longest + _N_SPECIAL,
                return_offsets_mapping=True,
                return_tensors="pt",
            )
            offsets = inputs.pop("offset_mapping").tolist()
            with torch.inference_mode():
                hidden = model(**inputs).last_hidden_state.numpy()
            for (text, start, _), vectors, of_tokens in zip(some, hidden, offsets):
                for vector, (first, end) in zip(vectors, of_tokens):
                    rows[text][start + first : start + end] = vector
        return rows

    def _load(self) -> Tuple[Any, Any, Any]:
        """The model, its tokenizer and PyTorch."""
        if self._loaded is None:
            for name in ("config.json", WEIGHTS_FILE, VOCAB_FILE):
                if not (self.path / name).is_file():
                    raise ValueError(Errors.MQ072.format(path=self.path, file=name))
            found = _digest(self.path / WEIGHTS_FILE)
            if self.digest not in (None, found):
                raise ValueError(Errors.MQ073.format(path=self.path))
            # By their names: what transformers holds differs with what stands beside it, of
            # which a type checker knows nothing.
            try:
                torch, transformers = map(import_module, ("torch", "transformers"))
                model_class = transformers.AutoModel
                tokenizer_class = transformers.BertTokenizerFast
            except ImportError as error:
                raise ImportError(Errors.MQ074.format(error=error)) from error
            model = model_class.from_pretrained(self.path, local_files_only=True).eval()
            # Of whatever model: the Chinese ALBERTs have BERT's vocabulary, too.
            tokenizer = tokenizer_class.from_pretrained(self.path, local_files_only=True)
            self._loaded, self.digest = (model.float(), tokenizer, torch), found
        return self._loaded

    def __getstate__(self) -> Dict[str, Any]:
        return {"path": str(self.path), "digest": self.digest}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]


def _digest(path: Path) -> str:
    total = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            total.update(part)
    return total.hexdigest()
