"""Keeps editions with what was rendered of them: written once, and then only their state moves."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Column, Engine, ForeignKey, Row, String, Table, Text, select

from content.editions import Edition, from_json, to_json
from newsletter.ports import Rendering
from newsletter.storage.engine import reading
from newsletter.storage.schema import Instant, metadata

editions = Table(
    "editions",
    metadata,
    Column("key", String(128), primary_key=True),
    Column("newsletter", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    #: Why it is held; empty otherwise.
    Column("reason", Text, nullable=False),
    Column("edition", Text, nullable=False),
    Column("folding", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("approved_by", Text, nullable=False),
    Column("approved_at", Instant),
)

renderings = Table(
    "renderings",
    metadata,
    Column("edition", String(128), ForeignKey("editions.key", ondelete="CASCADE"), primary_key=True),
    Column("variant", String(64), primary_key=True),
    Column("subject", Text, nullable=False),
    Column("html", Text, nullable=False),
    Column("text", Text, nullable=False),
)


class EditionState(StrEnum):
    """Where an edition stands."""

    DRAFT = "draft"
    HELD = "held"  #: waits for a person; the reason says for what
    APPROVED = "approved"
    SENT = "sent"
    CANCELLED = "cancelled"


#: Every arrow an edition may take, and no other.
NEXT: Mapping[EditionState, frozenset[EditionState]] = {
    EditionState.DRAFT: frozenset({EditionState.HELD, EditionState.APPROVED, EditionState.CANCELLED}),
    EditionState.HELD: frozenset({EditionState.APPROVED, EditionState.CANCELLED}),
    EditionState.APPROVED: frozenset({EditionState.HELD, EditionState.SENT, EditionState.CANCELLED}),
    EditionState.SENT: frozenset(),
    EditionState.CANCELLED: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionRecord:
    """An edition with its state. `folding` is the fold's decisions as JSON, for people to read."""

    edition: Edition
    state: EditionState
    reason: str
    folding: str
    created_at: datetime
    approved_by: str = ""
    approved_at: datetime | None = None


class EditionStore:
    """Editions on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, record: EditionRecord, rendered: Mapping[str, Rendering], *, replace_draft: bool = False) -> bool:
        """Keep a new edition with its renderings by variant; tell whether it was new.

        An edition that exists stays as it is, unless it is a draft or held and `replace_draft` is set.
        """
        key = record.edition.key
        with self._engine.begin() as connection:
            state = connection.execute(select(editions.c.state).where(editions.c.key == key)).scalar()
            if state is not None:
                if not (replace_draft and state in (EditionState.DRAFT.value, EditionState.HELD.value)):
                    return False
                connection.execute(renderings.delete().where(renderings.c.edition == key))
                connection.execute(editions.delete().where(editions.c.key == key))
            connection.execute(
                editions.insert().values(
                    key=key,
                    newsletter=record.edition.newsletter,
                    state=record.state.value,
                    reason=record.reason,
                    edition=to_json(record.edition),
                    folding=record.folding,
                    created_at=record.created_at,
                    approved_by=record.approved_by,
                    approved_at=record.approved_at,
                )
            )
            for variant, r in rendered.items():
                connection.execute(
                    renderings.insert().values(
                        edition=key, variant=variant, subject=r.subject, html=r.html, text=r.text
                    )
                )
        return True

    def add_renderings(self, key: str, rendered: Mapping[str, Rendering]) -> None:
        """Keep the renderings of further variants; one that is there already stays as it is."""
        with self._engine.begin() as connection:
            kept = select(renderings.c.variant).where(renderings.c.edition == key)
            known = set(connection.execute(kept).scalars())
            for variant, r in rendered.items():
                if variant not in known:
                    values = {"edition": key, "variant": variant, "subject": r.subject, "html": r.html, "text": r.text}
                    connection.execute(renderings.insert().values(**values))

    def move(self, key: str, to: EditionState, *, reason: str = "", by: str = "", at: datetime | None = None) -> bool:
        """Take one arrow of `NEXT`; tell whether the edition was where the arrow starts."""
        sources = [state.value for state, targets in NEXT.items() if to in targets]
        values: dict[str, object] = {"state": to.value, "reason": reason}
        if to is EditionState.APPROVED:
            values |= {"approved_by": by, "approved_at": at}
        with self._engine.begin() as connection:
            moved = connection.execute(
                editions.update().where(editions.c.key == key, editions.c.state.in_(sources)).values(**values)
            )
        return moved.rowcount == 1

    def find(self, key: str) -> EditionRecord | None:
        """Return the edition of this key."""
        with reading(self._engine) as connection:
            row = connection.execute(select(editions).where(editions.c.key == key)).first()
        return _record(row) if row else None

    def all(self, newsletter: str = "") -> tuple[EditionRecord, ...]:
        """Return every edition, of one newsletter if named, the newest first."""
        query = select(editions).order_by(editions.c.created_at.desc(), editions.c.key.desc())
        if newsletter:
            query = query.where(editions.c.newsletter == newsletter)
        with reading(self._engine) as connection:
            return tuple(_record(row) for row in connection.execute(query))

    def states(self, newsletter: str) -> dict[str, EditionState]:
        """Return the state of every edition of a newsletter by its key, without reading the editions."""
        query = select(editions.c.key, editions.c.state).where(editions.c.newsletter == newsletter)
        with reading(self._engine) as connection:
            return {row.key: EditionState(row.state) for row in connection.execute(query.order_by(editions.c.key))}

    def rendering(self, key: str, variant: str) -> Rendering | None:
        """Return what was rendered of one variant."""
        query = select(renderings).where(renderings.c.edition == key, renderings.c.variant == variant)
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        return Rendering(row.subject, row.html, row.text) if row else None


def _record(row: Row[tuple[object, ...]]) -> EditionRecord:
    return EditionRecord(
        edition=from_json(row.edition),
        state=EditionState(row.state),
        reason=row.reason,
        folding=row.folding,
        created_at=row.created_at,
        approved_by=row.approved_by,
        approved_at=row.approved_at,
    )
