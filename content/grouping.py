"""Joins linked sections into groups, best link first, never two that are too unlike or that an editor holds apart."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from content.matching import Judge, Mapper
from content.roles import Role
from content.sections import Section

#: Members of two groups that are compared before the groups join. More than these change nothing but the time.
CHECKED_MEMBERS = 8

#: Of so many linked sections all pairs are compared at once before any of them join; of more, those that are asked for.
FORESEEN = 24

NEAR_COPY_RULE, SAME_WORDS_RULE = "near copy", "same words"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """Two sections that were found to say the same, by their places: the one whose id comes first stands first."""

    a: int
    b: int
    score: float  #: 0.0 to 1.0
    rule: str
    evidence: str = ""  #: where it is not made of the three that follow
    role: Role | None = None
    aligned: float = 0.0
    whole: float = 0.0


class Names:
    """What sections are called by: ids and fingerprints, by place."""

    def __init__(self, ordered: Sequence[Section]) -> None:
        """Note them once: both cost more than they look."""
        self.ids = [s.id for s in ordered]
        self.fingerprints = [s.fingerprint for s in ordered]

    def ordered(self, a: int, b: int) -> tuple[int, int]:
        """Return both places, the one whose id comes first before the other."""
        return (a, b) if self.ids[a] <= self.ids[b] else (b, a)

    def by_fingerprint(self) -> dict[str, list[int]]:
        """Return the places of each fingerprint."""
        found: dict[str, list[int]] = defaultdict(list)
        for place, fingerprint in enumerate(self.fingerprints):
            found[fingerprint].append(place)
        return found


@dataclass(slots=True)
class Group:
    """Sections that explain the same thing, and why."""

    members: list[int]
    ties: list[Tie]


class Groups:
    """Sections in groups that only ever join."""

    def __init__(
        self,
        judge: Judge,
        names: Names,
        copies: Mapping[int, Sequence[int]],
        apart: Iterable[tuple[str, str]],
        mapper: Mapper,
    ) -> None:
        """Start with one group for each original and its `copies`; the fingerprints of `apart` never meet."""
        self._judge = judge
        self._names = names
        self._mapper = mapper
        self._apart = {frozenset(pair) for pair in apart}
        self._unlike: dict[int, bool] = {}
        self._group: dict[int, Group] = {}
        for first, *others in copies.values():
            group = Group([first, *others], [self._copy(first, other) for other in others])
            self._group.update((place, group) for place in group.members)

    def _copy(self, first: int, other: int) -> Tie:
        a, b = self._names.ordered(first, other)
        why = "heading and text are the same, word for word"
        return Tie(a=a, b=b, score=1.0, rule=SAME_WORDS_RULE, evidence=why)

    def foresee(self, ties: Sequence[Tie]) -> None:
        """Compare at once what joining along `ties` will ask for: each in its turn takes many times as long."""
        # Whoever is good enough to be linked is not too unlike; near copies are linked whatever their headings say.
        self._unlike = {_key(t.a, t.b): False for t in ties if t.rule != NEAR_COPY_RULE}
        linked = (places for places in self._linked(ties) if len(places) <= FORESEEN)
        pairs = [pair for places in linked for pair in combinations(places, 2) if _key(*pair) not in self._unlike]
        a, b = (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))
        articles = self._judge.articles
        # Which of two subjects is the vaguer one may depend on which comes first; those are left for later.
        same = self._judge.affinities(articles[a], articles[b]) == self._judge.affinities(articles[b], articles[a])
        a, b = a[same], b[same]
        unlike = self._judge.judge(a, b, self._mapper).unlike()
        self._unlike.update(zip(((a << 32) | b).tolist(), unlike.tolist(), strict=True))

    def _linked(self, ties: Iterable[Tie]) -> Iterable[list[int]]:
        """Return the places of each set of groups that `ties` hold together, where there are more than two places."""
        heads: dict[int, int] = {}

        def head(place: int) -> int:
            while (above := heads.setdefault(place, place)) != place:
                heads[place] = heads[above]
                place = heads[place]
            return place

        for tie in ties:
            heads[head(self._group[tie.a].members[0])] = head(self._group[tie.b].members[0])
        linked: dict[int, set[int]] = defaultdict(set)
        for place in heads:
            linked[head(place)].update(self._group[place].members[:CHECKED_MEMBERS])
        return (sorted(places) for places in linked.values() if len(places) > 1)

    def join(self, tie: Tie, forced: bool = False, meant: bool = False) -> None:
        """Join the groups of both sections of `tie`, if they may.

        Args:
            tie: What holds them together.
            forced: Whatever speaks against it: an editor says so.
            meant: It was found by meaning: words need not agree.
        """
        left, right = self._group[tie.a], self._group[tie.b]
        if left is not right:
            if not forced and self._ruled_apart(left.members, right.members):
                return
            if not (forced or meant) and not self._may_join(left.members, right.members, tie):
                return
            if len(left.members) < len(right.members):
                left, right = right, left
            left.members.extend(right.members)
            left.ties.extend(right.ties)
            for place in right.members:
                self._group[place] = left
        left.ties.append(tie)

    def _may_join(self, left: list[int], right: list[int], tie: Tie) -> bool:
        articles = self._judge.articles
        if tie.rule != NEAR_COPY_RULE and not set(articles[left].tolist()).isdisjoint(articles[right].tolist()):
            return False
        pairs = [(a, b) for a in self._some(left) for b in self._some(right)]
        known = [self._unlike.get(_key(a, b)) for a, b in pairs]
        if any(known):
            return False
        unknown = [pair for pair, unlike in zip(pairs, known, strict=True) if unlike is None]
        if not unknown:
            return True
        a, b = np.array(unknown, np.int64).T
        return not self._judge.judge(a, b).unlike().any()

    def _some(self, members: list[int]) -> list[int]:
        return members if len(members) == 1 else sorted(members, key=self._names.ids.__getitem__)[:CHECKED_MEMBERS]

    def _ruled_apart(self, left: list[int], right: list[int]) -> bool:
        if not self._apart:
            return False
        prints = self._names.fingerprints
        return any(frozenset((prints[a], prints[b])) in self._apart for a in left for b in right)

    def parts(self) -> list[Group]:
        """Return the groups."""
        return list({id(group): group for group in self._group.values()}.values())


def _key(a: int, b: int) -> int:
    return (a << 32) | b if a < b else (b << 32) | a
