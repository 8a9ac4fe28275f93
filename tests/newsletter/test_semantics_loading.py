"""The model comes from its package's files alone; what is missing or broken is said with what would do."""

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pytest

import newsletter.semantics.loading as semantics
from newsletter.semantics.loading import PACKAGE, SemanticsError, choose_vectors, load_vectors, read_model


def cosine(a: str, b: str) -> float:
    vectors = load_vectors()
    assert vectors
    rows = vectors.embed([a, b])
    return float(rows[0] @ rows[1])


def file_of_package(name: str) -> Path:
    (found,) = (f for f in distribution(PACKAGE).files or () if f.name == name)
    return Path(str(found.locate()))


def test_words_that_mean_nearly_the_same_lie_closer_than_others() -> None:
    assert cosine("swelling", "bruising") > cosine("swelling", "sunscreen") + 0.1


def test_paragraphs_that_say_the_same_in_other_words_lie_closer_than_others() -> None:
    told = "Cryolipolysis cools fat cells until they die, and the liver clears them away."
    retold = "A cup chills the flab; what freezes is flushed out by the body over the weeks."
    other = "A perm breaks the bonds of the hair and sets them anew around a rod."
    assert cosine(told, retold) > cosine(told, other) + 0.2


def test_every_vector_has_unit_length() -> None:
    vectors = load_vectors()
    assert vectors
    rows = vectors.embed(["", "skin", "💅", "skin " * 5000])
    assert np.allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)


def test_the_vectors_are_called_by_the_model() -> None:
    vectors = load_vectors()
    assert vectors
    assert vectors.name == "MiniLM-L6-v2"


def test_nothing_of_the_package_is_imported_and_no_network_asked() -> None:
    code = (
        "import socket, sys\n"
        "def refuse(*_): raise AssertionError('asked the network')\n"
        "socket.socket = socket.create_connection = socket.getaddrinfo = refuse\n"
        "import newsletter.semantics.loading as s\n"
        "assert s.load_vectors().embed(['skin']).shape == (1, 384)\n"
        "print([m for m in sys.modules if m.startswith(('pyduck', 'duckdb', 'pandas', 'tokenizers', 'torch'))])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_words_alone_are_compared_where_the_setting_says_so() -> None:
    assert choose_vectors("lexical") is None
    assert choose_vectors("semantic") is load_vectors()


def test_asking_for_meaning_without_the_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(semantics, "distribution", missing)
    monkeypatch.setattr(semantics, "load_vectors", load_vectors.__wrapped__)
    with pytest.raises(SemanticsError, match=r"needs the extra: pip install 'beauty-newsletter\[semantic\]'"):
        choose_vectors("semantic")


def test_a_package_without_the_model_says_which_file_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(semantics, "distribution", lambda name: distribution("numpy"))
    with pytest.raises(SemanticsError, match=r"has no file /model\.safetensors; install beauty-newsletter\[semantic\]"):
        load_vectors.__wrapped__()


def test_weights_cut_short_are_said_with_what_would_do(tmp_path: Path) -> None:
    whole = file_of_package("model.safetensors")
    with whole.open("rb") as file:
        (tmp_path / "model.safetensors").write_bytes(file.read(100_000))
    with pytest.raises(
        SemanticsError, match=r"^model.safetensors of .+ cannot be read \(.+\); install beauty-newsletter\[semantic"
    ):
        read_model(tmp_path / "model.safetensors", file_of_package("vocab.txt"))


@pytest.mark.parametrize("text", [b"<!doctype html>", b"\xff\xfe"])
def test_a_vocabulary_that_is_none_is_said_too(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "vocab.txt").write_bytes(text)
    with pytest.raises(SemanticsError, match=r"^vocab.txt of .+ cannot be read"):
        read_model(file_of_package("model.safetensors"), tmp_path / "vocab.txt")
