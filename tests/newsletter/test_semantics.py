import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest

import newsletter.semantics as semantics
from newsletter.semantics import SemanticsError, choose_vectors, load_vectors, read_table


def matrix_file(path: Path, header: dict[str, object], numbers: bytes) -> Path:
    told = json.dumps(header).encode()
    path.write_bytes(len(told).to_bytes(8, "little") + told + numbers)
    return path


def cosine(a: str, b: str) -> float:
    vectors = load_vectors()
    assert vectors
    rows = vectors.of([a, b])[0]
    return float(rows[0] @ rows[1] / np.linalg.norm(rows[0]) / np.linalg.norm(rows[1]))


def test_words_that_mean_nearly_the_same_lie_closer_than_others() -> None:
    assert cosine("swelling", "bruising") > cosine("swelling", "sunscreen") + 0.1


def test_a_word_is_the_sum_of_its_parts_and_says_how_many_they_are() -> None:
    vectors = load_vectors()
    assert vectors
    sums, parts = vectors.of(["hydradermabrasion", "skin", "hydradermabrasion"])
    assert parts[1] == 1
    assert parts[0] > 2
    assert (sums[0] == sums[2]).all()


def test_the_vectors_are_called_by_package_and_version() -> None:
    vectors = load_vectors()
    assert vectors
    assert vectors.name.startswith("wordllama 0.")


def test_the_package_itself_is_never_imported() -> None:
    code = "import sys, newsletter.semantics as s; assert s.load_vectors(); print('wordllama' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_words_alone_are_compared_where_the_setting_says_so() -> None:
    assert choose_vectors("lexical") is None
    assert choose_vectors("semantic") is load_vectors()


def test_without_the_extra_there_are_no_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(semantics, "distribution", missing)
    assert load_vectors.__wrapped__() is None


def test_a_matrix_is_read_as_it_was_written(tmp_path: Path) -> None:
    numbers = np.arange(6, dtype=np.float16).reshape(3, 2)
    header = {"__metadata__": {"a": "b"}, "w": {"dtype": "F16", "shape": [3, 2], "data_offsets": [0, 12]}}
    assert (read_table(matrix_file(tmp_path / "m", header, numbers.tobytes())) == numbers).all()


@pytest.mark.parametrize(
    ("header", "numbers"),
    [
        ({"w": {"dtype": "F32", "shape": [1, 1], "data_offsets": [0, 4]}}, b"0000"),
        ({"w": {"dtype": "F16", "shape": [3, 2], "data_offsets": [0, 12]}}, b"short"),
        ({"w": {"dtype": "F16", "shape": [6], "data_offsets": [0, 12]}}, b"0" * 12),
        ({}, b""),
    ],
)
def test_a_broken_file_is_said_with_what_would_do(tmp_path: Path, header: dict[str, object], numbers: bytes) -> None:
    with pytest.raises(
        SemanticsError, match=r"^m of wordllama cannot be read \(.+\); install beauty-newsletter\[semantic"
    ):
        read_table(matrix_file(tmp_path / "m", header, numbers))


def test_a_file_that_is_no_matrix_at_all_is_said_too(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"<!doctype html>")
    with pytest.raises(SemanticsError, match="cannot be read"):
        read_table(tmp_path / "m")
