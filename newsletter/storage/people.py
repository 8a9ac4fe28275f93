"""Keeps subscribers, how each stands to each mailing list, and the addresses we do not write to."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from itertools import groupby

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    and_,
    delete,
    func,
    select,
)

from newsletter.storage.engine import reading
from newsletter.storage.outbox import Event, receivers, tell, tell_many
from newsletter.storage.schema import Instant, metadata
from subscribers.people import Reason, Subscriber, SubscriptionState, Suppression, address_key
from subscribers.preferences import Candidate, Preferences, Rhythm, Subscription

subscribers = Table(
    "subscribers",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("address", Text, nullable=False),
    #: The address as we compare it: one mailbox is one person.
    Column("key", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("language", String(16), nullable=False),
    Column("zone", String(64), nullable=False),
    Column("joined_at", Instant, nullable=False),
    #: Dense and never given twice: the place of a person in the arrays that remember what everybody received.
    Column("number", Integer, nullable=False, server_default="0"),
    Index("ix_subscribers_number", "number", unique=True),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("list", String(64), primary_key=True),
    Column("subscriber", String(36), ForeignKey("subscribers.id"), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("since", Instant, nullable=False),
    Column("confirmed_at", Instant),
    #: Short names with a space between; empty: every topic.
    Column("topics", Text, nullable=False, server_default=""),
    Column("rhythm", String(8), nullable=False, server_default="each"),
    Column("hour", Integer),
    Column("paused_until", Instant),
    Index("ix_subscriptions_list_state", "list", "state"),
    #: One person's lists; without it the page of their preferences reads everybody.
    Index("ix_subscriptions_subscriber", "subscriber"),
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("key", Text, primary_key=True),
    Column("reason", String(24), primary_key=True),
    Column("since", Instant, nullable=False),
    Column("until", Instant),
)

counters = Table(
    "counters",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", Integer, nullable=False),
)

#: People read in one go while an audience is planned: a list of any length passes in bounded memory.
PAGE = 5_000


class PeopleStore:
    """People on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(
        self, people: Iterable[Subscriber], mailing_list: str, now: datetime, state: SubscriptionState
    ) -> tuple[int, int]:
        """Add people to a list; return how many were new to it and how many it knew already.

        Whoever the list knows keeps the state they have: adding never brings back a person who left.
        """
        new = known = 0
        confirmed_at = now if state is SubscriptionState.CONFIRMED else None
        with self._engine.begin() as connection:
            for person in people:
                id_ = connection.execute(select(subscribers.c.id).where(subscribers.c.key == person.key)).scalar()
                if id_ is None:
                    id_ = person.id
                    connection.execute(
                        subscribers.insert().values(
                            id=id_,
                            address=person.address,
                            key=person.key,
                            name=person.name,
                            language=person.language,
                            zone=person.zone,
                            joined_at=now,
                            number=take_numbers(connection, "people", 1)[0],
                        )
                    )
                stands = select(subscriptions.c.state).where(
                    subscriptions.c.list == mailing_list, subscriptions.c.subscriber == id_
                )
                if connection.execute(stands).scalar() is not None:
                    known += 1
                    continue
                new += 1
                connection.execute(
                    subscriptions.insert().values(
                        list=mailing_list, subscriber=id_, state=state.value, since=now, confirmed_at=confirmed_at
                    )
                )
                if state is SubscriptionState.CONFIRMED:
                    tell(connection, Event.SUBSCRIBED, id_, now, list=mailing_list)
        return new, known

    def set_state(self, mailing_list: str, subscriber: str, state: SubscriptionState, now: datetime) -> bool:
        """Change how one person stands to a list; tell whether there was such a subscription."""
        here = (subscriptions.c.list == mailing_list, subscriptions.c.subscriber == subscriber)
        is_confirmed = state is SubscriptionState.CONFIRMED
        with self._engine.begin() as connection:
            if not is_confirmed:
                tell_left(connection, and_(*here), now)
            elif connection.execute(select(subscriptions.c.state).where(*here)).scalar() not in {None, state.value}:
                tell(connection, Event.SUBSCRIBED, subscriber, now, list=mailing_list)
            changed = connection.execute(subscriptions.update().where(*here).values(state=state.value, since=now))
        return changed.rowcount == 1

    def confirmed(self, mailing_list: str) -> Iterator[Subscriber]:
        """Yield the people who agreed to receive a list, by id, in bounded memory."""
        last = ""
        while page := self._confirmed_after(mailing_list, last):
            yield from page
            last = page[-1].id

    def candidates(self, mailing_list: str, rhythms: Collection[Rhythm], only: str = "") -> Iterator[list[Candidate]]:
        """Yield the confirmed people of a list who chose one of these rhythms, page by page, as planning wants them.

        Args:
            mailing_list: Its short name.
            rhythms: Those that count.
            only: The id of one person; "" for everybody.
        """
        columns = (
            *(subscribers.c.id, subscribers.c.address, subscribers.c.name, subscribers.c.number),
            *(subscribers.c.language, subscribers.c.zone, subscriptions.c.topics, subscriptions.c.hour),
            *(subscriptions.c.paused_until, subscriptions.c.confirmed_at),
        )
        query = (
            select(*columns)
            .join(subscriptions, subscriptions.c.subscriber == subscribers.c.id)
            .where(
                subscriptions.c.list == mailing_list,
                subscriptions.c.state == SubscriptionState.CONFIRMED.value,
                subscriptions.c.rhythm.in_([r.value for r in rhythms]),
                *([subscribers.c.id == only] if only else []),
            )
            .execution_options(yield_per=PAGE)
        )
        with reading(self._engine) as connection:
            for page in connection.execute(query).partitions():
                yield [Candidate._make(row) for row in page]

    def everybody(self, mailing_list: str) -> Iterator[list[tuple[Subscriber, Subscription]]]:
        """Yield all who ever asked for a list, whatever became of them, page by page."""
        query = (
            select(subscribers, subscriptions)
            .join(subscriptions, subscriptions.c.subscriber == subscribers.c.id)
            .where(subscriptions.c.list == mailing_list)
            .order_by(subscribers.c.id)
            .execution_options(yield_per=PAGE)
        )
        with reading(self._engine) as connection:
            for page in connection.execute(query).partitions():
                yield [(read_subscriber(row), read_subscription(row)) for row in page]

    def page(self, mailing_list: str, *, after: str, limit: int) -> list[tuple[Subscriber, Subscription]]:
        """Return those who ever asked for a list, by id, after the one with the id `after`; "": from the first."""
        query = (
            select(subscribers, subscriptions)
            .join(subscriptions, subscriptions.c.subscriber == subscribers.c.id)
            .where(subscriptions.c.list == mailing_list, subscriptions.c.subscriber > after)
            .order_by(subscriptions.c.subscriber)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return [(read_subscriber(row), read_subscription(row)) for row in connection.execute(query)]

    def find(self, address_or_id: str) -> Subscriber | None:
        """Return the person with this address or id."""
        wanted = subscribers.c.key == address_key(address_or_id)
        with reading(self._engine) as connection:
            row = connection.execute(select(subscribers).where(wanted | (subscribers.c.id == address_or_id))).first()
        return read_subscriber(row) if row else None

    def count(self, mailing_list: str) -> dict[SubscriptionState, int]:
        """Return how many people stand how to a list."""
        counts = dict.fromkeys(SubscriptionState, 0)
        state, number = subscriptions.c.state, func.count()
        query = select(state, number).where(subscriptions.c.list == mailing_list).group_by(state)
        with reading(self._engine) as connection:
            counts.update({SubscriptionState(row[0]): row[1] for row in connection.execute(query)})
        return counts

    def suppress(self, suppression: Suppression) -> None:
        """Remember an address we do not write to. The same reason is kept once, with its first date."""
        known = select(suppressions.c.key).where(
            suppressions.c.key == suppression.key, suppressions.c.reason == suppression.reason.value
        )
        with self._engine.begin() as connection:
            if connection.execute(known).first() is None:
                connection.execute(
                    suppressions.insert().values(
                        key=suppression.key,
                        reason=suppression.reason.value,
                        since=suppression.since,
                        until=suppression.until,
                    )
                )

    def allow(self, key: str) -> bool:
        """Write to an address again that staff suppressed by hand; tell whether they had. No other reason is lifted."""
        by_hand = suppressions.c.reason == Reason.MANUAL.value
        with self._engine.begin() as connection:
            return bool(connection.execute(delete(suppressions).where(suppressions.c.key == key, by_hand)).rowcount)

    def suppressions(self) -> tuple[Suppression, ...]:
        """Return every suppression."""
        with reading(self._engine) as connection:
            return tuple(
                Suppression(row.key, Reason(row.reason), row.since, row.until)
                for row in connection.execute(select(suppressions).order_by("key", "reason"))
            )

    def _confirmed_after(self, mailing_list: str, last: str) -> list[Subscriber]:
        query = (
            select(subscribers)
            .join(subscriptions, subscriptions.c.subscriber == subscribers.c.id)
            .where(
                subscriptions.c.list == mailing_list,
                subscriptions.c.state == SubscriptionState.CONFIRMED.value,
                subscribers.c.id > last,
            )
            .order_by(subscribers.c.id)
            .limit(PAGE)
        )
        with reading(self._engine) as connection:
            return [read_subscriber(row) for row in connection.execute(query)]


def read_subscriber(row: Row[tuple[object, ...]]) -> Subscriber:
    """Return the person in a row of `subscribers`."""
    return Subscriber(id=row.id, address=row.address, name=row.name, language=row.language, zone=row.zone)


def read_subscription(row: Row[tuple[object, ...]]) -> Subscription:
    """Return the subscription in a row of `subscriptions`."""
    return Subscription(
        mailing_list=row.list,
        subscriber=row.subscriber,
        state=SubscriptionState(row.state),
        since=row.since,
        confirmed_at=row.confirmed_at,
        preferences=Preferences(
            topics=frozenset(row.topics.split()),
            rhythm=Rhythm(row.rhythm),
            hour=row.hour,
            paused_until=row.paused_until,
        ),
    )


def tell_left(connection: Connection, which: ColumnElement[bool], now: datetime) -> None:
    """Tell others of those who are confirmed and will not be: call it before that is written."""
    if not receivers(connection, Event.UNSUBSCRIBED):
        return
    query = select(subscriptions.c.list, subscriptions.c.subscriber)
    query = query.where(which, subscriptions.c.state == SubscriptionState.CONFIRMED.value).order_by(
        "list", "subscriber"
    )
    for mailing_list, rows in groupby(connection.execute(query).all(), key=lambda row: row.list):
        tell_many(connection, Event.UNSUBSCRIBED, [row.subscriber for row in rows], now, list=mailing_list)


def take_numbers(connection: Connection, counter: str, count: int) -> range:
    """Return `count` numbers that nobody else has or will have. Others who take some wait until we commit."""
    taken = counters.update().where(counters.c.name == counter).values(value=counters.c.value + count)
    last = connection.execute(taken.returning(counters.c.value)).scalar_one()
    return range(last - count, last)
