"""Keeps what staff did: only ever added to, each line chained to the one before by its hash."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Column, Connection, Engine, Index, Integer, Row, String, Table, Text, select

from newsletter.storage.engine import reading
from newsletter.storage.schema import Instant, metadata

audit = Table(
    "audit",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    #: Who: the id of one of the staff, or the name of a door such as "command line".
    Column("actor", String(64), nullable=False),
    Column("network", String(64), nullable=False),
    Column("act", String(40), nullable=False),
    Column("object", Text, nullable=False),
    #: As JSON; ids instead of addresses, and never a secret.
    Column("detail", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index("ix_audit_act", "act"),
    Index("ix_audit_object", "object"),
)

#: What the first line is chained to.
BEGINNING = "0" * 64

#: The lock on PostgreSQL under which lines are added one after the other; the number is ours alone.
_LOCK = 0x6E6C_6175


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One thing that somebody did."""

    at: datetime
    actor: str
    act: str
    about: str = ""  #: the id of what it was done to
    network: str = ""
    detail: Mapping[str, object] = field(default_factory=dict)
    number: int = 0  #: its place in the log; 0 until it is kept


class AuditStore:
    """The log on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, deed: Deed) -> int:
        """Append a line; return its number."""
        with self._engine.begin() as connection:
            return append(connection, deed)

    def find(self, number: int) -> Deed | None:
        """Return one line."""
        with reading(self._engine) as connection:
            row = connection.execute(select(audit).where(audit.c.number == number)).first()
        return _deed(row) if row else None

    def page(self, *, before: int = 0, act: str = "", about: str = "", limit: int = 50) -> tuple[Deed, ...]:
        """Return lines, the newest first.

        Args:
            before: Only lines with a smaller number; 0: from the newest.
            act: Only this act; empty: all.
            about: Only lines about this object; empty: all.
            limit: How many at most.
        """
        query = select(audit).order_by(audit.c.number.desc()).limit(limit)
        if before:
            query = query.where(audit.c.number < before)
        if act:
            query = query.where(audit.c.act == act)
        if about:
            query = query.where(audit.c.object == about)
        with reading(self._engine) as connection:
            return tuple(_deed(row) for row in connection.execute(query))

    def verify(self) -> int | None:
        """Return the number of the first line that was changed, or whose predecessor is gone; None when all hold."""
        previous, number = BEGINNING, 0
        with reading(self._engine) as connection:
            lines = select(audit).order_by(audit.c.number).execution_options(yield_per=1000)
            with connection.execute(lines) as rows:
                for row in rows:
                    number += 1
                    if row.number != number or row.previous != previous or row.hash != _hash(_deed(row), previous):
                        return int(row.number)
                    previous = row.hash
        return None


def append(connection: Connection, deed: Deed) -> int:
    """Append a line within the caller's transaction; return its number."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
    newest = select(audit.c.number, audit.c.hash).order_by(audit.c.number.desc()).limit(1)
    last = connection.execute(newest).first()
    number, previous = (last.number + 1, last.hash) if last else (1, BEGINNING)
    connection.execute(
        audit.insert().values(
            number=number,
            at=deed.at,
            actor=deed.actor,
            network=deed.network,
            act=deed.act,
            object=deed.about,
            detail=_plain(deed.detail),
            previous=previous,
            hash=_hash(deed, previous),
        )
    )
    return number


def _hash(deed: Deed, previous: str) -> str:
    at = deed.at.astimezone(UTC).isoformat()
    said = [previous, at, deed.actor, deed.network, deed.act, deed.about, _plain(deed.detail)]
    return hashlib.sha256(json.dumps(said, ensure_ascii=True).encode()).hexdigest()


def _plain(detail: Mapping[str, object]) -> str:
    return json.dumps(detail, ensure_ascii=False, sort_keys=True, default=str)


def _deed(row: Row[tuple[object, ...]]) -> Deed:
    return Deed(
        at=row.at,
        actor=row.actor,
        act=row.act,
        about=row.object,
        network=row.network,
        detail=json.loads(row.detail),
        number=row.number,
    )
