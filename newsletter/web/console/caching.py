"""Keeps what is dear to compute and may be a little old, in this process alone."""

import threading
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from typing import TypeVar, cast

T = TypeVar("T")

#: Things kept at most; beyond that the oldest are forgotten.
MOST = 500


class Cache:
    """Values by name, each with the time until which it holds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[Hashable, tuple[datetime, object]] = {}
        self._making: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, make: Callable[[], T], *, now: datetime, kept: timedelta) -> T:
        """Return the value of this name, made anew when it is older than `kept`. Two who ask at once share one."""
        with self._lock:
            found = self._kept.get(key)
            making = self._making.setdefault(key, threading.Lock())
        if found is not None and now < found[0]:
            return cast("T", found[1])
        with making:
            with self._lock:
                found = self._kept.get(key)
            if found is not None and now < found[0]:
                return cast("T", found[1])
            value = make()
            with self._lock:
                self._kept.pop(key, None)
                self._kept[key] = (now + kept, value)
                for oldest in list(self._kept)[: max(0, len(self._kept) - MOST)]:
                    del self._kept[oldest]
                    self._making.pop(oldest, None)
        return value

    def forget(self) -> None:
        """Forget everything: something was changed that may show anywhere."""
        with self._lock:
            self._kept.clear()
