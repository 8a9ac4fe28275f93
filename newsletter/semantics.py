"""Reads the vectors of words that the extra `semantic` brings: out of its files, without its code and any network."""

import json
from collections.abc import Sequence
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from content.embeddings import Matrix, Vectors

#: The package whose wheel carries the vectors, and what its files' names end with. Its own loader goes to the network
#: (it looks for its tokenizer in a folder that its wheel does not have), and its import costs most of a second.
PACKAGE, WEIGHTS, TOKENIZER = "wordllama", "weights/l2_supercat_256.safetensors", "l2_supercat_tokenizer_config.json"

#: Words whose vectors are remembered; beyond, all are forgotten, so that no text can fill the memory.
REMEMBERED = 100_000


class SemanticsError(Exception):
    """The extra is installed and its files cannot be used; the message says which and what would do."""


def choose_vectors(similarity: str) -> Vectors | None:
    """Return the vectors that the setting `similarity` asks for: "semantic", the extra's; "lexical", none.

    Raises:
        SemanticsError: The extra is asked for and not installed, or a file of it is missing or broken.
    """
    if similarity != "semantic":
        return None
    vectors = load_vectors()
    if vectors is None:
        raise SemanticsError("comparing by meaning needs the extra: pip install 'beauty-newsletter[semantic]'")
    return vectors


@cache
def load_vectors() -> Vectors | None:
    """Return the vectors of words, or None when the extra `semantic` is not installed.

    Raises:
        SemanticsError: It is installed, and a file of it is missing or broken.
    """
    try:
        from tokenizers import Tokenizer

        package = distribution(PACKAGE)
    except (ImportError, PackageNotFoundError):
        return None
    weights, tokenizer = _file(package, WEIGHTS), _file(package, TOKENIZER)
    try:
        cut = Tokenizer.from_file(str(tokenizer))
    except Exception as error:  # the library raises bare exceptions
        raise SemanticsError(_broken(tokenizer, str(error))) from error
    return WordVectors(f"{PACKAGE} {package.version}", read_table(weights), cut)


class WordVectors:
    """Vectors of words, each the sum of its parts' vectors."""

    def __init__(self, name: str, table: NDArray[np.float16], tokenizer: Any) -> None:  # noqa: ANN401 - untyped library
        self._name = name
        self._table = table
        self._tokenizer = tokenizer
        self._known: dict[str, tuple[Matrix, int]] = {}

    @property
    def name(self) -> str:
        """Return the package and its version."""
        return self._name

    def of(self, found: Sequence[str]) -> tuple[Matrix, NDArray[np.float32]]:
        """Return for each of the words `found` the sum of its parts' vectors, a row each, and how many parts it has."""
        if len(self._known) > REMEMBERED:
            self._known.clear()
        new = sorted(set(found) - self._known.keys())
        for word, encoding in zip(new, self._tokenizer.encode_batch(new, add_special_tokens=False), strict=True):
            self._known[word] = self._table[encoding.ids].astype(np.float32).sum(axis=0), len(encoding.ids)
        sums = np.zeros((len(found), self._table.shape[1]), np.float32)
        parts = np.zeros(len(found), np.float32)
        for row, word in enumerate(found):
            sums[row], parts[row] = self._known[word]
        return sums, parts


def read_table(path: Path) -> NDArray[np.float16]:
    """Return the one matrix in a safetensors file: eight bytes of length, a JSON header, then the numbers.

    Raises:
        SemanticsError: The file is something else, or cut short.
    """
    try:
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
            start = file.tell()
        (tensor,) = (entry for name, entry in header.items() if name != "__metadata__")
        rows, columns = tensor["shape"]
        if tensor["dtype"] != "F16":
            raise ValueError(f"numbers of type {tensor['dtype']}, not F16")
        return np.memmap(path, np.float16, "r", start + tensor["data_offsets"][0], (rows, columns))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, MemoryError) as error:
        raise SemanticsError(_broken(path, str(error))) from error


def _file(package: Distribution, ending: str) -> Path:
    for file in package.files or ():
        if file.as_posix().endswith(ending):
            return Path(str(package.locate_file(file)))
    raise SemanticsError(f"{PACKAGE} {package.version} has no file {ending}; install beauty-newsletter[semantic] again")


def _broken(path: Path, why: str) -> str:
    return f"{path.name} of {PACKAGE} cannot be read ({why}); install beauty-newsletter[semantic] again"
