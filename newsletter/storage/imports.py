"""Keeps imports: who was added by which, so that the whole of it can be taken back."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import (
    Boolean,
    Column,
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
    exists,
    func,
    or_,
    select,
)

from newsletter.storage.consents import consents, record_many
from newsletter.storage.engine import reading
from newsletter.storage.errors import StoreError
from newsletter.storage.ledger_tables import audience
from newsletter.storage.outbox import Event, tell_many
from newsletter.storage.people import subscribers, subscriptions, suppressions, take_numbers, tell_left
from newsletter.storage.schema import Instant, metadata
from subscribers.consent import Act, Consent
from subscribers.importing import Imported, Standing
from subscribers.people import Reason, SubscriptionState

imports = Table(
    "imports",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("list", String(64), nullable=False),
    Column("file", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("counts", Text, nullable=False),
)

#: Who was added by an import. `is_new` tells that the person was not known at all before.
imported = Table(
    "imported",
    metadata,
    Column("number", Integer, ForeignKey("imports.number"), primary_key=True),
    Column("subscriber", String(36), primary_key=True),
    Column("is_new", Boolean, nullable=False),
)

tags = Table(
    "tags",
    metadata,
    Column("subscriber", String(36), primary_key=True),
    Column("tag", String(40), primary_key=True),
    Index("ix_tags_tag", "tag"),
)

#: How long an import can be taken back.
UNDO_WITHIN = timedelta(hours=24)

#: Kilobytes of SQLite's cache while people are added; its own 2,000 would read and write each page again and again.
_CACHE_KB = 65_536

#: An import that has not moved for so long is not running any more.
ABANDONED_AFTER = timedelta(hours=6)


class ImportState(StrEnum):
    """Where an import stands."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"  #: in the middle, by an error or a person; what was added is added
    UNDONE = "undone"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRecord:
    """One import that was applied."""

    number: int
    mailing_list: str
    file: str
    state: ImportState
    by: str
    at: datetime
    counts: Mapping[str, int]


class ImportStore:
    """Imports on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(self, mailing_list: str, file: str, by: str, now: datetime) -> int:
        """Open an import; return its number.

        Raises:
            StoreError: Another one is running.
        """
        with self._engine.begin() as connection:
            running = and_(imports.c.state == ImportState.RUNNING.value, imports.c.at > now - ABANDONED_AFTER)
            other = connection.execute(select(imports.c.number).where(running)).scalar()
            if other is not None:
                raise StoreError(f"import {other} is still running; wait for it, or stop it first")
            made = connection.execute(
                imports.insert().values(
                    list=mailing_list, file=file, state=ImportState.RUNNING.value, by=by, at=now, counts="{}"
                )
            )
            key = made.inserted_primary_key
            assert key is not None
            return int(key[0])

    def finish(self, number: int, state: ImportState, counts: Mapping[str, int]) -> None:
        """Close an import."""
        with self._engine.begin() as connection:
            connection.execute(
                imports.update()
                .where(imports.c.number == number)
                .values(state=state.value, counts=json.dumps(counts, sort_keys=True))
            )

    def find(self, number: int) -> ImportRecord | None:
        """Return one import."""
        with reading(self._engine) as connection:
            row = connection.execute(select(imports).where(imports.c.number == number)).first()
        return _record(row) if row else None

    def all(self) -> tuple[ImportRecord, ...]:
        """Return every import, the newest first."""
        with reading(self._engine) as connection:
            return tuple(_record(row) for row in connection.execute(select(imports).order_by(imports.c.number.desc())))

    def standings(self, mailing_list: str, keys: Mapping[str, str], now: datetime) -> dict[str, Standing]:
        """Return what the store knows about each of these addresses.

        Args:
            mailing_list: The list whose subscriptions count.
            keys: Every form under which an address may be suppressed, with the address's own key.
            now: When suppressions must hold.
        """
        own = list(set(keys.values()))
        known = (
            select(subscribers.c.key, subscribers.c.id, subscriptions.c.state)
            .outerjoin(
                subscriptions,
                and_(subscriptions.c.subscriber == subscribers.c.id, subscriptions.c.list == mailing_list),
            )
            .where(subscribers.c.key.in_(own))
        )
        holding = or_(suppressions.c.until.is_(None), suppressions.c.until > now)
        blocked = select(suppressions.c.key).where(suppressions.c.key.in_(list(keys)), holding)
        with reading(self._engine) as connection:
            people = {row.key: row for row in connection.execute(known)}
            suppressed = {keys[key] for key in connection.execute(blocked).scalars()}
        return {
            key: Standing(
                people[key].id if key in people else "",
                SubscriptionState(people[key].state) if key in people and people[key].state else None,
                key in suppressed,
            )
            for key in own
        }

    def add(
        self,
        number: int,
        mailing_list: str,
        people: Sequence[tuple[str, Imported, bool, SubscriptionState]],
        lines: Sequence[Consent],
        now: datetime,
    ) -> None:
        """Add people to a list, each with their id, whether they are new, and how they shall stand; all or nothing."""
        if not people:
            return
        with self._engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                # Ids are random, so a large import touches every page of every index: keep them in memory meanwhile.
                connection.exec_driver_sql(f"PRAGMA cache_size = -{_CACHE_KB}")
            new = [(id_, person) for id_, person, is_new, _ in people if is_new]
            places = take_numbers(connection, "people", len(new))
            rows = [_person(id_, person, place, now) for (id_, person), place in zip(new, places, strict=True)]
            if rows:
                connection.execute(subscribers.insert(), rows)
            connection.execute(
                subscriptions.insert(), [_stands(mailing_list, i, p, state, now) for i, p, _, state in people]
            )
            confirmed = [i for i, _, _, state in people if state is SubscriptionState.CONFIRMED]
            tell_many(connection, Event.SUBSCRIBED, confirmed, now, list=mailing_list)
            connection.execute(
                imported.insert(), [{"number": number, "subscriber": i, "is_new": n} for i, _, n, _ in people]
            )
            tagged = [{"subscriber": i, "tag": tag} for i, p, is_new, _ in people if is_new for tag in p.tags]
            if tagged:
                connection.execute(tags.insert(), tagged)
            record_many(connection, lines)

    def suppress(self, keys: Mapping[str, Reason], mailing_list: str, now: datetime) -> int:
        """Never write to these addresses again, and end their subscriptions; return how many suppressions are new."""
        with self._engine.begin() as connection:
            held = select(suppressions.c.key, suppressions.c.reason).where(suppressions.c.key.in_(list(keys)))
            known = {tuple(row) for row in connection.execute(held)}
            new = [
                {"key": key, "reason": reason.value, "since": now, "until": None}
                for key, reason in keys.items()
                if (key, reason.value) not in known
            ]
            if new:
                connection.execute(suppressions.insert(), new)
            theirs = select(subscribers.c.id).where(subscribers.c.key.in_(list(keys)))
            ended = and_(
                subscriptions.c.subscriber.in_(theirs),
                subscriptions.c.list == mailing_list,
                subscriptions.c.state != SubscriptionState.UNSUBSCRIBED.value,
            )
            left = {"state": SubscriptionState.UNSUBSCRIBED.value, "since": now}
            tell_left(connection, ended, now)
            connection.execute(subscriptions.update().where(ended).values(left))
        return len(new)

    def undo(self, number: int, now: datetime) -> tuple[int, int]:
        """Take an import back; return how many people went, and how many stay because they acted themselves since.

        Whoever is in the audience of an edition already is not forgotten but unsubscribed: their delivery must find
        out, and the sum must add up.

        Raises:
            StoreError: It is too late, it is running, or there is none.
        """
        with self._engine.begin() as connection:
            row = connection.execute(select(imports).where(imports.c.number == number)).first()
            record = _undoable(number, _record(row) if row else None, now)
            mine = select(imported.c.subscriber).where(imported.c.number == number)
            total = connection.execute(select(func.count()).select_from(mine.subquery())).scalar_one()
            theirs = consents.c.subscriber == subscriptions.c.subscriber
            acted = exists().where(theirs, consents.c.act != Act.IMPORTED.value)
            untouched = and_(
                subscriptions.c.list == record.mailing_list,
                subscriptions.c.subscriber.in_(mine),
                ~acted,
            )
            written_to = exists().where(audience.c.subscriber == subscriptions.c.subscriber)
            left = {"state": SubscriptionState.UNSUBSCRIBED.value, "since": now}
            tell_left(connection, untouched, now)
            gone = connection.execute(subscriptions.update().where(untouched, written_to).values(left)).rowcount
            gone += connection.execute(subscriptions.delete().where(untouched, ~written_to)).rowcount
            _forget_new(connection, number)
            connection.execute(
                imports.update().where(imports.c.number == number).values(state=ImportState.UNDONE.value)
            )
        return gone, total - gone


def _forget_new(connection: Connection, number: int) -> None:
    """Remove the people whom only this import knew."""
    subscribed = exists().where(subscriptions.c.subscriber == imported.c.subscriber)
    new = select(imported.c.subscriber).where(imported.c.number == number, imported.c.is_new, ~subscribed)
    for table, column in (
        (consents, consents.c.subscriber),
        (tags, tags.c.subscriber),
        (subscribers, subscribers.c.id),
    ):
        connection.execute(table.delete().where(column.in_(new)))


def _undoable(number: int, record: ImportRecord | None, now: datetime) -> ImportRecord:
    if record is None:
        raise StoreError(f"there is no import {number}")
    if record.state in {ImportState.UNDONE, ImportState.RUNNING}:
        raise StoreError(f"import {number} is {record.state.value}")
    if now - record.at > UNDO_WITHIN:
        raise StoreError(f"import {number} is older than 24 hours; suppress or unsubscribe the people instead")
    return record


def _person(id_: str, person: Imported, number: int, now: datetime) -> dict[str, object]:
    return {
        "id": id_,
        "address": person.address.text,
        "key": person.key,
        "name": person.name,
        "language": person.language,
        "zone": person.zone,
        "joined_at": now,
        "number": number,
    }


def _stands(
    mailing_list: str, id_: str, person: Imported, state: SubscriptionState, now: datetime
) -> dict[str, object]:
    chosen = person.preferences
    return {
        "list": mailing_list,
        "subscriber": id_,
        "state": state.value,
        "since": now,
        "confirmed_at": now if state is SubscriptionState.CONFIRMED else None,
        "topics": " ".join(sorted(chosen.topics)),
        "rhythm": chosen.rhythm.value,
        "hour": chosen.hour,
        "paused_until": None,
    }


def _record(row: Row[tuple[object, ...]]) -> ImportRecord:
    return ImportRecord(
        number=row.number,
        mailing_list=row.list,
        file=row.file,
        state=ImportState(row.state),
        by=row.by,
        at=row.at,
        counts=json.loads(row.counts),
    )
