"""Keeps what an editor typed and has not saved: for each digest and editor the last words, and nothing older."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Engine, Integer, String, Table, Text, and_, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from content.compositions import Composition
from content.plain import dump, load
from newsletter.storage.engine import reading
from newsletter.storage.schema import Instant, metadata

jottings = Table(
    "jottings",
    metadata,
    Column("edition", String(128), primary_key=True),
    Column("member", String(36), primary_key=True),
    #: Number of the composition that the editor saw.
    Column("version", Integer, nullable=False),
    Column("words", Text, nullable=False),
    Column("at", Instant, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Jotting:
    """What somebody typed about a digest and has not saved."""

    edition: str
    member: str
    version: int  #: of the composition that they saw
    words: Composition
    at: datetime


class JottingStore:
    """Jottings on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def keep(self, jotting: Jotting) -> None:
        """Keep somebody's words in place of those they typed before."""
        values = {"version": jotting.version, "words": dump(jotting.words), "at": jotting.at}
        here = and_(jottings.c.edition == jotting.edition, jottings.c.member == jotting.member)
        again = update(jottings).where(here).values(values)
        names = {"edition": jotting.edition, "member": jotting.member}
        try:
            with self._engine.begin() as connection:
                if not connection.execute(again).rowcount:
                    connection.execute(insert(jottings).values(names | values))
        except IntegrityError:  # another window of the same person, at the very same moment
            with self._engine.begin() as connection:
                connection.execute(again)

    def of(self, edition: str, member: str) -> Jotting | None:
        """Return what somebody typed about a digest; None when all of it is saved."""
        query = select(jottings).where(jottings.c.edition == edition, jottings.c.member == member)
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        words = load(Composition, row.words)
        return Jotting(edition=row.edition, member=row.member, version=row.version, words=words, at=row.at)

    def forget(self, edition: str, member: str) -> None:
        """Forget what somebody typed: it is saved, or they do not want it."""
        here = and_(jottings.c.edition == edition, jottings.c.member == member)
        with self._engine.begin() as connection:
            connection.execute(delete(jottings).where(here))
