"""Keeps what lets programs in: tokens of the API, of which only a hash is here, and what was answered under a key."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Column, Engine, ForeignKey, Index, Integer, Row, String, Table, Text, select
from sqlalchemy.exc import IntegrityError

from newsletter.storage.engine import reading
from newsletter.storage.schema import Instant, metadata

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(16), primary_key=True),
    #: SHA-256 of the token: 256 random bits need no salt and no slow hash.
    Column("hash", String(64), nullable=False, unique=True),
    #: The first characters of the token, so that its owner knows which one a line speaks of.
    Column("prefix", String(12), nullable=False),
    Column("name", String(80), nullable=False),
    #: In whose name it acts.
    Column("staff", String(36), ForeignKey("staff.id"), nullable=False),
    #: Short names with a space between.
    Column("scopes", Text, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("used_at", Instant),
    Column("revoked_at", Instant),
    Index("ix_tokens_staff", "staff"),
)

#: What was answered to a request that carried an Idempotency-Key, so that its repetition does nothing twice.
token_replies = Table(
    "token_replies",
    metadata,
    Column("token", String(16), ForeignKey("tokens.id"), primary_key=True),
    Column("key", String(255), primary_key=True),
    #: SHA-256 of method, address and body: the same key with another request is a mistake.
    Column("asked", String(64), nullable=False),
    #: 0 while the first request is still at work.
    Column("status", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Index("ix_token_replies_at", "at"),
)

#: How exactly we remember when a token was last used: a read must not cost a write each time.
USED_EVERY = timedelta(minutes=1)

#: For so long the answer under a key is kept.
REPLY_KEPT = timedelta(hours=24)

#: A request that has not answered after so long was cut off; the same key may try again.
CUT_OFF = timedelta(minutes=5)


class Scope(StrEnum):
    """What a token was made for."""

    ARTICLES_READ = "articles:read"
    ARTICLES_WRITE = "articles:write"
    EDITIONS_READ = "editions:read"
    EDITIONS_WRITE = "editions:write"
    SUBSCRIBERS_READ = "subscribers:read"
    SUBSCRIBERS_WRITE = "subscribers:write"
    SENDS_READ = "sends:read"
    SENDS_WRITE = "sends:write"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One token of the API. What proves that one holds it was shown once and is kept nowhere."""

    id: str
    prefix: str
    name: str
    staff: str  #: the id of the person in whose name it acts
    scopes: frozenset[Scope]
    made_at: datetime
    until: datetime
    used_at: datetime | None = None
    revoked_at: datetime | None = None

    def holds_at(self, now: datetime) -> bool:
        """Tell whether the token opens anything."""
        return self.revoked_at is None and now < self.until


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered under a key. `status` 0: the first request is still at work."""

    asked: str
    status: int
    body: str
    at: datetime


class TokenStore:
    """Tokens on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, token: Token, hash_: str) -> None:
        """Keep a new token under its hash."""
        with self._engine.begin() as connection:
            connection.execute(
                tokens.insert().values(
                    id=token.id,
                    hash=hash_,
                    prefix=token.prefix,
                    name=token.name,
                    staff=token.staff,
                    scopes=write_scopes(token.scopes),
                    made_at=token.made_at,
                    until=token.until,
                )
            )

    def find(self, hash_: str) -> Token | None:
        """Return the token with this hash, whether it still holds or not."""
        with reading(self._engine) as connection:
            row = connection.execute(select(tokens).where(tokens.c.hash == hash_)).first()
        return _token(row) if row else None

    def all(self) -> tuple[Token, ...]:
        """Return every token, also those that hold no more, the newest first."""
        query = select(tokens).order_by(tokens.c.made_at.desc(), tokens.c.id)
        with reading(self._engine) as connection:
            return tuple(_token(row) for row in connection.execute(query))

    def used(self, token: Token, now: datetime) -> None:
        """Remember that a token is in use, once a minute."""
        if token.used_at is None or now - token.used_at >= USED_EVERY:
            with self._engine.begin() as connection:
                connection.execute(tokens.update().where(tokens.c.id == token.id).values(used_at=now))

    def revoke(self, id_: str, now: datetime) -> bool:
        """Let a token open nothing any more; tell whether it did."""
        mine = tokens.update().where(tokens.c.id == id_, tokens.c.revoked_at.is_(None))
        with self._engine.begin() as connection:
            return connection.execute(mine.values(revoked_at=now)).rowcount == 1

    def begin(self, token: str, key: str, asked: str, now: datetime) -> Reply | None:
        """Note that a request under a key is at work; return the reply, if there is one under this key already.

        What is older than a day is forgotten; what was cut off may be tried again.
        """
        row = {"token": token, "key": key, "asked": asked, "status": 0, "body": "", "at": now}
        here = (token_replies.c.token == token, token_replies.c.key == key)
        cut_off = (token_replies.c.status == 0) & (token_replies.c.at < now - CUT_OFF)
        try:
            with self._engine.begin() as connection:
                connection.execute(token_replies.delete().where(token_replies.c.at < now - REPLY_KEPT))
                connection.execute(token_replies.delete().where(*here, cut_off))
                known = connection.execute(select(token_replies).where(*here)).first()
                if known is not None:
                    return Reply(known.asked, known.status, known.body, known.at)
                connection.execute(token_replies.insert().values(row))
        except IntegrityError:  # two began at once; the other one is at work
            return Reply(asked, 0, "", now)
        return None

    def end(self, token: str, key: str, status: int, body: str) -> None:
        """Keep what was answered under a key; 0 forgets the key, for nothing was done."""
        here = (token_replies.c.token == token, token_replies.c.key == key)
        with self._engine.begin() as connection:
            if status:
                connection.execute(token_replies.update().where(*here).values(status=status, body=body))
            else:
                connection.execute(token_replies.delete().where(*here))


def write_scopes(scopes: Collection[Scope]) -> str:
    """Return scopes as the store and pages write them, in the order of the table."""
    return " ".join(scope.value for scope in Scope if scope in scopes)


def _token(row: Row[tuple[object, ...]]) -> Token:
    return Token(
        id=row.id,
        prefix=row.prefix,
        name=row.name,
        staff=row.staff,
        scopes=frozenset(Scope(scope) for scope in row.scopes.split()),
        made_at=row.made_at,
        until=row.until,
        used_at=row.used_at,
        revoked_at=row.revoked_at,
    )
