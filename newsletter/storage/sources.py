"""Keeps the sources that staff added, and how each one's last pull went."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Column, Engine, Row, String, Table, Text, select

from newsletter.storage.engine import reading
from newsletter.storage.errors import StoreError
from newsletter.storage.schema import Instant, metadata

sources = Table(
    "sources",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("location", Text, nullable=False),
    Column("policy", String(16), nullable=False),
    Column("added_at", Instant, nullable=False),
    Column("pulled_at", Instant),
    Column("succeeded_at", Instant),
    #: Why the last pull failed; empty when it did not.
    Column("error", Text, nullable=False),
    #: What the source wants to be told at its next pull, as JSON.
    Column("memory", Text, nullable=False),
)


class Policy(StrEnum):
    """What the articles of a source need before they may go out."""

    REVIEW = "review"  #: a person approves each revision
    TRUSTED = "trusted"  #: approved on arrival, and recorded as such


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecord:
    """One source as staff added it, with how its last pull went."""

    name: str
    kind: str
    location: str
    policy: Policy = Policy.REVIEW
    added_at: datetime
    pulled_at: datetime | None = None
    succeeded_at: datetime | None = None
    error: str = ""
    memory: dict[str, str] = field(default_factory=dict)


class SourceStore:
    """Sources on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, record: SourceRecord) -> None:
        """Keep a new source.

        Raises:
            StoreError: The name is taken.
        """
        with self._engine.begin() as connection:
            known = connection.execute(select(sources.c.location).where(sources.c.name == record.name)).scalar()
            if known is not None:
                raise StoreError(
                    f"a source named {record.name!r} is there already ({known}); remove it or take another"
                )
            connection.execute(
                sources.insert().values(
                    name=record.name,
                    kind=record.kind,
                    location=record.location,
                    policy=record.policy.value,
                    added_at=record.added_at,
                    error="",
                    memory="{}",
                )
            )

    def remove(self, name: str) -> bool:
        """Forget a source; its articles stay. Tell whether there was one."""
        with self._engine.begin() as connection:
            return connection.execute(sources.delete().where(sources.c.name == name)).rowcount == 1

    def all(self) -> tuple[SourceRecord, ...]:
        """Return every source, by name."""
        with reading(self._engine) as connection:
            return tuple(_record(row) for row in connection.execute(select(sources).order_by(sources.c.name)))

    def find(self, name: str) -> SourceRecord | None:
        """Return the source of this name."""
        with reading(self._engine) as connection:
            row = connection.execute(select(sources).where(sources.c.name == name)).first()
        return _record(row) if row else None

    def succeeded(self, name: str, memory: dict[str, str], now: datetime) -> None:
        """Note that a pull went well, and what the source wants to be told next time."""
        values = {"pulled_at": now, "succeeded_at": now, "error": "", "memory": json.dumps(memory, sort_keys=True)}
        self._update(name, values)

    def failed(self, name: str, error: str, now: datetime) -> None:
        """Note that a pull failed, and why."""
        self._update(name, {"pulled_at": now, "error": error})

    def _update(self, name: str, values: dict[str, object]) -> None:
        with self._engine.begin() as connection:
            connection.execute(sources.update().where(sources.c.name == name).values(**values))


def _record(row: Row[tuple[object, ...]]) -> SourceRecord:
    return SourceRecord(
        name=row.name,
        kind=row.kind,
        location=row.location,
        policy=Policy(row.policy),
        added_at=row.added_at,
        pulled_at=row.pulled_at,
        succeeded_at=row.succeeded_at,
        error=row.error,
        memory=json.loads(row.memory),
    )
