"""Counts how often each feed was fetched on a day, by program: nothing of any person."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Column, Date, Engine, Integer, String, Table, func, select
from sqlalchemy.dialects import postgresql, sqlite

from newsletter.storage.engine import reading
from newsletter.storage.schema import metadata

feed_fetches = Table(
    "feed_fetches",
    metadata,
    Column("day", Date, primary_key=True),
    Column("feed", String(200), primary_key=True),
    #: The program's name.
    Column("reader", String(40), primary_key=True),
    Column("fetches", Integer, nullable=False),
    #: The most people for whom the program said on that day that it reads.
    Column("subscribers", Integer, nullable=False),
)

#: Days that are kept.
KEPT = timedelta(days=400)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """How often a feed was fetched by one program, and for how many people it says it reads; 0: it does not say."""

    feed: str
    reader: str
    fetches: int
    subscribers: int


class FeedFetchStore:
    """Fetches of feeds, on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, day: date, counted: Mapping[tuple[str, str], tuple[int, int]]) -> None:
        """Add fetches of `day`: by feed and program how many, and for how many people; forget what is too old."""
        rows = [
            {"day": day, "feed": feed, "reader": reader, "fetches": fetches, "subscribers": subscribers}
            for (feed, reader), (fetches, subscribers) in sorted(counted.items())
        ]
        if not rows:
            return
        with self._engine.begin() as connection:
            connection.execute(feed_fetches.delete().where(feed_fetches.c.day < day - KEPT))
            is_server = connection.dialect.name == "postgresql"
            add = (postgresql.insert if is_server else sqlite.insert)(feed_fetches)
            known, new = feed_fetches.c, add.excluded
            most = (func.greatest if is_server else func.max)(known.subscribers, new.subscribers)
            changes = {"fetches": known.fetches + new.fetches, "subscribers": most}
            connection.execute(add.on_conflict_do_update(index_elements=["day", "feed", "reader"], set_=changes), rows)

    def since(self, day: date) -> tuple[Fetched, ...]:
        """Return the fetches from `day` on, the feeds in order, and of each first who fetched it most."""
        c = feed_fetches.c
        total = func.sum(c.fetches)
        query = (
            select(c.feed, c.reader, total.label("fetches"), func.max(c.subscribers).label("subscribers"))
            .where(c.day >= day)
            .group_by(c.feed, c.reader)
            .order_by(c.feed, total.desc(), c.reader)
        )
        with reading(self._engine) as connection:
            return tuple(Fetched(**row) for row in connection.execute(query).mappings())
