"""Keeps what is dear to compute and may be a little old, in this process alone."""

import logging
import threading
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar, cast

T = TypeVar("T")

#: Things kept at most; beyond that the oldest are forgotten.
MOST = 5_000


class Cache:
    """Values by name, each with the time until which it holds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[Hashable, tuple[datetime, object]] = {}
        self._making: dict[Hashable, threading.Lock] = {}

    def get(
        self, key: Hashable, make: Callable[[], T], *, now: datetime, kept: timedelta, lenient: timedelta = timedelta(0)
    ) -> T:
        """Return the value of this name, made anew when it is older than `kept`. Two who ask at once share one.

        Args:
            key: Its name.
            make: Makes it.
            now: The time.
            kept: How old it may be.
            lenient: For so long after that, the old one is returned once more while a new one is made beside.
        """
        with self._lock:
            found = self._kept.get(key)
            making = self._making.setdefault(key, threading.Lock())
        if found is not None and now < found[0]:
            return cast("T", found[1])
        if found is not None and now < found[0] + lenient:
            self.make_beside(key, make, now=now, kept=kept)
            return cast("T", found[1])
        with making:
            with self._lock:
                found = self._kept.get(key)
            if found is not None and now < found[0]:
                return cast("T", found[1])
            value = make()
            self.put(key, value, now=now, kept=kept)
        return value

    def make_beside(self, key: Hashable, make: Callable[[], object], *, now: datetime, kept: timedelta) -> bool:
        """Begin to make the value of this name in a thread of its own; tell whether nobody was making it already."""
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        is_free = making.acquire(blocking=False)
        if is_free:
            work = partial(self._make, key, make, making, now=now, kept=kept)
            threading.Thread(target=work, name="beside a page", daemon=True).start()
        return is_free

    def _make(
        self, key: Hashable, make: Callable[[], object], making: threading.Lock, *, now: datetime, kept: timedelta
    ) -> None:
        try:
            self.put(key, make(), now=now, kept=kept)
        except Exception:
            # Nobody waits for this thread. Whoever asks after the leniency makes it themselves, and sees what is wrong.
            logging.getLogger(__name__).exception("what a page shows could not be made anew")
        finally:
            making.release()

    def find(self, key: Hashable, now: datetime) -> object | None:
        """Return the value of this name; None when there is none that still holds."""
        with self._lock:
            until, value = self._kept.get(key, (now, None))
        return value if now < until else None

    def put(self, key: Hashable, value: object, *, now: datetime, kept: timedelta) -> None:
        """Keep a value under this name."""
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = (now + kept, value)
            for oldest in list(self._kept)[: max(0, len(self._kept) - MOST)]:
                del self._kept[oldest]
                self._making.pop(oldest, None)

    def forget(self) -> None:
        """Forget everything: something was changed that may show anywhere."""
        with self._lock:
            self._kept.clear()
