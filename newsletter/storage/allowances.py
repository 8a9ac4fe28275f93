"""What all senders together may do: a rate that they share, and so many messages a day while a domain is new."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import Column, Connection, Engine, Float, String, Table, select, update

from newsletter.storage.engine import reading
from newsletter.storage.ledger_queries import database_now
from newsletter.storage.schema import Instant, metadata

allowances = Table(
    "allowances",
    metadata,
    Column("name", String(16), primary_key=True),
    #: RATE: messages that might begin at `at`. DAY: messages that have been allowed on the day of `at`.
    Column("amount", Float, nullable=False),
    Column("at", Instant, nullable=False),
)

RATE, DAY = "rate", "day"

#: What an idle hour saves up: as much as this many seconds bring. More would be a burst.
SAVED_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Allowed:
    """How many messages may begin; if none, and none will today, why."""

    count: int
    rest: str = ""


class Allowances:
    """The senders' common limits, kept in one database. Whoever dies with an allowance has wasted it, nothing worse."""

    def __init__(
        self,
        engine: Engine,
        per_second: float = 0.0,
        per_day: Callable[[date], int | None] | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        """Take the limits.

        Args:
            engine: The database that the senders share.
            per_second: Messages that may begin each second; 0: no limit.
            per_day: How many on a day (UTC); None, and the answer None: no limit.
            clock: Instead of the database's.
        """
        self._engine = engine
        self._per_second = per_second
        self._per_day = per_day
        self._clock = clock

    def take(self, wanted: int) -> Allowed:
        """Take up to `wanted` messages off what may begin now."""
        with self._engine.begin() as connection:
            now = self._clock() if self._clock else database_now(connection)
            left = self._left_today(connection, now)
            if left is not None and left <= 0:
                return Allowed(0, f"today's {self._today(now)} messages of a new domain have gone out")
            count = wanted if left is None else min(wanted, left)
            if self._per_second:
                count = self._from_rate(connection, count, now)
            if left is not None:
                self._add(connection, count)
        return Allowed(count)

    def give_back(self, count: int) -> None:
        """Return what was taken and not used. Only of a day's allowance would it be missed: a rate brings more."""
        with self._engine.begin() as connection:
            if self._today(self._clock() if self._clock else database_now(connection)) is not None:
                self._add(connection, -count)

    def used_today(self, day: date) -> int:
        """Return how many messages were allowed on `day` (UTC)."""
        with reading(self._engine) as connection:
            row = connection.execute(select(allowances).where(allowances.c.name == DAY)).first()
        return int(row.amount) if row is not None and row.at.astimezone(UTC).date() == day else 0

    def _today(self, now: datetime) -> int | None:
        return self._per_day(now.astimezone(UTC).date()) if self._per_day else None

    def _left_today(self, connection: Connection, now: datetime) -> int | None:
        most = self._today(now)
        if most is None:
            return None
        amount, at = self._find(connection, DAY)
        if at.astimezone(UTC).date() != now.astimezone(UTC).date():
            amount = 0.0
            connection.execute(update(allowances).where(allowances.c.name == DAY).values(amount=0.0, at=now))
        return most - int(amount)

    def _from_rate(self, connection: Connection, wanted: int, now: datetime) -> int:
        most = max(1.0, self._per_second * SAVED_SECONDS)
        amount, at = self._find(connection, RATE)
        # A clock that was set back brings nothing, and takes nothing away.
        there = min(most, amount + max(0.0, (now - at).total_seconds()) * self._per_second)
        count = min(wanted, int(there))
        values = {"amount": there - count, "at": now}
        connection.execute(update(allowances).where(allowances.c.name == RATE).values(values))
        return count

    def _find(self, connection: Connection, name: str) -> tuple[float, datetime]:
        """Return a row, which the migration has made, held until the transaction ends."""
        row = connection.execute(select(allowances).where(allowances.c.name == name).with_for_update()).one()
        return row.amount, row.at

    def _add(self, connection: Connection, count: int) -> None:
        more = allowances.c.amount + count
        connection.execute(update(allowances).where(allowances.c.name == DAY).values(amount=more))
