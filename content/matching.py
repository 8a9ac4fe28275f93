"""Chooses which sections are compared, and links those of two articles that say the same, one to one."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from content.candidates import Pairs, partners_of
from content.comparing import Flags
from content.concordance import Numbers, changes, gather, starts_of
from content.judging import Findings, Judge
from content.similarity import Affinity

#: Up to so many sections every pair of articles is compared. Beyond, those that share rare words, or their subject.
ALL_PAIRS = 300

#: Pairs that share less of the lighter section's weight are not compared beyond `ALL_PAIRS`.
LEAST_SHARED = 0.25

#: Articles of one subject that are all compared with each other beyond `ALL_PAIRS`; of more, those that share rare
#: words. An archive holds thousands of articles about retinol: comparing all of them would be quadratic.
SAME_SUBJECT = 30


@dataclass(frozen=True, slots=True)
class Matches:
    """Pairs of sections of two articles each: all sections of one with all of the other, row by row, match by match."""

    a: Numbers
    b: Numbers
    starts: Numbers  #: where the pairs of each match start, and the end of the last
    columns: Numbers  #: of each match how many sections of the second article


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Which sections are compared, by their places."""

    inside: tuple[Numbers, Numbers]  #: pairs of one article
    between: Matches
    compared: int  #: pairs of articles, and articles with themselves
    passed_over: int


@dataclass(frozen=True, slots=True)
class _Rows:
    """Places, laid end to end: those of each article, or of one side of each match."""

    places: Numbers
    starts: Numbers

    @property
    def sizes(self) -> Numbers:
        return np.diff(self.starts)

    def matched(self, a: Numbers, other: "_Rows", b: Numbers) -> Matches:
        """Match each of the rows `a` with the one of `other`'s rows `b`."""
        sizes, widths = self.sizes[a], other.sizes[b]
        starts = starts_of(sizes * widths)
        of = np.repeat(np.arange(len(a)), sizes * widths)
        row, column = np.divmod(np.arange(starts[-1]) - starts[of], widths[of])
        return Matches(
            self.places[self.starts[a[of]] + row], other.places[other.starts[b[of]] + column], starts, widths
        )


def plan(judge: Judge, originals: Numbers) -> Plan:
    """Return which of the sections at the places `originals`, in ascending order, are to be compared."""
    articles = _articles(judge.articles[originals], originals)
    several = int((articles.sizes > 1).sum())
    if len(originals) <= ALL_PAIRS:
        a, b = np.triu_indices(len(articles.sizes), 1)
        between = articles.matched(a, articles, b)
        return Plan(inside=_inside(articles), between=between, compared=several + len(a), passed_over=0)
    near = partners_of(judge.known.bags.only(originals), judge.known.masses, LEAST_SHARED)
    pairs = originals[near.pairs]
    owners = np.zeros(len(judge.articles), np.int64)
    owners[articles.places] = np.repeat(np.arange(len(articles.sizes)), articles.sizes)
    one = owners[pairs[:, 0]] == owners[pairs[:, 1]]
    between = _between(judge, articles, owners, pairs[~one])
    return Plan(
        inside=_inside(articles, pairs[one]),
        between=between,
        compared=several + len(between.columns),
        passed_over=near.passed_over,
    )


def _articles(numbers: Numbers, places: Numbers) -> _Rows:
    """Return the places of each article, the articles in the order of their first places."""
    order = np.argsort(numbers, kind="stable")
    firsts = np.flatnonzero(changes(numbers[order]))
    found = places[order]
    starts, at = gather(np.append(firsts, len(found)), np.argsort(found[firsts]))
    return _Rows(found[at], starts)


def _inside(articles: _Rows, near: Pairs | None = None) -> tuple[Numbers, Numbers]:
    """Return all pairs of each article; of one with more than `ALL_PAIRS` sections only the `near` ones."""
    pairs = [np.empty((0, 2), np.int64)]
    for number in np.flatnonzero(articles.sizes > 1).tolist():
        places = articles.places[articles.starts[number] : articles.starts[number + 1]]
        if near is None or len(places) <= ALL_PAIRS:
            pairs.append(places[np.stack(np.triu_indices(len(places), 1), axis=1)])
        else:
            pairs.append(near[np.isin(near[:, 0], places)])
    found = np.concatenate(pairs)
    return found[:, 0], found[:, 1]


def _between(judge: Judge, articles: _Rows, owners: Numbers, near: Pairs) -> Matches:
    """Match all sections of two articles on one subject; of others only those that share rare words."""
    swapped = owners[near[:, 0]] > owners[near[:, 1]]
    near = np.where(swapped[:, None], near[:, ::-1], near)
    keys = (owners[near[:, 0]] << 32) | owners[near[:, 1]]
    alike = np.array([(a << 32) | b for a, b in _same_subject(judge, articles)], np.int64)
    matches = np.unique(np.concatenate([keys, alike]))
    left, right = matches >> 32, matches & 0xFFFFFFFF
    numbers = judge.articles[articles.places[articles.starts[:-1]]]
    whole = articles.sizes[left] + articles.sizes[right] == 2
    whole |= judge.affinities(numbers[left], numbers[right]) >= Affinity.LIKELY
    of = np.searchsorted(matches, keys)
    sides = (_side(articles, side, whole, near[:, n], of) for n, side in ((0, left), (1, right)))
    rows, columns = sides
    every = np.arange(len(matches))
    return rows.matched(every, columns, every)


def _side(articles: _Rows, numbers: Numbers, whole: Flags, near: Numbers, of: Numbers) -> _Rows:
    """Return the places of one side of each match: of the `whole` ones all of the article, else the `near` ones."""
    all_of = np.flatnonzero(whole)
    starts, at = gather(articles.starts, numbers[all_of])
    some = ~whole[of]
    keys = np.concatenate(
        [(of[some] << 32) | near[some], (np.repeat(all_of, np.diff(starts)) << 32) | articles.places[at]]
    )
    keys = np.unique(keys)
    return _Rows(keys & 0xFFFFFFFF, starts_of(np.bincount(keys >> 32, minlength=len(numbers))))


def _same_subject(judge: Judge, articles: _Rows) -> Iterator[tuple[int, int]]:
    by_core: dict[frozenset[str], list[int]] = defaultdict(list)
    for number, place in enumerate(articles.places[articles.starts[:-1]].tolist()):
        core = judge.known.subjects[judge.known.sections[place].revision].core
        if core:
            by_core[core].append(number)
    for numbers in by_core.values():
        if len(numbers) <= SAME_SUBJECT:
            yield from combinations(numbers, 2)


def best_of_both(matches: Matches, findings: Findings) -> Numbers:
    """Return the pairs in which each section is the best match of the other, and good enough."""
    scores = np.where(findings.eligible(), findings.score, 0.0)
    of = np.repeat(np.arange(len(matches.columns)), np.diff(matches.starts))
    single = np.diff(matches.starts)[of] == 1
    found = np.flatnonzero(single & (scores > 0.0)).tolist()
    for number in np.unique(of[~single & (scores > 0.0)]).tolist():
        start, end = matches.starts[number : number + 2].tolist()
        table = scores[start:end].reshape(-1, int(matches.columns[number]))
        best = table.argmax(axis=1)
        rows = np.arange(len(table))
        good = (table[rows, best] > 0.0) & (table[rows, best] >= table[:, best].max(axis=0))
        found.extend((start + rows[good] * table.shape[1] + best[good]).tolist())
    return np.array(found, np.int64)
