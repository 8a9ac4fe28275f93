"""Names of people: kept as they were given, made harmless, and used in a greeting only when they read like a name."""

import re
import unicodedata
from collections.abc import Iterator

#: What a person sees as one letter; a name has no more of them.
LONGEST_GRAPHEMES = 80

#: Accents on one letter at most; a stack of thousands is no name but an attack on whoever draws it.
MARKS_PER_LETTER = 4

_JOINER = "\u200d"
_LIKE_AN_ADDRESS = re.compile(r"https?:|www\.|//|@|\.[a-z]{2,}(?:\W|$)", re.IGNORECASE)
_NO_NAME = frozenset({"null", "none", "nan", "undefined", "true", "false", "n/a", "test"})


def clean_name(text: str) -> str:
    """Return `text` on one line, without control, direction and invisible characters, 80 letters at most."""
    if text.isascii() and text.isprintable():  # most names: a letter is a letter
        return " ".join(text.split())[:LONGEST_GRAPHEMES].strip()
    visible = "".join(c for c in text[:10_000] if c.isspace() or not _is_unwanted(c))
    letters = _letters(" ".join(visible.split()))
    return "".join(letter for letter, _ in zip(letters, range(LONGEST_GRAPHEMES), strict=False)).strip()


def greeting_name(name: str) -> str:
    """Return the name to greet a person by, or nothing when it does not read like one."""
    name = clean_name(name)
    if name.isascii() and name.replace(" ", "").isalpha():  # most names
        return "" if name.casefold() in _NO_NAME else name
    if not any(c.isalpha() for c in name) or name.casefold() in _NO_NAME:
        return ""
    if re.search(r"[<>{}\[\]();=\"\\|`$%*]", name) or _LIKE_AN_ADDRESS.search(name):
        return ""
    return name


def _is_unwanted(character: str) -> bool:
    # Cc controls, Cf formats (directions, zero widths, tags; the joiner holds emoji together), Cs lone surrogates,
    # Co private use, Cn unassigned, Zl and Zp separators, which end a line where nobody expects it.
    return character != _JOINER and unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _letters(text: str) -> Iterator[str]:
    letter, marks, joined = "", 0, False
    for character in text:
        is_mark = unicodedata.category(character) in {"Mn", "Me", "Mc"} or 0x1F3FB <= ord(character) <= 0x1F3FF
        if letter and (is_mark or character == _JOINER or joined or _pairs(letter, character)):
            joined = character == _JOINER
            marks += is_mark
            if not is_mark or marks <= MARKS_PER_LETTER:
                letter += character
            continue
        if letter:
            yield letter
        letter, marks, joined = character, 0, False
    if letter:
        yield letter


def _pairs(letter: str, character: str) -> bool:
    # Two regional indicators are one flag.
    return len(letter) == 1 and all(0x1F1E6 <= ord(c) <= 0x1F1FF for c in letter + character)
