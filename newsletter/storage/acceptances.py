"""Keeps the warnings that somebody, or a rule, took upon themselves with an approval: who, when, and what they said."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Engine, Integer, String, Table, Text, select

from newsletter.storage.engine import reading
from newsletter.storage.schema import Instant, metadata

acceptances = Table(
    "acceptances",
    metadata,
    Column("number", Integer, primary_key=True),
    #: Its key. No foreign key: what a rule accepts is written down before the edition that it lets through.
    Column("edition", String(128), nullable=False, index=True),
    Column("rule", String(32), nullable=False),
    Column("message", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Instant, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """A warning that was accepted by the name of its rule."""

    rule: str
    message: str
    by: str
    at: datetime


class AcceptanceStore:
    """Acceptances on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, edition: str, accepted: Iterable[Acceptance]) -> None:
        """Keep what was accepted of an edition, given by its key."""
        rows = [{"edition": edition, "rule": a.rule, "message": a.message, "by": a.by, "at": a.at} for a in accepted]
        if rows:
            with self._engine.begin() as connection:
                connection.execute(acceptances.insert(), rows)

    def forget(self, edition: str) -> None:
        """Remove what was accepted of an edition that is made anew: it was said of another mail."""
        with self._engine.begin() as connection:
            connection.execute(acceptances.delete().where(acceptances.c.edition == edition))

    def of(self, edition: str) -> tuple[Acceptance, ...]:
        """Return what was accepted of an edition, in that order."""
        query = select(acceptances).where(acceptances.c.edition == edition).order_by(acceptances.c.number)
        with reading(self._engine) as connection:
            return tuple(
                Acceptance(rule=row.rule, message=row.message, by=row.by, at=row.at)
                for row in connection.execute(query)
            )
