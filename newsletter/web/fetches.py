"""Counts in memory who fetches feeds, and writes it down beside the pages: no answer waits for it."""

from collections.abc import Callable
from datetime import datetime
from threading import Lock

from newsletter.storage.errors import DatabaseFailure
from newsletter.storage.feed_fetches import FeedFetchStore
from subscribers.feed_readers import FeedReader, feed_reader

#: Pairs of a feed and a program that are told apart between two writings: who makes up names fills no table.
MOST = 200

#: What the programs beyond them come under.
OTHERS = FeedReader("others")


class FeedCounter:
    """The fetches since they were last written down."""

    def __init__(self, store: FeedFetchStore, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._lock = Lock()
        self._counted: dict[tuple[str, str], tuple[int, int]] = {}

    def note(self, feed: str, agent: str) -> None:
        """Count a fetch of the file `feed` by a program that calls itself `agent`."""
        reader = feed_reader(agent)
        with self._lock:
            if (feed, reader.name) not in self._counted and len(self._counted) >= MOST:
                reader = OTHERS
            self._put(feed, reader.name, 1, reader.subscribers)

    def write(self) -> None:
        """Write down what was counted; what cannot be written is kept for the next time.

        Raises:
            DatabaseFailure: The database cannot be written.
        """
        with self._lock:
            counted, self._counted = self._counted, {}
        try:
            self._store.add(self._clock().date(), counted)
        except DatabaseFailure:
            with self._lock:
                for (feed, reader), (fetches, subscribers) in counted.items():
                    self._put(feed, reader, fetches, subscribers)
            raise

    def _put(self, feed: str, reader: str, fetches: int, subscribers: int) -> None:
        before, most = self._counted.get((feed, reader), (0, 0))
        self._counted[feed, reader] = before + fetches, max(most, subscribers)
