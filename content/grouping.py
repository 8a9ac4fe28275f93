"""Joins linked sections into groups, best link first, never two that are too unlike or that an editor holds apart."""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from content.matching import Judge, Mapper
from content.roles import Role
from content.sections import Section

#: Members of two groups that are compared before the groups join. More than these change nothing but the time.
CHECKED_MEMBERS = 8

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
        self._group: dict[int, Group] = {}
        for first, *others in copies.values():
            group = Group([first, *others], [self._copy(first, other) for other in others])
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
        linked = [_Linked(deque(found)) for found in self._linked(ties)]
        while linked:
            asked = [pair for one in linked for pair in self._go_on(one)]
            linked = [one for one in linked if one.ties]
            if asked:
                a, b = np.array(asked, np.int64).T
                unlike = self._judge.judge(a, b, self._mapper).unlike().tolist()
                answers = iter(zip(asked, unlike, strict=True))
                for one in linked:
                    one.unlike.update(islice(answers, one.asked))

    def _linked(self, ties: Iterable[Tie]) -> list[list[Tie]]:
        """Return the ties, in their order, by the sets that they connect."""
        heads: dict[int, int] = {}

        def head(place: int) -> int:
            while (above := heads.setdefault(place, place)) != place:
                heads[place] = heads[above]
                place = heads[place]
            return place

        first = {id(group): place for place, group in self._group.items()}
        ends = [(first[id(self._group[t.a])], first[id(self._group[t.b])], t) for t in ties]
        for a, b, _ in ends:
            heads[head(a)] = head(b)
        linked: dict[int, list[Tie]] = defaultdict(list)
        for a, _, tie in ends:
            linked[head(a)].append(tie)
        return list(linked.values())

    def _go_on(self, linked: "_Linked") -> list[tuple[int, int]]:
        """Join along the ties until one asks for what is not known; return what it asks, and nothing at the end."""
        linked.asked = 0
        while linked.ties:
            tie = linked.ties[0]
            left, right = self._group[tie.a], self._group[tie.b]
            if left is right:
                left.ties.append(tie)
            elif self._may_meet(left, right, tie):
                pairs = self._checked(left, right, tie)
                if not any(linked.unlike.get(pair) for pair in pairs):
                    unknown = [pair for pair in pairs if pair not in linked.unlike]
                    if unknown:
                        linked.asked = len(unknown)
                        return unknown
                    self._join(left, right, tie)
            linked.ties.popleft()
        return []

    def _checked(self, left: Group, right: Group, tie: Tie) -> list[tuple[int, int]]:
        """Return the pairs that must not be unlike. Those of a tie are not; near copies' headings may clash."""
        pairs = ((a, b) for a in self._some(left.members) for b in self._some(right.members))
        return [pair for pair in pairs if tie.rule == NEAR_COPY_RULE or pair != (tie.a, tie.b)]

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
        for place in right.members:
            self._group[place] = left

    def _may_meet(self, left: Group, right: Group, tie: Tie) -> bool:
        if self._ruled_apart(left.members, right.members):
            return False
        articles = self._judge.articles
        return tie.rule == NEAR_COPY_RULE or set(articles[left.members].tolist()).isdisjoint(
            articles[right.members].tolist()
        )

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


@dataclass(slots=True)
class _Linked:
    """Ties that hang together, the next first, and what has been asked about their sections."""

    ties: deque[Tie]
    unlike: dict[tuple[int, int], bool] = field(default_factory=dict)
    asked: int = 0  #: pairs that wait for an answer
