"""When a digest is due on a person's own clock, and what becomes of one that is late."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from subscribers.preferences import Rhythm

#: How late a digest may still leave. Beyond, a daily one reads stale beside tomorrow's, while a monthly one does not
#: lose its worth over a long weekend.
GRACE: dict[Rhythm, timedelta] = {
    Rhythm.EACH: timedelta(hours=24),
    Rhythm.DAILY: timedelta(hours=3),
    Rhythm.WEEKLY: timedelta(hours=24),
    Rhythm.MONTHLY: timedelta(hours=72),
}

#: Days that lie at least between two digests of one list to one person. Somebody who changes their rhythm, or flies
#: east, waits for the next one instead of getting two in a row.
FEWEST_DAYS: dict[Rhythm, int] = {Rhythm.EACH: 0, Rhythm.DAILY: 1, Rhythm.WEEKLY: 4, Rhythm.MONTHLY: 15}

#: How far back a digest reaches for issues that a person missed: five of each rhythm.
REACH: dict[Rhythm, timedelta] = {
    Rhythm.EACH: timedelta(days=35),
    Rhythm.DAILY: timedelta(days=5),
    Rhythm.WEEKLY: timedelta(days=35),
    Rhythm.MONTHLY: timedelta(days=155),
}


class Late(StrEnum):
    """What becomes of a digest that is later than its grace."""

    MERGE = "merge"  #: what it would have told comes with the next one
    SKIP = "skip"  #: what it would have told is never told
    SEND = "send"  #: it leaves, however late


class Verdict(StrEnum):
    """What to do with one digest now."""

    SEND = "send"
    MERGE = "merge"
    SKIP = "skip"


def due_moment(day: date, hour: int, zone: str) -> datetime:
    """Return when a clock in `zone` shows `hour` on `day`, in UTC: exactly one moment for every day.

    An hour that the clock skips in spring comes by as much later as the clock jumped; an hour that it shows twice in
    autumn counts the first time.
    """
    local = datetime.combine(day, time(hour), ZoneInfo(zone))  # fold=0: the offset before a change (PEP 495)
    return local.astimezone(UTC)


def is_zone(name: str) -> bool:
    """Tell whether `name` is a time zone that this machine knows."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # not there, a path that leads outside, a folder
        return False
    return True


def judge(due: datetime, now: datetime, rhythm: Rhythm, late: Late = Late.MERGE) -> Verdict:
    """Return what to do with a digest that was, or will be, due at `due`."""
    if now - due <= GRACE[rhythm] or late is Late.SEND:
        return Verdict.SEND
    return Verdict.MERGE if late is Late.MERGE else Verdict.SKIP


def days_due(rhythm: Rhythm, first: date, last: date, *, weekday: int = 2, month_day: int = 1) -> Iterator[date]:
    """Yield the days from `first` to `last`, inclusive, on which a digest is due.

    Args:
        rhythm: How often; EACH counts as daily.
        first: The first day that may be one.
        last: The last.
        weekday: Of weekly digests, 1 for Monday to 7 for Sunday.
        month_day: Of monthly digests, 1 to 28: every month has it.
    """
    day = first
    while day <= last:
        if _is_due(rhythm, day, weekday, month_day):
            yield day
        day += timedelta(days=1)


def latest_due(rhythm: Rhythm, now: datetime, hour: int, zone: str, *, weekday: int, month_day: int) -> datetime:
    """Return the last moment, up to and including `now`, at which a digest was due on a clock in `zone`; in UTC."""
    today = now.astimezone(ZoneInfo(zone)).date()
    # Two months back there is one of every rhythm; tomorrow, because a zone may leave out a day (Apia, 2011).
    days = days_due(rhythm, today - timedelta(days=62), today + timedelta(days=1), weekday=weekday, month_day=month_day)
    return max(due for day in days if (due := due_moment(day, hour, zone)) <= now)


def _is_due(rhythm: Rhythm, day: date, weekday: int, month_day: int) -> bool:
    if rhythm is Rhythm.WEEKLY:
        return day.isoweekday() == weekday
    return day.day == month_day if rhythm is Rhythm.MONTHLY else True
