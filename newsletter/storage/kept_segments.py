"""Keeps segments by name: their rules, who made them, and those that were removed, which can come back."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Engine, Index, Integer, Row, String, Table, Text, insert, select, update

from newsletter.storage.engine import reading
from newsletter.storage.schema import Instant, metadata
from subscribers.segments import Segment, dump_segment, load_segment

segments = Table(
    "segments",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("list", String(64), nullable=False),
    Column("name", Text, nullable=False),
    #: In the words of `subscribers.segments`, as JSON.
    Column("rules", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Instant, nullable=False),
    #: When it was removed or replaced; null while it is there.
    Column("gone_at", Instant, nullable=True),
    Index("ix_segments_list", "list"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSegment:
    """A segment with its name."""

    number: int
    name: str
    segment: Segment
    by: str
    at: datetime


class KeptSegmentStore:
    """Named segments on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def keep(self, mailing_list: str, name: str, segment: Segment, *, by: str, now: datetime) -> int:
        """Keep a segment under a name, in place of another one of that name; return its number."""
        values = {"list": mailing_list, "name": name, "rules": dump_segment(segment), "by": by, "at": now}
        here = (segments.c.list == mailing_list, segments.c.name == name, segments.c.gone_at.is_(None))
        with self._engine.begin() as connection:
            connection.execute(update(segments).where(*here).values(gone_at=now))
            key = connection.execute(insert(segments).values(values)).inserted_primary_key
        assert key is not None
        return int(key[0])

    def all(self, mailing_list: str) -> tuple[KeptSegment, ...]:
        """Return the segments of a list, by name."""
        query = select(segments).where(segments.c.list == mailing_list, segments.c.gone_at.is_(None))
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(segments.c.name, segments.c.number)).all()
        return tuple(_kept(row) for row in rows)

    def find(self, mailing_list: str, number: int) -> KeptSegment | None:
        """Return a segment of a list that is there; None otherwise."""
        return next((kept for kept in self.all(mailing_list) if kept.number == number), None)

    def remove(self, mailing_list: str, number: int, now: datetime) -> bool:
        """Remove a segment; tell whether it was there. Digests that chose it keep its rules."""
        here = (segments.c.list == mailing_list, segments.c.number == number, segments.c.gone_at.is_(None))
        with self._engine.begin() as connection:
            return bool(connection.execute(update(segments).where(*here).values(gone_at=now)).rowcount)

    def bring_back(self, mailing_list: str, number: int) -> bool:
        """Bring a removed segment back; tell whether it is there now, which it is not if its name was taken since."""
        with self._engine.begin() as connection:
            row = connection.execute(
                select(segments).where(segments.c.list == mailing_list, segments.c.number == number)
            ).first()
            if row is None:
                return False
            same = (segments.c.list == mailing_list, segments.c.name == row.name, segments.c.gone_at.is_(None))
            if connection.execute(select(segments.c.number).where(*same)).first():
                return row.gone_at is None
            connection.execute(update(segments).where(segments.c.number == number).values(gone_at=None))
        return True


def _kept(row: Row[tuple[object, ...]]) -> KeptSegment:
    return KeptSegment(number=row.number, name=row.name, segment=load_segment(row.rules), by=row.by, at=row.at)
