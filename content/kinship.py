"""Tells which articles are about one thing, where their titles and headings do not say so plainly."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from content.embeddings import Matrix, unit
from content.kin import DIGITS, Billing, RareWords
from content.similarity import Profile

Numbers = NDArray[np.float64]

#: What speaks for two articles being about one thing: rare words of both, the direction of their prose, and that one
#: speaks of what the other names. The weights were fitted (docs/near-duplicates.md).
RARE_WORDS, DIRECTION, MENTIONED = 1.0, 0.55, 0.14

#: The least of it at which two articles are taken to be about one thing.
ONE_SUBJECT = 0.26

#: Below this, sections that words alone would link are not, unless their articles name one subject or copy each other.
DOUBTFUL = 0.12


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
        articles = {revision: [found[n] for n in places] for revision, places in parts.items()}
        self._articles = {revision: Billing.of(of) for revision, of in articles.items()}
        self._words = RareWords(articles)
        self._number = {revision: n for n, revision in enumerate(sorted(parts))}
        self._single = self._scores([[r] for r in self._number])

    def apart(self, a: int, b: int) -> bool:
        """Tell whether the articles of two sections, which do not name one subject, are hardly about one thing."""
        first, second = (self._found[n].section.revision for n in (a, b))
        if first == second or self._articles[first].like(self._articles[second]):
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
        heads = {revision: [revision] for revision in self._articles}  # of each article those that it is joined with

        def join(a: str, b: str) -> None:
            # "Sunscreen, every morning" stands with retinol and with peels: that does not make them one subject.
            if heads[a] is not heads[b] and not any(
                self._articles[x].unlike(self._articles[y]) for x in heads[a] for y in heads[b]
            ):
                heads[a].extend(heads[b])
                heads.update(dict.fromkeys(heads[b], heads[a]))

        for a, b in combinations(sorted(self._articles), 2):
            if self._articles[a].like(self._articles[b]):
                join(a, b)
        for group in groups:
            for a, b in pairwise(sorted({self._found[n].section.revision for n in group})):
                join(a, b)
        return sorted(map(sorted, {id(joined): joined for joined in heads.values()}.values()))

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
        rare = np.array([self._words.direction(group) for group in groups])
        scores = RARE_WORDS * (rare @ rare.T) + DIRECTION * (topics @ topics.T)
        for i, j in combinations(range(len(groups)), 2):
            pairs = [(self._articles[a], self._articles[b]) for a in groups[i] for b in groups[j]]
            if any(a.unlike(b) for a, b in pairs):
                scores[i, j] = -1.0
            else:
                scores[i, j] += MENTIONED * sum(_mentioned(a, b) for a, b in pairs) / len(pairs)
        scores[np.tril_indices(len(groups))] = -1.0
        return np.asarray(np.round(scores, DIGITS))


def _mentioned(a: Billing, b: Billing) -> float:
    """Return how much of what each is about the other speaks of."""
    ways = [
        len(x.core & y.prose) / len(x.core) if x.core else 0.0
        for x, y in ((a.subject, b.subject), (b.subject, a.subject))
    ]
    return sum(ways) / 2
