"""Finds sections that explain the same in words of their own: what is left over when words have been compared."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from content.comparing import overlap
from content.embeddings import Matrix, Vectors, align, place, place_sections, unit
from content.roles import roles
from content.sections import Section
from content.similarity import Affinity, Profile, affinity_of, stated
from content.subjects import Subject, about, not_a_subject
from content.text import sentences
from content.vocabulary import GENERIC

Numbers = NDArray[np.float64]

#: Share of the words in the likeness of two sentences; the rest is the angle between their vectors.
WORDS_SHARE = 0.3

#: What the direction of a section away from the rest of its article adds to the likeness of two sections.
RESIDUAL = 0.3

#: What speaks for two articles being about one thing: rare words of both, the direction of their prose, and that one
#: speaks of what the other names. The weights were fitted (docs/near-duplicates.md).
RARE_WORDS, DIRECTION, MENTIONED = 1.0, 0.55, 0.14

#: The least of it at which two articles are taken to be about one thing.
ONE_SUBJECT = 0.34

#: Below this, sections that words alone would link are not, unless their articles name one subject or copy each other.
DOUBTFUL = 0.12

#: From this likeness on two sections are taken for copies, whatever their articles are about.
COPY = 0.6

#: What speaks for two sections of one subject being the same explainer: how alike they are, by how much more than
#: either is like the other's neighbours, and that their headings say the same role.
LIKENESS, MARGIN, ROLE = 0.45, 0.55, 0.15

#: The least of it at which they are linked; and where their headings say different roles.
ONE_EXPLAINER, DESPITE_ROLES = 0.2, 0.3

#: How alike their sentences must be at least, whatever the lead: below it, sections merely have no better partner.
LEAST_ALIKE = 0.22

#: What the likeness to a neighbour is at least taken for: a section without any is not thereby a good match.
CHANCE = 0.1

#: Scores are rounded to so many digits before they are compared: the last bits of a sum depend on the machine.
DIGITS = 4

#: Up to so many sections are compared by meaning at once; the table of their sentences grows with the square.
MOST = 300


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
    likeness: float  #: of their sentences, 0.0 to 1.0
    subject: float  #: how surely their articles are about one thing


class Reading:
    """Sections read for what they mean."""

    def __init__(self, found: Sequence[Profile], weights: Mapping[str, int], vectors: Vectors) -> None:
        """Read the sections.

        Args:
            found: The sections, in an order that does not depend on how they came; more than `MOST` are not read.
            weights: Of their concepts.
            vectors: Of words.
        """
        spoken = [n for n, p in enumerate(found) if any(p.statements)] if len(found) <= MOST else []
        self._table = _Table.of(found, spoken, weights, vectors) if len(spoken) > 1 else None
        self._articles = _Articles(found, self._table) if self._table else None

    def doubts(self, a: int, b: int) -> bool:
        """Tell whether their articles' prose speaks against one subject, where none is plainly named."""
        if not self._table or not self._articles or not {a, b} <= self._table.row.keys():
            return False
        likeness = self._table.likeness[self._table.row[a], self._table.row[b]]
        return bool(likeness < COPY) and self._articles.apart(a, b)

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
    likeness: Numbers  #: of each pair of rows
    score: Numbers  #: the same with margin and role
    clash: NDArray[np.bool_]

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
            likeness=likeness,
            score=np.round(score, DIGITS),
            clash=clash,
        )


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


class _Articles:
    """The articles, and which of them are about one thing."""

    def __init__(self, found: Sequence[Profile], table: _Table) -> None:
        self._table = table
        self._found = found
        parts: dict[str, list[int]] = defaultdict(list)
        for n in table.row:
            parts[found[n].section.revision].append(n)
        self._places = parts
        self._articles = {revision: _Article.of([found[n] for n in places]) for revision, places in parts.items()}
        self._counts = {revision: _counts([found[n] for n in places]) for revision, places in parts.items()}
        spread = Counter(t for counts in self._counts.values() for t in counts)
        self._order = {t: n for n, t in enumerate(sorted(spread))}
        self._heavy = np.array(
            [math.log(1.5 + len(parts) / spread[t]) / (3 if t in GENERIC else 1) for t in self._order], float
        )
        self._number = {revision: n for n, revision in enumerate(sorted(parts))}
        self._single = self._scores([[r] for r in self._number])

    def apart(self, a: int, b: int) -> bool:
        """Tell whether the articles of two sections, which do not name one subject, are hardly about one thing."""
        first, second = (self._found[n].section.revision for n in (a, b))
        if first == second or _named_alike(self._articles[first], self._articles[second]):
            return False
        i, j = sorted((self._number[first], self._number[second]))
        return float(self._single[i, j]) < DOUBTFUL

    def subjects(self, groups: Sequence[Sequence[int]]) -> Iterator[tuple[list[int], float]]:
        """Yield the places of the sections of each subject, and how sure it is that they are about one thing."""
        found = [(group, 1.0) for group in self._known(groups)]
        while len(found) > 1:
            scores = self._scores([g for g, _ in found])
            i, j = divmod(int(scores.argmax()), len(found))
            if scores[i, j] < ONE_SUBJECT:
                break
            joined = sorted(found[i][0] + found[j][0]), min(found[i][1], found[j][1], float(scores[i, j]))
            found = sorted([g for n, g in enumerate(found) if n not in (i, j)] + [joined])
        for group, sure in found:
            yield sorted(n for revision in group for n in self._places[revision]), sure

    def _known(self, groups: Sequence[Sequence[int]]) -> list[list[str]]:
        """Return articles that share a group of sections already, or whose headings name one subject."""
        head = {revision: revision for revision in self._articles}

        def find(revision: str) -> str:
            while head[revision] != revision:
                revision = head[revision]
            return revision

        for group in groups:
            revisions = sorted({self._found[n].section.revision for n in group})
            for a, b in pairwise(revisions):
                head[find(b)] = find(a)
        for a, b in combinations(sorted(self._articles), 2):
            if _named_alike(self._articles[a], self._articles[b]):
                head[find(b)] = find(a)
        found: dict[str, list[str]] = defaultdict(list)
        for revision in sorted(self._articles):
            found[find(revision)].append(revision)
        return sorted(found.values())

    def _scores(self, groups: Sequence[Sequence[str]]) -> Numbers:
        """Return how surely each two groups of articles are about one thing; -1.0 where they say that they are not."""
        rows = self._table.row
        topics = unit(
            np.array(
                [
                    np.sum([self._table.topics[rows[n]] for r in group for n in self._places[r]], axis=0)
                    for group in groups
                ],
                np.float32,
            )
        )
        rare = np.zeros((len(groups), len(self._order)))
        for number, group in enumerate(groups):
            counts: Counter[str] = Counter()
            for revision in group:
                counts.update(self._counts[revision])
            for term, count in counts.items():
                place_ = self._order[term]
                rare[number, place_] = (1 + math.log(count)) * self._heavy[place_]
        rare /= np.maximum(np.linalg.norm(rare, axis=1, keepdims=True), 1e-9)
        scores = RARE_WORDS * (rare @ rare.T) + DIRECTION * (topics @ topics.T)
        for i, j in combinations(range(len(groups)), 2):
            pairs = [(self._articles[a], self._articles[b]) for a in groups[i] for b in groups[j]]
            if any(_told_apart(a, b) for a, b in pairs):
                scores[i, j] = -1.0
            else:
                scores[i, j] += MENTIONED * sum(_mentioned(a, b) for a, b in pairs) / len(pairs)
        scores[np.tril_indices(len(groups))] = -1.0
        return np.asarray(np.round(scores, DIGITS))


@dataclass(frozen=True, slots=True)
class _Article:
    subject: Subject
    named: bool  #: its title or headings name what it is about, and do not merely play with words

    @classmethod
    def of(cls, parts: Sequence[Profile]) -> "_Article":
        first = parts[0]
        language = first.section.language
        headings = [p.section.heading for p in parts if p.section.heading]
        core = first.subject.core
        naming = Counter(t for h in headings for t in core & about(h, language)[0])
        titled = bool(core & about(first.section.article_title, language)[0]) and 2 * sum(
            not core.isdisjoint(p.bag) for p in parts
        ) >= len(parts)
        only = len(headings) == 1 and bool(naming) and bool(roles(headings[0]))
        return cls(first.subject, titled or only or max(naming.values(), default=0) > 1)


def _counts(parts: Sequence[Profile]) -> Counter[str]:
    counts = Counter(t for p in parts for s in p.statements for t in s)
    counts.update(t for p in parts for t in p.heading - not_a_subject())
    return counts


def _named_alike(a: _Article, b: _Article) -> bool:
    """Tell whether both say plainly what they are about, and it is the same."""
    return a.named and b.named and affinity_of(a.subject, b.subject) is Affinity.SAME


def _told_apart(a: _Article, b: _Article) -> bool:
    """Tell whether both say plainly what they are about, and it is not the same."""
    return a.named and b.named and affinity_of(a.subject, b.subject) is Affinity.DIFFERENT


def _mentioned(a: _Article, b: _Article) -> float:
    """Return how much of what each is about the other speaks of."""
    ways = [
        len(x.core & y.prose) / len(x.core) if x.core else 0.0
        for x, y in ((a.subject, b.subject), (b.subject, a.subject))
    ]
    return sum(ways) / 2


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
        yield Meant(a, b, score, float(table.likeness[table.row[a], table.row[b]]), sure)
        joined = sorted(parts[i] + parts[j])
        parts = sorted([p for n, p in enumerate(parts) if n not in (i, j)] + [joined])


def _together(table: _Table, a: Sequence[int], b: Sequence[int]) -> float | None:
    """Return how surely two groups are one explainer; None when they are not."""
    if {table.profiles[n].section.revision for n in a} & {table.profiles[n].section.revision for n in b}:
        return None
    rows, columns = [table.row[n] for n in a], [table.row[n] for n in b]
    if table.likeness[np.ix_(rows, columns)].mean() < LEAST_ALIKE:
        return None
    score = round(float(table.score[np.ix_(rows, columns)].mean()), DIGITS)
    clashing = bool(table.clash[np.ix_(rows, columns)].all())
    return score if score >= (DESPITE_ROLES if clashing else ONE_EXPLAINER) else None


def _nearest(table: _Table, a: Sequence[int], b: Sequence[int]) -> tuple[int, int]:
    return max(
        ((x, y) for x in a for y in b), key=lambda p: (table.score[table.row[p[0]], table.row[p[1]]], -p[0], -p[1])
    )
