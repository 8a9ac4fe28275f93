"""Chooses which sections are compared, and links those of two articles that say the same, one to one."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol, TypeVar

import numpy as np

from content.candidates import Pairs, partners_of
from content.comparing import Batch, Flags, Likeness, Scores, liken
from content.concordance import Numbers, changes, gather, only, starts_of
from content.roles import Role
from content.similarity import NOTHING, Affinity, Profiles, affinity_of
from content.subjects import about
from content.vocabulary import GENERIC

#: The least score at which two sections of different articles are linked, by how sure the subject is, when their
#: headings give them the same role, and when they do not tell.
THRESHOLDS: Mapping[tuple[Affinity, bool], float] = {
    (Affinity.SAME, True): 0.12,
    (Affinity.SAME, False): 0.24,
    (Affinity.LIKELY, True): 0.14,
    (Affinity.LIKELY, False): 0.24,
    (Affinity.POSSIBLE, True): 0.26,
    (Affinity.POSSIBLE, False): 0.38,
}
_LEAST = np.array([[THRESHOLDS.get((affinity, told), np.inf) for told in (False, True)] for affinity in Affinity])

#: What a clash of roles must be outweighed by when the subject is surely the same. Measured: no two sections of one
#: subject with clashing roles that explain different things came above 0.25.
CLASHING = 0.42

#: How well the sentences of near copies match: what two sections of one article must reach, and of unlike subjects.
NEAR_COPY = 0.62

#: The same where both headings name one and the same thing ("How SPF works", in an article on filters and in one on
#: make-up). Measured: what was the same explainer came above 0.54, anything else under such headings at 0.0.
NAMESAKES = 0.42

#: Share of the threshold that all sections of a cluster must reach with each other: nothing chains through another.
CHAINED = 0.4

#: Up to so many sections every pair of articles is compared. Beyond, those that share rare words, or their subject.
ALL_PAIRS = 300

#: Pairs that share less of the lighter section's weight are not compared beyond `ALL_PAIRS`.
LEAST_SHARED = 0.25

#: Articles of one subject that are all compared with each other beyond `ALL_PAIRS`; of more, those that share rare
#: words. An archive holds thousands of articles about retinol: comparing all of them would be quadratic.
SAME_SUBJECT = 30

#: Pairs of sections that go to a worker at a time.
PAIRS_AT_ONCE = 16_384

In = TypeVar("In")
Out = TypeVar("Out")


class Mapper(Protocol):
    """Applies a function to each of some parts, in order: `map`, or that of a pool of processes."""

    def __call__(self, work: "Work[In, Out]", parts: Iterable[In], /) -> Iterable[Out]:
        """Return what `work` makes of each of `parts`."""


_In_contra = TypeVar("_In_contra", contravariant=True)
_Out_co = TypeVar("_Out_co", covariant=True)


class Work(Protocol[_In_contra, _Out_co]):
    """A function of one part."""

    def __call__(self, part: _In_contra, /) -> _Out_co:
        """Return what becomes of `part`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What speaks for pairs of sections being the same explainer, pair by pair."""

    score: Scores
    affinity: Numbers  #: how surely their articles are about the same subject
    told: Flags  #: both have one role by their headings; the place of a passage is no evidence
    clash: Flags  #: their headings name different roles
    namesakes: Flags  #: their headings name the same thing
    aligned: Scores
    whole: Scores

    def eligible(self) -> Flags:
        """Tell which pairs of two articles may be linked."""
        copies = (self.affinity == Affinity.DIFFERENT) | (self.clash & (self.affinity != Affinity.SAME))
        enough = self.score >= _LEAST[self.affinity, self.told.astype(np.int64)]
        return ~(self.clash & (self.score < CLASHING)) & np.where(copies, self.aligned >= self._copied, enough)

    def unlike(self) -> Flags:
        """Tell which pairs are too unlike to share a cluster, whatever stands between them."""
        least = CHAINED * _LEAST[self.affinity, self.told.astype(np.int64)]
        apart = (self.clash & (self.score < CLASHING)) | (self.score < least)
        return np.where(self.affinity == Affinity.DIFFERENT, self.aligned < self._copied, apart)

    @property
    def _copied(self) -> Scores:
        """How well the sentences must match where the subjects do not tell."""
        return np.where(self.namesakes & ~self.clash, NAMESAKES, NEAR_COPY)


class Judge:
    """Compares sections by what is known of them: their words, subjects, roles and headings."""

    def __init__(self, known: Profiles) -> None:
        """Number what many sections have in common, so that it is compared once."""
        self.known = known
        articles: dict[str, int] = {}
        self.articles = np.array([articles.setdefault(s.revision, len(articles)) for s in known.sections], np.int64)
        self._subjects = [known.subjects[revision] for revision in articles]
        self._named = np.array([bool(s.core) for s in self._subjects], np.bool_)
        self._headings, self._heading = _interned(known.headings)
        names = [about(s.heading, s.language)[0] - GENERIC if s.heading else NOTHING for s in known.sections]
        different, self._name = _interned(names)
        self._says_name = np.array([bool(name) for name in different], np.bool_)
        self._roles, self._role = _interned(known.roles)
        self._headed = np.array([bool(s.heading) for s in known.sections], np.bool_)
        self._guessed = np.array(known.guessed, np.bool_)
        self._spoken = np.diff(known.bags.starts) > 0

    def affinities(self, a: Numbers, b: Numbers) -> Numbers:
        """Return how surely the articles numbered `a` and `b` are about the same subject."""
        found = np.full(len(a), int(Affinity.POSSIBLE))
        named = np.flatnonzero(self._named[a] & self._named[b])
        found[named] = _each(a[named], b[named], lambda x, y: affinity_of(self._subjects[x], self._subjects[y]))
        return found

    def judge(self, a: Numbers, b: Numbers, mapper: Mapper = map) -> Findings:
        """Return what speaks for the sections at the places `a` and `b` being the same explainer."""
        affinity = self.affinities(self.articles[a], self.articles[b])
        headed = self._headed[a] & self._headed[b]
        shared = _each(self._role[a], self._role[b], lambda x, y: _shared(self._roles[x], self._roles[y]))
        clash = (shared == _CLASH) & ~(self._guessed[a] | self._guessed[b])
        told = (shared >= _SHARED) & (headed | (shared == _CLOSING) | (shared == _CLOSING_FIRST))
        alike = self._liken(a, b, clash | (affinity < Affinity.LIKELY), mapper)
        score = 0.5 * alike.aligned + 0.3 * alike.whole
        score += _each(
            self._heading[a], self._heading[b], lambda x, y: _of_headings(self._headings[x], self._headings[y])
        )
        score = np.where(headed, score, score / 0.8)  # a passage has no heading that could be alike
        score += np.where((shared == _FIRST) | (shared == _CLOSING_FIRST), 0.1, 0.0)
        score = np.where(self._spoken[a] & self._spoken[b], np.minimum(score, 1.0), 0.0)
        return Findings(
            score=score,
            affinity=affinity,
            told=told,
            clash=clash,
            namesakes=(self._name[a] == self._name[b]) & self._says_name[self._name[a]],
            aligned=alike.aligned,
            whole=alike.whole,
        )

    def _liken(self, a: Numbers, b: Numbers, doubtful: Flags, mapper: Mapper) -> Likeness:
        batches = (
            self._batch(a[i : i + PAIRS_AT_ONCE], b[i : i + PAIRS_AT_ONCE], doubtful[i : i + PAIRS_AT_ONCE])
            for i in range(0, len(a), PAIRS_AT_ONCE)
        )
        # One batch is sooner compared here than sent somewhere.
        found = list((mapper if len(a) > PAIRS_AT_ONCE else map)(liken, batches))
        if not found:
            return Likeness(np.empty(0), np.empty(0))
        return Likeness(np.concatenate([x.whole for x in found]), np.concatenate([x.aligned for x in found]))

    def _batch(self, a: Numbers, b: Numbers, doubtful: Flags) -> Batch:
        places, inverse = np.unique(np.concatenate([a, b]), return_inverse=True)
        words = only(self.known.words, places)
        return Batch(
            words=words, weights=self.known.masses, a=inverse[: len(a)], b=inverse[len(a) :], doubtful=doubtful
        )


_Kind = TypeVar("_Kind")


def _interned(values: Iterable[_Kind]) -> tuple[list[_Kind], Numbers]:
    """Return the different values, and of each value its number among them."""
    numbers: dict[_Kind, int] = {}
    found = np.array([numbers.setdefault(v, len(numbers)) for v in values], np.int64)
    return list(numbers), found


def _each(a: Numbers, b: Numbers, compare: Callable[[int, int], float]) -> Scores:
    """Return what `compare` returns for each pair of numbers, having asked it once for each different pair."""
    if not (a.any() or b.any()):  # as with headings where there are none
        return np.full(len(a), compare(0, 0) if len(a) else 0.0)
    keys, inverse = np.unique((a << 32) | b, return_inverse=True)
    found = np.array([compare(k >> 32, k & 0xFFFFFFFF) for k in keys.tolist()], np.float64)
    return found[inverse]


#: What the roles of two sections have in common: nothing that is known, none although both tell, one, or the first of
#: both; and whether that is the conclusion, which says itself what it is.
_UNKNOWN, _CLASH, _SHARED, _FIRST, _CLOSING, _CLOSING_FIRST = range(6)


def shared_role(a: Sequence[Role], b: Sequence[Role]) -> Role | None:
    """Return the likeliest role that both have."""
    return next((r for r in a if r in b), None)


def _shared(a: Sequence[Role], b: Sequence[Role]) -> int:
    if not a or not b:
        return _UNKNOWN
    role = shared_role(a, b)
    if role is None:
        return _CLASH
    return (_CLOSING if role is Role.CLOSING else _SHARED) + (a[0] == b[0])


def _of_headings(a: frozenset[str], b: frozenset[str]) -> float:
    """Return what like headings add to a score, 0.0 to 0.2."""
    union = a | b
    return 0.2 * len(a & b) / len(union) if union else 0.0


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
