"""Keeps articles, their revisions, and what editors decided about each revision."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Row,
    Select,
    String,
    Table,
    Text,
    func,
    or_,
    select,
)

from content.approvals import Approval, Decision
from content.articles import Article, canonical_content, parse_content
from newsletter.storage.engine import reading
from newsletter.storage.outbox import Event, tell
from newsletter.storage.pages import pages
from newsletter.storage.schema import Instant, metadata

articles = Table(
    "articles",
    metadata,
    Column("id", Text, primary_key=True),
    Column("source", Text, nullable=False),
    #: The revision that the source showed last.
    Column("revision", String(64), nullable=False),
    Column("first_seen", Instant, nullable=False),
    Index("ix_articles_revision", "revision"),
)

revisions = Table(
    "revisions",
    metadata,
    Column("revision", String(64), primary_key=True),
    Column("article", Text, ForeignKey("articles.id"), nullable=False),
    Column("title", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("pulled_at", Instant, nullable=False),
    #: What an editor should know of it, as JSON: what was removed, what looks odd.
    Column("remarks", Text, nullable=False),
    Index("ix_revisions_article", "article"),
    #: Lists show the newest page: with these, the database reads that page and not every article.
    Index("ix_revisions_pulled_at", "pulled_at"),
)

#: Only ever added to: the database itself refuses a change.
approvals = Table(
    "approvals",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("revision", String(64), ForeignKey("revisions.revision"), nullable=False),
    Column("decision", String(16), nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("note", Text, nullable=False),
    Index("ix_approvals_revision", "revision"),
    Index("ix_approvals_at", "at"),
)


@dataclass(frozen=True, slots=True)
class Standing:
    """How one article stands: its current revision, and the approval in force for exactly that revision."""

    article: Article
    approval: Approval | None
    pulled_at: datetime
    remarks: tuple[str, ...] = ()  #: what was removed, what looks odd: words that follow the article's name

    @property
    def word(self) -> str:
        """Return the state in one word: pending, approved, rejected or withdrawn."""
        return word_of(self.approval)


def word_of(approval: Approval | None) -> str:
    """Return where a revision stands in one word; a decision that was taken back is none."""
    return approval.decision.value if approval and approval.decision is not Decision.REOPENED else "pending"


@dataclass(frozen=True, slots=True)
class Change:
    """What recording one article did: nothing, a new article, or a new revision of a known one."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0

    def __add__(self, other: "Change") -> "Change":
        """Return the sum of two changes."""
        return Change(self.new + other.new, self.changed + other.changed, self.unchanged + other.unchanged)


NO_CHANGE = Change()


@dataclass(frozen=True, slots=True)
class Brief:
    """What is known of an approved article without reading it."""

    id: str
    revision: str
    title: str
    approved_at: datetime


#: The newest approval of each revision is the one in force. One look into the index for each: reading the whole table
#: of approvals would make every list of articles wait for it.
_LATER = approvals.alias("later")
_NEWEST = select(func.max(_LATER.c.number)).where(_LATER.c.revision == approvals.c.revision).scalar_subquery()


#: Articles that are asked for in one statement.
PAGE = 500

#: What is noted of an article that its source shows no longer: a remark that begins so, and ends with the day.
GONE = "is gone from its source since"


class ArticleStore:
    """Articles on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(
        self,
        pulled: Sequence[Article],
        now: datetime,
        *,
        remarks: Mapping[str, Sequence[str]] | None = None,
    ) -> Change:
        """Keep what a source showed, all of it or nothing. Unchanged content writes nothing.

        Args:
            pulled: The articles.
            now: When.
            remarks: By article id, what an editor should know of it.
        """
        change, told = NO_CHANGE, remarks or {}
        with self._engine.begin() as connection:
            shown = [article.id for article in pulled]
            for article in pulled:
                change += _record(connection, article, now, told.get(article.id, ()))
            _note_where(connection, shown)
        return change

    def note_gone(self, ids: Sequence[str], now: datetime) -> None:
        """Note of articles that their source shows them no longer. They stay, and so does what was decided of them."""
        if ids:
            with self._engine.begin() as connection:
                _note_where(connection, ids, f"{GONE} {now:%d %b %Y}")

    def decide(self, decisions: Iterable[Approval]) -> int:
        """Append `decisions`; return how many were new. The same decision about a revision is kept once."""
        added = 0
        with self._engine.begin() as connection:
            for approval in decisions:
                held = _approval_of(connection, approval.revision)
                if held and held.decision is approval.decision:
                    continue
                _append(connection, approval)
                added += 1
        return added

    def decide_as_seen(self, decisions: Iterable[Approval], seen: Mapping[str, str]) -> frozenset[str]:
        """Append the decisions about revisions that still stand as somebody saw them; return these revisions.

        Of two who decide about one at the same moment the second finds the decision of the first, and is left out.

        Args:
            decisions: One for each revision.
            seen: By revision, the word of its state when it was looked at.
        """
        decided = set()
        with self._engine.begin() as connection:
            # In one order, so that two who decide about the same rows never wait for each other.
            for approval in sorted(decisions, key=lambda a: a.revision):
                here = revisions.c.revision == approval.revision
                connection.execute(select(revisions.c.revision).where(here).with_for_update())
                if word_of(_approval_of(connection, approval.revision)) == seen[approval.revision]:
                    _append(connection, approval)
                    decided.add(approval.revision)
        return frozenset(decided)

    def decisions(self, wanted: Iterable[str]) -> dict[str, Approval]:
        """Return the approval in force of each of the revisions that has one."""
        query = select(approvals).where(approvals.c.revision.in_(list(wanted)), approvals.c.number == _NEWEST)
        with reading(self._engine) as connection:
            return {row.revision: _approval(row) for row in connection.execute(query)}

    def standings(self) -> tuple[Standing, ...]:
        """Return every article as its source shows it now, by id."""
        with reading(self._engine) as connection:
            return tuple(_standing(row) for row in connection.execute(_standings().order_by(articles.c.id)))

    def approved(self, ids: Collection[str] | None = None) -> tuple[Standing, ...]:
        """Return the articles whose current revision is approved, the oldest approval first.

        Args:
            ids: Only these; None: all, which reads every one of them.
        """
        query = _standings().where(approvals.c.decision == Decision.APPROVED.value)
        if ids is not None:
            query = query.where(articles.c.id.in_(list(ids)))
        query = query.order_by(approvals.c.at, articles.c.id)
        with reading(self._engine) as connection:
            return tuple(_standing(row) for row in connection.execute(query))

    def approved_briefly(self, newest: int | None = None) -> tuple[Brief, ...]:
        """Return what `approved` does, in its order, without reading the articles.

        Args:
            newest: Only so many, those that were approved last; None: all.
        """
        columns = (articles.c.id, articles.c.revision, revisions.c.title, approvals.c.at.label("approved_at"))
        query = (
            select(*columns)
            .join(revisions, revisions.c.revision == articles.c.revision)
            .join(approvals, (approvals.c.revision == articles.c.revision) & (approvals.c.number == _NEWEST))
            .where(approvals.c.decision == Decision.APPROVED.value)
        )
        last_first = query.order_by(approvals.c.at.desc(), articles.c.id.desc()).limit(newest)
        with reading(self._engine) as connection:
            return tuple(Brief(*row) for row in reversed(connection.execute(last_first).all()))

    def find(self, wanted: str) -> tuple[Standing, ...]:
        """Return the articles whose id is `wanted` or ends with it after a colon or slash.

        If there is none, return those whose id or current revision begins with it.
        """
        if not wanted:
            return ()
        with reading(self._engine) as connection:
            ends = [articles.c.id.endswith(f"{mark}{wanted}", autoescape=True) for mark in ":/"]
            named = or_(articles.c.id == wanted, *ends)
            exact = connection.execute(_standings().where(named).order_by(articles.c.id)).all()
            rows: Sequence[Row[tuple[object, ...]]] = (
                exact
                or connection.execute(
                    _standings()
                    .where(
                        articles.c.id.startswith(wanted, autoescape=True)
                        | articles.c.revision.startswith(wanted, autoescape=True)
                    )
                    .order_by(articles.c.id)
                ).all()
            )
            return tuple(_standing(row) for row in rows)

    def record_of(self, article: str) -> tuple[Approval, ...]:
        """Return everything that was ever decided about one article's revisions, in order."""
        query = select(approvals).join(revisions, revisions.c.revision == approvals.c.revision)
        with reading(self._engine) as connection:
            rows = connection.execute(query.where(revisions.c.article == article).order_by(approvals.c.number))
            return tuple(_approval(row) for row in rows)

    def history(self, article: str) -> tuple[tuple[str, datetime], ...]:
        """Return the revisions of one article with the time each was pulled, the oldest first."""
        query = select(revisions.c.revision, revisions.c.pulled_at).where(revisions.c.article == article)
        with reading(self._engine) as connection:
            return tuple((row.revision, row.pulled_at) for row in connection.execute(query.order_by("pulled_at")))

    def wordings(self, wanted: Collection[str]) -> dict[str, Article]:
        """Return the content of each of these revisions that is kept."""
        query = (
            select(revisions.c.revision, revisions.c.content, articles.c.source)
            .join(articles, articles.c.id == revisions.c.article)
            .where(revisions.c.revision.in_(list(wanted)))
        )
        with reading(self._engine) as connection:
            return {row.revision: parse_content(row.content, row.source) for row in connection.execute(query)}

    def revision(self, revision: str) -> Article | None:
        """Return the content of one revision, whether current or not."""
        query = (
            select(revisions.c.content, articles.c.source)
            .join(articles, articles.c.id == revisions.c.article)
            .where(revisions.c.revision == revision)
        )
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        return parse_content(row.content, row.source) if row else None


def _record(connection: Connection, article: Article, now: datetime, remarks: Sequence[str]) -> Change:
    known = connection.execute(select(articles.c.revision).where(articles.c.id == article.id)).scalar()
    if known == article.revision:
        return Change(unchanged=1)
    if known is None:
        connection.execute(
            articles.insert().values(id=article.id, source=article.source, revision=article.revision, first_seen=now)
        )
    seen = connection.execute(select(revisions.c.revision).where(revisions.c.revision == article.revision)).scalar()
    if seen is None:  # a text that went back to an earlier wording is that earlier revision again
        connection.execute(
            revisions.insert().values(
                revision=article.revision,
                article=article.id,
                title=article.title,
                content=canonical_content(article),
                pulled_at=now,
                remarks=json.dumps(list(remarks), ensure_ascii=False),
            )
        )
    connection.execute(
        articles.update().where(articles.c.id == article.id).values(revision=article.revision, source=article.source)
    )
    return Change(new=1) if known is None else Change(changed=1)


def _append(connection: Connection, approval: Approval) -> None:
    connection.execute(
        approvals.insert().values(
            revision=approval.revision,
            decision=approval.decision.value,
            by=approval.by,
            at=approval.at,
            note=approval.note,
        )
    )
    article = select(revisions.c.article).where(revisions.c.revision == approval.revision)
    event = Event(f"article.{approval.decision.value}")
    said = {"revision": approval.revision, "by": approval.by}
    tell(connection, event, connection.execute(article).scalar_one(), approval.at, **said)


def _note_where(connection: Connection, ids: Sequence[str], gone: str = "") -> None:
    """Note of the current wordings of articles that they are gone, in these words; "": that they are there again."""
    for some in pages(ids, PAGE):
        query = (
            select(revisions.c.revision, revisions.c.remarks)
            .join(articles, articles.c.revision == revisions.c.revision)
            .where(articles.c.id.in_(some))
        )
        # Nearly every pull shows what was there before: only what was gone is written anew.
        for row in connection.execute(query if gone else query.where(revisions.c.remarks.contains(GONE))).all():
            others = [remark for remark in json.loads(row.remarks) if not remark.startswith(GONE)]
            told = json.dumps([*others, gone] if gone else others, ensure_ascii=False)
            connection.execute(revisions.update().where(revisions.c.revision == row.revision).values(remarks=told))


def _approval_of(connection: Connection, revision: str) -> Approval | None:
    query = select(approvals).where(approvals.c.revision == revision).order_by(approvals.c.number.desc()).limit(1)
    row = connection.execute(query).first()
    return _approval(row) if row else None


def _standings() -> Select[tuple[object, ...]]:
    newest = approvals.c.number == _NEWEST
    return (
        select(
            articles.c.source,
            revisions.c.content,
            revisions.c.pulled_at,
            revisions.c.remarks,
            approvals,
        )
        .join(revisions, revisions.c.revision == articles.c.revision)
        .outerjoin(approvals, (approvals.c.revision == articles.c.revision) & newest)
    )


def _standing(row: Row[tuple[object, ...]]) -> Standing:
    article = parse_content(row.content, row.source)
    approval = _approval(row) if row.decision else None
    return Standing(article, approval, row.pulled_at, tuple(json.loads(row.remarks)))


def _approval(row: Row[tuple[object, ...]]) -> Approval:
    return Approval(revision=row.revision, decision=Decision(row.decision), by=row.by, at=row.at, note=row.note)
