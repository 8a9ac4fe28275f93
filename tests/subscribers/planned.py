"""Values for tests of planning."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

import numpy as np

from subscribers.issues import Explainer, Issue, StoryRef
from subscribers.memory import DOUBT, Memory, Past, Printed, recall
from subscribers.planning import Plan, Planned, Rules, pool_of
from subscribers.preferences import Candidate, Rhythm
from tests.builders import MONDAY

THURSDAY = date(2026, 11, 26)
WEEK = timedelta(days=7)
HOW_NEEDLING_WORKS, WHAT_SPF_MEANS = Explainer("needling"), Explainer("spf")


def make_story(id: str, *explainers: Explainer, topics: Iterable[str] = ()) -> StoryRef:
    return StoryRef(id, frozenset(topics), explainers)


def make_issue(*stories: StoryRef, day: date = THURSDAY, rhythm: Rhythm = Rhythm.WEEKLY) -> Issue:
    return Issue(edition=f"beauty-{rhythm}-{day}", rhythm=rhythm, day=day, stories=stories)


def make_candidate(number: int = 0, **more: object) -> Candidate:
    values: dict[str, object] = {
        "subscriber": f"id-{number}",
        "address": f"p{number}@example.org",
        "name": "",
        "number": number,
        "language": "en",
        "zone": "UTC",
        "topics": "",
        "hour": None,
        "paused_until": None,
        "confirmed_at": MONDAY - timedelta(days=700),
    }
    return Candidate(**(values | more))  # type: ignore[arg-type]


def make_past(issue: Issue, got: Mapping[int, Printed], doubtful: Iterable[int] = (), people: int = 8) -> Past:
    """Return a past issue of which the people with these numbers got what is printed."""
    receipts = np.zeros(people, np.uint32)
    for place, number in enumerate(got, start=1):
        receipts[number] = place | (DOUBT if number in set(doubtful) else 0)
    return Past(edition=issue.edition, day=issue.day, variants=tuple(got.values()), receipts=receipts)


def remember(issue: Issue, *past: Past, earlier: tuple[Issue, ...] = (), people: int = 8, rules: Rules) -> Memory:
    keys = [e.edition for e in earlier]
    pool = pool_of(issue, earlier)
    return recall(pool, keys, past, people=people, day=issue.day, forgotten_after=rules.forgotten_after)


def plan(
    issue: Issue,
    *people: Candidate,
    past: tuple[Past, ...] = (),
    earlier: tuple[Issue, ...] = (),
    rules: Rules | None = None,
    now: datetime = MONDAY,
) -> tuple[list[Planned], Plan]:
    """Plan one issue for a few people; return what each gets, and the plan with its variants."""
    rules = rules or Rules()
    made = Plan(issue, earlier, remember(issue, *past, earlier=earlier, rules=rules), rules, now)
    return list(made.page(people)), made
