"""Writes an audience down in batches, so that others can write in between; senders see all of it or none."""

import secrets
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import pairwise

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from newsletter.storage.ledger_queries import PAGE, MailingState, database_now, find_mailing
from newsletter.storage.ledger_rows import add_audience, add_outcomes
from newsletter.storage.ledger_tables import audience, chunks, mailings, outcomes
from newsletter.storage.pages import pages
from subscribers.deliveries import Outcome, Receipt, Recipient
from subscribers.people import address_key

#: Whoever has not written a batch for so long while freezing has died. A batch takes a tenth of a second; a writer on
#: SQLite waits half a minute for its turn at most.
SILENCE = timedelta(minutes=5)

#: Where in the audience another moment begins, and which.
_Runs = list[tuple[int, datetime | None]]


class Freezing:
    """One freeze under way: a mailing of no edition, which becomes the edition's when everybody is in it."""

    def __init__(self, engine: Engine, clock: Callable[[Connection], datetime], chunk: int) -> None:
        self._engine = engine
        self._clock = clock
        self._chunk = chunk
        #: Of no edition: those begin with a letter. Until it is renamed nobody can find it, and a second freeze of the
        #: same edition has a name of its own.
        self._name = f"~{secrets.token_hex(16)}"

    def run(self, edition: str, recipients: Iterable[Recipient], mailing_list: str, hold: timedelta) -> None:
        """Write everybody down; if another was faster, or something breaks, leave nothing."""
        clear_away_the_dead(self._engine, self._clock)
        mailing = self._begin(mailing_list)
        try:
            runs, count = self._write(mailing, recipients)
            if not self._finish(mailing, edition, runs, count, hold):
                _discard(self._engine, mailing)
        except BaseException:
            _discard(self._engine, mailing)
            raise

    def _begin(self, mailing_list: str) -> int:
        with self._engine.begin() as connection:
            values = {
                "edition": self._name,
                "mailing_list": mailing_list,
                "state": MailingState.FREEZING.value,
                "reason": "",
                "candidates": 0,
                "frozen_at": self._clock(connection),
                "hold_until": None,
            }
            number: int = connection.execute(insert(mailings).values(values).returning(mailings.c.id)).scalar_one()
            return number

    def _write(self, mailing: int, recipients: Iterable[Recipient]) -> tuple[_Runs, int]:
        idx, runs = 0, _Runs()
        for page in pages(recipients, PAGE):
            # Neighbours in a list often share a domain; a chunk should not.
            page.sort(key=lambda r: (r.due.timestamp() if r.due else 0.0, _shuffled(r.subscriber)))
            for n, r in enumerate(page):
                if not runs or runs[-1][1] != r.due:
                    runs.append((idx + n, r.due))
            rows = [
                (mailing, n, r.subscriber, r.address, address_key(r.address), r.name, r.variant)
                for n, r in enumerate(page, start=idx)
            ]
            excluded = [
                (mailing, n, Receipt(Outcome.EXCLUDED, reply=r.excluded))
                for n, r in enumerate(page, start=idx)
                if r.excluded
            ]
            with self._engine.begin() as connection:
                now = self._clock(connection)
                add_audience(connection, rows)
                add_outcomes(connection, excluded, now)
                connection.execute(update(mailings).where(mailings.c.id == mailing).values(frozen_at=now))
            idx += len(page)
        return runs, idx

    def _finish(self, mailing: int, edition: str, runs: _Runs, count: int, hold: timedelta) -> bool:
        """Make it the edition's mailing, chunks and all, in one transaction; False: there is one already."""
        with self._engine.begin() as connection:
            if find_mailing(connection, edition) is not None:
                return False
            now = self._clock(connection)
            values = {
                "edition": edition,
                "state": MailingState.SENDING.value,
                "candidates": count,
                "frozen_at": now,
                "hold_until": now + hold if hold else None,
            }
            connection.execute(update(mailings).where(mailings.c.id == mailing).values(values))
            self._cut(connection, mailing, [*runs, (count, None)])
        return True

    def _cut(self, connection: Connection, mailing: int, runs: Sequence[tuple[int, datetime | None]]) -> None:
        """Cut the audience into chunks; nobody in one is due later than the others."""
        fresh = {"mailing": mailing, "state": "free", "owner": "", "epoch": 0}
        rows = [
            fresh | {"lo": lo, "hi": min(lo + self._chunk, end), "not_before": due}
            for (start, due), (end, _) in pairwise(runs)
            for lo in range(start, end, self._chunk)
        ]
        if rows:
            connection.execute(chunks.insert(), rows)


def clear_away_the_dead(engine: Engine, clock: Callable[[Connection], datetime] = database_now) -> int:
    """Remove what freezes that were killed half-way have left; return how many those were."""
    with engine.begin() as connection:
        silent_since = clock(connection) - SILENCE
        query = select(mailings.c.id).where(
            mailings.c.state == MailingState.FREEZING.value, mailings.c.frozen_at < silent_since
        )
        dead = connection.execute(query).scalars().all()
    for mailing in dead:
        _discard(engine, mailing)
    return len(dead)


def _discard(engine: Engine, mailing: int) -> None:
    """Remove what was written, in batches as well."""
    with engine.begin() as connection:
        last = connection.execute(select(func.max(audience.c.idx)).where(audience.c.mailing == mailing)).scalar()
    for lo in range(0, (last or 0) + 1, PAGE):
        with engine.begin() as connection:
            for table in (outcomes, audience):
                here = (table.c.mailing == mailing, table.c.idx >= lo, table.c.idx < lo + PAGE)
                connection.execute(delete(table).where(*here))
    with engine.begin() as connection:
        connection.execute(delete(mailings).where(mailings.c.id == mailing))


def _shuffled(subscriber: str) -> bytes:
    return blake2b(subscriber.encode(), digest_size=8).digest()
