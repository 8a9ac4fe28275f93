"""Joins linked sections into groups, best link first, never two that are too unlike or that an editor holds apart."""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np

from content.judging import Judge
from content.mapping import Mapper
from content.sections import Section

#: Members of two groups that are compared before the groups join. More than these change nothing but the time.
CHECKED_MEMBERS = 8

NEAR_COPY_RULE, SAME_WORDS_RULE = "near copy", "same words"


#: Ties that are gone along side by side. More would only fill the memory.
TIES_AT_ONCE = 200_000


class Tie(NamedTuple):
    """Two sections that were found to say the same, by their places: the one whose id comes first stands first."""

    a: int
    b: int
    score: float  #: 0.0 to 1.0
    rule: str
    evidence: str


class Names:
    """What sections are called by: ids and fingerprints, by place."""

    def __init__(self, ordered: Sequence[Section]) -> None:
        """Note them once: both cost more than they look."""
        self.ids = [s.id for s in ordered]
        self.ranks = [0] * len(self.ids)  #: of each id among all
        for rank, place in enumerate(sorted(range(len(self.ids)), key=self.ids.__getitem__)):
            self.ranks[place] = rank
        self.fingerprints = [s.fingerprint for s in ordered]

    def ordered(self, a: int, b: int) -> tuple[int, int]:
        """Return both places, the one whose id comes first before the other."""
        return (a, b) if self.ranks[a] <= self.ranks[b] else (b, a)

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
    first: list[int]  #: the members whose ids come first, those that are compared before it joins another


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
        self._articles: list[int] = judge.articles.tolist()
        self._single = len(set(self._articles)) == len(self._articles)
        self._group: dict[int, Group] = {}
        for first, *others in copies.values():
            members = [first, *others]
            group = Group(members, [self._copy(first, other) for other in others], self._first(members))
            self._group.update((place, group) for place in group.members)

    def _copy(self, first: int, other: int) -> Tie:
        a, b = self._names.ordered(first, other)
        why = "heading and text are the same, word for word"
        return Tie(a=a, b=b, score=1.0, rule=SAME_WORDS_RULE, evidence=why)

    def join_all(self, ties: Sequence[Tie]) -> None:
        """Join along `ties` in their order, as far as groups may join.

        Ties that no chain of ties connects do not touch each other. So all such sets go on side by side, each until it
        has to know whether two sections are unlike; what all of them ask is compared at once.
        """
        some: list[_Linked] = []
        number = 0
        for found in self._linked(ties):
            some.append(_Linked.of(found))
            number += len(found)
            if number > TIES_AT_ONCE:
                self._join_side_by_side(some)
                some, number = [], 0
        self._join_side_by_side(some)

    def _join_side_by_side(self, linked: list["_Linked"]) -> None:
        while linked:
            asked = [pair for one in linked for pair in self._go_on(one)]
            linked = [one for one in linked if one.ties]
            if asked:
                a, b = np.array(asked, np.int64).T
                unlike = self._judge.judge(a, b, self._mapper).unlike().tolist()
                answers = iter(zip(asked, unlike, strict=True))
                for one in linked:
                    one.unlike.update(islice(answers, one.asked))

    def _linked(self, ties: Sequence[Tie]) -> Iterable[list[Tie]]:
        """Return the ties, in their order, by the sets that they connect."""
        heads = list(range(len(self._group)))

        def head(place: int) -> int:
            while (above := heads[place]) != place:
                heads[place] = heads[above]
                place = heads[place]
            return place

        group = self._group
        for tie in ties:
            heads[head(group[tie.a].members[0])] = head(group[tie.b].members[0])
        linked: dict[int, list[Tie]] = defaultdict(list)
        for tie in ties:
            linked[head(group[tie.a].members[0])].append(tie)
        return linked.values()

    def _go_on(self, linked: "_Linked") -> list[tuple[int, int]]:
        """Join along the ties until one asks for what is not known; return what it asks, and nothing at the end."""
        linked.asked = 0
        while linked.ties:
            tie = linked.ties[0]
            left, right = self._group[tie.a], self._group[tie.b]
            if left is right:
                left.ties.append(tie)
            elif self._may_meet(left, right, tie):
                pairs = [(a, b) for a in left.first for b in right.first]
                if not any(linked.unlike.get(pair) for pair in pairs):
                    unknown = [pair for pair in pairs if pair not in linked.unlike]
                    if unknown:
                        linked.asked = len(unknown)
                        return unknown
                    self._join(left, right, tie)
            linked.ties.popleft()
        return []

    def force(self, tie: Tie) -> None:
        """Join the groups of both sections of `tie`, whatever speaks against it: an editor says so."""
        left, right = self._group[tie.a], self._group[tie.b]
        if left is right:
            left.ties.append(tie)
        else:
            self._join(left, right, tie)

    def mean(self, tie: Tie) -> None:
        """Join the groups of both sections of `tie`, which mean the same, unless an editor holds them apart."""
        left, right = self._group[tie.a], self._group[tie.b]
        if left is right or not self._ruled_apart(left.members, right.members):
            self.force(tie)

    def _join(self, left: Group, right: Group, tie: Tie) -> None:
        if len(left.members) < len(right.members):
            left, right = right, left
        left.members.extend(right.members)
        left.ties.extend(right.ties)
        left.ties.append(tie)
        left.first = self._first(left.first + right.first)
        for place in right.members:
            self._group[place] = left

    def _may_meet(self, left: Group, right: Group, tie: Tie) -> bool:
        if self._ruled_apart(left.members, right.members):
            return False
        if tie.rule == NEAR_COPY_RULE or self._single:
            return True
        articles = self._articles
        return {articles[n] for n in left.members}.isdisjoint([articles[n] for n in right.members])

    def _first(self, members: list[int]) -> list[int]:
        return members[:] if len(members) == 1 else sorted(members, key=self._names.ranks.__getitem__)[:CHECKED_MEMBERS]

    def _ruled_apart(self, left: list[int], right: list[int]) -> bool:
        if not self._apart:
            return False
        prints = self._names.fingerprints
        return any(frozenset((prints[a], prints[b])) in self._apart for a in left for b in right)

    def parts(self) -> list[Group]:
        """Return the groups."""
        return list({id(group): group for group in self._group.values()}.values())


@dataclass(slots=True)
class _Linked:
    """Ties that hang together, the next first, and what is known about their sections."""

    ties: deque[Tie]
    unlike: dict[tuple[int, int], bool]
    asked: int = 0  #: pairs that wait for an answer

    @classmethod
    def of(cls, ties: Iterable[Tie]) -> "_Linked":
        """Start: those that are tied are not too unlike; near copies may be, for their headings may clash."""
        waiting = deque(ties)
        return cls(waiting, {(t.a, t.b): False for t in waiting if t.rule != NEAR_COPY_RULE})
