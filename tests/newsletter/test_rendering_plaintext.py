"""The text part is wrapped by columns, addresses stay whole, links are numbered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content.articles import Block, BlockKind
from newsletter.rendering.plaintext import COLUMNS, Footnotes, lay_out, width, with_numbers, wrap
from tests.editions import image, linked, paragraph


def test_blocks_are_laid_out_as_one_reads() -> None:
    blocks = [
        paragraph("One."),
        Block(BlockKind.BULLET, "a"),
        Block(BlockKind.BULLET, "b " * 40),
        Block(BlockKind.NUMBERED, "first"),
        Block(BlockKind.NUMBERED, "second"),
        image(),
        paragraph("Two."),
        Block(BlockKind.NUMBERED, "first again"),
        Block(BlockKind.QUOTE, "Said."),
    ]

    assert lay_out(blocks, Footnotes()).split("\n") == [
        "One.",
        "",
        "  * a",
        "  * " + " ".join("b" * 37),
        "    b b b",
        "",
        "  1. first",
        "  2. second",
        "",
        "Two.",
        "",
        "  1. first again",
        "",
        "  | Said.",
    ]


def test_each_address_has_one_number_and_is_listed_once() -> None:
    notes = Footnotes()

    first = with_numbers(linked("See the study.", "study", "https://example.org/a"), notes)
    again = with_numbers(linked("That study again.", "study", "https://example.org/a"), notes)
    other = with_numbers(linked("Another one.", "one", "https://example.org/b"), notes)

    assert (first, again, other) == ("See the study [1].", "That study [1] again.", "Another one [2].")
    assert notes.listing() == "[1] https://example.org/a\n[2] https://example.org/b"
    assert notes.listing() == ""


def test_an_address_is_never_cut() -> None:
    address = "https://example.org/" + "x" * 200

    assert wrap(f"see {address} now").split("\n") == ["see", address, "now"]


@pytest.mark.parametrize(
    ("text", "columns"), [("abc", 3), ("日本", 4), ("Z\u0301", 1), ("👩\u200d👩", 4), ("العناية", 7), ("", 0)]
)
def test_width_is_counted_in_columns(text: str, columns: int) -> None:
    assert width(text) == columns


def test_chinese_is_cut_at_the_edge_and_marks_stay_with_their_letter() -> None:
    plain = wrap("肌" * 50).split("\n")
    marked = wrap("か\u3099" * 50).split("\n")

    assert [width(line) for line in plain] == [width(line) for line in marked] == [78, 22]
    assert all(not line.startswith("\u3099") for line in marked)


def test_a_word_too_long_for_a_line_stays_whole() -> None:
    assert wrap("the " + "é" * 100 + " cream").split("\n") == ["the", "é" * 100, "cream"]


@given(st.text(max_size=400).filter(str.split))
def test_no_line_is_too_wide_and_no_word_is_lost(text: str) -> None:
    wrapped = wrap(text, "    ")

    assert "".join(wrapped.split()) == "".join(text.split())
    assert all(width(line) <= COLUMNS or len(line.split()) == 1 for line in wrapped.split("\n"))
