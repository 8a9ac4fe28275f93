"""Keeps editions with what was rendered of them: written once, and then only their state moves."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from itertools import groupby
from operator import attrgetter

from sqlalchemy import Column, Engine, ForeignKey, Row, String, Table, Text, select

from content.editions import Edition, from_json, to_json
from newsletter.ports import Rendering
from newsletter.storage.engine import reading
from newsletter.storage.errors import StoreError
from newsletter.storage.outbox import Event, tell
from newsletter.storage.schema import Instant, metadata

editions = Table(
    "editions",
    metadata,
    Column("key", String(128), primary_key=True),
    Column("newsletter", String(64), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("state", String(16), nullable=False),
    #: Why it is held; empty otherwise.
    Column("reason", Text, nullable=False),
    Column("edition", Text, nullable=False),
    Column("folding", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("approved_by", Text, nullable=False),
    Column("approved_at", Instant),
    #: What was approved, as JSON: each part with its hash.
    Column("pins", Text, nullable=False),
    #: The edition as archive and feeds show it after a correction; empty as long as there was none.
    Column("shown", Text, nullable=False),
    #: The edition that this one is made again of, for those who had not received it; empty for none.
    Column("remakes", String(128), nullable=False),
)

renderings = Table(
    "renderings",
    metadata,
    Column("edition", String(128), ForeignKey("editions.key", ondelete="CASCADE"), primary_key=True),
    Column("variant", String(64), primary_key=True),
    Column("subject", Text, nullable=False),
    Column("html", Text, nullable=False),
    Column("text", Text, nullable=False),
    #: SHA-256 of subject, HTML and text: what leaves is what was stored.
    Column("hash", String(64), nullable=False),
    #: The revisions that it prints something of, as JSON.
    Column("revisions", Text, nullable=False),
)


class Kind(StrEnum):
    """What goes out under an edition's key."""

    EDITION = "edition"
    NOTICE = "notice"  #: tells readers of an edition what was corrected; it stands in no archive and no feed


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
    EditionState.HELD: frozenset({EditionState.APPROVED, EditionState.SENT, EditionState.CANCELLED}),
    EditionState.APPROVED: frozenset({EditionState.HELD, EditionState.SENT, EditionState.CANCELLED}),
    EditionState.SENT: frozenset(),
    EditionState.CANCELLED: frozenset(),
}


#: States in which an edition counts: its articles are told, and its page stands in the archive.
TOLD = frozenset({EditionState.APPROVED, EditionState.SENT})


#: What others are told when an edition comes to a state.
TELLS: Mapping[EditionState, Event] = {
    EditionState.DRAFT: Event.EDITION_DRAFTED,
    EditionState.HELD: Event.EDITION_HELD,
    EditionState.APPROVED: Event.EDITION_APPROVED,
    EditionState.SENT: Event.EDITION_SENT,
    EditionState.CANCELLED: Event.EDITION_STOPPED,
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
    pins: Mapping[str, str] = field(default_factory=dict)  #: what was approved: each part with its hash
    kind: Kind = Kind.EDITION
    remakes: str = ""  #: the edition that it is made again of; "" for none
    shown: Edition | None = None  #: as archive and feeds show it; None as long as nothing was corrected

    @property
    def public(self) -> Edition:
        """Return the edition as archive and feeds show it."""
        return self.shown or self.edition


class EditionStore:
    """Editions on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(
        self,
        record: EditionRecord,
        rendered: Mapping[str, Rendering],
        *,
        replace_draft: bool = False,
        revisions: Mapping[str, Sequence[str]] | None = None,
    ) -> bool:
        """Keep a new edition with its renderings by variant; tell whether it was new.

        An edition that exists stays as it is, unless it is a draft or held and `replace_draft` is set.

        Args:
            record: The edition.
            rendered: What was rendered, by variant.
            replace_draft: Take the place of a draft, or of one that is held.
            revisions: By variant, the revisions it prints something of; those of the edition where it is not named.
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
                    kind=record.kind.value,
                    state=record.state.value,
                    reason=record.reason,
                    edition=to_json(record.edition),
                    folding=record.folding,
                    created_at=record.created_at,
                    approved_by=record.approved_by,
                    approved_at=record.approved_at,
                    pins=json.dumps(dict(record.pins), ensure_ascii=False, sort_keys=True),
                    shown=to_json(record.shown) if record.shown else "",
                    remakes=record.remakes,
                )
            )
            everything = [revision for _, revision in record.edition.manifest.revisions]
            for variant, rendering in rendered.items():
                printed = (revisions or {}).get(variant, everything)
                connection.execute(renderings.insert().values(_values(key, variant, rendering, printed)))
            if record.kind is Kind.EDITION:
                tell(connection, Event.EDITION_DRAFTED, key, record.created_at, state=record.state.value)
                if record.state is not EditionState.DRAFT:
                    said = {"by": record.approved_by, "reason": record.reason}
                    tell(connection, TELLS[record.state], key, record.created_at, **said)
        return True

    def add_renderings(
        self, key: str, rendered: Mapping[str, Rendering], revisions: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        """Keep the renderings of further variants; one that is there already stays as it is.

        Args:
            key: The edition's.
            rendered: What was rendered, by variant.
            revisions: By variant, the revisions it prints something of.
        """
        with self._engine.begin() as connection:
            kept = select(renderings.c.variant).where(renderings.c.edition == key)
            known = set(connection.execute(kept).scalars())
            for variant, rendering in rendered.items():
                if variant not in known:
                    printed = (revisions or {}).get(variant, ())
                    connection.execute(renderings.insert().values(_values(key, variant, rendering, printed)))

    def move(
        self,
        key: str,
        to: EditionState,
        *,
        reason: str = "",
        by: str = "",
        at: datetime | None = None,
        pins: Mapping[str, str] | None = None,
    ) -> bool:
        """Take one arrow of `NEXT`; tell whether the edition was where the arrow starts.

        Args:
            key: The edition's.
            to: Where it goes.
            reason: Why.
            by: Who approves it.
            at: When.
            pins: What is approved, each part with its hash.
        """
        sources = [state.value for state, targets in NEXT.items() if to in targets]
        values: dict[str, object] = {"state": to.value, "reason": reason}
        if to is EditionState.APPROVED:
            values |= {"approved_by": by, "approved_at": at}
        if pins is not None:
            values["pins"] = json.dumps(dict(pins), ensure_ascii=False, sort_keys=True)
        with self._engine.begin() as connection:
            moved = connection.execute(
                editions.update().where(editions.c.key == key, editions.c.state.in_(sources)).values(**values)
            )
            if moved.rowcount == 1:
                said = {"by": by} if to is EditionState.APPROVED else {"reason": reason}
                tell(connection, TELLS[to], key, at or datetime.now(UTC), **said)
        return moved.rowcount == 1

    def find(self, key: str) -> EditionRecord | None:
        """Return the edition of this key."""
        with reading(self._engine) as connection:
            row = connection.execute(select(editions).where(editions.c.key == key)).first()
        return _record(row) if row else None

    def all(self, newsletter: str = "") -> tuple[EditionRecord, ...]:
        """Return every edition, of one newsletter if named, the newest first. Notices are none."""
        query = (
            select(editions)
            .where(editions.c.kind == Kind.EDITION.value)
            .order_by(editions.c.created_at.desc(), editions.c.key.desc())
        )
        if newsletter:
            query = query.where(editions.c.newsletter == newsletter)
        with reading(self._engine) as connection:
            return tuple(_record(row) for row in connection.execute(query))

    def states(self, newsletter: str) -> dict[str, EditionState]:
        """Return the state of every edition of a newsletter by its key, without reading the editions."""
        ours = (editions.c.newsletter == newsletter, editions.c.kind == Kind.EDITION.value)
        query = select(editions.c.key, editions.c.state).where(*ours)
        with reading(self._engine) as connection:
            return {row.key: EditionState(row.state) for row in connection.execute(query.order_by(editions.c.key))}

    def show(self, key: str, edition: Edition | None) -> bool:
        """Let archive and feeds show `edition` in place of what was sent, None that itself; tell whether it exists."""
        with self._engine.begin() as connection:
            shown = editions.update().where(editions.c.key == key).values(shown=to_json(edition) if edition else "")
            return connection.execute(shown).rowcount == 1

    def printing(self, revision: str) -> dict[str, frozenset[str]]:
        """Return the variants that print something of one revision, by edition."""
        query = (
            select(renderings.c.edition, renderings.c.variant)
            .where(renderings.c.revisions.contains(f'"{revision}"', autoescape=True))
            .order_by(renderings.c.edition)
        )
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        return {key: frozenset(row.variant for row in group) for key, group in groupby(rows, key=attrgetter("edition"))}

    def printed(self, key: str) -> frozenset[str]:
        """Return every revision of which some variant of an edition prints something."""
        query = select(renderings.c.revisions).where(renderings.c.edition == key)
        with reading(self._engine) as connection:
            return frozenset(r for text in connection.execute(query).scalars() for r in json.loads(text))

    def rendering(self, key: str, variant: str) -> Rendering | None:
        """Return what was rendered of one variant.

        Raises:
            StoreError: It is not what was stored: somebody changed the database by hand.
        """
        query = select(renderings).where(renderings.c.edition == key, renderings.c.variant == variant)
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        rendering = Rendering(row.subject, row.html, row.text)
        if row.hash and row.hash != hash_of(rendering):  # rows from before hashes were kept have none
            raise StoreError(f"the mail of {key} ({variant}) is not the one that was approved: its row was changed")
        return rendering


def hash_of(rendering: Rendering) -> str:
    """Return the SHA-256 of everything that leaves of one rendering."""
    whole = json.dumps([rendering.subject, rendering.html, rendering.text], ensure_ascii=False)
    return hashlib.sha256(whole.encode()).hexdigest()


def _values(key: str, variant: str, rendering: Rendering, revisions: Sequence[str]) -> dict[str, str]:
    return {
        "edition": key,
        "variant": variant,
        "subject": rendering.subject,
        "html": rendering.html,
        "text": rendering.text,
        "hash": hash_of(rendering),
        "revisions": json.dumps(list(revisions)),
    }


@lru_cache(maxsize=256)
def _decoded(text: str) -> Edition:
    """Return the edition that was written down as `text`; lists read the same ones again and again."""
    return from_json(text)


def _record(row: Row[tuple[object, ...]]) -> EditionRecord:
    return EditionRecord(
        edition=_decoded(row.edition),
        state=EditionState(row.state),
        reason=row.reason,
        folding=row.folding,
        created_at=row.created_at,
        approved_by=row.approved_by,
        approved_at=row.approved_at,
        pins=json.loads(row.pins),
        kind=Kind(row.kind),
        remakes=row.remakes,
        shown=_decoded(row.shown) if row.shown else None,
    )
