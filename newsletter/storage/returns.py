"""Keeps what was reported about deliveries; the same report twice is one row."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Column, Connection, Engine, Index, Integer, String, Table, Text, and_, func, select

from newsletter.storage.engine import reading
from newsletter.storage.ledger_rows import add_outcomes
from newsletter.storage.ledger_tables import audience, mailings, outcomes
from newsletter.storage.outbox import Event, tell
from newsletter.storage.schema import Instant, metadata
from subscribers.bounces import DeliveryEvent, EventKind, Place
from subscribers.deliveries import Cause, Outcome, Receipt

delivery_events = Table(
    "delivery_events",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("mailing", Integer, nullable=False),
    Column("idx", Integer, nullable=False),
    #: Whose it was: a mailbox has a history across editions, and a person who is erased takes it along.
    Column("subscriber", String(36), nullable=False),
    Column("kind", String(12), nullable=False),
    Column("cause", String(12), nullable=False),
    Column("status", String(12), nullable=False),
    Column("said", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Index("ix_delivery_events_subscriber", "subscriber"),
    Index("ix_delivery_events_mailing", "mailing", "idx"),
)


class Addressee(NamedTuple):
    """Whose delivery it was."""

    edition: str
    subscriber: str
    key: str


class ReturnStore:
    """Reports on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def addressee(self, place: Place) -> Addressee | None:
        """Return whose delivery this is; None when there was none. Whether the signature holds is not asked here."""
        query = (
            select(mailings.c.edition, audience.c.subscriber, audience.c.key)
            .join(audience, audience.c.mailing == mailings.c.id)
            .where(audience.c.mailing == place.mailing, audience.c.idx == place.idx)
        )
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        return Addressee(*row) if row else None

    def add(self, event: DeliveryEvent, subscriber: str) -> bool:
        """Keep a report; False when it is known. A report about an uncertain delivery tells that it had arrived."""
        with self._engine.begin() as connection:
            if connection.execute(select(delivery_events.c.id).where(delivery_events.c.id == event.id)).first():
                return False
            connection.execute(
                delivery_events.insert().values(
                    id=event.id,
                    mailing=event.place.mailing,
                    idx=event.place.idx,
                    subscriber=subscriber,
                    kind=event.kind.value,
                    cause=event.cause.value,
                    status=event.status,
                    said=event.said,
                    at=event.at,
                )
            )
            _tell_hooks(connection, event, subscriber)
            place, arrived = event.place, f"was uncertain; then reported as {event.kind.value}"
            if _is_uncertain(connection, place):
                add_outcomes(
                    connection, [(place.mailing, place.idx, Receipt(Outcome.ACCEPTED, reply=arrived))], event.at
                )
        return True

    def soft_bounces(self, subscriber: str) -> tuple[datetime, ...]:
        """Return when mail to this person bounced softly since it was last reported as delivered, the oldest first."""
        mine = delivery_events.c.subscriber == subscriber
        delivered = select(delivery_events.c.at).where(mine, delivery_events.c.kind == EventKind.DELIVERED.value)
        with reading(self._engine) as connection:
            last = connection.execute(delivered.order_by(delivery_events.c.at.desc()).limit(1)).scalar()
            query = select(delivery_events.c.at).where(
                mine,
                delivery_events.c.kind == EventKind.BOUNCED.value,
                delivery_events.c.cause == Cause.MAILBOX.value,
            )
            if last is not None:
                query = query.where(delivery_events.c.at > last)
            return tuple(connection.execute(query.order_by(delivery_events.c.at)).scalars())

    def no_such_address(self, edition: str) -> int:
        """Return how many deliveries of `edition` came back because there is no such address."""
        query = (
            select(func.count(func.distinct(delivery_events.c.idx)))
            .join(mailings, mailings.c.id == delivery_events.c.mailing)
            .where(
                mailings.c.edition == edition,
                delivery_events.c.kind == EventKind.BOUNCED.value,
                delivery_events.c.cause == Cause.ADDRESS.value,
            )
        )
        with reading(self._engine) as connection:
            return int(connection.execute(query).scalar_one())

    def of_edition(self, edition: str) -> dict[EventKind, int]:
        """Return how many deliveries of `edition` were reported as what; of several reports the strongest counts."""
        query = (
            select(delivery_events.c.mailing, delivery_events.c.idx, delivery_events.c.kind)
            .join(mailings, mailings.c.id == delivery_events.c.mailing)
            .where(mailings.c.edition == edition)
        )
        order = list(EventKind)
        strongest: dict[tuple[int, int], EventKind] = {}
        with reading(self._engine) as connection:
            for row in connection.execute(query):
                place, kind = (row.mailing, row.idx), EventKind(row.kind)
                strongest[place] = max(strongest.get(place, kind), kind, key=order.index)
        counts = dict.fromkeys(EventKind, 0)
        for kind in strongest.values():
            counts[kind] += 1
        return counts


#: Which reports others are told of.
_TELLS = {EventKind.BOUNCED: Event.BOUNCED, EventKind.COMPLAINED: Event.COMPLAINED}


def _tell_hooks(connection: Connection, event: DeliveryEvent, subscriber: str) -> None:
    if event.kind in _TELLS:
        edition = select(mailings.c.edition).where(mailings.c.id == event.place.mailing)
        key = connection.execute(edition).scalar()
        tell(connection, _TELLS[event.kind], subscriber, event.at, edition=key, cause=event.cause.value)


def _is_uncertain(connection: Connection, place: Place) -> bool:
    here = and_(outcomes.c.mailing == place.mailing, outcomes.c.idx == place.idx)
    return connection.execute(select(outcomes.c.kind).where(here)).scalar() == Outcome.UNCERTAIN.value
