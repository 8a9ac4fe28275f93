"""Cuts a text into the pieces that a BERT model without capitals knows, and gives their numbers."""

import unicodedata
from collections.abc import Iterator, Sequence

#: What a text begins and ends with, and what stands for a word that no pieces make up.
BEGINNING, END, UNKNOWN = "[CLS]", "[SEP]", "[UNK]"

#: What a piece begins with that goes on a word.
GOES_ON = "##"

#: A word of more letters is unknown: finding its pieces takes time that grows with the square of its length.
LONGEST_WORD = 100

#: Accents, controls, formats and private letters are left out.
_SILENT = frozenset({"Mn", "Cc", "Cf", "Co"})

#: Letters that are words by themselves: the ideographs of Unicode's blocks CJK Unified and Compatibility.
_IDEOGRAPHS = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F), (0x2B920, 0x2CEAF),
    (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip


class WordPieces:
    """The pieces that a model knows (Devlin et al. 2019: lower case, no accents, the longest known piece first)."""

    def __init__(self, vocabulary: Sequence[str], most: int) -> None:
        """Take the pieces in the order of their numbers, and how many a text may have.

        Raises:
            ValueError: The vocabulary lacks the pieces that every text has.
        """
        self._number = {piece: number for number, piece in enumerate(vocabulary)}
        self._most = most
        if not {BEGINNING, END, UNKNOWN} <= self._number.keys():
            raise ValueError(f"it lacks {BEGINNING}, {END} or {UNKNOWN}")

    def cut(self, text: str) -> list[int]:
        """Return the numbers of the pieces of `text` between its beginning and its end, as many as there may be."""
        found = [self._number[BEGINNING]]
        for word in _words(text):
            found += self._pieces(word)
            if len(found) >= self._most:
                break
        return [*found[: self._most - 1], self._number[END]]

    def _pieces(self, word: str) -> list[int]:
        if len(word) > LONGEST_WORD:
            return [self._number[UNKNOWN]]
        found: list[int] = []
        start = 0
        while start < len(word):
            before = GOES_ON if start else ""
            ends = (e for e in range(len(word), start, -1) if before + word[start:e] in self._number)
            end = next(ends, None)
            if end is None:
                return [self._number[UNKNOWN]]
            found.append(self._number[before + word[start:end]])
            start = end
        return found


def _words(text: str) -> Iterator[str]:
    """Yield the words of `text` in lower case without accents; punctuation marks and ideographs are words."""
    word = ""
    for letter in unicodedata.normalize("NFD", text).lower():
        kind = unicodedata.category(letter)
        if (kind in _SILENT and letter not in "\t\n\r") or letter == "\ufffd":
            continue
        alone = _is_mark(letter, kind) or _is_ideograph(letter)
        if word and (alone or letter.isspace()):
            yield word
            word = ""
        if alone:
            yield letter
        elif not letter.isspace():
            word += letter
    if word:
        yield word


def _is_mark(letter: str, kind: str) -> bool:
    """Tell whether the model takes a letter for punctuation: in ASCII that is what is neither letter nor digit."""
    return kind[0] == "P" or ("!" <= letter <= "~" and not letter.isalnum())


def _is_ideograph(letter: str) -> bool:
    return any(first <= ord(letter) <= last for first, last in _IDEOGRAPHS)
