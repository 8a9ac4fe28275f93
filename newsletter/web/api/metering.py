"""Counts what each token asks, so that one program that runs wild leaves room for the others."""

import math
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta

#: Calls of one token within the span. A page of 200 people each: the whole of a million in nine minutes.
MOST, WITHIN = 600, timedelta(minutes=1)


@dataclass(slots=True)
class Meter:
    """Calls by token, in this process."""

    most: int = MOST
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _counted: dict[str, tuple[datetime, int]] = field(default_factory=dict)

    def wait(self, token: str, now: datetime) -> int:
        """Count a call; return the seconds until the next may come, 0 when this one may pass."""
        with self._lock:
            since, count = self._counted.get(token, (now, 0))
            if now >= since + WITHIN:
                since, count = now, 0
            self._counted[token] = (since, count + 1)
        return max(1, math.ceil((since + WITHIN - now).total_seconds())) if count >= self.most else 0
