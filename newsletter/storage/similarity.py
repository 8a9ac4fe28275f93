"""Remembers the words of every explainer told, so that a new one finds its likes among a million in milliseconds."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    delete,
    func,
    select,
    text,
)

from content.concordance import Bags, bags, join, read
from content.mapping import Mapper
from content.sections import Section
from newsletter.storage.engine import reading
from newsletter.storage.pages import pages
from newsletter.storage.postings import (
    AT_ONCE,
    WORD,
    append,
    count,
    look_up,
    rank,
    rarest,
    take_out,
    word_holders,
    word_rows,
)
from newsletter.storage.schema import Instant, metadata

#: Sections that are written in one transaction: writers on SQLite queue behind each other.
BATCH = 2000

#: Before everything that was ever told.
EVER = datetime.min.replace(tzinfo=UTC)

indexed_sections = Table(
    "indexed_sections",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("section", String(32), nullable=False),
    Column("edition", String(128), nullable=False),
    Column("article", Text, nullable=False),
    Column("revision", String(64), nullable=False),
    Column("explainer", Text, nullable=False),
    Column("told_at", Instant, nullable=False),
    #: Its words, to take it out again.
    Column("words", LargeBinary, nullable=False),
    UniqueConstraint("section", "edition"),
    Index("ix_indexed_sections_article", "article"),
    Index("ix_indexed_sections_edition", "edition"),
)

#: The editions that are indexed, also those in which nothing was explained.
indexed_editions = Table(
    "indexed_editions", metadata, Column("edition", String(128), primary_key=True), Column("newsletter", String(64))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A section that an edition has printed, and what it explained there."""

    section: Section
    edition: str
    explainer: str
    told_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """An indexed section that shares rare words with one asked about."""

    asked: str  #: the id of the one asked about
    section: str
    article: str
    revision: str
    edition: str
    explainer: str
    told_at: datetime
    shared: float  #: of the asked one's looked-up words, those that both hold, 0.0 to 1.0, the rarer the weightier


class SimilarityIndex:
    """The words of told sections on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, told: Iterable[Told], mapper: Mapper = map) -> int:
        """Index what is not indexed yet; return how many sections that were. Page furniture is left out.

        Args:
            told: Any number.
            mapper: Reads them, a batch at a time; that of several processes indexes the same.
        """
        added = 0
        for batch in mapper(_noted, pages(told, BATCH)):
            with self._engine.begin() as connection:
                _lock(connection)
                added += _add(connection, batch)
        return added

    def forget(self, article: str) -> int:
        """Take every section of an article out; return how many those were."""
        return self._take_out(indexed_sections.c.article == article)

    def forget_edition(self, edition: str) -> int:
        """Take out what an edition told; return how many sections those were."""
        taken = self._take_out(indexed_sections.c.edition == edition)
        with self._engine.begin() as connection:
            connection.execute(delete(indexed_editions).where(indexed_editions.c.edition == edition))
        return taken

    def _take_out(self, which: ColumnElement[bool]) -> int:
        with self._engine.begin() as connection:
            _lock(connection)
            rows = connection.execute(select(indexed_sections.c.number, indexed_sections.c.words).where(which)).all()
            for row in rows:
                take_out(connection, row.number, np.frombuffer(row.words, WORD).tolist())
            for some in pages([row.number for row in rows], AT_ONCE):
                connection.execute(delete(indexed_sections).where(indexed_sections.c.number.in_(some)))
            return len(rows)

    def editions(self, newsletter: str) -> frozenset[str]:
        """Return the keys of a newsletter's editions that are indexed."""
        query = select(indexed_editions.c.edition).where(indexed_editions.c.newsletter == newsletter)
        with reading(self._engine) as connection:
            return frozenset(connection.execute(query).scalars())

    def note(self, edition: str, newsletter: str) -> None:
        """Note that everything an edition told is indexed."""
        with self._engine.begin() as connection:
            known = select(indexed_editions.c.edition).where(indexed_editions.c.edition == edition)
            if connection.execute(known).first() is None:
                connection.execute(indexed_editions.insert().values(edition=edition, newsletter=newsletter))

    def near(self, sections: Sequence[Section], *, since: datetime = EVER, limit: int = 10) -> tuple[Near, ...]:
        """Return the indexed sections of other articles that share most with each of `sections`, the likest first.

        Args:
            sections: Those that ask, of one article or several.
            since: What was told before is left out.
            limit: How many each of them gets at most.
        """
        asked = _read(sections)
        with reading(self._engine) as connection:
            counts = count(connection, asked.words.tolist())
            rare = [rarest(asked.of(n), counts) for n in range(len(sections))]
            holders = look_up(connection, {word: counts[word] for words in rare for word in words})
            ranked = [(section, rank(words, counts, holders)) for section, words in zip(sections, rare, strict=True)]
            names = _names(connection, sorted({number for _, found in ranked for number, _ in found}))
        return tuple(near for section, found in ranked for near in _nearest(section, found, names, since, limit))

    def size(self) -> int:
        """Return how many sections are indexed."""
        with reading(self._engine) as connection:
            return connection.execute(select(func.count()).select_from(indexed_sections)).scalar_one()

    def clear(self) -> None:
        """Take everything out at once."""
        with self._engine.begin() as connection:
            _lock(connection)
            for table in (word_rows, word_holders, indexed_sections, indexed_editions):
                connection.execute(delete(table))


@dataclass(frozen=True, slots=True)
class _Noted:
    """Told sections as rows, in which their numbers are missing, and their words."""

    rows: list[dict[str, Any]]
    read: "_Read"


def _noted(told: Sequence[Told]) -> _Noted:
    read = _read([t.section for t in told])
    return _Noted([_row(t, read.of(n)) for n, t in enumerate(told)], read)


def _row(told: Told, words: Sequence[int]) -> dict[str, Any]:
    return {
        "section": told.section.id,
        "edition": told.edition,
        "article": told.section.article,
        "revision": told.section.revision,
        "explainer": told.explainer,
        "told_at": told.told_at,
        "words": np.array(words, WORD).tobytes(),
    }


@dataclass(frozen=True, slots=True)
class _Read:
    """The words of some sections, as numbers of 64 bits."""

    bags: Bags
    words: NDArray[np.int64]  #: of each concept

    def of(self, number: int) -> list[int]:
        held: list[int] = self.words[self.bags.terms[self.bags.starts[number] : self.bags.starts[number + 1]]].tolist()
        return held


def _read(sections: Sequence[Section]) -> _Read:
    found = join([read(sections)])
    return _Read(bags(found), np.array([_hashed(t) for t in found.vocabulary], np.int64))


def _hashed(word: str) -> int:
    """Return a number of 64 bits, with a sign as databases have it: the same on every machine."""
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big", signed=True)


def _lock(connection: Connection) -> None:
    """Keep other writers out: rows of words are read, and written anew. SQLite has but one writer at a time."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE indexed_sections IN SHARE ROW EXCLUSIVE MODE"))


def _add(connection: Connection, noted: _Noted) -> int:
    spoken = {(row["section"], row["edition"]): n for n, row in enumerate(noted.rows) if row["words"]}
    for some in pages(sorted({section for section, _ in spoken}), AT_ONCE):
        known = select(indexed_sections.c.section, indexed_sections.c.edition)
        for row in connection.execute(known.where(indexed_sections.c.section.in_(some))):
            spoken.pop((row.section, row.edition), None)
    if not spoken:
        return 0
    new = np.array(sorted(spoken.values()), np.int64)
    first = (connection.execute(select(func.max(indexed_sections.c.number))).scalar() or 0) + 1
    rows = [noted.rows[place] | {"number": number} for number, place in enumerate(new.tolist(), start=first)]
    connection.execute(indexed_sections.insert(), rows)
    held = noted.read.bags.only(new)
    append(connection, noted.read.words[held.terms], np.repeat(np.arange(len(new)) + first, np.diff(held.starts)))
    return len(new)


def _nearest(
    section: Section,
    found: Iterable[tuple[int, float]],
    names: Mapping[int, Any],
    since: datetime,
    limit: int,
) -> Iterator[Near]:
    rows = ((names[number], shared) for number, shared in found if number in names)
    return islice(
        (
            Near(
                asked=section.id,
                section=row.section,
                article=row.article,
                revision=row.revision,
                edition=row.edition,
                explainer=row.explainer,
                told_at=row.told_at,
                shared=round(shared, 4),
            )
            for row, shared in rows
            if row.article != section.article and row.told_at >= since
        ),
        limit,
    )


def _names(connection: Connection, numbers: Sequence[int]) -> dict[int, Any]:
    columns = [c for c in indexed_sections.c if c.name != "words"]
    found: dict[int, Any] = {}
    for some in pages(numbers, AT_ONCE):
        rows = connection.execute(select(*columns).where(indexed_sections.c.number.in_(some)))
        found.update((row.number, row) for row in rows)
    return found
