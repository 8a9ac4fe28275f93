"""A simulated year: fifty-two weekly issues, explainers that come back, people who join, leave, pause and bounce.

The simulation keeps its own books, one set per person, in the plainest way, and holds the plan against them.
"""

import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from subscribers.calendar import days_due, due_moment
from subscribers.issues import Explainer, Issue, Variant
from subscribers.memory import DOUBT, Past, Printed, recall
from subscribers.planning import Excluded, Plan, Rules, pool_of, within_reach
from subscribers.preferences import Candidate, Rhythm
from tests.subscribers.planned import make_issue, make_story

PEOPLE = 150
TOPICS = ["skin", "hair", "nails", "sun"]
EXPLAINERS = [Explainer(name) for name in "abcdefgh"]
RULES = Rules(most=9, forgotten_after=timedelta(days=90))
ZONES = ["UTC", "Pacific/Auckland", "America/Los_Angeles", "Asia/Kolkata", "Europe/London"]


@dataclass
class Books:
    """What one person really got, by their own account."""

    told: list[str] = field(default_factory=list)
    perhaps: set[str] = field(default_factory=set)
    read: dict[Explainer, list[date]] = field(default_factory=lambda: defaultdict(list))
    digests: int = 0


@dataclass
class Year:
    """The publisher, the postman and everybody's books."""

    seed: int
    dice: random.Random = field(init=False)
    books: dict[int, Books] = field(default_factory=lambda: defaultdict(Books))
    past: list[Past] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.people = {n: self.person(n) for n in range(PEOPLE)}
        some, ever = self.dice.randrange, self.dice.choice
        self.joins = {n: date(2026, 1, 1) + timedelta(days=ever([0, 0, some(364)])) for n in self.people}
        self.leaves = {n: day + timedelta(days=ever([999, 999, some(300)])) for n, day in self.joins.items()}

    def person(self, number: int) -> Candidate:
        topics = " ".join(sorted(self.dice.sample(TOPICS, self.dice.choice([0, 0, 1, 2]))))
        zone, hour = self.dice.choice(ZONES), self.dice.choice([None, 6, 22])
        return Candidate(f"id-{number}", f"p{number}@example.org", "", number, "en", zone, topics, hour, None, None)

    def issue(self, day: date) -> Issue:
        stories = (
            make_story(
                f"{day}-{n}",
                *self.dice.sample(EXPLAINERS, self.dice.choice([0, 1, 2])),
                topics=self.dice.sample(TOPICS, self.dice.choice([0, 1, 1])),
            )
            for n in range(self.dice.randrange(1, 5))
        )
        return make_issue(*stories, day=day)

    def audience(self, day: date) -> list[Candidate]:
        """Return who is on the list that day; some of them have just begun a pause of up to six weeks."""
        here = []
        for number, person in self.people.items():
            if not self.joins[number] <= day < self.leaves[number]:
                continue
            if (person.paused_until is None or person.paused_until.date() < day) and self.dice.random() < 0.05:
                until = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=self.dice.randrange(1, 42))
                person = person._replace(paused_until=until)
            joined = self.joins[number]
            confirmed_at = datetime(joined.year, joined.month, joined.day, tzinfo=UTC) - timedelta(hours=13)
            self.people[number] = person = person._replace(confirmed_at=confirmed_at)
            here.append(person)
        return here

    def publish(self, day: date) -> None:
        issue = self.issue(day)
        earlier = within_reach(issue, self.issues)
        memory = recall(
            pool_of(issue, earlier),
            [e.edition for e in earlier],
            self.past,
            people=PEOPLE,
            day=day,
            forgotten_after=RULES.forgotten_after,
        )
        now = due_moment(day, 0, "Pacific/Kiritimati")
        plan, people = Plan(issue, earlier, memory, RULES, now), self.audience(day)
        planned = list(plan.page(people))

        assert [p.subscriber for p in planned] == [p.subscriber for p in people], "each period, each person, once"
        receipts = np.zeros(PEOPLE, np.uint32)
        numbers = {key: n for n, key in enumerate(plan.variants, start=1)}
        for person, got in zip(people, planned, strict=True):
            if got.excluded:
                self.check_excluded(person, got.excluded, issue)
                continue
            variant = plan.variants[got.variant]
            self.check(person, variant, day)
            fate = self.dice.choices(["arrived", "in doubt", "refused"], [90, 5, 5])[0]
            if fate != "refused":
                receipts[person.number] = numbers[got.variant] | (DOUBT if fate == "in doubt" else 0)
                self.enter(person.number, variant, day, arrived=fate == "arrived")
        variants = tuple(Printed(frozenset(v.stories), frozenset(v.printed)) for v in plan.variants.values())
        self.past.append(Past(edition=issue.edition, day=day, variants=variants, receipts=receipts))
        self.issues.append(issue)

    def check(self, person: Candidate, variant: Variant, day: date) -> None:
        books, stories = self.books[person.number], {s.id: s for i in self.issues for s in i.stories}
        assert not set(variant.stories) & (set(books.told) | books.perhaps), "a story is told at most once"
        recently = {e for e, days in books.read.items() if day - days[-1] < RULES.forgotten_after}
        assert not set(variant.printed) & recently, "no explainer is repeated to anyone too soon"
        assert set(variant.folded) <= recently, "none is withheld from a person who does not have it"
        chosen = set(person.topics.split())
        known = (stories[s] for s in variant.stories if s in stories)
        assert all(not chosen or not s.topics or chosen & s.topics for s in known)
        assert len(variant.stories) <= RULES.most

    def check_excluded(self, person: Candidate, why: str, issue: Issue) -> None:
        due = due_moment(issue.day, person.hour or RULES.hour, person.zone)
        paused = person.paused_until is not None and due < person.paused_until
        assert why in ({Excluded.PAUSED} if paused else {Excluded.NOTHING_NEW})

    def enter(self, number: int, variant: Variant, day: date, *, arrived: bool) -> None:
        books = self.books[number]
        books.digests += 1
        if not arrived:
            books.perhaps |= set(variant.stories)
            return
        books.told += variant.stories
        for explainer in variant.printed:
            books.read[explainer].append(day)


@pytest.mark.parametrize("seed", range(6))
def test_a_year_of_digests_repeats_nothing_and_withholds_nothing(seed: int) -> None:
    year = Year(seed)

    for day in days_due(Rhythm.WEEKLY, date(2026, 1, 1), date(2026, 12, 30), weekday=4):
        year.publish(day)

    assert len(year.issues) == 52
    assert sum(b.digests for b in year.books.values()) > PEOPLE * 20
    repeats = [
        later - earlier for b in year.books.values() for days in b.read.values() for earlier, later in pairwise(days)
    ]
    assert repeats, "explainers come back once they are forgotten"
    assert min(repeats) >= RULES.forgotten_after


def test_somebody_back_from_a_break_gets_what_they_missed_and_then_only_what_is_new() -> None:
    weeks = [make_issue(make_story(f"w{n}"), day=date(2026, 1, 1) + timedelta(weeks=n)) for n in range(6)]
    until = datetime(2026, 1, 20, tzinfo=UTC)
    person = Candidate("id-0", "p@example.org", "", 0, "en", "UTC", "", None, until, datetime(2025, 1, 1, tzinfo=UTC))
    past: list[Past] = []
    got = []
    for n, issue in enumerate(weeks):
        earlier = within_reach(issue, weeks[:n])
        memory = recall(pool_of(issue, earlier), [e.edition for e in earlier], past, people=1, day=issue.day)
        plan = Plan(issue, earlier, memory, Rules(), due_moment(issue.day, 0, "UTC"))
        (planned,) = plan.page([person])
        got.append(plan.variants[planned.variant].stories if not planned.excluded else planned.excluded)
        printed = tuple(Printed(frozenset(v.stories), frozenset()) for v in plan.variants.values())
        receipts = np.array([0 if planned.excluded else 1], np.uint32)
        past.append(Past(edition=issue.edition, day=issue.day, variants=printed, receipts=receipts))

    assert got == ["paused", "paused", "paused", ("w3", "w2", "w1", "w0"), ("w4",), ("w5",)]
