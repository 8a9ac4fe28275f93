"""Runs a small BERT (MiniLM, six layers) with numpy alone: a text goes in, one vector of unit length comes out."""

import json
import mmap
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from newsletter.semantics.wordpiece import WordPieces

Matrix = NDArray[np.float32]

#: Tokens of a text that are read; the model was trained on texts of so many (its card says 128).
TOKENS = 128

#: Texts of the same length that go through the model together: more need more memory and save no time.
BATCH = 64

#: Texts whose vectors are remembered; beyond, all are forgotten, so that no text can fill the memory.
REMEMBERED = 50_000

HEADS = 12

#: Rows that a strip of a matrix product has at most, in the libraries that numpy is built with, or a multiple of it.
STRIP = 48

#: What the model knows of a piece by itself, of its place in the text, and of a text that stands alone.
_NEEDED = _WORDS, _PLACES, _KINDS = (
    "embeddings.word_embeddings.weight",
    "embeddings.position_embeddings.weight",
    "embeddings.token_type_embeddings.weight",
)

#: The model's own (config.json: layer_norm_eps).
EPSILON = 1e-12


class Encoder:
    """Places texts, words as well as paragraphs, where those that mean the same lie close.

    The model is that of Wang et al. 2020 (MiniLM), as Reimers and Gurevych 2019 train it for sentences: the mean of the
    last layer over all tokens is the text's vector.
    """

    def __init__(self, name: str, weights: Mapping[str, Matrix], pieces: WordPieces) -> None:
        """Take the model's matrices by their names in its file.

        Raises:
            ValueError: One that every such model has is missing.
        """
        missing = [name for name in _NEEDED if name not in weights]
        if missing:
            raise ValueError(f"it lacks {', '.join(missing)}")
        self.name = name
        self._weights = weights
        self._pieces = pieces
        self._layers = sum(n.endswith("attention.self.query.weight") for n in weights)
        self._known: dict[str, Matrix] = {}

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Return a row of unit length for each of `texts`."""
        if len(self._known) > REMEMBERED:
            self._known.clear()
        # Texts of one length go together, so that nothing has to be masked.
        by_length: dict[int, list[tuple[str, list[int]]]] = defaultdict(list)
        for text in sorted(set(texts) - self._known.keys()):
            numbers = self._pieces.cut(text)
            by_length[len(numbers)].append((text, numbers))
        for found in by_length.values():
            for start in range(0, len(found), BATCH):
                part = found[start : start + BATCH]
                for (text, _), row in zip(part, self._run(np.array([ids for _, ids in part])), strict=True):
                    self._known[text] = row
        if not texts:
            return np.zeros((0, self._weights[_WORDS].shape[1]), np.float32)
        return np.array([self._known[text] for text in texts], np.float32)

    def _run(self, ids: NDArray[np.int64]) -> Matrix:
        """Return a row for each row of `ids`, all of one length."""
        w = self._weights
        x = w[_WORDS][ids] + w[_PLACES][: ids.shape[1]]
        x = _whole_strips(x.reshape(ids.size, -1))
        x = self._norm(x + w[_KINDS][0], "embeddings.LayerNorm")
        for n in range(self._layers):
            layer = f"encoder.layer.{n}."
            attended = self._dense(self._attend(x, ids.shape, layer), layer + "attention.output.dense")
            x = self._norm(x + attended, layer + "attention.output.LayerNorm")
            inner = _gelu(self._dense(x, layer + "intermediate.dense"))
            x = self._norm(x + self._dense(inner, layer + "output.dense"), layer + "output.LayerNorm")
        means = x[: ids.size].reshape(*ids.shape, -1).mean(axis=1)
        return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True), np.float32)

    def _attend(self, x: Matrix, shape: tuple[int, ...], layer: str) -> Matrix:
        """Return what each token takes from the others of its text; `shape` is the number of texts and of tokens."""
        texts, tokens = shape

        def heads(name: str) -> Matrix:
            told = self._dense(x, f"{layer}attention.self.{name}")[: texts * tokens]
            return told.reshape(texts, tokens, HEADS, -1).swapaxes(1, 2)

        query, key = heads("query"), heads("key")
        scores = query @ key.swapaxes(2, 3) / np.float32(query.shape[-1] ** 0.5)
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares = scores / scores.sum(axis=-1, keepdims=True)
        return _whole_strips((shares @ heads("value")).swapaxes(1, 2).reshape(texts * tokens, -1))

    def _dense(self, x: Matrix, name: str) -> Matrix:
        return np.asarray(x @ self._weights[name + ".weight"].T + self._weights[name + ".bias"])

    def _norm(self, x: Matrix, name: str) -> Matrix:
        centred = x - x.mean(axis=-1, keepdims=True)
        spread = np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + np.float32(EPSILON))
        return np.asarray(centred / spread * self._weights[name + ".weight"] + self._weights[name + ".bias"])


def _whole_strips(x: Matrix) -> Matrix:
    """Return `x` with rows of zeros below, up to a whole number of strips.

    Matrices are multiplied strip by strip, and the rows of a last, shorter strip are summed in another order: a text
    would come out differently, in the last bit, with the number of texts beside it.
    """
    return np.concatenate([x, np.zeros((-len(x) % STRIP, x.shape[1]), np.float32)])


def _gelu(x: Matrix) -> Matrix:
    """Return x times the share of a normal distribution below x (Hendrycks and Gimpel 2016)."""
    return np.asarray(x * (np.float32(0.5) + np.float32(0.5) * _erf(x * np.float32(0.5**0.5))))


def _erf(x: Matrix) -> Matrix:
    """Return the error function to 1.5e-7 (Abramowitz and Stegun 1964, 7.1.26); numpy has none."""
    size = np.abs(x)
    t = 1 / (1 + np.float32(0.3275911) * size)
    total = np.float32(1.061405429) * t - np.float32(1.453152027)
    for factor in (1.421413741, -0.284496736, 0.254829592):
        total = total * t + np.float32(factor)
    return np.asarray(np.sign(x) * (1 - total * t * np.exp(-size * size)))


def read_weights(path: Path) -> dict[str, Matrix]:
    """Return the matrices of a safetensors file: eight bytes of length, a JSON header, then the numbers.

    Nothing in it is run. The numbers stay in the file until they are used.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is something else, or cut short.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length < path.stat().st_size:
            raise ValueError("its header is missing")
        header = json.loads(file.read(length))
        numbers = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))[8 + length :]
    found = {}
    try:
        for name, entry in header.items():
            if name != "__metadata__" and entry["dtype"] == "F32":
                start, end = entry["data_offsets"]
                found[name] = np.frombuffer(numbers[start:end], np.float32).reshape(entry["shape"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"its header is broken: {error}") from error
    return found
