"""Finds what the dead have left in the store: leases run out, audiences half written, mailings that nobody lets go."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Select, and_, func, or_, select, update

from content.sends import SendState
from newsletter.storage.engine import reading
from newsletter.storage.ledger_freezing import SILENCE
from newsletter.storage.ledger_queries import MailingState, database_now
from newsletter.storage.ledger_tables import audience, chunks, mailings, outcomes
from newsletter.storage.sends import sends

#: The longest hold that ends by itself: `hold_minutes` takes 60 at most. A longer one waits for its send's word.
LONGEST_HOLD = timedelta(hours=1)

#: Sends that let their mailing go by themselves, or never: the dispatcher looks after the first two.
_FOLLOWED = (SendState.SENDING.value, SendState.PAUSED.value, SendState.STOPPED.value)


@dataclass(frozen=True, slots=True)
class Silent:
    """A sender that has been silent for longer than its lease, and how many chunks it holds."""

    owner: str
    since: datetime
    chunks: int


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An audience that somebody began to write down and did not finish."""

    mailing: int
    since: datetime
    people: int


class OrphanStore:
    """What the dead have left, on one database. Looking changes nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def silent_senders(self) -> tuple[Silent, ...]:
        """Return the senders whose leases have run out by the database's clock."""
        with reading(self._engine) as connection:
            query = (
                select(chunks.c.owner, func.min(chunks.c.lease_until).label("since"), func.count().label("n"))
                .where(chunks.c.state == "leased", chunks.c.lease_until <= database_now(connection))
                .group_by(chunks.c.owner)
                .order_by(chunks.c.owner)
            )
            return tuple(Silent(row.owner, row.since, row.n) for row in connection.execute(query))

    def half_frozen(self) -> tuple[Unfinished, ...]:
        """Return the audiences whose writer has been silent for so long that it is dead."""
        with reading(self._engine) as connection:
            people = select(func.count()).where(audience.c.mailing == mailings.c.id).scalar_subquery()
            query = select(mailings.c.id, mailings.c.frozen_at, people.label("people")).where(
                mailings.c.state == MailingState.FREEZING.value,
                mailings.c.frozen_at < database_now(connection) - SILENCE,
            )
            return tuple(Unfinished(row.id, row.frozen_at, row.people) for row in connection.execute(query))

    def held_for_nobody(self, now: datetime) -> tuple[str, ...]:
        """Return the editions whose frozen mailing waits for the word of a send that will not give it."""
        with reading(self._engine) as connection:
            return tuple(connection.execute(_held_for_nobody(now).order_by(mailings.c.id)).scalars())

    def let_a_person_decide(self, now: datetime, reason: str) -> int:
        """Pause those mailings instead of holding them, so that a person can resume or stop them; count them."""
        here = mailings.c.edition.in_(_held_for_nobody(now))
        values = {"state": MailingState.PAUSED.value, "reason": reason, "hold_until": None}
        with self._engine.begin() as connection:
            return connection.execute(update(mailings).where(here).values(values)).rowcount

    def last_outcome(self, edition: str) -> datetime | None:
        """Return when the last message of this edition came to an end."""
        query = (
            select(func.max(outcomes.c.at))
            .join(mailings, mailings.c.id == outcomes.c.mailing)
            .where(mailings.c.edition == edition)
        )
        with reading(self._engine) as connection:
            at: datetime | None = connection.execute(query).scalar()
        return at


def _held_for_nobody(now: datetime) -> Select[Any]:
    alive = (MailingState.SENDING.value, MailingState.PAUSED.value)
    return (
        select(mailings.c.edition)
        .outerjoin(sends, sends.c.edition == mailings.c.edition)
        .where(
            and_(mailings.c.state.in_(alive), mailings.c.hold_until > now + LONGEST_HOLD),
            or_(sends.c.state.is_(None), sends.c.state.not_in(_FOLLOWED)),
        )
    )
