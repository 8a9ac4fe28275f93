"""One transaction over everything that concerns a person: what a page does happens as a whole or not at all."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, select

from newsletter.storage import attempts, consents, erasure, letters
from newsletter.storage.engine import reading
from newsletter.storage.lists import find_list
from newsletter.storage.outbox import Event, tell
from newsletter.storage.people import (
    read_subscriber,
    read_subscription,
    subscribers,
    subscriptions,
    suppressions,
    take_numbers,
    tell_left,
)
from subscribers.consent import Consent
from subscribers.letters import Letter, LetterKind
from subscribers.people import Reason, Subscriber, SubscriptionState, Suppression, address_key
from subscribers.preferences import MailingList, Subscription


class Desk:
    """Reads and writes about people, all within the one transaction that `EnrolmentStore` opened."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def mailing_list(self, slug: str) -> MailingList | None:
        """Return the list with this slug."""
        return find_list(self._connection, slug)

    def person(self, id_: str) -> Subscriber | None:
        """Return the person with this id."""
        row = self._connection.execute(select(subscribers).where(subscribers.c.id == id_)).first()
        return read_subscriber(row) if row else None

    def person_at(self, address: str) -> Subscriber | None:
        """Return the person whose mailbox this is."""
        wanted = subscribers.c.key == address_key(address)
        row = self._connection.execute(select(subscribers).where(wanted)).first()
        return read_subscriber(row) if row else None

    def add(self, person: Subscriber, now: datetime) -> None:
        """Keep a new person."""
        (number,) = take_numbers(self._connection, "people", 1)
        self._connection.execute(
            subscribers.insert().values(
                id=person.id,
                address=person.address,
                key=person.key,
                name=person.name,
                language=person.language,
                zone=person.zone,
                joined_at=now,
                number=number,
            )
        )

    def amend(self, person: Subscriber) -> None:
        """Keep what a known person is now called, how they are reached, and where they live."""
        self._connection.execute(
            subscribers.update()
            .where(subscribers.c.id == person.id)
            .values(
                address=person.address,
                key=person.key,
                name=person.name,
                language=person.language,
                zone=person.zone,
            )
        )

    def subscription(self, mailing_list: str, subscriber: str) -> Subscription | None:
        """Return how a person stands to a list."""
        return next((s for s in self.subscriptions(subscriber) if s.mailing_list == mailing_list), None)

    def subscriptions(self, subscriber: str) -> tuple[Subscription, ...]:
        """Return how a person stands to every list they ever asked for."""
        query = select(subscriptions).where(subscriptions.c.subscriber == subscriber).order_by(subscriptions.c.list)
        return tuple(read_subscription(row) for row in self._connection.execute(query))

    def put(self, subscription: Subscription) -> None:
        """Keep how a person stands to a list, in place of how they stood."""
        chosen = subscription.preferences
        values = {
            "state": subscription.state.value,
            "since": subscription.since,
            "confirmed_at": subscription.confirmed_at,
            "topics": " ".join(sorted(chosen.topics)),
            "rhythm": chosen.rhythm.value,
            "hour": chosen.hour,
            "paused_until": chosen.paused_until,
        }
        key = {"list": subscription.mailing_list, "subscriber": subscription.subscriber}
        self._tell(subscription)
        known = subscriptions.update().where(*(subscriptions.c[name] == value for name, value in key.items()))
        if not self._connection.execute(known.values(values)).rowcount:
            self._connection.execute(subscriptions.insert().values(values | key))

    def _tell(self, after: Subscription) -> None:
        """Tell others of a person who is written to from now on, or no more."""
        before = self.subscription(after.mailing_list, after.subscriber)
        was = before is not None and before.state is SubscriptionState.CONFIRMED
        if was is not (after.state is SubscriptionState.CONFIRMED):
            event = Event.UNSUBSCRIBED if was else Event.SUBSCRIBED
            tell(self._connection, event, after.subscriber, after.since, list=after.mailing_list)

    def suppressions(self, keys: Collection[str]) -> tuple[Suppression, ...]:
        """Return what forbids writing to any of these keys."""
        query = select(suppressions).where(suppressions.c.key.in_(list(keys)))
        return tuple(
            Suppression(row.key, Reason(row.reason), row.since, row.until) for row in self._connection.execute(query)
        )

    def suppress(self, suppression: Suppression) -> None:
        """Remember an address we do not write to. The same reason is kept once, with its first date."""
        if not any(s.reason is suppression.reason for s in self.suppressions([suppression.key])):
            self._connection.execute(
                suppressions.insert().values(
                    key=suppression.key,
                    reason=suppression.reason.value,
                    since=suppression.since,
                    until=suppression.until,
                )
            )

    def lift(self, keys: Collection[str], reasons: Collection[Reason]) -> None:
        """Take suppressions back, because the person asked for it."""
        self._connection.execute(
            suppressions.delete().where(
                suppressions.c.key.in_(list(keys)), suppressions.c.reason.in_([r.value for r in reasons])
            )
        )

    def record(self, consent: Consent) -> int:
        """Append to the record of consent; return the line's number."""
        return consents.record(self._connection, consent)

    def line(self, number: int) -> Consent | None:
        """Return one line of the record of consent."""
        return consents.line_of(self._connection, number)

    def record_of(self, subscriber: str) -> tuple[Consent, ...]:
        """Return all that one person agreed to and declined, the oldest first."""
        return consents.record_of(self._connection, subscriber)

    def gather(self, subscriber: str) -> dict[str, list[dict[str, object]]]:
        """Return everything about a person, by table."""
        return erasure.gather(self._connection, subscriber)

    def erase(self, subscriber: str, pseudonym: str, now: datetime) -> bool:
        """Erase a person but for `pseudonym`; tell whether there was one."""
        tell_left(self._connection, subscriptions.c.subscriber == subscriber, now)
        return erasure.erase(self._connection, subscriber, pseudonym, now)

    def forget(self, before: Mapping[str, datetime]) -> dict[str, int]:
        """Remove what is older than its kind is kept; return how many of each there were."""
        return erasure.forget(self._connection, before)

    def knock(self, network: str, spans: Sequence[timedelta], now: datetime) -> tuple[list[int], list[int]]:
        """Remember an attempt; return how many came from its network, and from everywhere, within each span."""
        theirs = attempts.count(self._connection, network, spans, now) if network else [0] * len(spans)
        everywhere = attempts.count(self._connection, "", spans, now)
        attempts.add(self._connection, network, now)
        return theirs, everywhere

    def queue(self, letter: Letter) -> None:
        """Keep a letter until it is sent."""
        letters.queue(self._connection, letter)

    def pretend(self, kind: LetterKind, now: datetime) -> None:
        """Do the work of queueing a letter that nobody gets: how long an answer takes must not tell whom we know."""
        self.subscriptions("")
        self.written_since("", (kind,), now)
        self.written_since("", (kind,), now)
        letters.queue(self._connection, Letter(kind=kind, subscriber="", address="", language="", at=now), pretend=True)

    def written_since(self, key: str, kinds: tuple[LetterKind, ...], since: datetime) -> int:
        """Return how many letters of these kinds went, or will go, to an address since a time."""
        return letters.written_since(self._connection, key, kinds, since)


class EnrolmentStore:
    """People, their subscriptions, consent and letters on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def writing(self) -> Iterator[Desk]:
        """Yield a desk whose changes are kept together when the block ends, and not at all when it fails."""
        with self._engine.begin() as connection:
            yield Desk(connection)

    @contextmanager
    def reading(self) -> Iterator[Desk]:
        """Yield a desk that only reads."""
        with reading(self._engine) as connection:
            yield Desk(connection)
