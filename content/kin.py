"""Tells by their rare words which articles are about one thing, where titles and headings do not say so plainly."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from content.roles import roles
from content.similarity import Affinity, Profile, affinity_of
from content.subjects import Subject, about, not_a_subject
from content.vocabulary import GENERIC

Scores = NDArray[np.float64]

#: What counts beside the likeness of two articles: by how much it is more than that of either with the next best.
LEAD = 2.0

#: What the likeness to the next best is at least taken for: an article without any is not thereby a good match.
CHANCE = 0.05

#: The least likeness, with its lead, at which articles are taken to be about one thing (docs/near-duplicates.md).
ONE_SUBJECT = 0.15

#: Up to so many sections their articles are compared so: all with all, and anew whenever two have joined.
MOST = 300

#: Scores are rounded to so many digits before they are compared: the last bits of a sum depend on the machine.
DIGITS = 4


@dataclass(frozen=True, slots=True)
class Billing:
    """How plainly an article says what it is about."""

    subject: Subject
    named: bool  #: its title or headings name it, and do not merely play with words

    @classmethod
    def of(cls, parts: Sequence[Profile]) -> "Billing":
        """Read the sections of one article."""
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

    def like(self, other: "Billing") -> bool:
        """Tell whether both say plainly what they are about, and it is the same."""
        return self.named and other.named and affinity_of(self.subject, other.subject) is Affinity.SAME

    def unlike(self, other: "Billing") -> bool:
        """Tell whether both say plainly what they are about, and it is not the same."""
        if not self.named or not other.named:
            return False
        apart = self.subject.core.isdisjoint(other.subject.core)
        return apart or affinity_of(self.subject, other.subject) is Affinity.DIFFERENT


class RareWords:
    """How often articles use the words that few of them use."""

    def __init__(self, articles: Mapping[str, Sequence[Profile]]) -> None:
        """Count the words of the sections of each article, by its revision."""
        self._counts = {revision: _counts(parts) for revision, parts in articles.items()}
        spread = Counter(t for counts in self._counts.values() for t in counts)
        self._order = {t: n for n, t in enumerate(sorted(spread))}
        self._heavy = np.array(
            [math.log(1.5 + len(articles) / spread[t]) / (3 if t in GENERIC else 1) for t in self._order], float
        )

    def direction(self, group: Sequence[str]) -> Scores:
        """Return the direction of the words of some articles together: of length 1, or 0 where there are none."""
        counts: Counter[str] = Counter()
        for revision in group:
            counts.update(self._counts[revision])
        found = np.zeros(len(self._order))
        for term, count in counts.items():
            place = self._order[term]
            found[place] = (1 + math.log(count)) * self._heavy[place]
        return np.asarray(found / max(float(np.linalg.norm(found)), 1e-9))


def _counts(parts: Sequence[Profile]) -> Counter[str]:
    counts = Counter(t for p in parts for s in p.statements for t in s)
    counts.update(t for p in parts for t in p.heading - not_a_subject())
    return counts


def by_article(found: Sequence[Profile]) -> dict[str, list[Profile]]:
    """Return the sections that say something of each article, by its revision."""
    parts: dict[str, list[Profile]] = defaultdict(list)
    for profile in found:
        if profile.bag:
            parts[profile.section.revision].append(profile)
    return dict(sorted(parts.items()))


def relatives(found: Sequence[Profile]) -> list[list[str]]:
    """Return the articles that are about one thing, by their revisions: the likest join first, while they are like.

    Articles that plainly say that they are about different things never join. The order of `found` makes no difference.
    """
    articles = by_article(found)
    billings = {revision: Billing.of(parts) for revision, parts in articles.items()}
    words = RareWords(articles)
    groups = _alike(billings)
    directions = np.array([words.direction(g) for g in groups])
    apart = _apart(groups, billings)
    while len(groups) > 1:
        scores = _with_lead(np.where(apart, -1.0, directions @ directions.T))
        i, j = divmod(int(scores.argmax()), len(groups))
        if scores[i, j] < ONE_SUBJECT:
            break
        groups[i] = sorted(groups[i] + groups.pop(j))
        directions[i] = words.direction(groups[i])
        apart[i] |= apart[j]
        apart[:, i] |= apart[:, j]
        directions = np.delete(directions, j, axis=0)
        apart = np.delete(np.delete(apart, j, axis=0), j, axis=1)
    return groups


def _alike(billings: Mapping[str, Billing]) -> list[list[str]]:
    """Return the articles that plainly say that they are about the same."""
    head = {revision: revision for revision in billings}
    for a, b in combinations(billings, 2):
        if head[a] != head[b] and billings[a].like(billings[b]):
            old, new = sorted((head[a], head[b]), reverse=True)
            head.update({revision: new for revision, first in head.items() if first == old})
    found: dict[str, list[str]] = defaultdict(list)
    for revision in sorted(head):
        found[head[revision]].append(revision)
    return sorted(found.values())


def _apart(groups: Sequence[Sequence[str]], billings: Mapping[str, Billing]) -> NDArray[np.bool_]:
    """Tell which groups hold articles that say that they are about different things; each is apart from itself."""
    apart = np.eye(len(groups), dtype=np.bool_)
    for i, j in combinations(range(len(groups)), 2):
        apart[i, j] = apart[j, i] = any(billings[a].unlike(billings[b]) for a in groups[i] for b in groups[j])
    return apart


def _with_lead(likeness: Scores) -> Scores:
    """Return how alike groups are, and how much more so than either is like the next best; -1.0 below the diagonal."""
    if len(likeness) > 2:  # of two there is no next best
        second, best = np.partition(likeness, -2, axis=1)[:, -2:].T
        rival = np.where(likeness == best[:, None], second[:, None], best[:, None])
        lead = likeness - np.maximum(np.maximum(rival, rival.T), CHANCE)
        likeness = np.where(likeness > -1.0, likeness + LEAD * lead, -1.0)
    scores = np.round(likeness, DIGITS)
    scores[np.tril_indices(len(scores))] = -1.0
    return np.asarray(scores)
