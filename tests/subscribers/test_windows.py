"""Messages begin in the hours that were set, by the clock on the wall, on every day of the year."""

from datetime import UTC, datetime, timedelta

import pytest

from subscribers.windows import read_window


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "now", "hours"),
    [
        ("08:00-20:00", "2026-11-23 07:59:59", 0),
        ("08:00-20:00", "2026-11-23 08:00", 12),
        ("08:00-20:00", "2026-11-23 19:00", 1),
        ("08:00-20:00", "2026-11-23 20:00", 0),
        ("22:00-06:00", "2026-11-23 23:00", 7),
        ("22:00-06:00", "2026-11-24 05:00", 1),
        ("22:00-06:00", "2026-11-24 06:00", 0),
        ("08:00-20:00", "2026-07-01 07:00", 12),
        ("00:30-03:00", "2026-03-29 00:30", 1.5),
        ("00:30-03:00", "2026-10-24 23:30", 3.5),
    ],
    ids=["before", "opens", "late", "closes", "evening", "morning", "day", "summer", "spring", "autumn"],
)
def test_a_window_tells_how_long_it_is_open(window: str, now: str, hours: float) -> None:
    found = read_window(window, "Europe/London")

    assert found is not None
    assert found.remaining(at(now)) == timedelta(hours=hours)


def test_no_window_is_always_open() -> None:
    assert read_window("", "Europe/London") is None


@pytest.mark.parametrize("text", ["8-20", "08:00-08:00", "08:00-24:00", "08:00 - 20:00", "08:60-20:00"])
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="takes two different times"):
        read_window(text, "Europe/London")
