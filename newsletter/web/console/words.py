"""How pages write times, numbers and sizes."""

from datetime import date, datetime, timedelta, tzinfo


def when(moment: datetime, zone: tzinfo) -> str:
    """Return a moment with its zone: "Tue 1 Dec 2026, 09:00 GMT"."""
    local = moment.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M} {local.tzname()}"


def day(moment: datetime | date, zone: tzinfo | None = None) -> str:
    """Return a day: "1 Dec 2026"."""
    local = moment.astimezone(zone) if isinstance(moment, datetime) and zone else moment
    return f"{local.day} {local:%b %Y}"


def ago(moment: datetime, now: datetime) -> str:
    """Return how long ago something was: "5 minutes ago"."""
    past = now - moment
    for span, name in ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute")):
        if past >= span:
            return f"{count(past // span, name)} ago"
    return "just now"


def left(span: timedelta) -> str:
    """Return a time that is left: "4 min 12 s"."""
    seconds = max(0, int(span.total_seconds()))
    if seconds >= 172_800:
        return count(seconds // 86_400, "day")
    if seconds >= 3600:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"


def number(value: int) -> str:
    """Return a number with thin spaces between thousands: "10 482"."""
    return f"{value:,}".replace(",", "\u202f")


def count(value: int, thing: str, things: str = "") -> str:
    """Return a number of things: "1 article", "12 articles"."""
    return f"{number(value)} {thing if value == 1 else things or thing + 's'}"


def size(octets: int) -> str:
    """Return a size in kilobytes of 1,024 octets: "64 KB"."""
    return f"{octets / 1024:.0f} KB"


def percent(part: int, whole: int) -> str:
    """Return a share: "12.5 %"; a dash when there is nothing to be a part of."""
    return f"{100 * part / whole:.1f}\u202f%" if whole else "–"
