"""A day falls into one period, and periods are named so that they sort by time."""

from datetime import date

import pytest

from content.periods import Period, Rhythm, period_of


@pytest.mark.parametrize(
    ("rhythm", "day", "name", "label"),
    [
        (Rhythm.DAILY, date(2026, 11, 5), "2026-11-05", "5 November 2026"),
        (Rhythm.MONTHLY, date(2026, 11, 30), "2026-11", "November 2026"),
        (Rhythm.WEEKLY, date(2026, 11, 25), "2026-W48", "Week 48, 2026"),
        (Rhythm.WEEKLY, date(2027, 1, 3), "2026-W53", "Week 53, 2026"),  # a Sunday of the old year's last week
        (Rhythm.WEEKLY, date(2027, 1, 4), "2027-W01", "Week 1, 2027"),
    ],
)
def test_a_day_falls_into_its_period(rhythm: Rhythm, day: date, name: str, label: str) -> None:
    assert period_of(rhythm, day) == Period(rhythm, name, label)
