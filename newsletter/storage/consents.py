"""Keeps the proof of consent, append-only, each wording once; and what choices were before they changed."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Column, Connection, Index, Integer, Row, String, Table, Text, select

from newsletter.storage.schema import Instant, metadata
from subscribers.consent import Act, Consent, Door

wordings = Table(
    "wordings",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("text", Text, nullable=False),
)

consents = Table(
    "consents",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("subscriber", String(36), nullable=False),
    Column("list", String(64), nullable=False),
    Column("act", String(16), nullable=False),
    Column("door", String(16), nullable=False),
    Column("at", Instant, nullable=False),
    Column("wording", String(64), nullable=False),
    Column("form", String(32), nullable=False),
    Column("detail", Text, nullable=False),
    Column("network", String(64), nullable=False),
    Index("ix_consents_subscriber", "subscriber"),
    Index("ix_consents_at", "at"),
)


def record(connection: Connection, consent: Consent) -> int:
    """Append one line to the record; return its number."""
    _keep_wordings(connection, [consent])
    line = connection.execute(consents.insert().values(_row(consent)))
    key = line.inserted_primary_key
    assert key is not None
    return int(key[0])


def record_many(connection: Connection, lines: Sequence[Consent]) -> None:
    """Append many lines to the record."""
    if lines:
        _keep_wordings(connection, lines)
        connection.execute(consents.insert(), [_row(line) for line in lines])


def _keep_wordings(connection: Connection, lines: Sequence[Consent]) -> None:
    texts = {text: line.wording_hash for line in lines if (text := line.wording)}
    known = select(wordings.c.hash).where(wordings.c.hash.in_(list(texts.values())))
    held = set(connection.execute(known).scalars()) if texts else set()
    for text, hash_ in texts.items():
        if hash_ not in held:
            connection.execute(wordings.insert().values(hash=hash_, text=text))


def _row(consent: Consent) -> dict[str, object]:
    return {
        "subscriber": consent.subscriber,
        "list": consent.mailing_list,
        "act": consent.act.value,
        "door": consent.door.value,
        "at": consent.at,
        "wording": consent.wording_hash,
        "form": consent.form,
        "detail": consent.detail,
        "network": consent.network,
    }


def record_of(connection: Connection, subscriber: str) -> tuple[Consent, ...]:
    """Return all that one person agreed to and declined, the oldest first."""
    query = (
        select(consents, wordings.c.text)
        .outerjoin(wordings, wordings.c.hash == consents.c.wording)
        .where(consents.c.subscriber == subscriber)
        .order_by(consents.c.number)
    )
    return tuple(_consent(row) for row in connection.execute(query))


def line_of(connection: Connection, number: int) -> Consent | None:
    """Return one line of the record."""
    query = (
        select(consents, wordings.c.text)
        .outerjoin(wordings, wordings.c.hash == consents.c.wording)
        .where(consents.c.number == number)
    )
    row = connection.execute(query).first()
    return _consent(row) if row else None


def forget_networks(connection: Connection, before: datetime) -> int:
    """Remove the networks of sign-ups older than `before`; return how many there were."""
    old = (consents.c.at < before) & (consents.c.network != "")
    return connection.execute(consents.update().where(old).values(network="")).rowcount


def _consent(row: Row[tuple[object, ...]]) -> Consent:
    return Consent(
        subscriber=row.subscriber,
        mailing_list=row.list,
        act=Act(row.act),
        door=Door(row.door),
        at=row.at,
        wording=row.text or "",
        form=row.form,
        detail=row.detail,
        network=row.network,
    )
