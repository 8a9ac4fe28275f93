"""The senders' side of the ledger: the audience frozen first, leases on chunks of it, outcomes that are only added."""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Row, and_, delete, select, update
from sqlalchemy.exc import InterfaceError, OperationalError

from newsletter.storage.engine import hang_up, reading
from newsletter.storage.errors import StoreError
from newsletter.storage.ledger_desk import LedgerDesk
from newsletter.storage.ledger_freezing import Freezing
from newsletter.storage.ledger_queries import MailingState, dates_in, due_of, may_run, still_open, withdraw
from newsletter.storage.ledger_rows import add_outcomes
from newsletter.storage.ledger_statements import FIRST_FREE, GIVE_BACK, LEASED, LET_RETRIES_GO, REACH, READ, THIS_FREE
from newsletter.storage.ledger_statements import LEASE as LEASE_CHUNK
from newsletter.storage.ledger_tables import chunks, mailings, retries
from subscribers.deliveries import Cause, Delivery, Outcome, Receipt, Recipient, Tally, date_of

#: People leased at once. Below 100 the database is the limit; above 1,000 a lost host leaves too many uncertain.
CHUNK = 500

#: How long a sender may stay silent before another takes its chunk over. A commit comes every 250 ms.
LEASE = timedelta(seconds=60)

#: How long after an attempt the next one comes, in minutes: greylisting lets the second through, a full disk lasts.
_BACK_OFF = (5, 15, 60, 240)

#: When we stop trying (RFC 5321, 4.5.4.1 asks for days; yesterday's digest has lost its worth).
GIVE_UP_AFTER = timedelta(hours=48)


#: What is no outcome yet: it is tried again.
_OPEN = frozenset({Outcome.DEFERRED, Outcome.PENDING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """What a sender has leased: some people of one edition."""

    id: int
    mailing: int
    epoch: int
    deliveries: tuple[Delivery, ...]
    reach: int | None = None  #: the highest index whose message may be begun before the next turn; None: any


class Settled(NamedTuple):
    """One delivery and what its attempt came to."""

    delivery: Delivery
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn at the ledger brought."""

    chunk: Chunk | None
    lost: frozenset[int] = frozenset()  #: chunks that are no longer ours: send nothing of them
    halted: frozenset[int] = frozenset()  #: chunks whose edition was paused or stopped: give them back


class Ledger(LedgerDesk):
    """Deliveries on one database. Any number of senders on any number of hosts may share it."""

    def __init__(
        self,
        engine: Engine,
        clock: Callable[[], datetime] | None = None,
        chunk: int = CHUNK,
        lease: timedelta = LEASE,
    ) -> None:
        """Use the database's clock for leases where it has one, `clock` where it is given."""
        super().__init__(engine, clock)
        self._chunk = chunk
        self.lease = lease

    # Before: the audience

    def freeze(
        self,
        edition: str,
        recipients: Iterable[Recipient],
        mailing_list: str = "",
        hold: timedelta = timedelta(0),
    ) -> Tally:
        """Write down the whole audience of `edition`, for senders at once or not at all; the second time does nothing.

        It is written in batches, between which others may write. Killed half-way, it has not happened; the next freeze
        removes what is left of it.

        Args:
            edition: The edition's key.
            recipients: Every candidate, those who must not be written to included; read once, in bounded memory. Who
                is due at one moment should come together: each change begins another chunk.
            mailing_list: The list whose subscriptions are looked at again before each message; empty: none.
            hold: How long nothing is sent, so that a person can still say stop.

        Raises:
            IntegrityError: Two candidates are the same subscriber.
        """
        if self.mailing(edition) is None:
            Freezing(self._engine, self._now, self._chunk).run(edition, recipients, mailing_list, hold)
        return self.tally(edition)

    # During: the senders

    def turn(
        self,
        owner: str,
        settled: Sequence[Settled] = (),
        held: Mapping[int, int] | None = None,
        finished: Collection[int] = (),
        wants_more: bool = True,
        only: str | None = None,
        reaches: Mapping[int, int | None] | None = None,
        window: int | None = None,
    ) -> Turn:
        """Write down results, renew the leases, give back what is finished and lease another chunk: one transaction.

        Args:
            owner: The sender, under a name no other sender ever has.
            settled: What attempts came to, PENDING ones left out or not: they change nothing.
            held: The chunks the sender holds, each with its epoch.
            finished: Those of them it is through with; whoever of them is still pending goes free again.
            wants_more: Whether to lease another chunk.
            only: Lease people of this edition alone; None: of any.
            reaches: Up to which index the sender may begin messages of a chunk it holds from now on; None: all of them.
            window: How many of another chunk it may begin before it says so; None: all of them.

        Raises:
            StoreError: The database does not answer; the turn may be tried again as it is.
        """
        held = held or {}
        with _reachable(), self._engine.begin() as connection:
            now = self._now(connection)
            mine, halted = self._renew(connection, owner, held, now)
            self._record(connection, settled, mine, now)
            told = [{"chunk": id_, "upto": upto} for id_, upto in (reaches or {}).items() if id_ in mine]
            if told:
                connection.execute(REACH, told)
            for id_ in mine.intersection(finished):
                self._give_back(connection, id_, now)
            chunk = self._lease(connection, owner, now, only, window) if wants_more else None
        return Turn(chunk, frozenset(held) - mine, halted)

    def _renew(
        self, connection: Connection, owner: str, held: Mapping[int, int], now: datetime
    ) -> tuple[frozenset[int], frozenset[int]]:
        """Return which of the chunks are still the sender's, and which of these it is to give back."""
        rows = connection.execute(LEASED, {"owner": owner}).all()
        mine = [row for row in rows if held.get(row.id) == row.epoch]
        old = [row.id for row in mine if row.lease_until - now < self.lease * 2 / 3]
        if old:
            connection.execute(update(chunks).where(chunks.c.id.in_(old)).values(lease_until=now + self.lease))
        for row in rows:
            if row.id not in held:  # leased in a turn whose answer never reached the sender: nothing of it has left
                self._give_back(connection, row.id, now)
        halted = {row.id for row in mine if row.state != MailingState.SENDING.value}
        return frozenset(row.id for row in mine), frozenset(halted)

    def _record(self, connection: Connection, settled: Sequence[Settled], mine: Collection[int], now: datetime) -> None:
        """Facts are kept even of a chunk that was lost; a deferral would contradict what its new owner did."""
        deferred = [s for s in settled if s.receipt.outcome is Outcome.DEFERRED and s.delivery.chunk in mine]
        over = self._defer(connection, deferred, now)
        final = [s for s in settled if s.receipt.outcome not in _OPEN] + over
        add_outcomes(connection, [(d.mailing, d.idx, receipt) for d, receipt in final], now)
        again = defaultdict(list)
        for delivery, _ in final:
            if delivery.attempts:
                again[delivery.mailing].append(delivery.idx)
        for mailing, idxs in again.items():
            connection.execute(delete(retries).where(retries.c.mailing == mailing, retries.c.idx.in_(idxs)))

    def _defer(self, connection: Connection, deferred: Sequence[Settled], now: datetime) -> list[Settled]:
        """Note when each is tried again; return those whose time is over, refused."""
        over = []
        for s in deferred:
            d = s.delivery
            mine = and_(retries.c.mailing == d.mailing, retries.c.idx == d.idx)
            since = connection.execute(select(retries.c.since).where(mine)).scalar()
            # Whom our own limits kept waiting was not tried: that is no attempt, and no reason to give up.
            tried = s.receipt.code != 0 or s.receipt.cause is not Cause.PACE
            if tried and since is not None and now - since >= GIVE_UP_AFTER:
                over.append(Settled(d, _given_up(s.receipt)))
                continue
            values = {
                "attempts": d.attempts + tried,
                "next_at": now + back_off(d.attempts, d.idx),
                "chunk": None,
                "code": s.receipt.code,
                "reply": s.receipt.reply,
            }
            if since is None:
                connection.execute(retries.insert().values(mailing=d.mailing, idx=d.idx, since=now, **values))
            else:
                connection.execute(update(retries).where(mine).values(**values))
        return over

    def _give_back(self, connection: Connection, id_: int, now: datetime) -> None:
        """Close a chunk; if somebody in it is still pending, set it free instead."""
        mailing = connection.execute(
            select(mailings.c.id, mailings.c.state)
            .join(chunks, chunks.c.mailing == mailings.c.id)
            .where(chunks.c.id == id_)
        ).one()
        if connection.execute(GIVE_BACK, {"chunk": id_}).rowcount == 0:
            release, remove = LET_RETRIES_GO
            connection.execute(release, {"of_chunk": id_})
            connection.execute(remove, {"chunk": id_})
        if mailing.state == MailingState.STOPPED.value:
            withdraw(connection, mailing.id, now)

    def _lease(
        self, connection: Connection, owner: str, now: datetime, only: str | None, window: int | None
    ) -> Chunk | None:
        chunk = connection.execute(FIRST_FREE[only is not None], {"now": now, "edition": only}).first()
        if chunk is None:
            due = self._gather_retries(connection, now, only)
            chunk = connection.execute(THIS_FREE, {"chunk": due}).first() if due is not None else None
        if chunk is None:
            return None
        is_again = chunk.hi is None  # and who is tried again keeps the date of their first chunk
        dated = None if is_again else date_of(due_of(chunk), now)
        claim = {"chunk": chunk.id, "seen": chunk.epoch, "by": owner, "until": now + self.lease, "dated": dated}
        if connection.execute(LEASE_CHUNK, claim).rowcount != 1:
            return None
        date = dates_in(connection, chunk.mailing) if dated is None else lambda _idx: dated
        deliveries = self._read(connection, chunk, date, now)
        reach = None
        if window is not None and window < len(deliveries):
            reach = deliveries[window - 1].idx if window > 0 else deliveries[0].idx - 1
            connection.execute(REACH, {"chunk": chunk.id, "upto": reach})
        return Chunk(id=chunk.id, mailing=chunk.mailing, epoch=chunk.epoch + 1, deliveries=deliveries, reach=reach)

    def _gather_retries(self, connection: Connection, now: datetime, only: str | None) -> int | None:
        """Put the retries of one edition that are due into a chunk of their own; return its id."""
        due = (
            select(retries.c.mailing, retries.c.idx)
            .join(mailings, mailings.c.id == retries.c.mailing)
            .where(retries.c.chunk.is_(None), retries.c.next_at <= now, may_run(now, only))
            .order_by(retries.c.mailing, retries.c.next_at)
            .limit(self._chunk)
            .with_for_update(skip_locked=True, of=retries)
        )
        rows = connection.execute(due).all()
        if not rows:
            return None
        mailing = rows[0].mailing
        new = chunks.insert().values(mailing=mailing, lo=None, hi=None, state="free", owner="", epoch=0)
        id_: int = connection.execute(new.returning(chunks.c.id)).scalar_one()
        mine = and_(retries.c.mailing == mailing, retries.c.idx.in_([r.idx for r in rows if r.mailing == mailing]))
        connection.execute(update(retries).where(mine).values(chunk=id_))
        return id_

    def _read(
        self, connection: Connection, chunk: Row[Any], date: Callable[[int], datetime], now: datetime
    ) -> tuple[Delivery, ...]:
        """Return whom the chunk holds, after writing down who must not be written to any more."""
        query = READ[chunk.hi is None][connection.dialect.name]
        place = {"chunk": chunk.id} if chunk.hi is None else {"mailing": chunk.mailing, "lo": chunk.lo, "hi": chunk.hi}
        found = connection.execute(query, {"list": chunk.mailing_list, "now": now, **place}).scalar()
        rows: list[list[Any]] = sorted(json.loads(found) if isinstance(found, str) else found or [])
        out = [row for row in rows if row[6]]
        if out:
            excluded = [(chunk.mailing, row[0], Receipt(Outcome.EXCLUDED, reply=row[6])) for row in out]
            add_outcomes(connection, excluded, now)
            tried = [row[0] for row in out if row[5]]
            connection.execute(delete(retries).where(retries.c.mailing == chunk.mailing, retries.c.idx.in_(tried)))
        mailing, id_, edition = chunk.mailing, chunk.id, chunk.edition
        return tuple(
            Delivery(mailing, idx, id_, edition, subscriber, address, name, variant, date(idx), attempts)
            for idx, subscriber, address, name, variant, attempts, why_not in rows
            if not why_not
        )

    def hang_up(self) -> None:
        """Break the connections to a database that is silent: whoever waits for it is told so."""
        hang_up(self._engine)

    # After a death

    def recover(
        self,
        owner: str,
        results: Mapping[tuple[int, int], Receipt],
        intents: Collection[tuple[int, int]],
        trusted: bool = True,
        resend: bool = False,
        is_dead: bool = True,
    ) -> int:
        """Give back everything a dead sender had leased, by what its journal says; return how many are uncertain.

        Args:
            owner: The dead sender.
            results: Its replies that may not have been written down, by mailing and index.
            intents: The messages whose end had left it without a reply.
            trusted: False when there is no journal to believe: then everyone still open is uncertain.
            resend: Whether the uncertain are tried again instead.
            is_dead: False when it may only be asleep. Then what it has locked is left for another time: a sender that
                was stopped in the middle of a transaction holds its rows until it wakes or the server loses patience.
        """
        uncertain = 0
        doubt = Receipt(Outcome.DEFERRED if resend else Outcome.UNCERTAIN, Cause.CONNECTION, reply="a sender died here")
        with _reachable(), self._engine.begin() as connection:
            now = self._now(connection)
            mine = select(chunks).where(chunks.c.owner == owner, chunks.c.state == "leased")
            for chunk in connection.execute(mine.with_for_update(skip_locked=not is_dead)).all():
                uncertain += self._recover_chunk(connection, chunk, results, intents, trusted, doubt, now)
            if not is_dead:
                return uncertain
            facts = [(*place, r) for place, r in results.items() if r.outcome in {Outcome.ACCEPTED, Outcome.REFUSED}]
            add_outcomes(connection, facts, now)
        return uncertain

    def _recover_chunk(
        self,
        connection: Connection,
        chunk: Row[Any],
        results: Mapping[tuple[int, int], Receipt],
        intents: Collection[tuple[int, int]],
        trusted: bool,
        doubt: Receipt,
        now: datetime,
    ) -> int:
        settled = []
        for row in connection.execute(still_open(chunk)):
            place = (chunk.mailing, row.idx)
            if place in results:
                receipt = results[place]
            elif place in intents or (not trusted and (chunk.reach is None or row.idx <= chunk.reach)):
                receipt = doubt
            else:
                continue
            delivery = Delivery(
                mailing=chunk.mailing,
                idx=row.idx,
                chunk=chunk.id,
                edition="",
                subscriber=row.subscriber,
                address=row.address,
                name=row.name,
                variant=row.variant,
                date=now,
                attempts=row.attempts,
            )
            settled.append(Settled(delivery, receipt))
        self._record(connection, settled, (chunk.id,), now)
        self._give_back(connection, chunk.id, now)
        return sum(s.receipt is doubt for s in settled)

    def expired_owners(self) -> tuple[str, ...]:
        """Return the senders that have been silent for longer than their lease."""
        with _reachable(), reading(self._engine) as connection:
            now = self._now(connection)
            silent = select(chunks.c.owner).where(chunks.c.state == "leased", chunks.c.lease_until <= now)
            return tuple(connection.execute(silent.distinct().order_by(chunks.c.owner)).scalars())


@contextmanager
def _reachable() -> Iterator[None]:
    """Translate what a database says when it cannot be used now: it is down, full, or locked for too long."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise StoreError(f"the ledger cannot be used: {error.orig}") from error


def back_off(attempts: int, idx: int) -> timedelta:
    """Return how long to wait after an attempt that followed `attempts` failed ones, spread so that nobody crowds.

    The spread, up to a quarter more, is derived from `idx`: the same delivery always waits the same time.
    """
    minutes = _BACK_OFF[min(attempts, len(_BACK_OFF) - 1)]
    return timedelta(minutes=minutes * (1 + idx * 2654435761 % 1024 / 4096))


def _given_up(last: Receipt) -> Receipt:
    hours = int(GIVE_UP_AFTER.total_seconds() // 3600)
    reply = f"given up after {hours} hours: {last.reply}"
    return Receipt(Outcome.REFUSED, last.cause, last.code, last.enhanced, reply)
