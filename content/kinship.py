"""Tells which articles are about one thing, where their titles and headings do not say so plainly."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from content.embeddings import Matrix, unit
from content.roles import roles
from content.similarity import Affinity, Profile, affinity_of
from content.subjects import Subject, about, not_a_subject
from content.vocabulary import GENERIC

Numbers = NDArray[np.float64]

#: What speaks for two articles being about one thing: rare words of both, the direction of their prose, and that one
#: speaks of what the other names. The weights were fitted (docs/near-duplicates.md).
RARE_WORDS, DIRECTION, MENTIONED = 1.0, 0.55, 0.14

#: The least of it at which two articles are taken to be about one thing.
ONE_SUBJECT = 0.26

#: Below this, sections that words alone would link are not, unless their articles name one subject or copy each other.
DOUBTFUL = 0.12

#: Scores are rounded to so many digits before they are compared: the last bits of a sum depend on the machine.
DIGITS = 4


class Articles:
    """The articles, and which of them are about one thing."""

    def __init__(self, found: Sequence[Profile], rows: Mapping[int, int], topics: Matrix) -> None:
        """Read the articles.

        Args:
            found: Their sections.
            rows: Where each section that says something stands in `topics`.
            topics: Where each of these lies.
        """
        self._rows, self._topics = rows, topics
        self._found = found
        parts: dict[str, list[int]] = defaultdict(list)
        for n in rows:
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
                # "Sunscreen, every morning" stands with retinol and with peels: that does not make them one subject.
                if not _told_apart(self._articles[a], self._articles[b]):
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
        topics = unit(
            np.array(
                [
                    np.sum([self._topics[self._rows[n]] for r in group for n in self._places[r]], axis=0)
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
