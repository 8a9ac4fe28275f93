"""Holds the concepts of many sections, sentence by sentence, as flat arrays: a million sections fit into memory so."""

from array import array
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from content.articles import BlockKind
from content.furniture import furniture, may_be_furniture, may_hint
from content.sections import Section
from content.synonyms import phrases
from content.text import REMEMBERED, sentence_words, stem_all
from content.vocabulary import stop_stems, unit_stems

Numbers = NDArray[np.int64]
Small = NDArray[np.int32]

#: Bits of a key for the number of a concept; what holds it stands before.
_BITS = 32
_LOW = (1 << _BITS) - 1

#: Sections that are read at a time: enough that their words repeat, few enough for several workers.
READ_AT_ONCE = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Concordance:
    """The concepts of some sections in their order. Statements are sentences without page furniture."""

    vocabulary: tuple[str, ...]  #: the concept of each number
    terms: Small  #: of each statement in turn, the numbers of its concepts, each once, ascending
    starts: Numbers  #: where each statement's concepts start, and the end of the last
    sections: Numbers  #: where each section's statements start, and the end of the last

    def __len__(self) -> int:
        """Return the number of sections."""
        return len(self.sections) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Bags:
    """Which sections hold which concepts, as flat arrays."""

    terms: Small  #: of each section in turn, the numbers of its concepts, each once, ascending
    starts: Numbers  #: where each section's concepts start, and the end of the last

    def __len__(self) -> int:
        """Return the number of sections."""
        return len(self.starts) - 1

    def only(self, places: Numbers) -> "Bags":
        """Return the bags of the sections at `places`, in that order."""
        starts, at = gather(self.starts, places)
        return Bags(terms=self.terms[at], starts=starts)


def read(sections: Sequence[Section]) -> Concordance:
    """Return the concepts of `sections`: of each sentence what `content.claims.terms` returns for it."""
    texts = _Texts()
    for section in sections:
        texts.add(section)
    return texts.finish()


def join(parts: Iterable[Concordance]) -> Concordance:
    """Return the concordances of `parts` as one; how the sections were parted makes no difference.

    The concepts are numbered as they first come, those of one section by the alphabet.
    """
    numbers: dict[str, int] = {}
    terms, sizes, sections = [np.empty(0, np.int32)], [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for part in parts:
        known = np.fromiter((numbers.setdefault(t, len(numbers)) for t in part.vocabulary), np.int32)
        terms.append(known[part.terms])
        sizes.append(np.diff(part.starts))
        sections.append(np.diff(part.sections))
    return _renumbered(
        Concordance(
            vocabulary=tuple(numbers),
            terms=np.concatenate(terms),
            starts=starts_of(np.concatenate(sizes)),
            sections=starts_of(np.concatenate(sections)),
        )
    )


def _renumbered(found: Concordance) -> Concordance:
    names = np.array(sorted(range(len(found.vocabulary)), key=found.vocabulary.__getitem__), np.int64)
    ranks = np.empty(len(names), np.int64)
    ranks[names] = np.arange(len(names))
    firsts = np.full(len(names), -1, np.int64)
    owners = np.repeat(np.arange(len(found)), np.diff(found.starts[found.sections]))
    firsts[found.terms[::-1]] = owners[::-1]  # the last to be written is the first to come
    order = np.lexsort((ranks, firsts))
    order = order[firsts[order] >= 0]
    numbers = np.empty(len(names), np.int32)
    numbers[order] = np.arange(len(order))
    terms = numbers[found.terms]
    statements = np.repeat(np.arange(len(found.starts) - 1), np.diff(found.starts))
    keys = (statements << _BITS) | terms
    keys.sort()
    return Concordance(
        vocabulary=tuple(found.vocabulary[n] for n in order.tolist()),
        terms=(keys & _LOW).astype(np.int32),
        starts=found.starts,
        sections=found.sections,
    )


@dataclass(frozen=True, slots=True)
class Entries:
    """The concepts of each section, and which of its statements hold each."""

    bags: Bags
    holders: Numbers  #: of each concept in turn, the places in their section of the statements that hold it
    starts: Numbers  #: where the holders of each concept start, and the end of the last


def bag_entries(found: Concordance) -> Entries:
    """Return the concepts of each section of `found` with the statements that hold them."""
    number = len(found)
    statements = np.repeat(np.arange(len(found.starts) - 1), np.diff(found.starts))
    of_statement = np.repeat(np.arange(number), np.diff(found.sections))
    owners = of_statement[statements]
    keys = (owners << _BITS) | found.terms
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    firsts = np.flatnonzero(changes(keys))
    holders = (statements - found.sections[owners])[order]
    return Entries(_bags(keys[firsts], number), holders, np.append(firsts, len(order)))


def only(found: Concordance, places: Numbers) -> Concordance:
    """Return the sections of `found` at `places`, in that order; the concepts keep their numbers."""
    sections, statements = gather(found.sections, places)
    starts, terms = gather(found.starts, statements)
    return Concordance(vocabulary=(), terms=found.terms[terms], starts=starts, sections=sections)


def bags(found: Concordance) -> Bags:
    """Return the concepts of each section, whichever of its statements hold them."""
    owners = np.repeat(np.arange(len(found)), np.diff(found.starts[found.sections]))
    keys = np.sort((owners << _BITS) | found.terms)
    return _bags(keys[changes(keys)], len(found))


def _bags(keys: Numbers, number: int) -> Bags:
    """Return the bags of `number` sections from their concepts, each behind its section, in order."""
    counts = np.bincount(keys >> _BITS, minlength=number)
    return Bags(terms=(keys & _LOW).astype(np.int32), starts=starts_of(counts))


def gather(starts: Numbers, places: Numbers) -> tuple[Numbers, Numbers]:
    """Return, of rows laid end to end, the starts of those at `places` once they stand alone, and where they are."""
    sizes = starts[places + 1] - starts[places]
    found = starts_of(sizes)
    return found, np.arange(found[-1]) + np.repeat(starts[places] - found[:-1], sizes)


def starts_of(sizes: Numbers) -> Numbers:
    """Return where rows of these sizes start when they are laid end to end, and the end of the last."""
    starts = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=starts[1:])
    return starts


def changes(ordered: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """Tell which items differ from the one before."""
    changes = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=changes[1:])
    return changes


@dataclass(slots=True)
class _Texts:
    """Sections on their way into arrays: words are numbered first, so that each is looked at but once."""

    counter: Iterator[int] = field(default_factory=count)
    languages: dict[str, defaultdict[str, int]] = field(default_factory=dict)  #: the numbers of the words of each
    words: "array[int]" = field(default_factory=lambda: array("q"))  #: the number of every word
    sizes: list[int] = field(default_factory=list)  #: words of each sentence
    sentences: list[str] = field(default_factory=list)
    odd: set[int] = field(default_factory=set)  #: sentences that may be furniture whatever their words
    sections: list[tuple[Section, int]] = field(default_factory=list)  #: each with its first sentence

    def add(self, section: Section) -> None:
        self.sections.append((section, len(self.sizes)))
        numbers = self.languages.get(section.language)
        if numbers is None:
            numbers = self.languages[section.language] = defaultdict(self.counter.__next__)
        for block in section.blocks:
            if block.kind is not BlockKind.IMAGE:
                for text, said, plain in sentence_words(block.text):
                    if not plain or text[:3] in _BY:
                        self.odd.add(len(self.sizes))
                    self.sentences.append(text)
                    self.words.extend(map(numbers.__getitem__, said))
                    self.sizes.append(len(said))

    def finish(self) -> Concordance:
        known = _Known(self.languages, next(self.counter))
        words, starts = np.frombuffer(self.words, np.int64), starts_of(np.array(self.sizes, np.int64))
        terms = known.concepts[words]
        owners = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        kept = self._kept(owners[known.hints[words]])
        openings = known.openings(words, owners)
        for start, end, concept in known.phrases(self.words, openings, starts[owners[openings] + 1]):
            terms[start:end] = _NO_CONCEPT
            terms[start] = concept
        keys = np.sort(((owners << _BITS) | terms)[(terms >= 0) & kept[owners]])
        keys = keys[changes(keys)]
        numbers = np.cumsum(kept) - 1
        counts = np.bincount(numbers[keys >> _BITS], minlength=int(kept.sum()))
        bounds = np.array([first for _, first in self.sections] + [len(self.sizes)], np.int64)
        return Concordance(
            vocabulary=known.vocabulary,
            terms=(keys & _LOW).astype(np.int32),
            starts=starts_of(counts),
            sections=np.concatenate([[0], np.cumsum(kept)])[bounds],
        )

    def _kept(self, hinted: Numbers) -> NDArray[np.bool_]:
        """Tell which sentences are no page furniture; `hinted` are those with a word that may be a part of it."""
        kept = np.ones(len(self.sizes), np.bool_)
        firsts = [first for _, first in self.sections]
        for number in sorted(self.odd.union(hinted.tolist())):
            if furniture(self.sentences[number]):
                section = self.sections[bisect_right(firsts, number) - 1][0]
                kept[number] = not may_be_furniture(section.text.casefold())
        return kept


#: What a byline may start with.
_BY = frozenset({"by ", "By ", "bY ", "BY "})

#: Stands where a word is no concept: a stop word, a number, a unit, or a part of a phrase.
_NO_CONCEPT = -1


class _Known:
    """What is known of each word, by its number."""

    def __init__(self, languages: Mapping[str, Mapping[str, int]], number: int) -> None:
        self._found = _Found()
        self.stems = [""] * number
        concepts, opens, follows, hints = ([0] * number for _ in range(4))
        for language, numbers in languages.items():
            for word, n in numbers.items():
                self.stems[n], concept, opens[n], follows[n], hints[n] = _look_up(word, language)
                concepts[n] = self._found[concept]
        self.concepts = np.array(concepts, np.int64)  #: what each word is alone
        self.opens = np.array(opens, np.bool_)  #: words that may open a phrase
        self.follows = np.array(follows, np.bool_)  #: words that may come second in one
        self.hints = np.array(hints, np.bool_)  #: words that may be a part of page furniture

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """Return the concepts by their numbers."""
        return tuple(concept for concept, number in self._found.items() if number != _NO_CONCEPT)

    def openings(self, words: Numbers, owners: Numbers) -> Numbers:
        """Return where a phrase of several words may start: by its first two, which `owners` holds in one sentence."""
        near = self.opens[words[:-1]] & self.follows[words[1:]] & (owners[:-1] == owners[1:])
        return np.flatnonzero(near)

    def phrases(self, words: Sequence[int], openings: Numbers, ends: Numbers) -> Iterator[tuple[int, int, int]]:
        """Yield each phrase: where it starts and ends, and its concept; each starts where the one before has ended.

        Args:
            words: The numbers of all words.
            openings: Where a phrase may start.
            ends: Where the sentence of each opening ends.
        """
        table, left_out, pairs = phrases(), _left_out("en"), _of_phrases().pairs
        done, stem = 0, self.stems.__getitem__
        for start, end in zip(openings.tolist(), ends.tolist(), strict=True):
            if start < done or (stem(words[start]), stem(words[start + 1])) not in pairs:
                continue
            stems = tuple(map(stem, words[start : min(end, start + _longest())]))
            for phrase, concept in table[stems[0]]:  # the longest first
                if len(phrase) > 1 and stems[: len(phrase)] == phrase:
                    done = start + len(phrase)
                    yield start, done, _NO_CONCEPT if concept in left_out else self._found[concept]
                    break


class _Found(dict[str, int]):
    """Concepts, numbered as they come; "" stands for none."""

    def __init__(self) -> None:
        self._numbers = count()
        self[""] = _NO_CONCEPT

    def __missing__(self, concept: str) -> int:
        number = self[concept] = _NO_CONCEPT if concept[0].isdigit() else next(self._numbers)
        return number


@lru_cache(maxsize=REMEMBERED)
def _look_up(word: str, language: str) -> tuple[str, str, bool, bool, bool]:
    """Return the stem, the concept it is alone, and whether it may open or follow in a phrase, or hint at furniture."""
    (stem,) = stem_all([word], language)
    english = language[:2] == "en"
    known = _of_phrases()
    concept = known.alone.get(stem, stem) if english else stem
    concept = "" if concept in _left_out(language) else concept
    return stem, concept, english and stem in known.firsts, english and stem in known.seconds, may_hint(word)


@cache
def _left_out(language: str) -> frozenset[str]:
    return stop_stems(language) | unit_stems()


@dataclass(frozen=True, slots=True)
class _Phrases:
    """The table of concepts, as words are looked up in it."""

    alone: Mapping[str, str]  #: the concepts of single stems
    firsts: frozenset[str]  #: what phrases of several stems start with
    seconds: frozenset[str]  #: and go on with
    pairs: frozenset[tuple[str, str]]


@cache
def _of_phrases() -> _Phrases:
    entries = [(phrase, concept) for found in phrases().values() for phrase, concept in found]
    pairs = frozenset((phrase[0], phrase[1]) for phrase, _ in entries if len(phrase) > 1)
    return _Phrases(
        alone={phrase[0]: concept for phrase, concept in entries if len(phrase) == 1},
        firsts=frozenset(first for first, _ in pairs),
        seconds=frozenset(second for _, second in pairs),
        pairs=pairs,
    )


@cache
def _longest() -> int:
    return max(len(phrase) for found in phrases().values() for phrase, _ in found)
