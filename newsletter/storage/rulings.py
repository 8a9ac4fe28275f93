"""Keeps what editors decided about sections and sentences: only ever added to; the latest about a pair holds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Connection, Engine, Integer, String, Table, Text, select

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One ruling, who gave it and when. What was decided together has the same giver and moment."""

    number: int
    ruling: Ruling
    by: str
    at: datetime

    @property
    def pair(self) -> frozenset[str]:
        """Return what it is about."""
        return frozenset((self.ruling.a, self.ruling.b))


class RulingStore:
    """Rulings on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, decided: Iterable[Ruling], *, by: str, now: datetime) -> None:
        """Remember rulings, who gave them and when."""
        with self._engine.begin() as connection:
            connection.execute(rulings.insert(), _rows(decided, by, now))

    def in_force(self) -> tuple[Ruling, ...]:
        """Return what holds now, in the order in which it was decided: about each pair the latest ruling."""
        return tuple(given.ruling for given in self.given())

    def given(self) -> tuple[Given, ...]:
        """Return what holds now, in the order in which it was decided, with who decided it and when."""
        with reading(self._engine) as connection:
            return _holding(_all(connection))

    def take_back(self, number: int, *, by: str, now: datetime) -> tuple[Ruling, ...]:
        """Let what was decided before hold again, for a ruling and everything that was decided together with it.

        Returns:
            The rulings that hold no more; empty when this one held no more already.
        """
        with self._engine.begin() as connection:
            everything = _all(connection)
            holding = _holding(everything)
            chosen = next((g for g in holding if g.number == number), None)
            together = [g for g in holding if chosen and (g.by, g.at) == (chosen.by, chosen.at)]
            if together:
                connection.execute(rulings.insert(), _rows([_before(g, everything) for g in together], by, now))
        return tuple(g.ruling for g in together)


def _rows(decided: Iterable[Ruling], by: str, now: datetime) -> list[dict[str, object]]:
    return [{"kind": r.kind.value, "a": r.a, "b": r.b, "by": by, "at": now} for r in decided]


def _all(connection: Connection) -> tuple[Given, ...]:
    rows = connection.execute(select(rulings).order_by(rulings.c.number))
    return tuple(Given(number=r.number, ruling=Ruling(RulingKind(r.kind), r.a, r.b), by=r.by, at=r.at) for r in rows)


def _holding(everything: Iterable[Given]) -> tuple[Given, ...]:
    latest: dict[frozenset[str], Given] = {}
    for given in everything:
        latest.pop(given.pair, None)
        latest[given.pair] = given
    return tuple(g for g in latest.values() if g.ruling.kind is not RulingKind.OPEN)


def _before(taken: Given, everything: Sequence[Given]) -> Ruling:
    """Return what held about a pair before a ruling was given; a pair may be named twice at one moment."""
    before = [g for g in everything if g.number < taken.number and (g.by, g.at) != (taken.by, taken.at)]
    earlier = [g.ruling for g in before if g.pair == taken.pair]
    return earlier[-1] if earlier else Ruling(RulingKind.OPEN, taken.ruling.a, taken.ruling.b)
