"""The measures that others compare texts by, as many as are installed: each scores two texts, 0.0 to 1.0."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from content.text import words
from newsletter.semantics import load_vectors
from newsletter.semantics.loading import PACKAGE

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
        (PACKAGE, _minilm),
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
    """Return SemHash with the only model that a package carries: its own come from a hub."""
    from semhash import SemHash

    loaded = load_vectors()
    if loaded is None:
        return []
    vectors = loaded

    class Encoder:
        def encode(self, inputs: Sequence[str], **_: object) -> NDArray[np.float32]:
            return vectors.embed(inputs)

    def compare(a: str, b: str) -> float:
        index = SemHash.from_records([a], model=Encoder(), ann_backend="basic")
        return max((found.score for found in index.deduplicate([b], threshold=0.0).filtered), default=0.0)

    return [Peer(f"{name} over {vectors.name}", str, compare, most=FEW)]


def _minilm(name: str) -> list[Peer]:
    """Return the cosine of whole texts, as the model is mostly used."""
    loaded = load_vectors()
    if loaded is None:
        return []
    vectors = loaded
    return [Peer(f"{vectors.name} cosine ({name})", lambda text: vectors.embed([text])[0], _cosine, most=FEW)]


def _cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-9))


def _shingles(text: str, size: int) -> list[str]:
    found = words(text)
    return [" ".join(found[i : i + size]) for i in range(max(1, len(found) - size + 1))]
