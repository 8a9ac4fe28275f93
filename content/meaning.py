"""Finds sections that explain the same in words of their own: what is left over when words have been compared."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from content.comparing import overlap
from content.embeddings import Matrix, Vectors, align, place, place_sections, unit
from content.kin import DIGITS
from content.kinship import Articles
from content.sections import Section
from content.similarity import Profile, stated
from content.subjects import Heading, name_two_things, read_heading
from content.text import sentences

Numbers = NDArray[np.float64]

#: Share of the words in the likeness of two sentences; the rest is the angle between their vectors.
WORDS_SHARE = 0.3

#: What the direction of a section away from the rest of its article adds to the likeness of two sections.
RESIDUAL = 0.45

#: Below this, sections that words alone would link are not: they share words and say other things, or each has a
#: likelier partner.
UNLIKE = 0.18

#: From this likeness on two sections are taken for copies, whatever their articles are about.
COPY = 0.6

#: What speaks for two sections of one subject being the same explainer: how alike they are, by how much more than
#: either is like the other's neighbours, and that their headings say the same role.
LIKENESS, MARGIN, ROLE = 0.25, 0.75, 0.15

#: The least of it at which they are linked; and where their headings say different roles.
ONE_EXPLAINER, DESPITE_ROLES = 0.2, 0.3

#: How alike their sentences must be at least, whatever the lead: below it, sections merely have no better partner.
LEAST_ALIKE = 0.22

#: What the likeness to a neighbour is at least taken for: a section without any is not thereby a good match.
CHANCE = 0.1

#: Up to so many sections, and sentences, are compared by meaning at once: the table of the sentences grows with the
#: square. So many take half a gigabyte.
MOST, MOST_SENTENCES = 300, 6000


class Meanings:
    """Sentences by what they mean."""

    def __init__(self, placed: Mapping[str, Matrix]) -> None:
        self._placed = placed

    @classmethod
    def of(cls, vectors: Vectors, sections: Iterable[Section]) -> "Meanings":
        """Read every sentence of `sections`."""
        texts = sorted({s.text for section in sections for s in sentences(section.blocks)})
        return cls(dict(zip(texts, place(vectors, texts), strict=True)))

    def alike(self, a: str, b: str) -> float:
        """Return how near two of the sentences lie, -1.0 to 1.0."""
        return round(float(self._placed[a] @ self._placed[b]), DIGITS)


@dataclass(frozen=True, slots=True)
class Meant:
    """Two sections that mean the same, by their places among those that were compared."""

    a: int
    b: int
    score: float
    likeness: float  #: of their sentences, -1.0 to 1.0
    subject: float  #: how surely their articles are about one thing


class Reading:
    """Sections read for what they mean."""

    def __init__(self, found: Sequence[Profile], weights: Mapping[str, int], vectors: Vectors) -> None:
        """Read the sections.

        Args:
            found: The sections, in an order that does not depend on how they came; more than `MOST`, or with more than
                `MOST_SENTENCES`, are not read.
            weights: Of their concepts.
            vectors: Of words.
        """
        few = len(found) <= MOST and sum(len(p.statements) for p in found) <= MOST_SENTENCES
        spoken = [n for n, p in enumerate(found) if any(p.statements)] if few else []
        self._table = _Table.of(found, spoken, weights, vectors) if len(spoken) > 1 else None
        self._articles = Articles(found, self._table.row, self._table.topics) if self._table else None

    def doubts(self, a: int, b: int) -> bool:
        """Tell whether a link by words is to be broken: what they say differs, or their articles' subjects do."""
        if not self._table or not self._articles or not {a, b} <= self._table.row.keys():
            return False
        at = self._table.row[a], self._table.row[b]
        if self._table.likeness[at] >= COPY:
            return False
        return bool(self._table.score[at] < UNLIKE) or self._articles.apart(a, b)

    def match(self, groups: Sequence[Sequence[int]]) -> tuple[Meant, ...]:
        """Return the links between `groups` of sections that mean the same, the surest first.

        Args:
            groups: Places of those that are taken for the same explainer already; every section is in one.
        """
        if not self._table or not self._articles:
            return ()
        table = self._table
        spoken = [[n for n in g if n in table.row] for g in groups]
        linked = [m for places, sure in self._articles.subjects(spoken) for m in _within(table, places, spoken, sure)]
        return tuple(sorted(linked, key=lambda m: (-m.score, m.a, m.b)))


@dataclass(frozen=True, slots=True)
class _Table:
    """How alike all sections are, and which articles they stand in."""

    profiles: Sequence[Profile]
    row: Mapping[int, int]  #: of each section that says something
    topics: Matrix  #: the sum over the sentences of each of them
    aligned: Numbers  #: how alike the sentences of each pair of rows are, -1.0 to 1.0
    likeness: Numbers  #: the same, and how alike they depart from their articles: at most 1.0 + RESIDUAL
    score: Numbers  #: likeness with margin and role
    clash: NDArray[np.bool_]
    headings: Sequence[Heading]  #: of each row
    openings: frozenset[int]  #: what stands before an article's first heading: it leads in or tells a story

    @classmethod
    def of(
        cls, found: Sequence[Profile], spoken: Sequence[int], weights: Mapping[str, int], vectors: Vectors
    ) -> "_Table":
        texts = [stated(found[n].section) for n in spoken]
        starts = np.cumsum([0, *map(len, texts)])[:-1].tolist()
        placed = place(vectors, [t for section in texts for t in section], found[0].section.language)
        cosine = placed @ placed.T
        topics = place_sections(
            vectors, [_headed(found[n].section, told) for n, told in zip(spoken, texts, strict=True)]
        )
        shared = _overlaps([found[n] for n in spoken], weights)
        revisions = [found[n].section.revision for n in spoken]
        own = unit(_less_article(topics, revisions))
        aligned = align((1 - WORDS_SHARE) * cosine + WORDS_SHARE * shared, starts)
        likeness: Numbers = np.round(aligned + RESIDUAL * np.asarray(own @ own.T, np.float64), DIGITS)
        told = [found[n].roles for n in spoken]
        # The first role is what a heading is for; the others are what else it may hold.
        same = np.array([[bool(set(a) & set(b)) for b in told] for a in told])
        first = np.array([[a[:1] == b[:1] for b in told] for a in told])
        sure = np.array([bool(found[n].roles) and not found[n].guessed for n in spoken])
        clash = sure[:, None] & sure[None, :] & ~same
        score = LIKENESS * likeness + MARGIN * (likeness - _rivals(likeness, revisions)) + ROLE * same * (1 + first) / 2
        return cls(
            profiles=found,
            row={n: r for r, n in enumerate(spoken)},
            topics=topics,
            aligned=np.round(aligned, DIGITS),
            likeness=likeness,
            score=np.round(score, DIGITS),
            clash=clash,
            headings=[read_heading(found[n].section.heading, found[n].section.language) for n in spoken],
            openings=_openings(found),
        )


def _openings(found: Sequence[Profile]) -> frozenset[int]:
    headed = {p.section.revision for p in found if p.section.heading}
    return frozenset(n for n, p in enumerate(found) if not p.section.heading and p.section.revision in headed)


def _headed(section: Section, told: Sequence[str]) -> str:
    """Return a section as the model reads it."""
    return f"{section.heading}. {' '.join(told)}" if section.heading else " ".join(told)


def _less_article(topics: Matrix, revisions: Sequence[str]) -> Matrix:
    """Return what each section says beyond what its article is about: its row less the mean of the article's."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, revision in enumerate(revisions):
        rows[revision].append(row)
    result = np.zeros_like(topics)
    for found in rows.values():
        if len(found) > 1:
            result[found] = topics[found] - topics[found].mean(axis=0)
    return result


def _overlaps(found: Sequence[Profile], weights: Mapping[str, int]) -> Numbers:
    """Return the overlap of the concepts of each two sentences, as `comparing.overlap` has it."""
    statements = [s for p in found for s in p.statements]
    number = {t: n for n, t in enumerate(sorted({t for s in statements for t in s}))}
    holds = np.zeros((len(statements), len(number)))
    for place_, statement in enumerate(statements):
        holds[place_, [number[t] for t in statement]] = 1.0
    masses = np.array([weights[t] for t in number], float)
    both = (holds * masses) @ holds.T  # whole numbers: exact in any order
    mass = holds @ masses
    return overlap(both, mass[:, None], mass[None, :])


def _rivals(likeness: Numbers, revisions: Sequence[str]) -> Numbers:
    """Return how alike the likest other pair is that takes one of the two sections to the other's article."""
    rivals = np.full(likeness.shape, CHANCE)
    by_article: dict[str, list[int]] = defaultdict(list)
    for n, revision in enumerate(revisions):
        by_article[revision].append(n)
    for rows in by_article.values():
        for n in rows:
            others = [r for r in rows if r != n]
            if others:
                nearest = likeness[:, others].max(axis=1)
                rivals[:, n] = np.maximum(rivals[:, n], nearest)
                rivals[n, :] = np.maximum(rivals[n, :], nearest)
    return rivals


def _within(table: _Table, places: Sequence[int], groups: Sequence[Sequence[int]], sure: float) -> Iterator[Meant]:
    """Yield the links between groups of sections of one subject, the likest first; never two sections of an article."""
    chosen = set(places)
    parts = [[n for n in group if n in chosen] for group in groups]
    parts = sorted(p for p in parts if p)
    while True:
        pairs = [(_together(table, a, b), i, j) for (i, a), (j, b) in combinations(enumerate(parts), 2)]
        fitting = [(score, i, j) for score, i, j in pairs if score is not None]
        if not fitting:
            return
        score, i, j = max(fitting, key=lambda f: (f[0], -f[1], -f[2]))
        a, b = _nearest(table, parts[i], parts[j])
        yield Meant(a, b, score, float(table.aligned[table.row[a], table.row[b]]), sure)
        joined = sorted(parts[i] + parts[j])
        parts = sorted([p for n, p in enumerate(parts) if n not in (i, j)] + [joined])


def _together(table: _Table, a: Sequence[int], b: Sequence[int]) -> float | None:
    """Return how surely two groups are one explainer; None when they are not."""
    if {table.profiles[n].section.revision for n in a} & {table.profiles[n].section.revision for n in b}:
        return None
    rows, columns = [table.row[n] for n in a], [table.row[n] for n in b]
    if table.likeness[np.ix_(rows, columns)].mean() < LEAST_ALIKE:
        return None
    if any(name_two_things(table.headings[x], table.headings[y]) for x in rows for y in columns):
        return None
    if not table.openings.isdisjoint((*a, *b)) and table.likeness[np.ix_(rows, columns)].max() < COPY:
        return None
    score = round(float(table.score[np.ix_(rows, columns)].mean()), DIGITS)
    clashing = bool(table.clash[np.ix_(rows, columns)].all())
    return score if score >= (DESPITE_ROLES if clashing else ONE_EXPLAINER) else None


def _nearest(table: _Table, a: Sequence[int], b: Sequence[int]) -> tuple[int, int]:
    return max(
        ((x, y) for x in a for y in b), key=lambda p: (table.score[table.row[p[0]], table.row[p[1]]], -p[0], -p[1])
    )
