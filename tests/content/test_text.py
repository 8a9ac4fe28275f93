"""Sentences come with exact offsets, whatever stands between them; words compare folded."""

import pytest

from content.articles import Block, BlockKind
from content.text import Sentence, sentences, spans, stems, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Use 0.5 mm needles. Dr. Smith agrees.", ["Use 0.5 mm needles.", "Dr. Smith agrees."]),
        ("Wear SPF, e.g. SPF 50. Reapply!", ["Wear SPF, e.g. SPF 50.", "Reapply!"]),
        ("1. Cleanse the skin. 2. Rinse.", ["1. Cleanse the skin.", "2. Rinse."]),
        ("Wait max. 30 minutes. Then rinse.", ["Wait max. 30 minutes.", "Then rinse."]),
        ("It is a form of vitamin A. In the skin it acts.", ["It is a form of vitamin A.", "In the skin it acts."]),
        ("Ask J. Smith about vitamin C. serums", ["Ask J. Smith about vitamin C. serums"]),
        ("“Does it hurt?” No.", ["“Does it hurt?”", "No."]),
        ("It tingles… and stops.", ["It tingles… and stops."]),
        ("One line\nanother line", ["One line", "another line"]),
        ("肌を洗う。水で流す。", ["肌を洗う。", "水で流す。"]),
        ("", []),
        (" \n ", []),
        ("💅✨", ["💅✨"]),
    ],
)
def test_a_text_falls_into_its_sentences(text: str, expected: list[str]) -> None:
    assert [text[start:end] for start, end in spans(text)] == expected


def test_a_sentence_knows_its_block_and_place_and_images_have_none() -> None:
    blocks = [
        Block(BlockKind.IMAGE, "A nice. Picture.", src="https://x.example/a.png"),
        Block(BlockKind.PARAGRAPH, " Rinse. Dry."),
    ]

    assert sentences(blocks) == (Sentence(1, 1, 7, "Rinse."), Sentence(1, 8, 12, "Dry."))


def test_words_compare_without_case_forms_and_invisible_characters() -> None:
    assert words("Ma\u00adke‑up’s ﬁne SKIN") == ["make", "up", "fine", "skin"]


def test_german_and_french_are_stemmed_and_unknown_languages_are_left_alone() -> None:
    assert stems("Behandlungen", "de") == stems("Behandlung", "de")
    assert stems("traitements", "fr") == stems("traitement", "fr")
    assert stems("ihon hoito", "xx") == ["ihon", "hoito"]
