"""Keeps what each issue offered, what its variants printed, and who received which: four bytes a person and issue."""

import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Date,
    Engine,
    Index,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    Text,
    and_,
    case,
    func,
    or_,
    select,
)

from newsletter.storage.engine import reading
from newsletter.storage.ledger_tables import audience, mailings, outcomes
from newsletter.storage.people import counters, subscribers
from newsletter.storage.schema import Instant, metadata
from subscribers.deliveries import Outcome
from subscribers.issues import Explainer, Issue, StoryRef, Variant
from subscribers.memory import DOUBT, Codes, Past, Printed
from subscribers.planning import Excluded
from subscribers.preferences import Rhythm

issues = Table(
    "issues",
    metadata,
    Column("edition", String(128), primary_key=True),
    Column("list", String(64), nullable=False),
    Column("rhythm", String(8), nullable=False),
    Column("day", Date, nullable=False),
    Column("stories", Text, nullable=False),
)

variants = Table(
    "variants",
    metadata,
    Column("edition", String(128), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("variant", String(64), nullable=False),
    Column("language", String(16), nullable=False),
    Column("stories", Text, nullable=False),
    Column("folded", Text, nullable=False),
    Column("printed", Text, nullable=False),
    #: A million rows of an audience are looked up by it.
    Index("ix_variants_edition_variant", "edition", "variant", unique=True),
)

#: The ledger's outcomes of an issue, folded into one number per person. What is not final is made anew from the
#: ledger whenever it is needed; the ledger stays the truth.
receipts = Table(
    "receipts",
    metadata,
    Column("edition", String(128), primary_key=True),
    Column("codes", LargeBinary, nullable=False),
    Column("final", Boolean, nullable=False),
    Column("made_at", Instant, nullable=False),
)

#: After so long nobody resolves an uncertain delivery any more.
SETTLED_AFTER = timedelta(days=14)


class HistoryStore:
    """What people received, on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def put_issue(self, mailing_list: str, issue: Issue) -> None:
        """Keep what an issue offers, in place of what it was said to offer before."""
        offered = [[s.id, sorted(s.topics), _named(s.explainers)] for s in issue.stories]
        values = {
            "list": mailing_list,
            "rhythm": issue.rhythm.value,
            "day": issue.day,
            "stories": json.dumps(offered, ensure_ascii=False),
        }
        with self._engine.begin() as connection:
            known = issues.update().where(issues.c.edition == issue.edition).values(values)
            if not connection.execute(known).rowcount:
                connection.execute(issues.insert().values(edition=issue.edition, **values))

    def issues(self, mailing_list: str) -> tuple[Issue, ...]:
        """Return every issue of a list, the oldest first."""
        query = select(issues).where(issues.c.list == mailing_list).order_by(issues.c.day, issues.c.edition)
        with reading(self._engine) as connection:
            return tuple(_issue(row) for row in connection.execute(query))

    def put_variants(self, edition: str, made: Iterable[Variant]) -> None:
        """Keep the variants of an issue before anybody is promised one of them. A number, once given, stays."""
        with self._engine.begin() as connection:
            known = {row.variant for row in _variants_of(connection, edition)}
            rows = [
                {
                    "edition": edition,
                    "number": number,
                    "variant": variant.key,
                    "language": variant.language,
                    "stories": json.dumps(variant.stories, ensure_ascii=False),
                    "folded": json.dumps(_named(variant.folded), ensure_ascii=False),
                    "printed": json.dumps(_named(variant.printed), ensure_ascii=False),
                }
                for number, variant in enumerate((v for v in made if v.key not in known), start=len(known) + 1)
            ]
            if rows:
                connection.execute(variants.insert(), rows)

    def variants(self, edition: str) -> tuple[Variant, ...]:
        """Return the variants of an issue, by number."""
        with reading(self._engine) as connection:
            return tuple(_variant(row) for row in _variants_of(connection, edition))

    def people(self) -> int:
        """Return one more than the highest number of a person."""
        query = select(counters.c.value).where(counters.c.name == "people")
        with reading(self._engine) as connection:
            return int(connection.execute(query).scalar_one())

    def past(self, wanted: Iterable[Issue]) -> Iterator[Past]:
        """Yield what the variants of these issues printed, and who received which."""
        with reading(self._engine) as connection:
            for issue in wanted:
                printed = [_printed(row) for row in _variants_of(connection, issue.edition)]
                codes = _codes(connection, issue.edition)
                yield Past(edition=issue.edition, day=issue.day, variants=printed, receipts=codes)

    def settle(self, edition: str, now: datetime) -> bool:
        """Fold the ledger's outcomes of an issue into receipts, when none can change any more; tell if they are."""
        with self._engine.begin() as connection:
            if connection.execute(select(receipts.c.final).where(receipts.c.edition == edition)).scalar():
                return True
            if not _is_final(connection, edition, now):
                return False
            packed = zlib.compress(_from_ledger(connection, edition).astype("<u4").tobytes(), 1)
            row = {"edition": edition, "codes": packed, "final": True, "made_at": now}
            connection.execute(receipts.insert().values(row))
        return True


def _codes(connection: Connection, edition: str) -> Codes:
    packed = connection.execute(select(receipts.c.codes).where(receipts.c.edition == edition)).scalar()
    if packed is None:
        return _from_ledger(connection, edition)
    return np.frombuffer(zlib.decompress(packed), "<u4").astype(np.uint32, copy=False)


def _from_ledger(connection: Connection, edition: str) -> Codes:
    """Return the receipts as the ledger has them now."""
    skipped = and_(outcomes.c.kind == Outcome.EXCLUDED.value, outcomes.c.reply == Excluded.SKIPPED.value)
    doubtful = or_(outcomes.c.kind.is_(None), outcomes.c.kind == Outcome.UNCERTAIN.value, skipped)
    weight = case((outcomes.c.kind == Outcome.ACCEPTED.value, 0), (doubtful, DOUBT), else_=-1)
    query = (
        select(subscribers.c.number, variants.c.number, weight)
        .select_from(mailings)
        .join(audience, audience.c.mailing == mailings.c.id)
        .join(subscribers, subscribers.c.id == audience.c.subscriber)
        .join(variants, and_(variants.c.edition == mailings.c.edition, variants.c.variant == audience.c.variant))
        .outerjoin(outcomes, and_(outcomes.c.mailing == audience.c.mailing, outcomes.c.idx == audience.c.idx))
        .where(mailings.c.edition == edition)
        .execution_options(yield_per=50_000)
    )
    people = connection.execute(select(counters.c.value).where(counters.c.name == "people")).scalar_one()
    codes = np.zeros(people, np.uint32)
    for page in connection.execute(query).partitions():
        rows = np.array([tuple(row) for row in page], np.int64)
        arrived = rows[rows[:, 2] >= 0]
        codes[arrived[:, 0]] = arrived[:, 1] | arrived[:, 2]
    return codes


def _is_final(connection: Connection, edition: str, now: datetime) -> bool:
    """Tell whether no outcome of an issue can change any more."""
    mailing = connection.execute(select(mailings).where(mailings.c.edition == edition)).first()
    if mailing is None:
        return False
    settled = select(func.count()).where(outcomes.c.mailing == mailing.id)
    if connection.execute(settled).scalar_one() < mailing.candidates:
        return False
    open_ = settled.where(outcomes.c.kind == Outcome.UNCERTAIN.value)
    return now - mailing.frozen_at > SETTLED_AFTER or not connection.execute(open_).scalar_one()


def _variants_of(connection: Connection, edition: str) -> Sequence[Row[tuple[object, ...]]]:
    return connection.execute(select(variants).where(variants.c.edition == edition).order_by(variants.c.number)).all()


def _named(explainers: Iterable[Explainer]) -> list[list[str]]:
    return [[e.id, e.wording] for e in explainers]


def _explainers(text: str) -> tuple[Explainer, ...]:
    return tuple(Explainer(*named) for named in json.loads(text))


def _issue(row: Row[tuple[object, ...]]) -> Issue:
    stories = (
        StoryRef(id_, frozenset(topics), tuple(Explainer(*e) for e in explainers))
        for id_, topics, explainers in json.loads(row.stories)
    )
    return Issue(edition=row.edition, rhythm=Rhythm(row.rhythm), day=row.day, stories=tuple(stories))


def _variant(row: Row[tuple[object, ...]]) -> Variant:
    return Variant(
        edition=row.edition,
        language=row.language,
        stories=tuple(json.loads(row.stories)),
        folded=_explainers(row.folded),
        printed=_explainers(row.printed),
    )


def _printed(row: Row[tuple[object, ...]]) -> Printed:
    return Printed(frozenset(json.loads(row.stories)), frozenset(_explainers(row.printed)))
