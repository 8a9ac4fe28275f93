"""What the two sides of the ledger, senders and operators, both ask of its tables."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    true,
    update,
)

from newsletter.storage.ledger_rows import add_outcomes
from newsletter.storage.ledger_tables import audience, chunks, mailings, outcomes, retries
from subscribers.deliveries import Outcome, Receipt

#: Rows that pass at once where a whole audience is written or read.
PAGE = 5_000

#: How long PostgreSQL lets a sender sleep in the middle of a transaction.
PATIENCE = "30s"


class MailingState(StrEnum):
    """What an operator, or an alarm, lets an edition's sending do."""

    FREEZING = "freezing"  #: its audience is being written down; it has no edition's name yet
    SENDING = "sending"
    PAUSED = "paused"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailing:
    """One edition's sending."""

    number: int
    edition: str
    state: MailingState
    reason: str
    candidates: int
    frozen_at: datetime
    hold_until: datetime | None


def database_now(connection: Connection) -> datetime:
    """Return the time by the one clock that all senders share: the server's, where the database is one."""
    if connection.dialect.name == "postgresql":
        # In the same breath: whoever falls asleep in this transaction loses it, and with it the rows it has locked.
        patience = func.set_config("idle_in_transaction_session_timeout", PATIENCE, True)
        at: datetime = connection.execute(select(func.clock_timestamp(), patience)).one()[0]
        return at.astimezone(UTC)
    return datetime.now(UTC)


def due_of(chunk: Any) -> datetime:  # noqa: ANN401  a row of several columns
    """Return the date of a chunk's messages if they leave in time: the one written down, else when they are due.

    `chunk` has `dated_at` and `not_before` of the chunk, and `frozen_at` of its mailing.
    """
    due: datetime = max(chunk.frozen_at, chunk.not_before or chunk.frozen_at)
    return chunk.dated_at or due


def dates_in(connection: Connection, mailing: int) -> Callable[[int], datetime]:
    """Return what tells, by the index of one who was tried before, the date of their message."""
    query = (
        select(chunks.c.lo, chunks.c.not_before, chunks.c.dated_at, mailings.c.frozen_at)
        .join(mailings, mailings.c.id == chunks.c.mailing)
        .where(chunks.c.mailing == mailing, chunks.c.lo.is_not(None))
        .order_by(chunks.c.lo)
    )
    rows = connection.execute(query).all()
    begins = [row.lo for row in rows]
    return lambda idx: due_of(rows[bisect_right(begins, idx) - 1])


def find_mailing(connection: Connection, edition: str) -> Mailing | None:
    """Return the sending of `edition`; None when its audience is not frozen."""
    row = connection.execute(select(mailings).where(mailings.c.edition == edition)).first()
    return read_mailing(row) if row else None


def read_mailing(row: Row[Any]) -> Mailing:
    """Return the sending of a row."""
    return Mailing(
        number=row.id,
        edition=row.edition,
        state=MailingState(row.state),
        reason=row.reason,
        candidates=row.candidates,
        frozen_at=row.frozen_at,
        hold_until=row.hold_until,
    )


def may_run(now: datetime, only: str | None = None) -> ColumnElement[bool]:
    """Select mailings that senders may work on at `now`: all of them, or that of one edition."""
    released = or_(mailings.c.hold_until.is_(None), mailings.c.hold_until <= now)
    wanted = true() if only is None else mailings.c.edition == only
    return and_(mailings.c.state == MailingState.SENDING.value, released, wanted)


def in_chunk(chunk: Any) -> ColumnElement[bool]:  # noqa: ANN401  a row, or the columns of the table
    """Select the audience between a chunk's bounds."""
    return and_(audience.c.mailing == chunk.mailing, audience.c.idx >= chunk.lo, audience.c.idx < chunk.hi)


def nothing_yet() -> tuple[ColumnElement[bool], ...]:
    """Select the audience to whom nothing has happened."""
    return (
        ~exists().where(outcomes.c.mailing == audience.c.mailing, outcomes.c.idx == audience.c.idx),
        ~exists().where(retries.c.mailing == audience.c.mailing, retries.c.idx == audience.c.idx),
    )


def still_open(chunk: Row[Any]) -> Select[Any]:
    """Select the people of a chunk to whom nothing has happened since it was leased."""
    people = (audience.c.idx, audience.c.subscriber, audience.c.address, audience.c.key, audience.c.name)
    if chunk.hi is None:
        tried = and_(retries.c.mailing == audience.c.mailing, retries.c.idx == audience.c.idx)
        return (
            select(*people, audience.c.variant, retries.c.attempts.label("attempts"))
            .join(retries, tried)
            .where(retries.c.chunk == chunk.id)
            .order_by(audience.c.idx)
        )
    never = literal(0).label("attempts")
    return select(*people, audience.c.variant, never).where(in_chunk(chunk), *nothing_yet()).order_by(audience.c.idx)


def withdraw(connection: Connection, mailing: int, now: datetime) -> int:
    """Take a stopped mailing back from everybody whom no sender holds; return how many those are."""
    count = 0
    free = select(chunks).where(chunks.c.mailing == mailing, chunks.c.state == "free").with_for_update()
    for chunk in connection.execute(free).all():
        rows = connection.execute(still_open(chunk)).all()
        add_outcomes(connection, [(mailing, r.idx, Receipt(Outcome.WITHDRAWN)) for r in rows], now)
        connection.execute(update(chunks).where(chunks.c.id == chunk.id).values(state="done"))
        count += len(rows)
    waiting = and_(retries.c.mailing == mailing, retries.c.chunk.is_(None))
    deferred = connection.execute(select(retries.c.idx).where(waiting)).scalars().all()
    add_outcomes(connection, [(mailing, idx, Receipt(Outcome.WITHDRAWN)) for idx in deferred], now)
    connection.execute(delete(retries).where(waiting))
    return count + len(deferred)
