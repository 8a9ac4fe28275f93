"""The operators' side of the ledger: what became of an edition, and what is to become of the rest."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from datetime import datetime

from sqlalchemy import Connection, Engine, and_, case, delete, exists, func, literal, or_, select, update

from newsletter.storage.engine import reading
from newsletter.storage.errors import StoreError
from newsletter.storage.ledger_queries import (
    PAGE,
    Mailing,
    MailingState,
    database_now,
    due_of,
    find_mailing,
    in_chunk,
    nothing_yet,
    withdraw,
)
from newsletter.storage.ledger_rows import add_outcomes
from newsletter.storage.ledger_tables import audience, chunks, mailings, outcomes, retries
from newsletter.storage.pages import pages
from subscribers.deliveries import Cause, Delivery, Outcome, Receipt, Recipient, Tally, date_of


class LedgerDesk:
    """The questions and orders of those who answer for an edition."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime] | None = None) -> None:
        self._engine = engine
        self._clock = clock

    def mailing(self, edition: str) -> Mailing | None:
        """Return how the sending of `edition` stands; None when its audience is not frozen."""
        with reading(self._engine) as connection:
            return find_mailing(connection, edition)

    def unfinished(self) -> tuple[str, ...]:
        """Return the editions for which something is left to try, the oldest first."""
        with reading(self._engine) as connection:
            waiting = or_(
                exists().where(chunks.c.mailing == mailings.c.id, chunks.c.state != "done"),
                exists().where(retries.c.mailing == mailings.c.id),
            )
            query = select(mailings.c.edition).where(waiting, mailings.c.state != MailingState.STOPPED.value)
            return tuple(connection.execute(query.order_by(mailings.c.id)).scalars())

    def next_due(self) -> datetime | None:
        """Return when the next message is due that must not leave yet, deferred or not; None when there is none."""
        running = select(mailings.c.id).where(mailings.c.state == MailingState.SENDING.value)
        again = select(func.min(retries.c.next_at)).where(retries.c.mailing.in_(running))
        first = select(func.min(chunks.c.not_before)).where(chunks.c.mailing.in_(running), chunks.c.state == "free")
        with reading(self._engine) as connection:
            moments = [connection.execute(query).scalar() for query in (again, first)]
        return min((m for m in moments if m is not None), default=None)

    def pause(self, edition: str, reason: str) -> bool:
        """Let no sender start another message of `edition` until it is resumed; tell whether that changed anything."""
        return self._set_state(edition, MailingState.SENDING, MailingState.PAUSED, reason)

    def resume(self, edition: str) -> bool:
        """Let senders go on with `edition`; tell whether that changed anything."""
        return self._set_state(edition, MailingState.PAUSED, MailingState.SENDING, "")

    def stop(self, edition: str, reason: str) -> int:
        """Withdraw `edition` from everybody who is still pending or deferred and not in a sender's hands; count them.

        Senders give back what they hold within a second, and it is withdrawn then.
        """
        with self._engine.begin() as connection:
            now = self._now(connection)
            found = find_mailing(connection, edition)
            if found is None:
                return 0
            here = mailings.c.id == found.number
            connection.execute(
                update(mailings).where(here).values(state=MailingState.STOPPED.value, reason=reason, hold_until=None)
            )
            return withdraw(connection, found.number, now)

    def tally(self, edition: str) -> Tally:
        """Return how many people of `edition` stand where, all counted in one look.

        Raises:
            StoreError: The edition has no audience yet.
        """
        with reading(self._engine) as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            found = find_mailing(connection, edition)
            if found is None:
                raise StoreError(f"the audience of edition {edition!r} is not frozen; nothing was sent")
            return self._count(connection, found.number)

    def _count(self, connection: Connection, mailing: int) -> Tally:
        reason = case((outcomes.c.kind == Outcome.EXCLUDED.value, outcomes.c.reply), else_=literal(""))
        ends = select(outcomes.c.kind, reason.label("reason"), func.count().label("n")).where(
            outcomes.c.mailing == mailing
        )
        counts: dict[str, int] = defaultdict(int)
        excluded: dict[str, int] = {}
        for row in connection.execute(ends.group_by(outcomes.c.kind, reason)):
            if row.kind == Outcome.EXCLUDED:
                excluded[row.reason] = row.n
            else:
                counts[row.kind] += row.n
        everyone = select(func.count()).select_from(audience).where(audience.c.mailing == mailing)
        deferred = select(func.count()).select_from(retries).where(retries.c.mailing == mailing)
        waiting = {
            row.state: row.n
            for row in connection.execute(
                select(chunks.c.state, func.count().label("n"))
                .join(audience, in_chunk(chunks.c))
                .where(chunks.c.mailing == mailing, chunks.c.state != "done", *nothing_yet())
                .group_by(chunks.c.state)
            )
        }
        return Tally(
            candidates=connection.execute(everyone).scalar_one(),
            deferred=connection.execute(deferred).scalar_one(),
            pending=sum(waiting.values()),
            leased=waiting.get("leased", 0),
            accepted=counts[Outcome.ACCEPTED],
            refused=counts[Outcome.REFUSED],
            uncertain=counts[Outcome.UNCERTAIN],
            withdrawn=counts[Outcome.WITHDRAWN],
            excluded=excluded,
        )

    def delivery(self, edition: str, subscriber: str) -> tuple[Delivery, str] | None:
        """Return one person's row of a frozen audience, and why they get nothing: "" for who does. None: not in it.

        It bears the date of their message as it left, or as it would leave now.
        """
        here = and_(mailings.c.edition == edition, audience.c.subscriber == subscriber)
        excluded = and_(
            outcomes.c.mailing == audience.c.mailing,
            outcomes.c.idx == audience.c.idx,
            outcomes.c.kind == Outcome.EXCLUDED.value,
        )
        query = (
            select(audience, outcomes.c.reply.label("why_not"))
            .add_columns(chunks.c.not_before, chunks.c.dated_at, mailings.c.frozen_at)
            .join(mailings, mailings.c.id == audience.c.mailing)
            .join(chunks, in_chunk(chunks.c))
            .outerjoin(outcomes, excluded)
            .where(here)
        )
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
            now = self._now(connection)
        if row is None:
            return None
        date = row.dated_at or date_of(due_of(row), now)
        found = Delivery(row.mailing, row.idx, 0, edition, row.subscriber, row.address, row.name, row.variant, date)
        return found, row.why_not or ""

    def who(self, edition: str, outcome: Outcome) -> Iterator[tuple[Recipient, Receipt]]:
        """Yield everybody of `edition` for whom it ended with `outcome`, in the order of the audience."""
        query = (
            select(audience, outcomes)
            .join(mailings, mailings.c.id == audience.c.mailing)
            .join(outcomes, and_(outcomes.c.mailing == audience.c.mailing, outcomes.c.idx == audience.c.idx))
            .where(mailings.c.edition == edition, outcomes.c.kind == outcome.value)
            .order_by(audience.c.idx)
        )
        with reading(self._engine) as connection:
            for row in connection.execution_options(yield_per=PAGE).execute(query):
                recipient = Recipient(
                    subscriber=row.subscriber, address=row.address, name=row.name, variant=row.variant
                )
                yield recipient, Receipt(outcome, Cause(row.cause), row.code, row.enhanced, row.reply)

    def resolve(self, edition: str, arrived: bool, subscribers: Collection[str] | None = None) -> int:
        """Decide the uncertain of `edition`, all or some: they have it, or they are sent it again. Return how many."""
        with self._engine.begin() as connection:
            now = self._now(connection)
            found = find_mailing(connection, edition)
            if found is None:
                return 0
            query = (
                select(outcomes.c.idx)
                .join(audience, and_(audience.c.mailing == outcomes.c.mailing, audience.c.idx == outcomes.c.idx))
                .where(outcomes.c.mailing == found.number, outcomes.c.kind == Outcome.UNCERTAIN.value)
            )
            if subscribers is not None:
                query = query.where(audience.c.subscriber.in_(list(subscribers)))
            idxs = list(connection.execute(query).scalars())
            if arrived:
                said = Receipt(Outcome.ACCEPTED, reply="was uncertain; taken as arrived")
                add_outcomes(connection, [(found.number, idx, said) for idx in idxs], now)
                return len(idxs)
            for some in pages(idxs, PAGE):
                uncertain = and_(outcomes.c.mailing == found.number, outcomes.c.idx.in_(some))
                connection.execute(delete(outcomes).where(uncertain))
                again = {"mailing": found.number, "attempts": 1, "since": now, "next_at": now, "chunk": None, "code": 0}
                connection.execute(retries.insert(), [{"idx": i, "reply": "was uncertain", **again} for i in some])
            return len(idxs)

    def _set_state(self, edition: str, before: MailingState, after: MailingState, reason: str) -> bool:
        with self._engine.begin() as connection:
            here = and_(mailings.c.edition == edition, mailings.c.state == before.value)
            return (
                connection.execute(update(mailings).where(here).values(state=after.value, reason=reason)).rowcount == 1
            )

    def _now(self, connection: Connection) -> datetime:
        return self._clock() if self._clock is not None else database_now(connection)
