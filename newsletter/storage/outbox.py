"""Keeps whom to tell of what happens, and each message until it is delivered: written with the change itself."""

import json
import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
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
    func,
    select,
)

from newsletter.storage.engine import reading
from newsletter.storage.schema import Instant, metadata

hooks = Table(
    "hooks",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("name", String(80), nullable=False),
    Column("url", Text, nullable=False),
    #: Names of events with a space between; empty: all.
    Column("events", Text, nullable=False),
    #: Both sides sign with it, so it cannot be kept as a hash.
    Column("secret", Text, nullable=False),
    #: The one before, which signs too until it ends.
    Column("old_secret", Text, nullable=False),
    Column("old_until", Instant),
    Column("with_addresses", Boolean, nullable=False),
    Column("state", String(12), nullable=False),
    Column("reason", Text, nullable=False),
    Column("made_at", Instant, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("hook", String(16), ForeignKey("hooks.id", ondelete="CASCADE"), primary_key=True),
    Column("id", String(40), primary_key=True),
    Column("event", String(40), nullable=False),
    #: The id of what it is about: never an address.
    Column("about", Text, nullable=False),
    Column("facts", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("state", String(12), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due_at", Instant, nullable=False),
    #: What the receiver answered last; 0: nothing.
    Column("status", Integer, nullable=False),
    Column("said", Text, nullable=False),
    Column("done_at", Instant),
    Index("ix_outbox_state_due_at", "state", "due_at"),
    Index("ix_outbox_hook_at", "hook", "at"),
)

#: For so long a message that is done is kept, to be looked at or sent once more.
KEPT = timedelta(days=30)

#: Rows in one statement.
PAGE = 1_000


class Event(StrEnum):
    """What a receiver may be told of."""

    ARTICLE_APPROVED = "article.approved"
    ARTICLE_REJECTED = "article.rejected"
    ARTICLE_WITHDRAWN = "article.withdrawn"
    ARTICLE_REOPENED = "article.reopened"
    EDITION_DRAFTED = "edition.drafted"
    EDITION_APPROVED = "edition.approved"
    EDITION_HELD = "edition.held"
    EDITION_SENT = "edition.sent"
    EDITION_STOPPED = "edition.stopped"
    SEND_MOVED = "send.moved"
    SUBSCRIBED = "subscriber.subscribed"
    UNSUBSCRIBED = "subscriber.unsubscribed"
    BOUNCED = "subscriber.bounced"
    COMPLAINED = "subscriber.complained"
    PING = "hook.ping"


class HookState(StrEnum):
    """Whether a receiver is told anything."""

    ACTIVE = "active"
    GONE = "gone"  #: it answered 410: it wants nothing any more


class PostState(StrEnum):
    """Where one message stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    PARKED = "parked"  #: tried for long enough; a person may send it once more


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """Where to tell of what happens."""

    id: str
    name: str
    url: str
    events: frozenset[Event] = frozenset()  #: empty: all
    secret: str
    old_secret: str = ""
    old_until: datetime | None = None
    with_addresses: bool = False
    state: HookState = HookState.ACTIVE
    reason: str = ""
    made_at: datetime

    def secrets_at(self, now: datetime) -> tuple[str, ...]:
        """Return what signs at `now`, the newest first."""
        old = self.old_secret and self.old_until is not None and now < self.old_until
        return (self.secret, self.old_secret) if old else (self.secret,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One message to one receiver."""

    hook: str
    id: str
    event: Event
    about: str
    facts: Mapping[str, object]
    at: datetime
    state: PostState
    tries: int
    due_at: datetime
    status: int
    said: str
    done_at: datetime | None


def receivers(connection: Connection, event: Event) -> list[str]:
    """Return the ids of the hooks that want to know of an event."""
    query = select(hooks.c.id, hooks.c.events).where(hooks.c.state == HookState.ACTIVE.value)
    return [row.id for row in connection.execute(query) if not row.events or event.value in row.events.split()]


def tell(connection: Connection, event: Event, about: str, at: datetime, **facts: object) -> None:
    """Write a message for everybody who wants to know, in the transaction of the change itself.

    Args:
        connection: That of the change: the message is there exactly if the change is.
        event: What happened.
        about: The id of what it happened to; never an address.
        at: When.
        **facts: What else there is to say, as plain values; never an address.
    """
    tell_many(connection, event, [about], at, **facts)


def tell_many(connection: Connection, event: Event, abouts: Iterable[str], at: datetime, **facts: object) -> None:
    """Write a message about each of several things; see `tell`."""
    wanting = receivers(connection, event)
    if not wanting:
        return
    told, ids = json.dumps(facts, sort_keys=True, ensure_ascii=False), [(a, new_id()) for a in abouts]
    rows = [_row(hook, id_, event, about, told, at) for hook in wanting for about, id_ in ids]
    for start in range(0, len(rows), PAGE):
        connection.execute(outbox.insert(), rows[start : start + PAGE])


def new_id() -> str:
    """Return the id of a message; all its deliveries carry the same."""
    return f"msg_{secrets.token_urlsafe(18)}"


class OutboxStore:
    """Hooks and their messages on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, hook: Hook) -> None:
        """Keep a new hook."""
        with self._engine.begin() as connection:
            connection.execute(hooks.insert().values(_hook_values(hook)))

    def change(self, hook: Hook) -> None:
        """Keep a hook as it is now."""
        with self._engine.begin() as connection:
            connection.execute(hooks.update().where(hooks.c.id == hook.id).values(_hook_values(hook)))

    def remove(self, id_: str) -> bool:
        """Forget a hook and its messages; tell whether there was one."""
        with self._engine.begin() as connection:
            connection.execute(outbox.delete().where(outbox.c.hook == id_))
            return connection.execute(hooks.delete().where(hooks.c.id == id_)).rowcount == 1

    def hooks(self) -> tuple[Hook, ...]:
        """Return every hook, by name."""
        with reading(self._engine) as connection:
            return tuple(_hook(row) for row in connection.execute(select(hooks).order_by(hooks.c.name, hooks.c.id)))

    def find(self, id_: str) -> Hook | None:
        """Return one hook."""
        with reading(self._engine) as connection:
            row = connection.execute(select(hooks).where(hooks.c.id == id_)).first()
        return _hook(row) if row else None

    def put(self, hook: str, event: Event, about: str, at: datetime) -> str:
        """Write one message for one hook; return its id."""
        id_ = new_id()
        with self._engine.begin() as connection:
            connection.execute(outbox.insert().values(_row(hook, id_, event, about, "{}", at)))
        return id_

    def posts(self, hook: str, limit: int = 20, states: Collection[PostState] = ()) -> tuple[Post, ...]:
        """Return messages of a hook, the newest first; only those in `states`, unless it is empty."""
        query = select(outbox).where(outbox.c.hook == hook).order_by(outbox.c.at.desc(), outbox.c.id).limit(limit)
        if states:
            query = query.where(outbox.c.state.in_([s.value for s in states]))
        with reading(self._engine) as connection:
            return tuple(_post(row) for row in connection.execute(query))

    def due(self, now: datetime, limit: int) -> tuple[Post, ...]:
        """Return messages that are due to hooks that are active, the one due first leading."""
        ready = and_(outbox.c.state == PostState.WAITING.value, outbox.c.due_at <= now)
        query = select(outbox).join(hooks, hooks.c.id == outbox.c.hook)
        query = query.where(ready, hooks.c.state == HookState.ACTIVE.value).order_by(outbox.c.due_at, outbox.c.at)
        with reading(self._engine) as connection:
            return tuple(_post(row) for row in connection.execute(query.limit(limit)))

    def claim(self, post: Post, until: datetime) -> Post | None:
        """Take a message to deliver it, and count the try; None when somebody else has it.

        Who takes it and dies leaves it to others at `until`: it may arrive twice then, under the same id.
        """
        here = and_(_is(post), outbox.c.due_at == post.due_at, outbox.c.state == PostState.WAITING.value)
        values = {"due_at": until, "tries": post.tries + 1}
        with self._engine.begin() as connection:
            taken = connection.execute(outbox.update().where(here).values(values)).rowcount == 1
        return replace(post, due_at=until, tries=post.tries + 1) if taken else None

    def note(self, post: Post, state: PostState, *, due_at: datetime, status: int, said: str, now: datetime) -> bool:
        """Keep what became of a try, unless the message was taken by somebody else since; tell whether it was kept."""
        here = and_(_is(post), outbox.c.due_at == post.due_at, outbox.c.state == PostState.WAITING.value)
        values: dict[str, object] = {"state": state.value, "due_at": due_at, "status": status, "said": said[:500]}
        values["done_at"] = None if state is PostState.WAITING else now
        with self._engine.begin() as connection:
            return connection.execute(outbox.update().where(here).values(values)).rowcount == 1

    def again(self, hook: str, now: datetime, id_: str = "") -> int:
        """Send messages once more, under the ids they have: this one, or all that were parked; return how many."""
        mine = outbox.c.hook == hook
        wanted = outbox.c.id == id_ if id_ else outbox.c.state == PostState.PARKED.value
        values = {"state": PostState.WAITING.value, "tries": 0, "due_at": now, "done_at": None}
        with self._engine.begin() as connection:
            return connection.execute(outbox.update().where(mine, wanted).values(values)).rowcount

    def forget(self, before: datetime) -> int:
        """Forget messages that were done before a time; return how many."""
        with self._engine.begin() as connection:
            return connection.execute(outbox.delete().where(outbox.c.done_at < before)).rowcount

    def parked(self) -> dict[str, tuple[str, int]]:
        """Return the hooks that did not take messages, by id: the name, and how many. A test that failed is none."""
        lost = and_(outbox.c.state == PostState.PARKED.value, outbox.c.event != Event.PING.value)
        query = select(hooks.c.id, hooks.c.name, func.count()).join(outbox, outbox.c.hook == hooks.c.id)
        with reading(self._engine) as connection:
            rows = connection.execute(query.where(lost).group_by(hooks.c.id, hooks.c.name).order_by(hooks.c.id))
            return {row[0]: (row[1], row[2]) for row in rows}

    def waiting(self) -> dict[PostState, int]:
        """Return how many messages are in which state."""
        query = select(outbox.c.state, func.count()).group_by(outbox.c.state)
        with reading(self._engine) as connection:
            return dict.fromkeys(PostState, 0) | {PostState(row[0]): row[1] for row in connection.execute(query)}


def _is(post: Post) -> ColumnElement[bool]:
    return and_(outbox.c.hook == post.hook, outbox.c.id == post.id)


def _row(hook: str, id_: str, event: Event, about: str, facts: str, at: datetime) -> dict[str, object]:
    return {
        **{"hook": hook, "id": id_, "event": event.value, "about": about, "facts": facts, "at": at},
        **{"state": PostState.WAITING.value, "tries": 0, "due_at": at, "status": 0, "said": ""},
    }


def _hook_values(hook: Hook) -> dict[str, object]:
    return {
        "id": hook.id,
        "name": hook.name,
        "url": hook.url,
        "events": " ".join(e.value for e in Event if e in hook.events),
        "secret": hook.secret,
        "old_secret": hook.old_secret,
        "old_until": hook.old_until,
        "with_addresses": hook.with_addresses,
        "state": hook.state.value,
        "reason": hook.reason,
        "made_at": hook.made_at,
    }


def _hook(row: Row[tuple[object, ...]]) -> Hook:
    return Hook(
        id=row.id,
        name=row.name,
        url=row.url,
        events=frozenset(Event(e) for e in row.events.split()),
        secret=row.secret,
        old_secret=row.old_secret,
        old_until=row.old_until,
        with_addresses=row.with_addresses,
        state=HookState(row.state),
        reason=row.reason,
        made_at=row.made_at,
    )


def _post(row: Row[tuple[object, ...]]) -> Post:
    return Post(
        hook=row.hook,
        id=row.id,
        event=Event(row.event),
        about=row.about,
        facts=json.loads(row.facts),
        at=row.at,
        state=PostState(row.state),
        tries=row.tries,
        due_at=row.due_at,
        status=row.status,
        said=row.said,
        done_at=row.done_at,
    )
