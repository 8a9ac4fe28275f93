"""Decides for each person whether an issue is theirs, when it is due, which stories it tells and what it folds away."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from subscribers.calendar import FEWEST_DAYS, REACH, Late, Verdict, due_moment, is_zone, judge
from subscribers.issues import Explainer, Issue, StoryRef, Variant
from subscribers.memory import FORGOTTEN_AFTER, Memory, as_masks, explainers_of
from subscribers.names import greeting_name
from subscribers.preferences import Candidate, Rhythm


class Excluded(StrEnum):
    """Why somebody of the list gets nothing this time. What they miss comes with a later issue, but for the last."""

    PAUSED = "paused"
    TOO_LATE = "joined after it was due"
    NOTHING_NEW = "nothing new for them"
    THIN = "too few stories for them"
    TOO_SOON = "had one a short while ago"
    LATE = "too late, comes with the next"
    SKIPPED = "too late, skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What holds for every person of a list."""

    hour: int = 9  #: for people who chose none
    zone: str = "UTC"  #: for people whose own is not known
    fewest: int = 1  #: stories below which a person waits for the next issue
    most: int = 12  #: stories in one digest; what is left over is told next time
    late: Late = Late.MERGE
    forgotten_after: timedelta = FORGOTTEN_AFTER


#: All that makes a difference to what somebody gets: topics, language, what they were told, what they read, and which
#: issues they missed.
Kind = tuple[str, str, int, int, int]


@dataclass(frozen=True, slots=True)
class Clock:
    """When an issue, and the earlier ones, are due for everybody who shares a zone and an hour."""

    due: datetime
    verdict: Verdict
    earlier: tuple[datetime, ...]  #: the newest first

    def mine(self, confirmed_at: datetime | None) -> int:
        """Return the mask of the earlier issues that were due after somebody joined: the others they did not miss."""
        if confirmed_at is None:
            return 0
        return (1 << sum(moment >= confirmed_at for moment in self.earlier)) - 1


class Planned(NamedTuple):
    """What one person gets, and when at the earliest; or why they get nothing."""

    subscriber: str
    address: str
    name: str  #: to greet them by; empty when theirs does not read like one
    variant: str
    due: datetime
    excluded: str = ""


class Plan:
    """Plans one issue for any number of people, page by page.

    People who share topics, language and history share their outcome, so the work is done once per kind of person,
    and the memory it takes does not grow with their number.
    """

    def __init__(self, issue: Issue, earlier: Sequence[Issue], memory: Memory, rules: Rules, now: datetime) -> None:
        """Plan `issue` as of `now`.

        Args:
            issue: What is sent.
            earlier: Issues that may be caught up, the newest first; see `within_reach`.
            memory: What each person has of the stories in `pool_of(issue, earlier)`.
            rules: What holds for everybody.
            now: The time; who is paused, and what is late, hangs on it.
        """
        self.variants: dict[str, Variant] = {}  # met so far, by key
        self._issue = issue
        self._earlier = tuple(earlier)
        self._memory = memory
        self._rules = rules
        self._now = now
        self._pool = pool_of(issue, earlier)
        self._explainers = explainers_of(self._pool)
        self._kinds: dict[Kind, tuple[str, str]] = {}
        self._topics: dict[str, int] = {}
        self._clocks: dict[tuple[str, int], Clock] = {}

    def page(self, people: Sequence[Candidate]) -> Iterator[Planned]:
        """Yield what each of `people` gets, in their order."""
        numbers = np.fromiter((p.number for p in people), np.int64, len(people))
        told = as_masks(self._memory.stories[numbers])
        read = as_masks(self._memory.explainers[numbers])
        missed = self._memory.missed[numbers].tolist()
        soonest = FEWEST_DAYS[self._issue.rhythm]
        too_soon = ((self._issue.day.toordinal() - self._memory.last_day[numbers]) < soonest).tolist()
        for n, person in enumerate(people):
            clock = self._clock(person)
            kind = (person.topics, person.language, told[n], read[n], missed[n] & clock.mine(person.confirmed_at))
            variant, nothing = self._kinds.get(kind) or self._decide(kind)
            why = self._why_not(person, clock, too_soon[n]) or nothing
            yield Planned(person.subscriber, person.address, greeting_name(person.name), variant, clock.due, why)

    def _why_not(self, person: Candidate, clock: Clock, too_soon: bool) -> str:
        if person.confirmed_at is not None and person.confirmed_at > clock.due:
            return Excluded.TOO_LATE.value
        if person.paused_until is not None and max(clock.due, self._now) < person.paused_until:
            return Excluded.PAUSED.value
        if clock.verdict is not Verdict.SEND:
            return (Excluded.LATE if clock.verdict is Verdict.MERGE else Excluded.SKIPPED).value
        return Excluded.TOO_SOON.value if too_soon else ""

    def _clock(self, person: Candidate) -> Clock:
        hour = self._rules.hour if person.hour is None else person.hour
        found = self._clocks.get((person.zone, hour))
        if found is None:
            zone = person.zone if is_zone(person.zone) else self._rules.zone
            due = due_moment(self._issue.day, hour, zone)
            earlier = tuple(due_moment(issue.day, hour, zone) for issue in self._earlier)
            found = Clock(due, judge(due, self._now, self._issue.rhythm, self._rules.late), earlier)
            self._clocks[person.zone, hour] = found
        return found

    def _decide(self, kind: Kind) -> tuple[str, str]:
        """Return the key of the variant for one kind of person, or why there is none."""
        topics, language, told, read, missed = kind
        wanted = self._wanted(topics) & self._open(missed) & ~told
        stories = [story for bit, story in enumerate(self._pool) if wanted >> bit & 1][: self._rules.most]
        if len(stories) < self._rules.fewest:
            outcome = "", (Excluded.THIN if stories else Excluded.NOTHING_NEW).value
        else:
            known = {e for bit, e in enumerate(self._explainers) if read >> bit & 1}
            outcome = self._keep(language, stories, known).key, ""
        self._kinds[kind] = outcome
        return outcome

    def _keep(self, language: str, stories: Iterable[StoryRef], known: set[Explainer]) -> Variant:
        stories = tuple(stories)
        explainers = explainers_of(stories)
        variant = Variant(
            edition=self._issue.edition,
            language=language,
            stories=tuple(s.id for s in stories),
            folded=tuple(e for e in explainers if e in known),
            printed=tuple(e for e in explainers if e not in known),
        )
        return self.variants.setdefault(variant.key, variant)

    def _wanted(self, topics: str) -> int:
        """Return the mask of the stories that concern somebody with these topics."""
        mask = self._topics.get(topics)
        if mask is None:
            chosen = frozenset(topics.split())
            stories = enumerate(self._pool)
            mask = sum(1 << bit for bit, s in stories if not chosen or not s.topics or chosen & s.topics)
            self._topics[topics] = mask
        return mask

    def _open(self, missed: int) -> int:
        """Return the mask of this issue's stories and of those in the issues that were missed."""
        own = {s.id for s in self._issue.stories}
        for bit, issue in enumerate(self._earlier):
            if missed >> bit & 1:
                own |= {s.id for s in issue.stories}
        return sum(1 << bit for bit, story in enumerate(self._pool) if story.id in own)


def pool_of(issue: Issue, earlier: Iterable[Issue]) -> tuple[StoryRef, ...]:
    """Return every story that may be told: the issue's own first, then those that may be caught up, newest first."""
    pool: dict[str, StoryRef] = {}
    for one in (issue, *earlier):
        for story in one.stories:
            pool.setdefault(story.id, story)
    return tuple(pool.values())


def within_reach(issue: Issue, others: Iterable[Issue]) -> tuple[Issue, ...]:
    """Return the issues of the same rhythm that somebody who missed them catches up with `issue`, the newest first."""
    reach = REACH[issue.rhythm]
    near = (o for o in others if o.rhythm is issue.rhythm and timedelta(0) < issue.day - o.day <= reach)
    return tuple(sorted(near, key=lambda o: (o.day, o.edition), reverse=True))


def that_matter(issue: Issue, known: Iterable[Issue], rules: Rules) -> tuple[Issue, ...]:
    """Return the issues up to the day of `issue` whose receipts decide what anybody gets of it."""
    before = [other for other in known if other.day <= issue.day and other.edition != issue.edition]
    pool = pool_of(issue, within_reach(issue, before))
    ids, explainers = {story.id for story in pool}, set(explainers_of(pool))

    def matters(other: Issue) -> bool:
        # What an issue may have told: its own stories, and those that its readers caught up with.
        told = pool_of(other, within_reach(other, before))
        days = issue.day - other.day
        return (
            days.days < FEWEST_DAYS[issue.rhythm]
            or (days <= REACH[issue.rhythm] and other.rhythm is issue.rhythm)
            or any(story.id in ids for story in told)
            or (days < rules.forgotten_after and not explainers.isdisjoint(explainers_of(told)))
        )

    return tuple(other for other in before if matters(other))


def rhythms_of(issue: Rhythm, default: Rhythm) -> tuple[Rhythm, ...]:
    """Return what people chose who get issues of one rhythm: EACH stands for the list's own."""
    return (issue, Rhythm.EACH) if issue is default and issue is not Rhythm.EACH else (issue,)
