"""Every due day is one moment on everybody's clock, and what is late follows the written rule."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest

from subscribers.calendar import Late, Verdict, days_due, due_moment, is_zone, judge
from subscribers.preferences import Rhythm
from tests.builders import MONDAY

FIRST, LAST = date(2026, 1, 1), date(2028, 12, 31)
EVERY_ZONE = sorted(z for z in available_timezones() if z != "localtime")
DAY = timedelta(days=1)


def changes(zone: str) -> Iterator[date]:
    """Yield the days on which the clocks of a zone change, 2026 to 2028."""
    here = ZoneInfo(zone)
    noons = (datetime(2026, 1, 1, 12, tzinfo=UTC) + n * DAY for n in range((LAST - FIRST).days + 1))
    for before, after in pairwise(noons):
        if before.astimezone(here).utcoffset() != after.astimezone(here).utcoffset():
            yield from {before.astimezone(here).date(), after.astimezone(here).date()}


def test_the_zones_of_the_world_change_their_clocks_in_these_years() -> None:
    assert len(EVERY_ZONE) > 590
    assert sum(any(changes(zone)) for zone in EVERY_ZONE) > 150


@pytest.mark.parametrize("zone", EVERY_ZONE)
def test_around_every_change_of_clocks_each_day_is_due_once_at_the_hour_or_just_after_it_was_skipped(zone: str) -> None:
    here = ZoneInfo(zone)
    for change in {*changes(zone), date(2027, 6, 15)}:
        for hour in range(24):
            due = [due_moment(change + n * DAY, hour, zone) for n in (-2, -1, 0, 1, 2)]
            assert due == sorted(set(due))
            for day, moment in zip((change - DAY, change, change + DAY), due[1:4], strict=True):
                local = moment.astimezone(here)
                if (local.date(), local.hour, local.minute) == (day, hour, 0):
                    assert local.fold == 0, "an hour that comes twice counts the first time"
                else:
                    skipped = datetime(day.year, day.month, day.day, hour, tzinfo=here)
                    assert skipped.astimezone(UTC).astimezone(here).replace(tzinfo=None) != skipped.replace(tzinfo=None)
                    late = local.replace(tzinfo=None) - skipped.replace(tzinfo=None)
                    assert timedelta(0) < late <= timedelta(hours=2)


@pytest.mark.parametrize("rhythm", Rhythm)
def test_three_years_have_as_many_digests_as_they_should(rhythm: Rhythm) -> None:
    days = list(days_due(rhythm, FIRST, LAST, weekday=4, month_day=28))

    expected = {Rhythm.EACH: 1096, Rhythm.DAILY: 1096, Rhythm.WEEKLY: 157, Rhythm.MONTHLY: 36}
    assert len(days) == expected[rhythm]
    assert len({due_moment(day, 2, "Europe/Paris") for day in days}) == len(days)


LATENESS = {
    "five minutes": (timedelta(minutes=5), [Verdict.SEND] * 3),
    "five hours": (timedelta(hours=5), [Verdict.MERGE, Verdict.SEND, Verdict.SEND]),
    "five days": (timedelta(days=5), [Verdict.MERGE] * 3),
    "not yet": (timedelta(hours=-3), [Verdict.SEND] * 3),
}


@pytest.mark.parametrize(("late", "verdicts"), LATENESS.values(), ids=LATENESS)
def test_what_is_late_follows_the_written_rule(late: timedelta, verdicts: list[Verdict]) -> None:
    rhythms = (Rhythm.DAILY, Rhythm.WEEKLY, Rhythm.MONTHLY)

    assert [judge(MONDAY, MONDAY + late, rhythm) for rhythm in rhythms] == verdicts


def test_a_list_may_rather_skip_or_send() -> None:
    late = MONDAY + timedelta(days=9)

    assert judge(MONDAY, late, Rhythm.WEEKLY, Late.SKIP) is Verdict.SKIP
    assert judge(MONDAY, late, Rhythm.WEEKLY, Late.SEND) is Verdict.SEND


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../../etc/passwd", "/etc", "Europe", "\0", "x" * 5000])
def test_what_is_no_zone_is_no_zone(name: str) -> None:
    assert not is_zone(name)
    assert is_zone("Asia/Kolkata")
