"""Where counted links lead, and who followed them: one row each time, without address, network or browser."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    and_,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from newsletter.storage.engine import reading
from newsletter.storage.ledger_tables import audience, mailings, outcomes
from newsletter.storage.people import subscribers
from newsletter.storage.schema import Instant, metadata
from subscribers.clicks import Click, Follower, in_bursts, is_at_once

#: One link followed once. The target is the link's own address, as the stored mail has it.
clicks = Table(
    "clicks",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("subscriber", String(36), nullable=False),
    Column("edition", String(128), nullable=False),
    Column("target", Text, nullable=False),
    Column("at", Instant, nullable=False),
    #: A `Follower`.
    Column("kind", String(8), nullable=False),
    Index("ix_clicks_at", "at"),
    Index("ix_clicks_edition", "edition"),
    Index("ix_clicks_subscriber", "subscriber", "edition"),
)

#: Where the links of an edition lead, by their names, in whatever variant they stand.
targets = Table(
    "targets",
    metadata,
    Column("edition", String(128), ForeignKey("editions.key", ondelete="CASCADE"), primary_key=True),
    Column("name", String(16), primary_key=True),
    Column("url", Text, nullable=False),
)

#: How many people's copies of an edition; who follows a link twice counts once.
_COPIES = func.count(func.distinct(clicks.c.subscriber))

#: Rows that one person's copy of an edition may make: a machine that follows its links for ever fills no disk.
MOST = 200


@dataclass(frozen=True, slots=True)
class LinkRow:
    """How often one link was followed: different people, and different people's copies by scanners."""

    target: str
    people: int
    scanners: int


@dataclass(frozen=True, slots=True)
class Followed:
    """Who followed links of one edition: how many people, and from how many mails scanners did."""

    people: int
    scanners: int
    links: tuple[LinkRow, ...] = ()


class ClickStore:
    """The links that were followed, on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def lead(self, edition: str, links: Mapping[str, str]) -> None:
        """Keep where links of an edition lead, by name; what is known stays as it is."""
        query = select(targets.c.name).where(targets.c.edition == edition)
        with reading(self._engine) as connection:
            known = set(connection.execute(query).scalars())
        rows = [{"edition": edition, "name": n, "url": links[n]} for n in sorted(set(links) - known)]
        if rows:
            with self._engine.begin() as connection:  # another sender may keep the same at this moment
                insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
                connection.execute(insert(targets).on_conflict_do_nothing(), rows)

    def target(self, edition: str, name: str) -> str | None:
        """Return where a link leads; None: no mail of the edition has it."""
        query = select(targets.c.url).where(targets.c.edition == edition, targets.c.name == name)
        with reading(self._engine) as connection:
            return connection.execute(query).scalar()

    def record(self, edition: str, subscriber: str, click: Click, kind: Follower) -> None:
        """Note that a link was followed. Of who is no subscriber, a tester or somebody erased, nothing is noted.

        What came shortly before from the same mail is judged again: three different links at once are a scanner's.
        """
        with self._engine.begin() as connection:
            # Locked, so that of several links at once each sees those before it, and erasing waits or is seen.
            person = select(subscribers.c.id).where(subscribers.c.id == subscriber).with_for_update()
            if connection.execute(person).first() is None:
                return
            mine = and_(clicks.c.subscriber == subscriber, clicks.c.edition == edition)
            earlier = connection.execute(select(clicks).where(mine).order_by(clicks.c.number)).all()
            if len(earlier) >= MOST:
                return
            if is_at_once(click.at, _accepted(connection, edition, subscriber)):
                kind = Follower.SCANNER
            values = {"subscriber": subscriber, "edition": edition, "target": click.target, "at": click.at}
            made = connection.execute(clicks.insert().values(**values, kind=kind.value)).inserted_primary_key
            numbers = [*(row.number for row in earlier), *(made or ())]
            burst = in_bursts([*(Click(row.target, row.at) for row in earlier), click])
            if burst:
                together = clicks.c.number.in_([numbers[n] for n in burst])
                connection.execute(clicks.update().where(together).values(kind=Follower.SCANNER.value))

    def of_edition(self, edition: str) -> Followed:
        """Return who followed links of an edition, the links that most people followed first."""
        query = select(clicks.c.target, clicks.c.kind, _COPIES).where(clicks.c.edition == edition)
        with reading(self._engine) as connection:
            rows = connection.execute(query.group_by(clicks.c.target, clicks.c.kind)).all()
        counts = {(target, kind): number for target, kind, number in rows}
        links = [
            LinkRow(t, counts.get((t, Follower.PERSON.value), 0), counts.get((t, Follower.SCANNER.value), 0))
            for t in sorted({target for target, _ in counts})
        ]
        people, scanners = self.totals([edition])[edition]
        return Followed(people, scanners, tuple(sorted(links, key=lambda link: -link.people)))

    def totals(self, editions: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Return of each edition how many people followed a link, and from how many mails scanners did."""
        query = select(clicks.c.edition, clicks.c.kind, _COPIES).where(clicks.c.edition.in_(editions))
        with reading(self._engine) as connection:
            rows = connection.execute(query.group_by(clicks.c.edition, clicks.c.kind)).all()
        counts = {(edition, kind): number for edition, kind, number in rows}
        return {
            e: (counts.get((e, Follower.PERSON.value), 0), counts.get((e, Follower.SCANNER.value), 0)) for e in editions
        }


def _accepted(connection: Connection, edition: str, subscriber: str) -> datetime | None:
    """Return when it was settled what became of the message; None as long as it is not."""
    query = (
        select(outcomes.c.at)
        .join(audience, and_(outcomes.c.mailing == audience.c.mailing, outcomes.c.idx == audience.c.idx))
        .join(mailings, mailings.c.id == audience.c.mailing)
        .where(mailings.c.edition == edition, audience.c.subscriber == subscriber)
    )
    return connection.execute(query).scalar()
