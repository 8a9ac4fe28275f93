"""Scores how much two sections say the same, and tells in words why."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from content.claims import terms
from content.furniture import furniture, may_be_furniture
from content.guessing import OVERRULING, SHARE, Voices
from content.roles import Role, closes, roles
from content.sections import Section
from content.subjects import Subject, infer, learn, mark_ambiguous
from content.text import sentences, words
from content.vocabulary import GENERIC

#: Weights are whole numbers, so that a sum does not depend on the order of its parts, to the last bit.
UNIT = 256

#: A section with more sentences than this is compared as one bag of words: aligning them would be quadratic.
ALIGNED_SENTENCES = 60

#: Share of Jaccard in a statement's overlap; the rest is containment. Echoes are often shorter than their original.
JACCARD_SHARE = 0.6


#: Below this overlap of all words, two sections say the same only if their subject and their headings do.
FAR = 0.15


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


@dataclass(frozen=True, slots=True)
class Profiles:
    """The profiles of some sections, in their order, and the weights that all of them were made with."""

    each: tuple[Profile, ...]
    weights: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for two sections being the same explainer."""

    score: float
    affinity: Affinity
    role: Role | None  #: the role both have by their headings; the place of a passage is no evidence
    clash: bool  #: their headings name different roles
    aligned: float  #: how well the sentences of one match those of the other, 0.0 to 1.0
    overlap: float  #: of all their words


def profiles(sections: Iterable[Section]) -> Profiles:
    """Return a profile of each section; the subjects are learned from all sections of the same article here."""
    ordered = tuple(sections)
    statements = [_statements(s) for s in ordered]
    bags = [frozenset[str]().union(*found) for found in statements]
    weights = weigh(bags)
    subjects = _subjects(ordered, bags)
    known = _all_roles(ordered, bags, weights)
    each = (
        Profile(
            section=s,
            bag=bag,
            mass=mass(bag, weights),
            statements=found,
            masses=tuple(mass(f, weights) for f in found),
            heading=terms(s.heading, s.language),
            roles=told,
            guessed=guessed,
            subject=subjects[s.revision],
        )
        for s, found, bag, (told, guessed) in zip(ordered, statements, bags, known, strict=True)
    )
    return Profiles(tuple(each), weights)


def _all_roles(
    sections: Sequence[Section], bags: Sequence[frozenset[str]], weights: Mapping[str, int]
) -> list[tuple[tuple[Role, ...], bool]]:
    """Return for each section its roles, and whether they are but guessed from its prose."""
    sizes = Counter(s.revision for s in sections)
    told = [_roles(s, sizes[s.revision]) for s in sections]
    voices = Voices.of((r[0], bag) for s, r, bag in zip(sections, told, bags, strict=True) if r and s.heading)
    return [
        _with_guess(r, voices, bag, weights) if s.heading else (r, False)
        for s, r, bag in zip(sections, told, bags, strict=True)
    ]


def _with_guess(
    told: tuple[Role, ...], voices: Voices, bag: frozenset[str], weights: Mapping[str, int]
) -> tuple[tuple[Role, ...], bool]:
    guess = voices.guess(bag, weights, OVERRULING if told else SHARE)
    if guess is None or guess in told:
        return told, False
    return (*told, guess), not told


def subjects_of(sections: Sequence[Section]) -> dict[str, Subject]:
    """Return what each article is about, by its revision, as far as its sections among these tell."""
    return _subjects(sections, [frozenset[str]().union(*_statements(s)) for s in sections])


def _subjects(sections: Sequence[Section], bags: Sequence[frozenset[str]]) -> dict[str, Subject]:
    by_article: dict[str, list[tuple[Section, frozenset[str]]]] = defaultdict(list)
    for section, bag in zip(sections, bags, strict=True):
        by_article[section.revision].append((section, bag))
    learned = infer(
        {
            revision: learn(
                parts[0][0].article_title, [s.heading for s, _ in parts], [b for _, b in parts], parts[0][0].language
            )
            for revision, parts in by_article.items()
            for first, _ in parts[:1]
        }
    )
    return mark_ambiguous(learned)


def stated(section: Section) -> tuple[str, ...]:
    """Return the sentences of `section` that are compared: all but page furniture."""
    found = sentences(section.blocks)
    if may_be_furniture(section.text.casefold()):
        found = tuple(sentence for sentence in found if not furniture(sentence.text))
    return tuple(sentence.text for sentence in found)


def _statements(section: Section) -> tuple[frozenset[str], ...]:
    return tuple(terms(text, section.language) for text in stated(section))


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


def overlap(a: frozenset[str], b: frozenset[str], left: int, right: int, weights: Mapping[str, int]) -> float:
    """Return how much two sets of concepts, of the masses `left` and `right`, have in common, 0.0 to 1.0."""
    common = a & b
    if not common:
        return 0.0
    both = mass(common, weights)
    return JACCARD_SHARE * both / (left + right - both) + (1 - JACCARD_SHARE) * both / min(left, right) if both else 0.0


def compare(a: Profile, b: Profile, weights: Mapping[str, int]) -> Evidence:
    """Return the evidence that two sections are the same explainer."""
    affinity = affinity_of(a.subject, b.subject)
    shared = next((r for r in a.roles if r in b.roles), None)
    clash = bool(a.roles and b.roles and not shared) and not (a.guessed or b.guessed)
    headed = bool(a.section.heading and b.section.heading)
    told = shared if headed or shared is Role.CLOSING else None  # a conclusion says itself what it is
    if not a.bag or not b.bag:  # headings over nothing but page furniture
        return Evidence(0.0, affinity, told, clash, 0.0, 0.0)
    whole = overlap(a.bag, b.bag, a.mass, b.mass, weights)
    # Unless the subject is the same and no role speaks against it, much must match, and where few words do, it cannot.
    hopeless = whole < FAR and (clash or affinity < Affinity.LIKELY)
    aligned = align(a, b, weights) if whole and not hopeless else 0.0
    union = a.heading | b.heading
    score = 0.5 * aligned + 0.3 * whole + (0.2 * len(a.heading & b.heading) / len(union) if union else 0.0)
    if not headed:
        score /= 0.8  # a passage has no heading that could be alike
    score += 0.1 if shared and a.roles[0] == b.roles[0] else 0.0
    return Evidence(min(score, 1.0), affinity, told, clash, aligned, whole)


def align(a: Profile, b: Profile, weights: Mapping[str, int]) -> float:
    """Return how well each sentence finds a like one on the other side: the mean of both ways, by weight."""
    if len(a.statements) > ALIGNED_SENTENCES or len(b.statements) > ALIGNED_SENTENCES:
        return overlap(a.bag, b.bag, a.mass, b.mass, weights)
    theirs = tuple(zip(b.statements, b.masses, strict=True))
    table = [[overlap(x, y, m, n, weights) for y, n in theirs] for x, m in zip(a.statements, a.masses, strict=True)]
    return (_best(a.masses, map(max, table)) + _best(b.masses, map(max, zip(*table, strict=True)))) / 2


def _best(masses: Sequence[int], best: Iterable[float]) -> float:
    total = sum(masses)
    return sum(n * score for n, score in zip(masses, best, strict=True)) / total if total else 0.0


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
    vaguer = left if telling_right else right
    if (only_left or only_right) and vaguer.ambiguous:
        return Affinity.POSSIBLE
    return Affinity.SAME if left.firm and right.firm else Affinity.LIKELY


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
    """Return how alike two texts without headings are, 0.0 to 1.0; for sections use `compare`, which sees more.

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
