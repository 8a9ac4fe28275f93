"""Tells other programs what happened: signs each message, delivers it, tries again, and parks what nobody takes."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby

from sqlalchemy import Engine

from newsletter.fetching.addresses import AddressError, Reach, check
from newsletter.fetching.posting import HttpPoster, Posted
from newsletter.ports import FetchError
from newsletter.storage.audit import AuditStore, Deed
from newsletter.storage.outbox import KEPT, Event, Hook, HookState, OutboxStore, Post, PostState
from newsletter.storage.people import PeopleStore
from subscribers.names import clean_name

#: How long to wait after each failure (as Standard Webhooks advises): about 28 hours in all, then it is parked.
WAITS = (
    timedelta(seconds=5),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=10),
)

#: How long whoever took a message may be silent before another takes it: longer than one message may take.
LEASE = timedelta(seconds=60)

#: How long the secret before the last signs too, so that receivers can change theirs without a gap.
ROTATED_WITHIN = timedelta(hours=24)

#: Messages looked at in one round.
ROUND = 200

MARK = "whsec_"

#: Events about people, whose address a hook may ask for.
ABOUT_PEOPLE = frozenset({Event.SUBSCRIBED, Event.UNSUBSCRIBED, Event.BOUNCED, Event.COMPLAINED})


class HookingError(Exception):
    """A hook cannot be made or found; the message says what would do."""


def add_hook(
    engine: Engine,
    url: str,
    name: str,
    events: Collection[Event],
    *,
    with_addresses: bool,
    reach: Reach,
    by: str,
    now: datetime,
) -> Hook:
    """Keep a hook with a new secret, which both sides sign with.

    Args:
        engine: The database.
        url: Where to post; https, unless `reach` opens this machine.
        name: What it is for.
        events: What to tell of; none: of everything.
        with_addresses: Whether events about people carry their addresses.
        reach: How far we may go.
        by: Who adds it.
        now: The time.

    Raises:
        HookingError: The address is none that we post to, or there is no name.
    """
    called = clean_name(name)
    if not called:
        raise HookingError("A webhook needs a name that says what it is for.")
    try:
        address = check(url, reach)
    except AddressError as error:
        raise HookingError(f"{url[:120]!r} {error}") from error
    if address.scheme != "https" and not reach.loopback:
        raise HookingError(f"{address.shown} is not https: others could read what we say there")
    hook = Hook(
        id=secrets.token_urlsafe(9),
        name=called,
        url=address.url,
        events=frozenset(events) - {Event.PING},
        secret=new_secret(),
        with_addresses=with_addresses,
        made_at=now,
    )
    OutboxStore(engine).add(hook)
    detail = {"host": address.host, "events": sorted(hook.events), "with_addresses": with_addresses}
    AuditStore(engine).add(Deed(at=now, actor=by, act="webhook.add", about=hook.id, detail=detail))
    return hook


def find_hook(engine: Engine, beginning: str) -> Hook:
    """Return the hook whose id or name begins so.

    Raises:
        HookingError: There is none, or more than one.
    """
    found = [
        h
        for h in OutboxStore(engine).hooks()
        if beginning and (h.id.startswith(beginning) or h.name.startswith(beginning))
    ]
    exact = [h for h in found if beginning in (h.id, h.name)]
    if len(exact or found) != 1:
        raise HookingError(f"{beginning!r} begins {len(found)} webhooks; 'newsletter webhook list' shows them")
    return (exact or found)[0]


def rotate(engine: Engine, hook: Hook, *, by: str, now: datetime) -> Hook:
    """Give a hook a new secret; the old one signs too for a day. Who had said that it is gone is told again."""
    fresh = replace(
        hook,
        secret=new_secret(),
        old_secret=hook.secret,
        old_until=now + ROTATED_WITHIN,
        state=HookState.ACTIVE,
        reason="",
    )
    OutboxStore(engine).change(fresh)
    AuditStore(engine).add(Deed(at=now, actor=by, act="webhook.rotate", about=hook.id))
    return fresh


def remove(engine: Engine, hook: Hook, *, by: str, now: datetime) -> None:
    """Forget a hook and what was still to be told to it."""
    OutboxStore(engine).remove(hook.id)
    AuditStore(engine).add(Deed(at=now, actor=by, act="webhook.remove", about=hook.id))


def replay(engine: Engine, hook: Hook, *, by: str, now: datetime, id_: str = "") -> int:
    """Send a message once more, or all that were parked, under their ids; return how many.

    A receiver that had said that it is gone is told again.
    """
    store = OutboxStore(engine)
    if hook.state is HookState.GONE:
        store.change(replace(hook, state=HookState.ACTIVE, reason=""))
    sent = store.again(hook.id, now, id_)
    AuditStore(engine).add(Deed(at=now, actor=by, act="webhook.replay", about=hook.id, detail={"messages": sent}))
    return sent


def ping(engine: Engine, hook: Hook, poster: HttpPoster, *, now: datetime) -> Post:
    """Post a test message at once; return what became of it."""
    store = OutboxStore(engine)
    id_ = store.put(hook.id, Event.PING, hook.id, now)
    post = next(p for p in store.posts(hook.id, limit=100) if p.id == id_)
    claimed = store.claim(post, now + LEASE)
    if claimed:  # else the dispatcher was faster: it has been posted by now, or is just being
        _deliver(engine, hook, claimed, poster, now, spread=_evenly)
    return next(p for p in store.posts(hook.id, limit=100) if p.id == id_)


def deliver_due(
    engine: Engine, poster: HttpPoster, now: Callable[[], datetime], spread: Callable[[], float]
) -> tuple[Post, ...]:
    """Deliver what is due; return the messages that were tried, as they stood when they were taken.

    Of a receiver that fails nothing else is tried in this round: one that hangs costs the others ten seconds, not more.

    Args:
        engine: The database.
        poster: Posts.
        now: Tells the time.
        spread: Returns a number from 0.8 to 1.2 by which a wait is stretched, so that receivers that come back are not
            met by everything at the same moment.
    """
    store = OutboxStore(engine)
    known = {hook.id: hook for hook in store.hooks()}
    due = sorted(store.due(now(), ROUND), key=lambda p: (p.hook, p.due_at, p.at))
    tried: list[Post] = []
    for hook, posts in groupby(due, key=lambda p: p.hook):
        for post in posts:
            claimed = store.claim(post, now() + LEASE)
            if claimed is None:
                continue
            tried.append(claimed)
            if not _deliver(engine, known[hook], claimed, poster, now(), spread):
                break
    store.forget(now() - KEPT)
    return tuple(tried)


def sign(secret: str, id_: str, timestamp: int, body: bytes) -> str:
    """Return the signature of a message as Standard Webhooks writes it: v1, HMAC-SHA256 over id, time and body."""
    key = base64.b64decode(secret.removeprefix(MARK))
    mac = hmac.new(key, f"{id_}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(mac).decode()}"


def new_secret() -> str:
    """Return a new secret: 192 random bits."""
    return MARK + base64.b64encode(secrets.token_bytes(24)).decode()


def _deliver(
    engine: Engine, hook: Hook, post: Post, poster: HttpPoster, now: datetime, spread: Callable[[], float]
) -> bool:
    """Post a message that was taken, and keep what became of it; tell whether it was delivered."""
    store, body, timestamp = OutboxStore(engine), _body(engine, hook, post), int(now.timestamp())
    headers = {
        "Content-Type": "application/json",
        "webhook-id": post.id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(sign(secret, post.id, timestamp, body) for secret in hook.secrets_at(now)),
    }
    try:
        answer = poster.post(hook.url, body, headers)
    except FetchError as error:
        answer = Posted(0, str(error))
    if 200 <= answer.status < 300:
        return store.note(post, PostState.DELIVERED, due_at=now, status=answer.status, said=answer.said, now=now)
    said = "it leads elsewhere, and we do not follow" if 300 <= answer.status < 400 else answer.said
    if answer.status == 410:
        store.change(replace(hook, state=HookState.GONE, reason="it answered 410: it wants nothing any more"))
    is_over = answer.status == 410 or post.tries > len(WAITS) or post.event is Event.PING
    wait = timedelta() if is_over else max(WAITS[post.tries - 1] * spread(), answer.retry_after or timedelta())
    state = PostState.PARKED if is_over else PostState.WAITING
    store.note(post, state, due_at=now + wait, status=answer.status, said=said, now=now)
    return False


def _body(engine: Engine, hook: Hook, post: Post) -> bytes:
    """Return the message. An address is looked up now, so that none of a person who was erased is told."""
    data: dict[str, object] = {"id": post.about, **post.facts}
    if hook.with_addresses and post.event in ABOUT_PEOPLE:
        person = PeopleStore(engine).find(post.about)
        data["address"] = person.address if person else None
    told = {"type": post.event.value, "timestamp": post.at.isoformat(), "data": data}
    return json.dumps(told, ensure_ascii=False, sort_keys=True).encode()


def _evenly() -> float:
    return 1.0
