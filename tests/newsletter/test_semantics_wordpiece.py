"""A text is cut as the model's own tokenizer cuts it: the expected pieces were made with it once."""

import pytest

from newsletter.semantics.wordpiece import WordPieces

KNOWN = [
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "micro",
    "##need",
    "##ling",
    "skin",
    ".",
    "-",
    "$",
    "cafe",
    "皮",
    "肤",
    "is",
    "##ta",
]


def cut(text: str, most: int = 128) -> str:
    return " ".join(KNOWN[n] for n in WordPieces(KNOWN, most).cut(text)[1:-1])


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Microneedling skin", "micro ##need ##ling skin"),
        ("skin-skin.", "skin - skin ."),
        ("$skin", "$ skin"),
        ("café", "cafe"),
        ("CAFE\u0301", "cafe"),
        ("皮肤skin", "皮 肤 skin"),
        ("sk\u200bin\x00", "skin"),
        ("skin\u3000skin\tskin", "skin skin skin"),
        ("skins", "[UNK]"),
        ("İsta", "is ##ta"),
        ("s" * 101, "[UNK]"),
        ("💅", "[UNK]"),
        ("", ""),
        (" \n", ""),
    ],
)
def test_words_are_cut_into_the_longest_known_pieces(text: str, pieces: str) -> None:
    assert cut(text) == pieces


def test_a_text_begins_and_ends_and_has_at_most_so_many_pieces() -> None:
    cutter = WordPieces(KNOWN, most=4)
    assert cutter.cut("") == [1, 2]
    assert cutter.cut("skin " * 500) == [1, 6, 6, 2]
    assert cutter.cut("microneedling") == [1, 3, 4, 2]


def test_a_vocabulary_without_beginning_end_or_unknown_is_refused() -> None:
    with pytest.raises(ValueError, match=r"it lacks \[CLS\], \[SEP\] or \[UNK\]"):
        WordPieces(["skin"], 128)
