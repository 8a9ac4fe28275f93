"""Keeps what editors decided about sections and sentences: only ever added to; the latest about a pair holds."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Column, Engine, Integer, String, Table, Text, select

from content.clusters import Ruling, RulingKind
from newsletter.storage.engine import reading
from newsletter.storage.schema import Instant, metadata

rulings = Table(
    "rulings",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("a", Text, nullable=False),
    Column("b", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Instant, nullable=False),
)


class RulingStore:
    """Rulings on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, decided: Iterable[Ruling], *, by: str, now: datetime) -> None:
        """Remember rulings, who gave them and when."""
        rows = [{"kind": r.kind.value, "a": r.a, "b": r.b, "by": by, "at": now} for r in decided]
        with self._engine.begin() as connection:
            connection.execute(rulings.insert(), rows)

    def in_force(self) -> tuple[Ruling, ...]:
        """Return what holds now, in the order in which it was decided: about each pair the latest ruling."""
        query = select(rulings.c.kind, rulings.c.a, rulings.c.b).order_by(rulings.c.number)
        latest: dict[frozenset[str], Ruling] = {}
        with reading(self._engine) as connection:
            for row in connection.execute(query):
                pair = frozenset((row.a, row.b))
                latest.pop(pair, None)
                latest[pair] = Ruling(RulingKind(row.kind), row.a, row.b)
        return tuple(latest.values())
