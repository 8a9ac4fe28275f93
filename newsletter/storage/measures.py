"""Counts what operators watch: how soon messages arrive, how long they wait, what receiving domains say. Only reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Engine, and_, case, func, literal, or_, select

from newsletter.storage.engine import reading
from newsletter.storage.ledger_queries import MailingState, database_now
from newsletter.storage.ledger_tables import audience, chunks, mailings, outcomes, retries
from newsletter.storage.sends import sends
from subscribers.deliveries import Outcome

#: Editions that are shown at once: more lines than these nobody reads, and each costs a count.
MOST_EDITIONS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """One edition's mailing, and since when its messages may leave."""

    number: int
    edition: str
    state: MailingState
    frozen_at: datetime
    begins: datetime


class MeasureStore:
    """Figures about deliveries, on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def recent(self, since: datetime) -> tuple[Running, ...]:
        """Return the mailings frozen after `since`, the newest first, as many as are shown."""
        query = (
            select(mailings, sends.c.due_at)
            .outerjoin(sends, sends.c.edition == mailings.c.edition)
            .where(mailings.c.state != MailingState.FREEZING.value, mailings.c.frozen_at >= since)
            .order_by(mailings.c.id.desc())
            .limit(MOST_EDITIONS)
        )
        with reading(self._engine) as connection:
            return tuple(
                Running(
                    number=row.id,
                    edition=row.edition,
                    state=MailingState(row.state),
                    frozen_at=row.frozen_at,
                    begins=max(row.frozen_at, row.due_at) if row.due_at else row.frozen_at,
                )
                for row in connection.execute(query)
            )

    def accepted_within(self, mailing: Running, bounds: Sequence[timedelta]) -> tuple[int, ...]:
        """Return how many messages were accepted within each bound of the moment they might leave, and in all.

        Whoever is written to at an hour of their own counts from that hour.
        """
        counts = [0] * (len(bounds) + 1)
        with reading(self._engine) as connection:
            moments = select(chunks.c.not_before).where(chunks.c.mailing == mailing.number, chunks.c.lo.is_not(None))
            for due in connection.execute(moments.distinct()).scalars().all():
                start = mailing.begins if due is None else max(due, mailing.begins)
                here = chunks.c.not_before.is_(None) if due is None else chunks.c.not_before == due
                for n, count in enumerate(_counted(connection, mailing.number, here, start, bounds)):
                    counts[n] += count
        return tuple(counts)

    def oldest_due(self, now: datetime) -> datetime | None:
        """Return since when the message waits that has been due for longest; None when none is due.

        What is paused, or held, waits for a person and not for us.
        """
        running = and_(
            mailings.c.state == MailingState.SENDING.value,
            or_(mailings.c.hold_until.is_(None), mailings.c.hold_until <= now),
        )
        from_then = func.coalesce(chunks.c.not_before, mailings.c.frozen_at)
        due = case((sends.c.due_at > from_then, sends.c.due_at), else_=from_then)
        waiting = (
            select(func.min(due))
            .select_from(chunks)
            .join(mailings, mailings.c.id == chunks.c.mailing)
            .outerjoin(sends, sends.c.edition == mailings.c.edition)
            .where(chunks.c.state != "done", chunks.c.lo.is_not(None), due <= now, running)
        )
        again = (
            select(func.min(retries.c.next_at))
            .join(mailings, mailings.c.id == retries.c.mailing)
            .where(retries.c.next_at <= now, running)
        )
        with reading(self._engine) as connection:
            moments = [connection.execute(query).scalar() for query in (waiting, again)]
        return min((m for m in moments if m is not None), default=None)

    def recent_ends(self, since: datetime) -> dict[tuple[str, str], int]:
        """Return how many messages ended after `since`, by receiving domain and outcome."""
        domain = _domain(self._engine.dialect.name).label("domain")
        counted = (Outcome.ACCEPTED.value, Outcome.REFUSED.value, Outcome.UNCERTAIN.value)
        query = (
            select(domain, outcomes.c.kind, func.count().label("n"))
            .join(audience, and_(audience.c.mailing == outcomes.c.mailing, audience.c.idx == outcomes.c.idx))
            .where(outcomes.c.at > since, outcomes.c.kind.in_(counted))
            .where(outcomes.c.mailing.in_(select(mailings.c.id).order_by(mailings.c.id.desc()).limit(MOST_EDITIONS)))
            .group_by(domain, outcomes.c.kind)
        )
        with reading(self._engine) as connection:
            return {(row.domain, row.kind): row.n for row in connection.execute(query)}

    def send_states(self) -> dict[str, int]:
        """Return how many sends stand in each state."""
        query = select(sends.c.state, func.count().label("n")).group_by(sends.c.state)
        with reading(self._engine) as connection:
            return {row.state: row.n for row in connection.execute(query)}

    def senders(self) -> int:
        """Return how many senders hold people now."""
        with reading(self._engine) as connection:
            now = database_now(connection)
            query = select(func.count(chunks.c.owner.distinct())).where(
                chunks.c.state == "leased", chunks.c.lease_until > now
            )
            return int(connection.execute(query).scalar_one())

    def last_end(self, mailing: Running) -> datetime | None:
        """Return when the last message of this mailing ended, whoever was excluded left out."""
        query = select(func.max(outcomes.c.at)).where(
            outcomes.c.mailing == mailing.number, outcomes.c.kind != Outcome.EXCLUDED.value
        )
        with reading(self._engine) as connection:
            at: datetime | None = connection.execute(query).scalar()
        return at


def _counted(
    connection: Connection, mailing: int, here: ColumnElement[bool], start: datetime, bounds: Sequence[timedelta]
) -> tuple[int, ...]:
    within = [func.coalesce(func.sum(case((outcomes.c.at <= start + bound, 1), else_=0)), 0) for bound in bounds]
    query = (
        select(*within, func.count())
        .select_from(chunks)
        .join(
            outcomes,
            and_(outcomes.c.mailing == chunks.c.mailing, outcomes.c.idx >= chunks.c.lo, outcomes.c.idx < chunks.c.hi),
        )
        .where(chunks.c.mailing == mailing, here, outcomes.c.kind == Outcome.ACCEPTED.value)
    )
    return tuple(int(n) for n in connection.execute(query).one())


def _domain(engine: str) -> ColumnElement[str]:
    # No address of ours has a quoted local part, so the only @ is the last.
    if engine == "postgresql":
        return func.split_part(audience.c.key, "@", literal(2))
    return func.substr(audience.c.key, func.instr(audience.c.key, "@") + 1)
