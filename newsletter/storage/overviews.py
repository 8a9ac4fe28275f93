"""What lists and counters show: many things at a glance, read without opening any of them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, ColumnElement, Connection, Engine, and_, case, func, literal, or_, select

from content.approvals import Decision
from content.sends import Send
from newsletter.storage.articles import approvals, articles, revisions
from newsletter.storage.editions import EditionState, editions, renderings
from newsletter.storage.engine import reading
from newsletter.storage.ledger_queries import Mailing, read_mailing
from newsletter.storage.ledger_tables import mailings
from newsletter.storage.people import subscribers, suppressions
from newsletter.storage.sends import read_send, sends
from subscribers.people import Reason, Subscriber, Suppression, address_key

#: Stands for an article about which nobody has decided.
PENDING = "pending"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleRow:
    """One article in a list."""

    id: str
    revision: str
    title: str
    source: str
    state: str
    pulled_at: datetime
    first_seen: datetime
    decided_by: str = ""
    decided_at: datetime | None = None
    note: str = ""

    @property
    def is_edited(self) -> bool:
        """Tell whether the source has shown another wording before."""
        return self.pulled_at > self.first_seen


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionRow:
    """One edition in a list."""

    key: str
    state: EditionState
    reason: str
    subject: str
    created_at: datetime
    approved_by: str
    approved_at: datetime | None
    send: Send  #: what was pressed; version 0 when nobody has pressed anything
    mailing: Mailing | None  #: None before the audience is frozen


class Overviews:
    """Lists on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def articles(
        self,
        *,
        state: str = "",
        source: str = "",
        text: str = "",
        after: int = 0,
        beyond: tuple[datetime, str] | None = None,
        limit: int = 50,
    ) -> tuple[ArticleRow, ...]:
        """Return articles, the newest first.

        Args:
            state: pending, approved, rejected or withdrawn; empty: all.
            source: Name of the source; empty: all.
            text: What the title has in it, whatever the case; empty: anything.
            after: How many to pass over.
            beyond: Only those after the one with this time of pulling and id; None: from the newest.
            limit: How many at most.
        """
        query = (
            select(
                articles.c.id,
                articles.c.revision,
                articles.c.source,
                articles.c.first_seen,
                revisions.c.title,
                revisions.c.pulled_at,
                _STATE.label("state"),
                func.coalesce(approvals.c.by, "").label("decided_by"),
                approvals.c.at.label("decided_at"),
                func.coalesce(approvals.c.note, "").label("note"),
            )
            .select_from(_JOINED)
            .where(*_wanted(state, source, text), *_beyond(revisions.c.pulled_at, articles.c.id, beyond))
            .order_by(revisions.c.pulled_at.desc(), articles.c.id)
            .offset(after)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return tuple(ArticleRow(**row._mapping) for row in connection.execute(query))

    def article_counts(self, *, source: str = "", text: str = "") -> dict[str, int]:
        """Return how many articles are in which state."""
        state = _STATE.label("state")
        query = select(state, func.count()).select_from(_JOINED).where(*_wanted("", source, text)).group_by(state)
        with reading(self._engine) as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def titles(self, ids: Collection[str]) -> dict[str, str]:
        """Return the title of each of these articles as its source shows it now, by id."""
        query = select(articles.c.id, revisions.c.title).join(revisions, revisions.c.revision == articles.c.revision)
        with reading(self._engine) as connection:
            return {row.id: row.title for row in connection.execute(query.where(articles.c.id.in_(list(ids))))}

    def editions(
        self, newsletter: str, limit: int = 200, *, beyond: tuple[datetime, str] | None = None
    ) -> tuple[EditionRow, ...]:
        """Return the editions of a newsletter, the newest first.

        Args:
            newsletter: Its short name.
            limit: How many at most.
            beyond: Only those after the one with this time of making and key; None: from the newest.
        """
        subject = func.coalesce(renderings.c.subject, "").label("subject")
        mail = and_(renderings.c.edition == editions.c.key, renderings.c.variant == "everybody")
        columns = (editions.c.key, editions.c.state, editions.c.reason, editions.c.created_at)
        query = (
            select(*columns, editions.c.approved_by, editions.c.approved_at, subject)
            .select_from(editions.outerjoin(renderings, mail))
            .where(editions.c.newsletter == newsletter, *_older(beyond))
            .order_by(editions.c.created_at.desc(), editions.c.key.desc())
            .limit(limit)
        )
        with reading(self._engine) as connection:
            rows = {row.key: dict(row._mapping) for row in connection.execute(query)}
            pressed = connection.execute(select(sends).where(sends.c.edition.in_(rows))).all()
            frozen = connection.execute(select(mailings).where(mailings.c.edition.in_(rows))).all()
        known = {row.edition: read_send(row) for row in pressed}
        ledger = {row.edition: read_mailing(row) for row in frozen}
        return tuple(
            EditionRow(
                **{**row, "state": EditionState(row["state"])},
                send=known.get(key, Send(edition=key)),
                mailing=ledger.get(key),
            )
            for key, row in rows.items()
        )

    def people(self, text: str, limit: int = 50) -> tuple[Subscriber, ...]:
        """Return people whose address is, or begins with, `text`, by address; nobody for an empty text."""
        key = address_key(text) if "@" in text else text.strip().casefold()
        if not key:
            return ()
        with reading(self._engine) as connection:
            begins = _begins(connection, subscribers.c.key, key)
            query = select(subscribers).where(begins).order_by(subscribers.c.key).limit(limit)
            return tuple(
                Subscriber(id=r.id, address=r.address, name=r.name, language=r.language, zone=r.zone)
                for r in connection.execute(query)
            )

    def suppressions(self, text: str = "", limit: int = 100) -> tuple[Suppression, ...]:
        """Return suppressed addresses, the newest first; those that begin with `text` if there is one."""
        query = select(suppressions).order_by(suppressions.c.since.desc(), suppressions.c.key).limit(limit)
        with reading(self._engine) as connection:
            if text.strip():
                query = query.where(_begins(connection, suppressions.c.key, text.strip().casefold()))
            return tuple(Suppression(r.key, Reason(r.reason), r.since, r.until) for r in connection.execute(query))

    def suppressed(self, reasons: Collection[Reason] = tuple(Reason)) -> dict[Reason, int]:
        """Return how many addresses are suppressed for which reason."""
        reason = suppressions.c.reason
        query = select(reason, func.count()).where(reason.in_([r.value for r in reasons])).group_by(reason)
        with reading(self._engine) as connection:
            return {Reason(row[0]): row[1] for row in connection.execute(query)}


def _begins(connection: Connection, column: Column[str], text: str) -> ColumnElement[bool]:
    if connection.dialect.name == "sqlite":
        # A range, which the unique index answers; a pattern would read everybody.
        return and_(column >= text, column < text + "\U0010ffff")
    # There the order of letters hangs on the server's language, and a range would miss some.
    return column.startswith(text, autoescape=True)


_LATER = approvals.alias("later")
#: One look into the index for each article: grouping all approvals would make every list wait for it.
_NEWEST = select(func.max(_LATER.c.number)).where(_LATER.c.revision == approvals.c.revision).scalar_subquery()
_DECIDED = and_(
    approvals.c.revision == articles.c.revision,
    approvals.c.number == _NEWEST,
)
_JOINED = articles.join(revisions, revisions.c.revision == articles.c.revision).outerjoin(approvals, _DECIDED)
_STATE = case(
    (
        or_(approvals.c.decision.is_(None), approvals.c.decision == Decision.REOPENED.value),
        literal(PENDING),
    ),
    else_=approvals.c.decision,
)


def _beyond(
    moment: Column[datetime], name: Column[str], place: tuple[datetime, str] | None
) -> tuple[ColumnElement[bool], ...]:
    """Return the condition of what comes after a place in a list, the newest first, then by name."""
    if place is None:
        return ()
    at, known = place
    return (or_(moment < at, and_(moment == at, name > known)),)


def _older(place: tuple[datetime, str] | None) -> tuple[ColumnElement[bool], ...]:
    """Return the condition of the editions after a place in their list, whose keys fall."""
    if place is None:
        return ()
    at, key = place
    made = editions.c.created_at
    return (or_(made < at, and_(made == at, editions.c.key < key)),)


def _wanted(state: str, source: str, text: str) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if state:
        wanted.append(_STATE.in_([state]))
    if source:
        wanted.append(articles.c.source == source)
    if text:
        wanted.append(func.lower(revisions.c.title).contains(text.lower(), autoescape=True))
    return wanted
