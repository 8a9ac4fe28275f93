"""Judges pairs of sections: how alike they are, and whether that is enough for what their articles and headings say."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from content.comparing import Batch, Flags, Likeness, Scores, liken
from content.concordance import Numbers, only
from content.kin import MOST, relatives
from content.mapping import Mapper
from content.roles import Role, hints
from content.similarity import Affinity, Profiles, affinity_of
from content.subjects import Heading, may_name_two_things, name_two_things, read_heading

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

#: How well the sentences must match at least where the subject is not surely the same: like headings ("Should you skip
#: it?") and a like role link nothing by themselves.
LEAST_SAID = 0.03

#: Pairs of sections that go to a worker at a time.
PAIRS_AT_ONCE = 16_384


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
        enough &= (self.affinity == Affinity.SAME) | (self.aligned >= LEAST_SAID)
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
        self._kin = _kin(known, articles)
        self._named = np.array([bool(s.core) for s in self._subjects], np.bool_)
        headings = [read_heading(s.heading, s.language) for s in known.sections]
        names, self._name = _interned(h.name for h in headings)
        self._says_name = np.array([bool(name) for name in names], np.bool_)
        self._headings, self._heading = _interned(headings)
        self._roles, self._role = _interned(known.roles)
        self._kinds, self._kind = _interned((r, s.heading) for r, s in zip(known.roles, known.sections, strict=True))
        self._headed = np.array([bool(s.heading) for s in known.sections], np.bool_)
        self._guessed = np.array(known.guessed, np.bool_)
        self._spoken = np.diff(known.bags.starts) > 0

    def affinities(self, a: Numbers, b: Numbers) -> Numbers:
        """Return how surely the articles numbered `a` and `b` are about the same subject."""
        found = np.full(len(a), int(Affinity.POSSIBLE))
        named = np.flatnonzero(self._named[a] & self._named[b])
        found[named] = _each(a[named], b[named], lambda x, y: affinity_of(self._subjects[x], self._subjects[y]))
        return np.where(self._kin[a] == self._kin[b], np.maximum(found, Affinity.LIKELY), found)

    def kin(self, a: int, b: int) -> bool:
        """Tell whether the articles of the sections at two places are about one thing by their rare words."""
        return bool(self._kin[self.articles[a]] == self._kin[self.articles[b]])

    def judge(self, a: Numbers, b: Numbers, mapper: Mapper = map) -> Findings:
        """Return what speaks for the sections at the places `a` and `b` being the same explainer."""
        affinity = self.affinities(self.articles[a], self.articles[b])
        headed = self._headed[a] & self._headed[b]
        shared = self._shared_roles(a, b)
        clash = (shared == _CLASH) & ~(self._guessed[a] | self._guessed[b])
        told = (shared >= _SHARED) & (headed | (shared == _CLOSING) | (shared == _CLOSING_FIRST))
        headings = _each(
            self._heading[a], self._heading[b], lambda x, y: _of_headings(self._headings[x], self._headings[y])
        )
        two = (headings == _TWO_THINGS) | ((headings == _MAY_BE_TWO) & (affinity < Affinity.SAME))
        affinity = np.where(two, Affinity.DIFFERENT, affinity)
        alike = self._liken(a, b, clash | (affinity < Affinity.LIKELY), mapper)
        score = 0.5 * alike.aligned + 0.3 * alike.whole
        score += np.maximum(headings, 0.0)
        score = np.where(headed, score, score / 0.8)  # a passage has no heading that could be alike
        score += _OF_ROLES[shared]
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

    def _shared_roles(self, a: Numbers, b: Numbers) -> Numbers:
        """Return what the roles of each pair have in common; they do not clash where headings hint at one of both."""
        found = _each(self._role[a], self._role[b], lambda x, y: _shared(self._roles[x], self._roles[y]))
        shared = found.astype(np.int64)
        at = np.flatnonzero(shared == _CLASH)
        hinted = _each(self._kind[a[at]], self._kind[b[at]], lambda x, y: not self._may(x).isdisjoint(self._may(y)))
        shared[at[hinted > 0.0]] = _UNKNOWN
        return shared

    def _may(self, kind: int) -> frozenset[Role]:
        """Return the roles that a section of this kind has, and those that its heading hints at."""
        told, heading = self._kinds[kind]
        return hints(heading).union(told)

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


def _kin(known: Profiles, articles: Mapping[str, int]) -> Numbers:
    """Return for each article the number of the first one that is about the same, by the rare words of both."""
    found = np.arange(len(articles))
    for group in relatives(known.each) if len(known.sections) <= MOST else ():
        numbers = [articles[revision] for revision in group]
        found[numbers] = min(numbers)
    return found


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

#: What each of these adds to a score: "how to use it" tells how it works, too, but that is not what it is for.
_OF_ROLES = np.array([0.0, 0.0, -0.05, 0.1, -0.05, 0.1])


def shared_role(a: Sequence[Role], b: Sequence[Role]) -> Role | None:
    """Return the likeliest role that both have."""
    return next((r for r in a if r in b), None)


def _shared(a: Sequence[Role], b: Sequence[Role]) -> int:
    if not a or not b:
        return _UNKNOWN
    role = shared_role(a, b)
    if role is None:
        return _CLASH
    if a[0] not in b and b[0] not in a:
        return _UNKNOWN  # "explained" may tell how it works, and so may "how to use it": neither says so first
    return (_CLOSING if role is Role.CLOSING else _SHARED) + (a[0] == b[0])


#: What like headings add to a score at most, and what stands for two that name two things, or may.
_LIKE_HEADINGS, _TWO_THINGS, _MAY_BE_TWO = 0.2, -1.0, -0.5


def _of_headings(a: Heading, b: Heading) -> float:
    """Return what two headings add to a score."""
    if name_two_things(a, b):
        return _TWO_THINGS
    if may_name_two_things(a, b):
        return _MAY_BE_TWO
    union = a.terms | b.terms
    return _LIKE_HEADINGS * len(a.terms & b.terms) / len(union) if union else 0.0
