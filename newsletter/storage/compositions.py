"""Keeps every version of what editors composed; the latest holds, and an earlier one can be brought back."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Engine, Integer, Row, String, Table, Text, func, select
from sqlalchemy.exc import IntegrityError

from content.compositions import AS_IT_COMES, Composition
from content.plain import dump, load
from newsletter.storage.engine import reading
from newsletter.storage.schema import Instant, metadata

compositions = Table(
    "compositions",
    metadata,
    Column("edition", String(128), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("composition", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Instant, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a composition: number 0 is what nobody composed."""

    number: int = 0
    composition: Composition = AS_IT_COMES
    by: str = ""
    at: datetime | None = None


#: Before anybody composed.
UNTOUCHED = Version()


class CompositionStore:
    """Compositions on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def latest(self, edition: str) -> Version:
        """Return the version that holds."""
        query = select(compositions).where(compositions.c.edition == edition)
        with reading(self._engine) as connection:
            row = connection.execute(query.order_by(compositions.c.number.desc()).limit(1)).first()
        return _version(row) if row else UNTOUCHED

    def all(self, edition: str) -> tuple[Version, ...]:
        """Return every version, the newest first."""
        query = select(compositions).where(compositions.c.edition == edition)
        with reading(self._engine) as connection:
            return tuple(_version(row) for row in connection.execute(query.order_by(compositions.c.number.desc())))

    def add(self, edition: str, composition: Composition, *, after: int, by: str, now: datetime) -> bool:
        """Keep a version that follows the one with number `after`; False when somebody else was faster."""
        newest = select(func.max(compositions.c.number)).where(compositions.c.edition == edition)
        values = {"edition": edition, "number": after + 1, "composition": dump(composition), "by": by, "at": now}
        try:
            with self._engine.begin() as connection:
                if (connection.execute(newest).scalar() or 0) != after:
                    return False
                connection.execute(compositions.insert().values(values))
        except IntegrityError:  # at the very same moment
            return False
        return True


def _version(row: Row[tuple[object, ...]]) -> Version:
    return Version(number=row.number, composition=load(Composition, row.composition), by=row.by, at=row.at)
