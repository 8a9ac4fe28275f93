"""Gathers everything about one person, and erases it: what is left names nobody."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Table, and_, exists, select

from newsletter.storage.attempts import attempts
from newsletter.storage.clicks import clicks
from newsletter.storage.consents import consents, forget_networks
from newsletter.storage.imports import imported, tags
from newsletter.storage.ledger_tables import audience, mailings, outcomes, retries
from newsletter.storage.letters import letters
from newsletter.storage.people import subscribers, subscriptions, suppressions
from newsletter.storage.returns import delivery_events
from subscribers.deliveries import Outcome
from subscribers.people import Reason, SubscriptionState

#: Tables that hold something about a person, and the column that says about whom. A test walks all tables of the
#: store and fails when one with such a column is missing here.
ABOUT: Mapping[Table, Column[Any]] = {
    subscriptions: subscriptions.c.subscriber,
    consents: consents.c.subscriber,
    letters: letters.c.subscriber,
    tags: tags.c.subscriber,
    clicks: clicks.c.subscriber,
    imported: imported.c.subscriber,
    delivery_events: delivery_events.c.subscriber,
}

#: Outcomes whose reply is a mail server's: servers like to quote the address.
_QUOTING = (Outcome.REFUSED.value, Outcome.DEFERRED.value, Outcome.UNCERTAIN.value, Outcome.ACCEPTED.value)


def gather(connection: Connection, subscriber: str) -> dict[str, list[dict[str, object]]]:
    """Return every row about a person, by table."""
    found = {"subscribers": _rows(connection, select(subscribers).where(subscribers.c.id == subscriber))}
    for table, column in ABOUT.items():
        found[table.name] = _rows(connection, select(table).where(column == subscriber))
    key = select(subscribers.c.key).where(subscribers.c.id == subscriber).scalar_subquery()
    found["suppressions"] = _rows(connection, select(suppressions).where(suppressions.c.key == key))
    same = and_(outcomes.c.mailing == audience.c.mailing, outcomes.c.idx == audience.c.idx)
    # Naming the mailings lets the index of (mailing, subscriber) answer; else everybody ever written to is read.
    received = (
        select(mailings.c.edition, audience.c.address, audience.c.variant, outcomes.c.kind, outcomes.c.at)
        .join(audience, audience.c.mailing == mailings.c.id)
        .outerjoin(outcomes, same)
        .where(audience.c.subscriber == subscriber, audience.c.mailing.in_(select(mailings.c.id)))
        .order_by(mailings.c.id)
    )
    found["deliveries"] = _rows(connection, received)
    return found


def erase(connection: Connection, subscriber: str, pseudonym: str, now: datetime) -> bool:
    """Erase a person; tell whether there was one.

    What stays: `pseudonym`, a keyed hash of the address, so that no import brings them back; and in the ledger the
    bare rows that make its sums add up. A delivery that has not left yet finds the pseudonym suppressed, and ends.
    """
    row = connection.execute(select(subscribers.c.key).where(subscribers.c.id == subscriber)).first()
    if row is None:
        return False
    _rename_suppressions(connection, row.key, pseudonym, now)
    for table, column in ABOUT.items():
        connection.execute(table.delete().where(column == subscriber))
    theirs = audience.c.subscriber == subscriber
    for table in (outcomes, retries):
        same = exists().where(theirs, audience.c.mailing == table.c.mailing, audience.c.idx == table.c.idx)
        quoting = [table.c.kind.in_(_QUOTING)] if table is outcomes else []
        connection.execute(table.update().where(same, *quoting).values(reply=""))
    connection.execute(audience.update().where(theirs).values(address="", name="", key=pseudonym))
    connection.execute(subscribers.delete().where(subscribers.c.id == subscriber))
    return True


def forget(connection: Connection, before: Mapping[str, datetime]) -> dict[str, int]:
    """Remove what has served its purpose, each kind as of its own time; return how many of each there were."""
    never = and_(subscriptions.c.state == SubscriptionState.PENDING.value, subscriptions.c.since < before["pending"])
    settled = letters.c.sent_at.is_not(None) | letters.c.failed
    old_letters = letters.delete().where(settled, letters.c.at < before["letters"])
    return {
        "networks": forget_networks(connection, before["networks"]),
        "attempts": connection.execute(attempts.delete().where(attempts.c.at < before["attempts"])).rowcount,
        "letters": connection.execute(old_letters).rowcount,
        "pending": _forget_pending(connection, connection.execute(select(subscriptions).where(never)).all()),
        "clicks": connection.execute(clicks.delete().where(clicks.c.at < before["clicks"])).rowcount,
    }


def _forget_pending(connection: Connection, rows: Sequence[Any]) -> int:
    """Forget sign-ups that nobody confirmed, and with the last of them the person, who never agreed to anything."""
    for row in rows:
        mine = and_(subscriptions.c.subscriber == row.subscriber, subscriptions.c.list == row.list)
        connection.execute(subscriptions.delete().where(mine))
        others = select(subscriptions.c.list).where(subscriptions.c.subscriber == row.subscriber)
        if connection.execute(others).first() is None:
            for table, column in ABOUT.items():
                connection.execute(table.delete().where(column == row.subscriber))
            connection.execute(subscribers.delete().where(subscribers.c.id == row.subscriber))
    return len(rows)


def _rename_suppressions(connection: Connection, key: str, pseudonym: str, now: datetime) -> None:
    reasons = set(connection.execute(select(suppressions.c.reason).where(suppressions.c.key == key)).scalars())
    held = set(connection.execute(select(suppressions.c.reason).where(suppressions.c.key == pseudonym)).scalars())
    connection.execute(suppressions.delete().where(suppressions.c.key == key))
    for reason in {*reasons, Reason.ERASED.value} - held - {Reason.UNSUBSCRIBED.value}:
        connection.execute(suppressions.insert().values(key=pseudonym, reason=reason, since=now, until=None))


def _rows(connection: Connection, query: Any) -> list[dict[str, object]]:  # noqa: ANN401  any select
    return [dict(row._mapping) for row in connection.execute(query)]
