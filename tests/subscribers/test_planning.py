"""Everybody gets what they chose and have not had, when they want it, and shares it with all who get the same."""

from datetime import UTC, datetime, timedelta

import pytest

from subscribers.calendar import Late
from subscribers.issues import Explainer
from subscribers.memory import Printed
from subscribers.planning import Excluded, Rules, rhythms_of, within_reach
from subscribers.preferences import Rhythm
from tests.builders import MONDAY
from tests.subscribers.planned import (
    HOW_NEEDLING_WORKS,
    THURSDAY,
    WEEK,
    WHAT_SPF_MEANS,
    make_candidate,
    make_issue,
    make_past,
    make_story,
    plan,
)

SCARS = make_story("scars", HOW_NEEDLING_WORKS, topics=["skin"])
ROLLER = make_story("roller", HOW_NEEDLING_WORKS, topics=["skin", "tools"])
FRINGE = make_story("fringe", topics=["hair"])
SUN = make_story("sun", WHAT_SPF_MEANS)
WEEK_48 = make_issue(SCARS, FRINGE, SUN)
WEEK_47 = make_issue(ROLLER, make_story("dye", topics=["hair"]), day=THURSDAY - WEEK)


def test_a_person_gets_the_stories_of_their_topics_and_those_that_concern_everybody() -> None:
    (hair, both, none), made = plan(
        WEEK_48, make_candidate(1, topics="hair"), make_candidate(2, topics="hair skin"), make_candidate(3)
    )

    assert made.variants[hair.variant].stories == ("fringe", "sun")
    assert made.variants[both.variant].stories == made.variants[none.variant].stories == ("scars", "fringe", "sun")
    assert both.variant == none.variant


def test_people_who_get_the_same_share_one_variant_and_another_language_is_another() -> None:
    planned, made = plan(WEEK_48, *(make_candidate(n) for n in range(6)), make_candidate(6, language="de"))

    assert len({p.variant for p in planned[:6]}) == 1
    assert len(made.variants) == 2


def test_each_is_due_at_their_own_hour_on_their_own_clock() -> None:
    tokyo, hawaii, nowhere = (
        make_candidate(1, zone="Asia/Tokyo", hour=7),
        make_candidate(2, zone="Pacific/Honolulu"),
        make_candidate(3, zone="Mars/Olympus"),
    )

    planned, _ = plan(WEEK_48, tokyo, hawaii, nowhere, rules=Rules(hour=9, zone="Europe/Paris"))

    assert [p.due for p in planned] == [
        datetime(2026, 11, 25, 22, tzinfo=UTC),
        datetime(2026, 11, 26, 19, tzinfo=UTC),
        datetime(2026, 11, 26, 8, tzinfo=UTC),
    ]


def test_a_story_that_was_told_is_not_told_again_not_even_if_its_arrival_is_in_doubt() -> None:
    told = Printed(frozenset({"fringe"}), frozenset())
    week_47 = make_issue(FRINGE, day=THURSDAY - WEEK)
    past = make_past(week_47, {1: told, 2: told}, doubtful=[2])

    planned, made = plan(WEEK_48, *(make_candidate(n, topics="hair") for n in (1, 2, 3)), past=(past,))

    assert [made.variants[p.variant].stories for p in planned] == [("sun",), ("sun",), ("fringe", "sun")]


def test_an_explainer_they_have_is_folded_but_not_if_its_arrival_is_in_doubt() -> None:
    read = Printed(frozenset({"roller"}), frozenset({HOW_NEEDLING_WORKS}))
    past = make_past(WEEK_47, {1: read, 2: read}, doubtful=[2])

    planned, made = plan(WEEK_48, *(make_candidate(n) for n in (1, 2, 3)), past=(past,))

    sure, doubtful, never = (made.variants[p.variant] for p in planned)
    assert (sure.folded, sure.printed) == ((HOW_NEEDLING_WORKS,), (WHAT_SPF_MEANS,))
    assert doubtful.folded == never.folded == ()


@pytest.mark.parametrize(("days", "folded"), [(179, (HOW_NEEDLING_WORKS,)), (180, ())])
def test_an_explainer_is_printed_again_after_half_a_year(days: int, folded: tuple[Explainer, ...]) -> None:
    long_ago = make_issue(ROLLER, day=THURSDAY - timedelta(days=days))
    past = make_past(long_ago, {1: Printed(frozenset({"roller"}), frozenset({HOW_NEEDLING_WORKS}))})

    (planned,), made = plan(WEEK_48, make_candidate(1), past=(past,))

    assert made.variants[planned.variant].folded == folded


def test_an_explainer_that_says_something_else_now_is_printed() -> None:
    read = Printed(frozenset({"roller"}), frozenset({Explainer("needling", "0.5 mm")}))
    issue = make_issue(make_story("scars", Explainer("needling", "1.5 mm")))

    (planned,), made = plan(issue, make_candidate(1), past=(make_past(WEEK_47, {1: read}),))

    assert made.variants[planned.variant].folded == ()


def test_what_somebody_missed_comes_with_the_next_issue_newest_first_and_no_more_than_the_most() -> None:
    got = Printed(frozenset({"roller", "dye"}), frozenset({HOW_NEEDLING_WORKS}))
    past = make_past(WEEK_47, {1: got})

    planned, made = plan(
        WEEK_48, make_candidate(1), make_candidate(2), past=(past,), earlier=(WEEK_47,), rules=Rules(most=4)
    )

    stories = [made.variants[p.variant].stories for p in planned]
    assert stories == [("scars", "fringe", "sun"), ("scars", "fringe", "sun", "roller")]


def test_whoever_joined_later_catches_up_with_nothing_that_was_due_before() -> None:
    before = datetime(2026, 11, 19, 9, tzinfo=UTC)
    joined = [make_candidate(1, confirmed_at=before), make_candidate(2, confirmed_at=before + timedelta(seconds=1))]

    planned, made = plan(WEEK_48, *joined, earlier=(WEEK_47,))

    assert [len(made.variants[p.variant].stories) for p in planned] == [5, 3]


def test_a_topic_that_is_added_does_not_bring_back_what_others_read_in_an_issue_they_had() -> None:
    got = Printed(frozenset({"roller"}), frozenset())
    past = make_past(WEEK_47, {1: got})

    (planned,), made = plan(WEEK_48, make_candidate(1, topics="hair"), past=(past,), earlier=(WEEK_47,))

    assert made.variants[planned.variant].stories == ("fringe", "sun")


DUE = datetime(2026, 11, 26, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("person", "rules", "now", "why"),
    [
        ({"paused_until": DUE + timedelta(seconds=1)}, Rules(), MONDAY, Excluded.PAUSED),
        ({"paused_until": DUE}, Rules(), MONDAY, None),
        ({"paused_until": DUE + timedelta(hours=1)}, Rules(), DUE + timedelta(hours=1), None),
        ({"confirmed_at": DUE + timedelta(seconds=1)}, Rules(), DUE + timedelta(hours=1), Excluded.TOO_LATE),
        ({"topics": "nails"}, Rules(fewest=2), MONDAY, Excluded.THIN),
        ({}, Rules(), DUE + timedelta(hours=24), None),
        ({}, Rules(), DUE + timedelta(hours=24, seconds=1), Excluded.LATE),
        ({}, Rules(late=Late.SKIP), DUE + timedelta(days=5), Excluded.SKIPPED),
        ({}, Rules(late=Late.SEND), DUE + timedelta(days=5), None),
    ],
)
def test_whoever_gets_nothing_has_a_reason(
    person: dict[str, object], rules: Rules, now: datetime, why: Excluded | None
) -> None:
    (planned,), _ = plan(WEEK_48, make_candidate(1, **person), rules=rules, now=now)

    assert planned.excluded == (why.value if why else "")


def test_whoever_had_everything_gets_nothing() -> None:
    all_of_it = Printed(frozenset({"scars", "fringe", "sun"}), frozenset())
    past = make_past(make_issue(*WEEK_48.stories, day=THURSDAY - WEEK), {1: all_of_it})

    (planned,), made = plan(WEEK_48, make_candidate(1), past=(past,))

    assert (planned.excluded, made.variants) == (Excluded.NOTHING_NEW.value, {})


def test_nobody_gets_two_digests_in_a_row_whatever_they_change() -> None:
    read = Printed(frozenset({"x"}), frozenset())
    daily = make_issue(make_story("x"), day=THURSDAY - timedelta(days=3), rhythm=Rhythm.DAILY)

    (yesterday, never), _ = plan(WEEK_48, make_candidate(1), make_candidate(2), past=(make_past(daily, {1: read}),))

    assert (yesterday.excluded, never.excluded) == (Excluded.TOO_SOON.value, "")


def test_more_stories_and_explainers_than_bits_in_a_word_are_kept_apart() -> None:
    stories = [make_story(f"s{n}", Explainer(f"e{n}")) for n in range(150)]
    week_47 = make_issue(*stories[::2], day=THURSDAY - WEEK)
    got = Printed(frozenset(s.id for s in stories[::2]), frozenset(Explainer(f"e{n}") for n in range(1, 150, 3)))

    (planned,), made = plan(
        make_issue(*stories), make_candidate(1), past=(make_past(week_47, {1: got}),), rules=Rules(most=1000)
    )

    variant = made.variants[planned.variant]
    assert variant.stories == tuple(f"s{n}" for n in range(1, 150, 2))
    assert variant.folded == tuple(Explainer(f"e{n}") for n in range(1, 150, 6))


def test_an_issue_reaches_back_to_missed_ones_of_its_own_rhythm() -> None:
    weeks = [make_issue(day=THURSDAY - n * WEEK) for n in range(-1, 9)]
    daily = make_issue(day=THURSDAY - timedelta(days=1), rhythm=Rhythm.DAILY)

    assert within_reach(WEEK_48, [daily, *weeks]) == tuple(weeks[2:7])


def test_each_edition_means_the_lists_own_rhythm() -> None:
    assert rhythms_of(Rhythm.WEEKLY, Rhythm.WEEKLY) == (Rhythm.WEEKLY, Rhythm.EACH)
    assert rhythms_of(Rhythm.DAILY, Rhythm.WEEKLY) == (Rhythm.DAILY,)


def test_a_person_is_greeted_by_what_reads_like_a_name() -> None:
    people = [make_candidate(1, name="Ada"), make_candidate(2, name="https://evil.example win"), make_candidate(3)]

    planned, _ = plan(WEEK_48, *people)

    assert [p.name for p in planned] == ["Ada", "", ""]


def test_a_variant_is_named_by_what_it_holds() -> None:
    (one,), _ = plan(WEEK_48, make_candidate(1))
    (same,), _ = plan(WEEK_48, make_candidate(7))
    (other,), _ = plan(make_issue(SCARS, FRINGE, SUN, day=THURSDAY + WEEK), make_candidate(1))

    assert one.variant == same.variant != other.variant
    assert len(one.variant) <= 64
