"""Keeps the mailing lists: what one can subscribe to, and what each lets people choose."""

import json

from sqlalchemy import Boolean, Column, Connection, Engine, Integer, Row, String, Table, Text, select

from newsletter.storage.engine import reading
from newsletter.storage.schema import metadata
from subscribers.preferences import MailingList, Rhythm, Topic

lists = Table(
    "lists",
    metadata,
    Column("slug", String(64), primary_key=True),
    Column("title", Text, nullable=False),
    Column("topics", Text, nullable=False),
    Column("rhythms", Text, nullable=False),
    Column("hour", Integer, nullable=False),
    Column("zone", String(64), nullable=False),
    Column("sender_name", Text, nullable=False),
    Column("sender_address", Text, nullable=False),
    Column("postal_address", Text, nullable=False),
    Column("is_open", Boolean, nullable=False),
)


class ListStore:
    """Mailing lists on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def put(self, mailing_list: MailingList) -> None:
        """Keep a list, in place of the one with the same slug."""
        with self._engine.begin() as connection:
            put_list(connection, mailing_list)

    def find(self, slug: str) -> MailingList | None:
        """Return the list with this slug."""
        with reading(self._engine) as connection:
            return find_list(connection, slug)

    def all(self) -> tuple[MailingList, ...]:
        """Return every list, by slug."""
        with reading(self._engine) as connection:
            return tuple(_list(row) for row in connection.execute(select(lists).order_by(lists.c.slug)))


def find_list(connection: Connection, slug: str) -> MailingList | None:
    """Return the list with this slug."""
    row = connection.execute(select(lists).where(lists.c.slug == slug)).first()
    return _list(row) if row else None


def put_list(connection: Connection, mailing_list: MailingList) -> None:
    """Keep a list, in place of the one with the same slug."""
    values = {
        "title": mailing_list.title,
        "topics": json.dumps([[t.slug, t.title] for t in mailing_list.topics], ensure_ascii=False),
        "rhythms": " ".join(r.value for r in mailing_list.rhythms),
        "hour": mailing_list.hour,
        "zone": mailing_list.zone,
        "sender_name": mailing_list.sender_name,
        "sender_address": mailing_list.sender_address,
        "postal_address": mailing_list.postal_address,
        "is_open": mailing_list.is_open,
    }
    changed = connection.execute(lists.update().where(lists.c.slug == mailing_list.slug).values(values))
    if not changed.rowcount:
        connection.execute(lists.insert().values(slug=mailing_list.slug, **values))


def _list(row: Row[tuple[object, ...]]) -> MailingList:
    return MailingList(
        slug=row.slug,
        title=row.title,
        topics=tuple(Topic(slug, title) for slug, title in json.loads(row.topics)),
        rhythms=tuple(Rhythm(r) for r in row.rhythms.split()),
        hour=row.hour,
        zone=row.zone,
        sender_name=row.sender_name,
        sender_address=row.sender_address,
        postal_address=row.postal_address,
        is_open=row.is_open,
    )
