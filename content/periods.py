"""A period is the stretch of time that one edition stands for; its name is part of the edition's key."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Rhythm(StrEnum):
    """How often an edition is due."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


@dataclass(frozen=True, slots=True)
class Period:
    """One day, week or month. `name` sorts by time and stands in keys; `label` is for people."""

    rhythm: Rhythm
    name: str
    label: str


def period_of(rhythm: Rhythm, day: date) -> Period:
    """Return the period that `day` falls in. Weeks are those of ISO 8601, whose year may differ from the day's."""
    if rhythm is Rhythm.WEEKLY:
        year, week, _ = day.isocalendar()
        return Period(rhythm, f"{year}-W{week:02}", f"Week {week}, {year}")
    if rhythm is Rhythm.MONTHLY:
        return Period(rhythm, f"{day:%Y-%m}", f"{day:%B %Y}")
    return Period(rhythm, day.isoformat(), f"{day.day} {day:%B %Y}")
