"""Cuts text into sentences with exact offsets, and sentences into words and stems."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import Stemmer

from content.articles import Block, BlockKind

#: Languages whose words the Snowball library stems, by the first part of their language tag.
SNOWBALL = {
    "ar": "arabic", "da": "danish", "de": "german", "en": "english", "es": "spanish", "fi": "finnish",
    "fr": "french", "hu": "hungarian", "it": "italian", "nl": "dutch", "no": "norwegian", "nb": "norwegian",
    "pt": "portuguese", "ro": "romanian", "ru": "russian", "sv": "swedish", "tr": "turkish",
}  # fmt: skip

#: A full stop after one of these ends no sentence, whatever follows.
ABBREVIATIONS = frozenset(
    "dr mr mrs ms prof st e.g i.e eg ie vs approx ca cf fig al z.b d.h u.a bzw evtl ggf m mme".split()
)

#: After these a full stop ends no sentence when a digit follows: "No. 5", "max. 30 minutes".
BEFORE_A_NUMBER = frozenset("no nr vol max min art".split())

#: A capital letter after one of these is no initial: a full stop behind "vitamin A" ends the sentence.
LETTERED = frozenset(
    "vitamin vitamins vitamine provitamin hepatitis type typ grade class group step phase stage zone".split()
)

#: So many letters before a full stop are none of these.
_LONG = 1 + max(map(len, ABBREVIATIONS | BEFORE_A_NUMBER))

#: One set of characters comes first: so the search skips from one of them to the next.
_END = re.compile(r"[.!?…。！？\n](?:(?<=[.!?…])[.!?…]*[\"'”’»)\]]*(?=\s|$)|(?<=[。！？])[。！？]*[」』”]?|(?<=\n)\n*)")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)*")
_CJK = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0e7f]+")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff\U000e0020-\U000e007f]")
_POSSESSIVE = re.compile("['’]s?$")
#: Most text holds no other characters beyond ASCII than these; the rest of the way is then several times faster.
_TYPOGRAPHY = (
    ("’", "'"), ("‘", " "), ("“", " "), ("”", " "), ("–", " "), ("—", " "), ("…", " "), ("\u00a0", " "), ("\u00ad", ""),
)  # fmt: skip
_SPACED = {code: " " for code in range(128) if not (chr(code).isalnum() or chr(code) == "'")}

#: "Moisturizer" is "moisturiser"; the stemmer would take it for "moisture".
_AMERICAN = re.compile("iz(?=e|ing|ation)")

#: Words whose stems are remembered per language; beyond, all are forgotten, so that no text can fill the memory.
REMEMBERED = 200_000


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a block: `text` is the block's text from `start` up to but not including `end`."""

    block: int  #: the block's place among those that were cut, from 0
    start: int
    end: int
    text: str


def sentences(blocks: Iterable[Block]) -> tuple[Sentence, ...]:
    """Return the sentences of `blocks` in reading order. A line break ends a sentence; images have none."""
    return tuple(
        Sentence(number, start, end, block.text[start:end])
        for number, block in enumerate(blocks)
        if block.kind is not BlockKind.IMAGE
        for start, end in spans(block.text)
    )


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each sentence of `text` starts and ends, without the white space around it."""
    start = 0
    for end in _END.finditer(text):
        at, stop = end.span()
        # Most sentences end so: a long word, a full stop, and nothing small behind it.
        plain = stop - at == 1 and text[at] == "." and at - start >= _LONG and text[at - _LONG : at].isalpha()
        if not text[stop : stop + 3].lstrip()[:1].islower() if plain else _ends_sentence(text, start, end):
            left, right = _trimmed(text, start, stop)
            if left < right:
                yield left, right
            start = stop
    left, right = _trimmed(text, start, len(text))
    if left < right:
        yield left, right


def _trimmed(text: str, left: int, right: int) -> tuple[int, int]:
    while left < right and text[left].isspace():
        left += 1
    while left < right and text[right - 1].isspace():
        right -= 1
    return left, right


def _ends_sentence(text: str, start: int, end: re.Match[str]) -> bool:
    if end[0] != ".":
        return end[0][0] != "…" or not _continues(text, end.end())
    before = text[max(start, end.start() - 20) : end.start()].split()
    word = before[-1].lstrip("(\"'“‘").casefold() if before else ""
    if word in ABBREVIATIONS:
        return False
    if len(word) == 1 and word.isalpha() and text[end.start() - 1].isupper():
        return len(before) > 1 and before[-2].casefold() in LETTERED and not _continues(text, end.end())
    following = text[end.end() : end.end() + 3].lstrip()
    if following[:1].isdigit() and word in BEFORE_A_NUMBER:
        return False
    if word.isdigit() and not text[start : end.start() - len(word)].strip():
        return False  # "1. Cleanse the skin": the number of a list
    return not following[:1].islower()


def _continues(text: str, position: int) -> bool:
    return text[position : position + 2].lstrip()[:1].islower()


def normal(text: str) -> str:
    """Return `text` as it is compared: compatibility forms folded, case folded, invisible characters gone."""
    if text.isascii():
        return text.lower()
    return _INVISIBLE.sub("", unicodedata.normalize("NFKC", text).casefold())


def words(text: str) -> list[str]:
    """Return the words and numbers of `text`, folded; writing without spaces comes as pairs of characters."""
    text = _plain(text)
    if not text.isascii():
        return [part for w in _WORD.findall(normal(text)) for part in _unspaced(_POSSESSIVE.sub("", w))]
    return _apart(text.lower().translate(_SPACED))


def sentence_words(text: str) -> Iterator[tuple[str, list[str], bool]]:
    """Yield each sentence of `text`, its `words`, and whether it is ASCII but for quotation marks, dashes and the like.

    The same as to cut it first, only faster.
    """
    plain = _plain(text)
    if len(plain) != len(text) or not plain.isascii():
        for start, end in spans(text):
            sentence = text[start:end]
            yield sentence, words(sentence), _plain(sentence).isascii()
        return
    spaced = plain.lower().translate(_SPACED)
    for start, end in spans(text):
        yield text[start:end], _apart(spaced[start:end]), True


def _plain(text: str) -> str:
    if not text.isascii():
        for mark, plain in _TYPOGRAPHY:
            text = text.replace(mark, plain)
    return text


def _apart(spaced: str) -> list[str]:
    """Return the words of folded text in ASCII in which only apostrophes stand between letters, and spaces."""
    found = spaced.split()
    if "'" in spaced:
        for place in [n for n, part in enumerate(found) if "'" in part][::-1]:
            found[place : place + 1] = [_POSSESSIVE.sub("", w) for w in _WORD.findall(found[place])]
    return found


def _unspaced(word: str) -> list[str]:
    if not _CJK.fullmatch(word):
        return [word]
    return [word[i : i + 2] for i in range(max(1, len(word) - 1))]


def stems(text: str, language: str = "en") -> list[str]:
    """Return the stem of each word of `text`, in order. An unknown language keeps its words as they are."""
    return stem_all(words(text), language)


def stem_all(found: list[str], language: str = "en") -> list[str]:
    """Return the stem of each of the words `found`."""
    name = SNOWBALL.get(language[:2].lower())
    if name is None:
        return found
    remembered = _stems_of(name)
    if len(remembered) > REMEMBERED:
        remembered.clear()
    return [remembered[word] for word in found]


class _Stems(dict[str, str]):
    """Stems by word, filled as words come."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __missing__(self, word: str) -> str:
        # A stemmer must not be shared between threads, and a new one costs less than a microsecond.
        if self._name == "english" and len(word) > 6:
            word_as_spelt, word = word, _AMERICAN.sub("is", word)
        else:
            word_as_spelt = word
        stem = self[word_as_spelt] = str(Stemmer.Stemmer(self._name, 0).stemWord(word))
        return stem


@cache
def _stems_of(name: str) -> _Stems:
    return _Stems(name)
