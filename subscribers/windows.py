"""The hours of the day in which messages may begin."""

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)").fullmatch


@dataclass(frozen=True, slots=True)
class Window:
    """From one time of the clock to another in a zone; it may go over midnight."""

    opens: time
    closes: time
    zone: ZoneInfo

    def remaining(self, now: datetime) -> timedelta:
        """Return how long the window is still open; nothing when it is closed.

        The clock on the wall decides, so on the day when clocks change the window is an hour shorter or longer.
        """
        local = now.astimezone(self.zone)
        wall = local.time().replace(tzinfo=None)
        if self.opens < self.closes:
            is_open, ends_today = self.opens <= wall < self.closes, True
        else:
            is_open, ends_today = wall >= self.opens or wall < self.closes, wall < self.closes
        if not is_open:
            return timedelta(0)
        day = local.date() if ends_today else local.date() + timedelta(days=1)
        end = datetime.combine(day, self.closes, self.zone)
        # Both in absolute time: subtracting within one zone would count the wall's hours.
        return timedelta(seconds=end.timestamp() - now.timestamp())

    def __str__(self) -> str:
        return f"{self.opens:%H:%M}-{self.closes:%H:%M} ({self.zone.key})"


def read_window(text: str, zone: str) -> Window | None:
    """Return the window that a text such as 08:00-20:00 names; None for an empty text: always open.

    Raises:
        ValueError: It names none.
    """
    if not text:
        return None
    found = _SPAN(text)
    if found is None or text[:5] == text[6:]:
        raise ValueError("takes two different times such as 08:00-20:00")
    opens, closes = time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4]))
    return Window(opens, closes, ZoneInfo(zone))
