"""The statements of a sender's turn at the ledger, built once: a turn comes fifty times a second."""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Subquery,
    and_,
    bindparam,
    case,
    column,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    table,
    update,
)

from newsletter.storage.ledger_queries import MailingState
from newsletter.storage.ledger_tables import audience, chunks, mailings, outcomes, retries
from newsletter.storage.schema import Instant
from subscribers.people import SubscriptionState

#: The two tables of `people` that are looked at, by name: the module brings numpy, 12 MB that a sender has no use for.
suppressions = table(
    "suppressions", column("key"), column("reason"), column("since", Instant), column("until", Instant)
)
subscriptions = table(
    "subscriptions", column("list"), column("subscriber"), column("state"), column("paused_until", Instant)
)

_NOW = bindparam("now", type_=Instant)

_PEOPLE = (
    audience.c.idx,
    audience.c.subscriber,
    audience.c.address,
    audience.c.key,
    audience.c.name,
    audience.c.variant,
)

_HAS_OUTCOME = exists().where(outcomes.c.mailing == audience.c.mailing, outcomes.c.idx == audience.c.idx)
_HAS_RETRY = exists().where(retries.c.mailing == audience.c.mailing, retries.c.idx == audience.c.idx)

#: What a sender has leased, with the state of each edition; `owner`.
LEASED = (
    select(chunks.c.id, chunks.c.epoch, chunks.c.lease_until, mailings.c.state)
    .join(mailings, mailings.c.id == chunks.c.mailing)
    .where(chunks.c.state == "leased", chunks.c.owner == bindparam("owner"))
    .with_for_update(of=chunks)
)

_OUTCOMES_IN_CHUNK = (
    select(func.count())
    .where(outcomes.c.mailing == chunks.c.mailing, outcomes.c.idx >= chunks.c.lo, outcomes.c.idx < chunks.c.hi)
    .correlate(chunks)
    .scalar_subquery()
)

#: Ends a lease: the chunk is done, or free if somebody in it is still open; `chunk`. Retries are not concerned.
#: As many outcomes as people, which is how nearly every chunk ends, is soon counted; to look for each takes ten times
#: as long.
GIVE_BACK = (
    update(chunks)
    .where(chunks.c.id == bindparam("chunk"), chunks.c.hi.is_not(None))
    .values(
        state=case(
            (chunks.c.hi - chunks.c.lo == _OUTCOMES_IN_CHUNK, "done"),
            (
                exists(literal(1))
                .where(
                    audience.c.mailing == chunks.c.mailing,
                    audience.c.idx >= chunks.c.lo,
                    audience.c.idx < chunks.c.hi,
                    ~_HAS_OUTCOME,
                    ~_HAS_RETRY,
                )
                .correlate(chunks),
                "free",
            ),
            else_="done",
        ),
        owner="",
        epoch=chunks.c.epoch + 1,
        lease_until=None,
    )
)

#: Ends the lease of a chunk of retries; `chunk`.
LET_RETRIES_GO = (
    update(retries).where(retries.c.chunk == bindparam("of_chunk")).values(chunk=None),
    delete(chunks).where(chunks.c.id == bindparam("chunk"), chunks.c.hi.is_(None)),
)


_CHUNK = (
    select(chunks.c.id, chunks.c.mailing, chunks.c.lo, chunks.c.hi, chunks.c.epoch)
    .add_columns(chunks.c.not_before, chunks.c.dated_at, mailings.c.frozen_at)
    .add_columns(mailings.c.edition, mailings.c.mailing_list)
    .join(mailings, mailings.c.id == chunks.c.mailing)
    .where(chunks.c.state == "free")
    .with_for_update(skip_locked=True, of=chunks)
)

_FIRST_FREE = (
    _CHUNK.where(mailings.c.state == MailingState.SENDING.value)
    .where(or_(mailings.c.hold_until.is_(None), mailings.c.hold_until <= _NOW))
    .where(or_(chunks.c.not_before.is_(None), chunks.c.not_before <= _NOW))
    .order_by(chunks.c.id)
    .limit(1)
)

#: Finds a chunk that nobody holds, of any edition (False) or of one alone (True); `now`, `edition`.
FIRST_FREE = {False: _FIRST_FREE, True: _FIRST_FREE.where(mailings.c.edition == bindparam("edition"))}

#: Finds one chunk, if nobody holds it; `chunk`.
THIS_FREE = _CHUNK.where(chunks.c.id == bindparam("chunk"))

#: Leases a chunk if it has not changed hands since it was looked at; `chunk`, `seen`, `by`, `until`, `dated`.
LEASE = (
    update(chunks)
    .where(chunks.c.id == bindparam("chunk"), chunks.c.state == "free", chunks.c.epoch == bindparam("seen"))
    .values(
        state="leased",
        owner=bindparam("by"),
        epoch=chunks.c.epoch + 1,
        lease_until=bindparam("until", type_=Instant),
        dated_at=bindparam("dated", type_=Instant),
        reach=None,
    )
)

#: Notes how far into a chunk its holder may begin messages; `chunk`, `upto`.
REACH = update(chunks).where(chunks.c.id == bindparam("chunk")).values(reach=bindparam("upto"))

_FIRST = (
    select(*_PEOPLE, literal(0).label("attempts"))
    .where(
        audience.c.mailing == bindparam("mailing"),
        audience.c.idx >= bindparam("lo"),
        audience.c.idx < bindparam("hi"),
        ~_HAS_OUTCOME,
        ~_HAS_RETRY,
    )
    .subquery()
)
_AGAIN = (
    select(*_PEOPLE, retries.c.attempts)
    .join(retries, and_(retries.c.mailing == audience.c.mailing, retries.c.idx == audience.c.idx))
    .where(retries.c.chunk == bindparam("chunk"))
    .subquery()
)


def _columns(held: Subquery) -> tuple[ColumnElement[object], ...]:
    blocked = (
        select(func.min(suppressions.c.reason))
        .where(
            suppressions.c.key == held.c.key,
            suppressions.c.since <= _NOW,
            or_(suppressions.c.until.is_(None), suppressions.c.until > _NOW),
        )
        .scalar_subquery()
    )
    is_paused = and_(subscriptions.c.state == SubscriptionState.CONFIRMED.value, subscriptions.c.paused_until > _NOW)
    left = (
        select(case((is_paused, SubscriptionState.PAUSED.value), else_=subscriptions.c.state))
        .where(
            subscriptions.c.list == bindparam("list"),
            subscriptions.c.subscriber == held.c.subscriber,
            or_(subscriptions.c.state != SubscriptionState.CONFIRMED.value, is_paused),
        )
        .scalar_subquery()
    )
    person = (held.c.idx, held.c.subscriber, held.c.address, held.c.name, held.c.variant, held.c.attempts)
    return (*person, func.coalesce(blocked, left, ""))


def _in_one_value(held: Subquery) -> dict[str, Select[tuple[Any]]]:
    # Fetched one by one, each row would wait for the interpreter's lock, which the sender's loop holds.
    columns = _columns(held)
    return {
        "postgresql": select(func.json_agg(func.json_build_array(*columns))),
        "sqlite": select(func.json_group_array(func.json_array(*columns))),
    }


#: Whom a chunk holds, and why somebody must not be written to after all, as one JSON array: by kind of chunk
#: (False: the first time, `mailing`, `lo`, `hi`; True: retries, `chunk`) and by engine; `list`, `now`.
READ = {False: _in_one_value(_FIRST), True: _in_one_value(_AGAIN)}
