"""Keeps who is signed in, where: a cookie holds only a random id, so that any session can be ended from here."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Column, Engine, Index, Row, String, Table, Text, select

from newsletter.storage.engine import reading
from newsletter.storage.schema import Instant, metadata

sessions = Table(
    "sessions",
    metadata,
    #: SHA-256 of the id in the cookie: who reads the database cannot take a session over.
    Column("hash", String(64), primary_key=True),
    Column("staff", String(36), nullable=False),
    Column("level", String(12), nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    #: When the person last proved that it is them.
    Column("proved_at", Instant, nullable=False),
    Column("network", String(64), nullable=False),
    Column("agent", Text, nullable=False),
    Index("ix_sessions_staff", "staff"),
)

#: An unused session ends after so long, and any after so long.
IDLE, LONGEST = timedelta(hours=8), timedelta(days=7)

#: How exactly we remember when a session was last used: a page view must not cost a write.
SEEN_EVERY = timedelta(minutes=5)


class Level(StrEnum):
    """How far a person has come in proving who they are."""

    PASSWORD = "password"  # noqa: S105  #: the authenticator's code is still to come
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One browser in which somebody is signed in."""

    hash: str
    staff: str
    level: Level
    opened_at: datetime
    seen_at: datetime
    proved_at: datetime
    network: str = ""
    agent: str = ""

    @property
    def is_full(self) -> bool:
        """Tell whether the person has proved everything that they must."""
        return self.level is Level.FULL

    def is_open_at(self, now: datetime) -> bool:
        """Tell whether the session still counts."""
        return now < self.seen_at + IDLE and now < self.opened_at + LONGEST


class SessionStore:
    """Sessions on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def open(self, session: Session, *, instead_of: str = "") -> None:
        """Keep a session, in place of another one if that is named; the sessions that are over are forgotten."""
        with self._engine.begin() as connection:
            over = (sessions.c.seen_at < session.seen_at - IDLE) | (sessions.c.opened_at < session.seen_at - LONGEST)
            connection.execute(sessions.delete().where(over | (sessions.c.hash == instead_of)))
            connection.execute(
                sessions.insert().values(
                    hash=session.hash,
                    staff=session.staff,
                    level=session.level.value,
                    opened_at=session.opened_at,
                    seen_at=session.seen_at,
                    proved_at=session.proved_at,
                    network=session.network,
                    agent=session.agent[:200],
                )
            )

    def find(self, hash_: str, now: datetime) -> Session | None:
        """Return the session, if it is open at `now`."""
        with reading(self._engine) as connection:
            row = connection.execute(select(sessions).where(sessions.c.hash == hash_)).first()
        found = _session(row) if row else None
        return found if found and found.is_open_at(now) else None

    def seen(self, session: Session, now: datetime) -> None:
        """Remember that a session is in use, every five minutes."""
        if now - session.seen_at >= SEEN_EVERY:
            with self._engine.begin() as connection:
                connection.execute(sessions.update().where(sessions.c.hash == session.hash).values(seen_at=now))

    def of(self, staff: str, now: datetime) -> tuple[Session, ...]:
        """Return the open sessions of a person, the last used first."""
        query = select(sessions).where(sessions.c.staff == staff).order_by(sessions.c.seen_at.desc())
        with reading(self._engine) as connection:
            found = [_session(row) for row in connection.execute(query)]
        return tuple(s for s in found if s.is_open_at(now))

    def close(self, hash_: str, staff: str = "") -> bool:
        """End a session, of this person if one is named; tell whether there was one."""
        mine = [sessions.c.staff == staff] if staff else []
        with self._engine.begin() as connection:
            return connection.execute(sessions.delete().where(sessions.c.hash == hash_, *mine)).rowcount == 1

    def close_all(self, staff: str) -> int:
        """End every session of a person; return how many there were."""
        with self._engine.begin() as connection:
            return connection.execute(sessions.delete().where(sessions.c.staff == staff)).rowcount


def _session(row: Row[tuple[object, ...]]) -> Session:
    return Session(
        hash=row.hash,
        staff=row.staff,
        level=Level(row.level),
        opened_at=row.opened_at,
        seen_at=row.seen_at,
        proved_at=row.proved_at,
        network=row.network,
        agent=row.agent,
    )
