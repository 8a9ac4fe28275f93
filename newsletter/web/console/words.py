"""How pages write times, numbers and sizes."""

import re
from collections.abc import Mapping
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
    """Return a size in kilobytes of 1,024 octets, or in megabytes: "64 KB", "3.2 MB"."""
    return f"{octets / 1024:.0f} KB" if octets < 1024**2 else f"{octets / 1024**2:,.1f} MB".replace(",", "\u202f")


def percent(part: int, whole: int) -> str:
    """Return a share: "12.5 %"; a dash when there is nothing to be a part of."""
    return f"{100 * part / whole:.1f}\u202f%" if whole else "–"


#: The period in the key of an edition: a week, a day or a month; then which attempt it is, from 2.
_PERIOD = re.compile(r"-(\d{4})-(?:W(?P<week>\d\d)|(?P<month>\d\d)(?:-(?P<day>\d\d))?)(?:-(?P<again>\d))?$")
#: The key of a letter that tells of a correction.
_NOTICE = re.compile(r"-correction-[0-9a-f]{12}$")

#: How often somebody gets a digest, as people say it.
RHYTHMS: Mapping[str, str] = {
    "each": "every digest",
    "daily": "once a day",
    "weekly": "once a week",
    "monthly": "once a month",
}

#: What a browser says it is, the particular before what others claim as well.
_BROWSERS = {"Edg/": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
_SYSTEMS = {"Android": "Android", "iPhone": "iPhone", "iPad": "iPad", "Mac OS": "Mac", "Windows": "Windows",
            "Linux": "Linux"}  # fmt: skip


def digest(key: str) -> str:
    """Return what a digest is called by people: "Week 48, 2026"; its key where it stands for no period."""
    if _NOTICE.search(key):
        return "A correction"
    found = _PERIOD.search(key)
    if found is None:
        return key
    if found["week"]:
        said = f"Week {int(found['week'])}, {found[1]}"
    else:
        first = date(int(found[1]), int(found["month"]), int(found["day"] or 1))
        said = day(first) if found["day"] else f"{first:%B %Y}"
    return f"{said} ({found['again']})" if found["again"] else said


def opened(text: str) -> str:
    """Return a text that begins with a capital, as a sentence does."""
    return text[:1].upper() + text[1:]


def browser(agent: str) -> str:
    """Return which browser says so of itself, and on what: "Chrome on Linux"; what it says when we know neither."""
    name = next((name for sign, name in _BROWSERS.items() if sign in agent), "")
    system = next((name for sign, name in _SYSTEMS.items() if sign in agent), "")
    return f"{name} on {system}" if name and system else name or agent[:60] or "unknown"


def detail(said: Mapping[str, object]) -> str:
    """Return what the log keeps of a deed as words: "step: save; version: 1"; long names are cut."""
    return "; ".join(f"{name.replace('_', ' ')}: {_value(value)}" for name, value in said.items())


def _value(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(_value(v) for v in value[:3]) + (f" and {len(value) - 3} more" if len(value) > 3 else "")
    text = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
    return text if len(text) <= 40 else f"{text[:12]}…"
