"""Learns what comparing needs to know of sections: weights of concepts, subjects, roles; and likens bare texts."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from content.claims import terms
from content.concordance import READ_AT_ONCE, Bags, Concordance, Numbers, Small, bags, join, read
from content.furniture import furniture, may_be_furniture
from content.guessing import OVERRULING, SHARE, Voices
from content.roles import Role, closes, roles
from content.sections import Section
from content.subjects import FEW, Subject, infer, learn, mark_ambiguous
from content.text import sentences, words
from content.vocabulary import GENERIC

#: Weights are whole numbers, so that a sum does not depend on the order of its parts, to the last bit.
UNIT = 256

#: Share of Jaccard in a statement's overlap; the rest is containment. Echoes are often shorter than their original.
JACCARD_SHARE = 0.6


class Affinity(IntEnum):
    """How surely two sections are about the same subject."""

    DIFFERENT = 0
    POSSIBLE = 1  #: one names more than the other: "mask" and "clay mask", where there are sheet masks too
    LIKELY = 2  #: one does not name it, but its prose is like that of articles that do
    SAME = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What the comparison needs to know of one section."""

    section: Section
    bag: frozenset[str]
    mass: int  #: the weight of the whole bag
    statements: tuple[frozenset[str], ...]
    masses: tuple[int, ...]  #: the weight of each statement
    heading: frozenset[str]
    roles: tuple[Role, ...]  #: the likeliest first
    guessed: bool  #: the heading tells no role; the prose does
    subject: Subject  #: of the article


class Profiles:
    """What is known of some sections, in their order: as arrays, for a million of them, and as a `Profile` of each."""

    def __init__(self, sections: Sequence[Section], words: Concordance) -> None:
        """Learn from `sections`, whose concepts are `words`, what the comparison needs."""
        self.sections = tuple(sections)
        self.words = words
        self.bags = bags(words)
        self.masses = _masses(self.bags, words.vocabulary)  #: what each concept weighs, by its number
        self.subjects = _subjects(self.sections, self._bag)
        self.headings = [terms(s.heading, s.language) if s.heading else NOTHING for s in self.sections]
        self.roles, self.guessed = self._roles()

    @property
    def weights(self) -> dict[str, int]:
        """Return what each concept weighs: the rarer, the heavier."""
        return dict(zip(self.words.vocabulary, self.masses.tolist(), strict=True))

    @property
    def each(self) -> tuple[Profile, ...]:
        """Return a profile of each section."""
        weights = self.weights
        return tuple(self._profile(n, weights) for n in range(len(self.sections)))

    def _profile(self, number: int, weights: Mapping[str, int]) -> Profile:
        bag = self._bag(number)
        first, last = self.words.sections[number : number + 2].tolist()
        found = tuple(self._held(self.words.terms, self.words.starts, n) for n in range(first, last))
        return Profile(
            section=self.sections[number],
            bag=bag,
            mass=mass(bag, weights),
            statements=found,
            masses=tuple(mass(f, weights) for f in found),
            heading=self.headings[number],
            roles=self.roles[number],
            guessed=self.guessed[number],
            subject=self.subjects[self.sections[number].revision],
        )

    def _bag(self, number: int) -> frozenset[str]:
        return self._held(self.bags.terms, self.bags.starts, number)

    def _held(self, numbers: Small, starts: Numbers, number: int) -> frozenset[str]:
        vocabulary = self.words.vocabulary
        return frozenset(vocabulary[n] for n in numbers[starts[number] : starts[number + 1]].tolist())

    def _roles(self) -> tuple[list[tuple[Role, ...]], list[bool]]:
        """Return for each section its roles, and whether they are but guessed from its prose."""
        sizes = Counter(s.revision for s in self.sections)
        told = [_roles(s, sizes[s.revision]) for s in self.sections]
        known = {n: self._bag(n) for n, s in enumerate(self.sections) if s.heading}
        voices = Voices.of((told[n][0], bag) for n, bag in known.items() if told[n])
        weights = self.weights if known else {}
        guessed = [False] * len(told)
        for n, bag in known.items():
            told[n], guessed[n] = _with_guess(told[n], voices, bag, weights)
        return told, guessed


NOTHING: frozenset[str] = frozenset()


def profiles(sections: Iterable[Section]) -> Profiles:
    """Return what is known of `sections`; the subjects are learned from all sections of the same article here."""
    ordered = tuple(sections)
    return Profiles(ordered, join(read(part) for part in in_parts(ordered)))


def in_parts(sections: Sequence[Section]) -> Iterator[Sequence[Section]]:
    """Yield `sections` as many at a time as are read at once."""
    return (sections[i : i + READ_AT_ONCE] for i in range(0, len(sections), READ_AT_ONCE))


def _masses(found: Bags, vocabulary: Sequence[str]) -> Numbers:
    counts = np.bincount(found.terms, minlength=len(vocabulary)).tolist()
    by_count = {n: _weight(n, len(found)) for n in set(counts)}
    return np.array(
        [by_count[n] // (3 if t in GENERIC else 1) for n, t in zip(counts, vocabulary, strict=True)], np.int64
    )


def _with_guess(
    told: tuple[Role, ...], voices: Voices, bag: frozenset[str], weights: Mapping[str, int]
) -> tuple[tuple[Role, ...], bool]:
    guess = voices.guess(bag, weights, OVERRULING if told else SHARE)
    if guess is None or guess in told:
        return told, False
    return (*told, guess), not told


def subjects_of(sections: Sequence[Section]) -> dict[str, Subject]:
    """Return what each article is about, by its revision, as far as its sections among these tell."""
    return _subjects(sections, lambda n: NOTHING.union(*(terms(t, sections[n].language) for t in stated(sections[n]))))


def _subjects(sections: Sequence[Section], bag: Callable[[int], frozenset[str]]) -> dict[str, Subject]:
    by_article: dict[str, list[int]] = defaultdict(list)
    for number, section in enumerate(sections):
        by_article[section.revision].append(number)
    if len(by_article) > FEW and not any(s.heading or s.article_title for s in sections):
        return dict.fromkeys(by_article, NAMELESS)
    learned = {}
    for revision, numbers in by_article.items():
        first, headings = sections[numbers[0]], [sections[n].heading for n in numbers]
        learned[revision] = learn(first.article_title, headings, [bag(n) for n in numbers], first.language)
    return mark_ambiguous(infer(learned))


#: The subject of each article in an archive where none names any.
NAMELESS = Subject(core=NOTHING, purpose=NOTHING, prose=NOTHING, silent=True, firm=False, ambiguous=True)


def stated(section: Section) -> tuple[str, ...]:
    """Return the sentences of `section` that are compared: all but page furniture."""
    found = sentences(section.blocks)
    if may_be_furniture(section.text.casefold()):
        found = tuple(sentence for sentence in found if not furniture(sentence.text))
    return tuple(sentence.text for sentence in found)


def _roles(section: Section, of: int) -> tuple[Role, ...]:
    if section.heading:
        return roles(section.heading)
    if closes(section.text):
        return (Role.CLOSING,)
    return (Role.WHAT,) if section.position == 0 and of > 1 else ()


def weigh(bags: Iterable[frozenset[str]]) -> Mapping[str, int]:
    """Return the weight of each concept among `bags`: the rarer, the heavier; generic ones count a third."""
    counts: Counter[str] = Counter()
    number = 0
    for bag in bags:
        counts.update(bag)
        number += 1
    return {t: _weight(n, number) // (3 if t in GENERIC else 1) for t, n in counts.items()}


def _weight(count: int, of: int) -> int:
    return round(UNIT * math.log(1.5 + of / count))


def mass(terms: Iterable[str], weights: Mapping[str, int]) -> int:
    """Return the weight of some concepts together."""
    return sum(map(weights.__getitem__, terms))


def affinity_of(left: Subject, right: Subject) -> Affinity:
    """Tell how surely two articles are about the same subject."""
    if not left.core or not right.core:
        return Affinity.POSSIBLE
    if left.core.isdisjoint(right.core):
        if left.kin & right.core or right.kin & left.core:
            return Affinity.LIKELY
        mutual = left.core & right.prose and right.core & left.prose
        return Affinity.POSSIBLE if mutual else Affinity.DIFFERENT
    only_left = left.core - right.core - right.prose - right.purpose
    only_right = right.core - left.core - left.prose - left.purpose
    if (only_left | only_right) & QUALIFIERS:
        return Affinity.DIFFERENT
    # "Clay mask" and "sheet mask" differ; in "why people love their roller" nothing stands beside the roller.
    telling_left, telling_right = only_left & left.compounds, only_right & right.compounds
    if telling_left and telling_right:
        return Affinity.DIFFERENT
    # "Laser for acne" is not "laser hair removal": one names what it is for, the other what it is, and neither both.
    aims_left = left.purpose - right.core - right.purpose - right.prose
    aims_right = right.purpose - left.core - left.purpose - left.prose
    if (telling_left and aims_right) or (telling_right and aims_left):
        return Affinity.DIFFERENT
    vaguer = left if telling_right else right
    if (only_left or only_right) and vaguer.ambiguous:
        return Affinity.POSSIBLE
    # "Brow tint" and "brows after microblading": each names what the other does not.
    differ = left.core - right.core and right.core - left.core
    return Affinity.SAME if left.firm and right.firm and not differ else Affinity.LIKELY


#: Put before another treatment's name these make a treatment of their own, with its own explainers.
QUALIFIERS = frozenset(
    "radiofrequency laser led ultrasound fraction enzym gel carbon plasma cryo hybrid russian hydro ipl".split()
)


#: Letters per run when two texts are compared letter by letter: enough to hold a stem, too few to need one.
LETTERS = 4


@dataclass(frozen=True, slots=True)
class Traits:
    """What `alike` compares of a text: its concepts, its words, and its runs of letters."""

    concepts: frozenset[str]
    words: frozenset[str]
    letters: frozenset[str]


def traits(text: str, language: str = "en") -> Traits:
    """Return the traits of `text`."""
    found = words(text)
    run = " ".join(found)
    return Traits(
        terms(text, language),
        frozenset(found),
        frozenset(run[i : i + LETTERS] for i in range(max(1, len(run) - LETTERS + 1))) if run else frozenset(),
    )


def alike(a: Traits, b: Traits, weights: Mapping[str, int] | None = None) -> float:
    """Return how alike two texts without headings are, 0.0 to 1.0; for sections `judging.Judge` sees more.

    Args:
        a: One text.
        b: The other.
        weights: Of concepts, words and runs of letters alike (`weigh` over `Traits` joined); equal when None.
    """
    known = weights or {}
    parts = ((a.concepts, b.concepts), (a.words, b.words), (a.letters, b.letters))
    return sum(_jaccard(x, y, known) for x, y in parts) / 3


def _jaccard(a: frozenset[str], b: frozenset[str], weights: Mapping[str, int]) -> float:
    both = sum(weights.get(t, UNIT) for t in a & b)
    total = sum(weights.get(t, UNIT) for t in a | b)
    contained = min(sum(weights.get(t, UNIT) for t in a), sum(weights.get(t, UNIT) for t in b))
    return JACCARD_SHARE * both / total + (1 - JACCARD_SHARE) * both / contained if contained else 0.0
