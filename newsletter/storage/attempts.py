"""Counts who knocks how often, by network and for a day only: enough to stop machines, too little to follow people."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Column, Connection, Index, Integer, String, Table, func, select

from newsletter.storage.schema import Instant, metadata

attempts = Table(
    "attempts",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("network", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    Index("ix_attempts_network_at", "network", "at"),
    Index("ix_attempts_at", "at"),
)


def add(connection: Connection, network: str, now: datetime) -> None:
    """Remember that somebody of a network knocked."""
    connection.execute(attempts.insert().values(network=network, at=now))


def count(connection: Connection, network: str, spans: Sequence[timedelta], now: datetime) -> list[int]:
    """Return how often a network knocked within each span; of all networks together if it is empty."""
    counting = select(func.count()).select_from(attempts)
    theirs = [attempts.c.network == network] if network else []
    return [connection.execute(counting.where(*theirs, attempts.c.at > now - span)).scalar_one() for span in spans]
