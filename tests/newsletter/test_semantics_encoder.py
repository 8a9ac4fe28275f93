"""The model is computed as its authors describe it, and a text's vector depends on the text alone."""

import json
import math
import random
from pathlib import Path

import numpy as np
import pytest

from newsletter.semantics import load_vectors
from newsletter.semantics.encoder import HEADS, Encoder, read_weights
from newsletter.semantics.wordpiece import WordPieces

WIDTH, INNER, LAYERS = 2 * HEADS, 40, 2
PIECES = ["[UNK]", "[CLS]", "[SEP]", "skin", "needle", "##s", "."]


def small_weights() -> dict[str, np.ndarray]:
    drawn = np.random.default_rng(7)
    shapes = {
        "embeddings.word_embeddings.weight": (len(PIECES), WIDTH),
        "embeddings.position_embeddings.weight": (16, WIDTH),
        "embeddings.token_type_embeddings.weight": (2, WIDTH),
        "embeddings.LayerNorm.weight": (WIDTH,),
        "embeddings.LayerNorm.bias": (WIDTH,),
    }
    for n in range(LAYERS):
        for name, out, into in (
            ("attention.self.query", WIDTH, WIDTH),
            ("attention.self.key", WIDTH, WIDTH),
            ("attention.self.value", WIDTH, WIDTH),
            ("attention.output.dense", WIDTH, WIDTH),
            ("intermediate.dense", INNER, WIDTH),
            ("output.dense", WIDTH, INNER),
        ):
            shapes[f"encoder.layer.{n}.{name}.weight"] = (out, into)
            shapes[f"encoder.layer.{n}.{name}.bias"] = (out,)
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes[f"encoder.layer.{n}.{name}.weight"] = (WIDTH,)
            shapes[f"encoder.layer.{n}.{name}.bias"] = (WIDTH,)
    return {name: drawn.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def told_by_the_book(ids: list[int], w: dict[str, np.ndarray]) -> list[float]:
    """The same model, a number at a time, in double precision."""

    def dense(rows: list[list[float]], name: str) -> list[list[float]]:
        weight, bias = w[name + ".weight"].tolist(), w[name + ".bias"].tolist()
        return [
            [sum(a * b for a, b in zip(row, out, strict=True)) + c for out, c in zip(weight, bias, strict=True)]
            for row in rows
        ]

    def norm(rows: list[list[float]], name: str) -> list[list[float]]:
        found = []
        for row in rows:
            mean = sum(row) / len(row)
            spread = math.sqrt(sum((x - mean) ** 2 for x in row) / len(row) + 1e-12)
            scaled = zip(row, w[name + ".weight"].tolist(), w[name + ".bias"].tolist(), strict=True)
            found.append([(x - mean) / spread * a + b for x, a, b in scaled])
        return found

    def add(a: list[list[float]], b: list[list[float]]) -> list[list[float]]:
        return [[x + y for x, y in zip(c, d, strict=True)] for c, d in zip(a, b, strict=True)]

    names = ("word", "position", "token_type")
    tables = [w[f"embeddings.{name}_embeddings.weight"].tolist() for name in names]
    rows = [
        [a + b + c for a, b, c in zip(tables[0][i], tables[1][n], tables[2][0], strict=True)] for n, i in enumerate(ids)
    ]
    rows = norm(rows, "embeddings.LayerNorm")
    for n in range(LAYERS):
        layer = f"encoder.layer.{n}."
        query, key, value = (dense(rows, f"{layer}attention.self.{part}") for part in ("query", "key", "value"))
        size = WIDTH // HEADS
        mixed = [[0.0] * WIDTH for _ in ids]
        for head in range(0, WIDTH, size):
            part = slice(head, head + size)
            for at, asked in enumerate(query):
                scores = [sum(a * b for a, b in zip(asked[part], k[part], strict=True)) / math.sqrt(size) for k in key]
                shares = [math.exp(s - max(scores)) for s in scores]
                for column in range(head, head + size):
                    taken = sum(s * v[column] for s, v in zip(shares, value, strict=True))
                    mixed[at][column] = taken / sum(shares)
        rows = norm(add(rows, dense(mixed, layer + "attention.output.dense")), layer + "attention.output.LayerNorm")
        inner = dense(rows, layer + "intermediate.dense")
        inner = [[x * (1 + math.erf(x / math.sqrt(2))) / 2 for x in row] for row in inner]
        rows = norm(add(rows, dense(inner, layer + "output.dense")), layer + "output.LayerNorm")
    means = [sum(column) / len(ids) for column in zip(*rows, strict=True)]
    length = math.sqrt(sum(x * x for x in means))
    return [x / length for x in means]


@pytest.mark.parametrize("text", ["skin", "needles. skin", ""])
def test_the_model_is_computed_as_it_is_described(text: str) -> None:
    weights, pieces = small_weights(), WordPieces(PIECES, 16)

    found = Encoder("small", weights, pieces).embed([text])[0]

    assert np.allclose(found, told_by_the_book(pieces.cut(text), weights), atol=2e-5)


def test_no_text_at_all_is_fine() -> None:
    assert Encoder("small", small_weights(), WordPieces(PIECES, 16)).embed([]).shape == (0, WIDTH)


def test_a_text_comes_out_the_same_to_the_last_bit_whatever_is_asked_beside_it() -> None:
    vectors = load_vectors()
    assert isinstance(vectors, Encoder)
    texts = [f"needling {'and peeling ' * (n % 5)}number {n}" for n in range(150)]
    whole = Encoder(vectors.name, vectors._weights, vectors._pieces).embed(texts)
    drawn = random.Random(3).sample(range(150), 7)

    few = Encoder(vectors.name, vectors._weights, vectors._pieces).embed([texts[n] for n in drawn])

    assert (few == whole[drawn]).all()


def test_a_full_memory_is_emptied_and_nothing_else_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("newsletter.semantics.encoder.REMEMBERED", 2)
    encoder = Encoder("small", small_weights(), WordPieces(PIECES, 16))
    first = encoder.embed(["skin", "needle", "skin."])

    again = encoder.embed(["needles", "skin"])

    assert len(encoder._known) == 2
    assert (again[1] == first[0]).all()


def test_a_model_that_lacks_its_first_matrices_is_refused() -> None:
    with pytest.raises(ValueError, match=r"it lacks embeddings\.word_embeddings\.weight, embeddings\.position"):
        Encoder("empty", {}, WordPieces(PIECES, 16))


def matrix_file(path: Path, header: object, numbers: bytes) -> Path:
    told = json.dumps(header).encode()
    path.write_bytes(len(told).to_bytes(8, "little") + told + numbers)
    return path


def test_matrices_are_read_as_they_were_written_and_others_than_32_bits_left_out(tmp_path: Path) -> None:
    numbers = np.arange(6, dtype=np.float32).reshape(3, 2)
    header = {
        "__metadata__": {"a": "b"},
        "w": {"dtype": "F32", "shape": [3, 2], "data_offsets": [0, 24]},
        "places": {"dtype": "I64", "shape": [1], "data_offsets": [24, 32]},
    }

    found = read_weights(matrix_file(tmp_path / "m", header, numbers.tobytes() + b"12345678"))

    assert list(found) == ["w"]
    assert (found["w"] == numbers).all()


@pytest.mark.parametrize(
    ("header", "numbers"),
    [
        ({"w": {"dtype": "F32", "shape": [3, 2], "data_offsets": [0, 24]}}, b"short"),
        ({"w": {"dtype": "F32", "shape": [7], "data_offsets": [0, 24]}}, b"0" * 24),
        ({"w": {"dtype": "F32", "shape": [6]}}, b"0" * 24),
        ({"w": "text"}, b"0" * 24),
        (["w"], b"0" * 24),
    ],
    ids=["short", "other shape", "no offsets", "no entry", "no table"],
)
def test_a_broken_file_is_refused(tmp_path: Path, header: object, numbers: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_weights(matrix_file(tmp_path / "m", header, numbers))


@pytest.mark.parametrize("whole", [b"", b"<!doctype html><html></html>", b"\x08\0\0\0\0\0\0\0{not json"])
def test_a_file_that_holds_no_matrices_at_all_is_refused(tmp_path: Path, whole: bytes) -> None:
    (tmp_path / "m").write_bytes(whole)
    with pytest.raises(ValueError, match=r".+"):
        read_weights(tmp_path / "m")
