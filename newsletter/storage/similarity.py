"""Remembers the words of every explainer told, so that a new one finds its likes among a million in milliseconds."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    BigInteger,
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
    bindparam,
    delete,
    func,
    select,
    text,
    update,
)

from content.candidates import LOOKED_UP, WEIGHTS
from content.concordance import Bags, Numbers, bags, join, read
from content.matching import Mapper
from content.sections import Section
from newsletter.storage.engine import reading
from newsletter.storage.schema import Instant, metadata

#: A section looks up at most so many holders of its rarest words; of words beyond that, only the newest.
BUDGET = 4000

#: Sections that are written in one transaction: writers on SQLite queue behind each other.
BATCH = 2000

#: Values in one statement; PostgreSQL takes 65,535 and SQLite 32,766.
AT_ONCE = 500

#: Holders of a word in one row. A new one is added to the last row of the word, which is read and written for it.
FULL = 1024

#: Sections that are looked at closer for each that asks: those of other articles, and told since, are among them.
RANKED = 250

#: What one asked about must share: two ordinary words are chance.
LEAST = 3

#: Before everything that was ever told.
EVER = datetime.min.replace(tzinfo=UTC)

#: How holders and words are kept: the same on every machine.
_HOLDER, _WORD = np.dtype("<u4"), np.dtype("<i8")

T = TypeVar("T")

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

#: How many sections hold each word, and the first of the row that takes the next one.
word_holders = Table(
    "word_holders",
    metadata,
    Column("word", BigInteger, primary_key=True, autoincrement=False),
    Column("holders", Integer, nullable=False),
    Column("last", Integer, nullable=False),
    sqlite_with_rowid=False,
)

#: The sections that hold each word, up to `FULL` in a row, by their numbers.
word_rows = Table(
    "word_rows",
    metadata,
    Column("word", BigInteger, primary_key=True, autoincrement=False),
    Column("first", Integer, primary_key=True, autoincrement=False),
    Column("numbers", LargeBinary, nullable=False),
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
        for batch in mapper(_noted, _batches(told)):
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
                _take_out(connection, row.number, np.frombuffer(row.words, _WORD).tolist())
            for some in _in_parts([row.number for row in rows]):
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
            counts = _counts(connection, asked.words.tolist())
            rarest = [_rarest(asked.of(n), counts) for n in range(len(sections))]
            holders = _holders(connection, {word: counts[word] for words in rarest for word in words})
            ranked = [(section, _rank(words, counts, holders)) for section, words in zip(sections, rarest, strict=True)]
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


def _batches(told: Iterable[Told]) -> Iterator[list[Told]]:
    remaining = iter(told)
    while batch := list(islice(remaining, BATCH)):
        yield batch


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
        "words": np.array(words, _WORD).tobytes(),
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
    for some in _in_parts(sorted({section for section, _ in spoken})):
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
    _append(connection, noted.read.words[held.terms], np.repeat(np.arange(len(new)) + first, np.diff(held.starts)))
    return len(new)


def _append(connection: Connection, words: Numbers, numbers: Numbers) -> None:
    """Add to each word the sections that hold it."""
    order = np.lexsort((numbers, words))
    words, numbers = words[order], numbers[order].astype(_HOLDER)
    starts = np.flatnonzero(np.append(True, words[1:] != words[:-1]))
    ends = np.append(starts[1:], len(words))
    last = {row.word: row for row in _last_rows(connection, words[starts].tolist())}
    changes = _Changes()
    for word, start, end in zip(words[starts].tolist(), starts.tolist(), ends.tolist(), strict=True):
        changes.append(word, numbers[start:end], last.get(word))
    changes.write(connection)


@dataclass(frozen=True, slots=True)
class _Last:
    """The last row of a word."""

    word: int
    holders: int  #: in all of its rows
    first: int
    numbers: bytes


def _last_rows(connection: Connection, words: Sequence[int]) -> Iterator[_Last]:
    query = select(word_holders.c.word, word_holders.c.holders, word_holders.c.last, word_rows.c.numbers).join(
        word_rows, (word_rows.c.word == word_holders.c.word) & (word_rows.c.first == word_holders.c.last)
    )
    for some in _in_parts(words):
        yield from (_Last(*row) for row in connection.execute(query.where(word_holders.c.word.in_(some))))


@dataclass(frozen=True, slots=True)
class _Changes:
    """Rows to write: all at once is many times faster than one by one."""

    new_words: list[dict[str, Any]] = field(default_factory=list)
    words: list[dict[str, Any]] = field(default_factory=list)
    new_rows: list[dict[str, Any]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)

    def append(self, word: int, numbers: NDArray[np.integer[Any]], last: _Last | None) -> None:
        """Add `numbers` to those that hold a word, whose `last` row may have room."""
        holders, first = (last.holders, last.first) if last else (0, 0)
        room = FULL - len(last.numbers) // _HOLDER.itemsize if last else 0
        if last and room:
            self.rows.append({"w": word, "f": first, "n": last.numbers + numbers[:room].tobytes()})
        for start in range(max(room, 0), len(numbers), FULL):
            part = numbers[start : start + FULL]
            first = int(part[0])
            self.new_rows.append({"word": word, "first": first, "numbers": part.tobytes()})
        if last:
            self.words.append({"w": word, "h": holders + len(numbers), "l": first})
        else:
            self.new_words.append({"word": word, "holders": len(numbers), "last": first})

    def write(self, connection: Connection) -> None:
        """Write them."""
        row = (word_rows.c.word == bindparam("w")) & (word_rows.c.first == bindparam("f"))
        word = word_holders.c.word == bindparam("w")
        for statement, values in (
            (word_rows.insert(), self.new_rows),
            (update(word_rows).where(row).values(numbers=bindparam("n")), self.rows),
            (word_holders.insert(), self.new_words),
            (update(word_holders).where(word).values(holders=bindparam("h"), last=bindparam("l")), self.words),
        ):
            if values:
                connection.execute(statement, values)


def _take_out(connection: Connection, number: int, words: Iterable[int]) -> None:
    """Take a section out of the rows of its words; a word that none holds any more is forgotten."""
    for word in words:
        of_word = word_rows.c.word == word
        query = (
            select(word_rows).where(of_word, word_rows.c.first <= number).order_by(word_rows.c.first.desc()).limit(1)
        )
        row = connection.execute(query).one()
        held = np.frombuffer(row.numbers, _HOLDER)
        left = held[held != number]
        here = of_word & (word_rows.c.first == row.first)
        if len(left):
            connection.execute(update(word_rows).where(here).values(numbers=left.tobytes()))
        else:
            connection.execute(delete(word_rows).where(here))
        last = connection.execute(select(func.max(word_rows.c.first)).where(of_word)).scalar()
        of_holders = word_holders.c.word == word
        if last is None:
            connection.execute(delete(word_holders).where(of_holders))
        else:
            fewer = {"holders": word_holders.c.holders - 1, "last": last}
            connection.execute(update(word_holders).where(of_holders).values(**fewer))


def _counts(connection: Connection, words: Sequence[int]) -> dict[int, int]:
    """Return how many sections hold each of `words`; those that none holds are left out."""
    query = select(word_holders.c.word, word_holders.c.holders)
    parts = (query.where(word_holders.c.word.in_(some)) for some in _in_parts(words))
    return {row.word: row.holders for part in parts for row in connection.execute(part)}


def _rarest(words: Iterable[int], counts: Mapping[int, int]) -> list[int]:
    return sorted((w for w in words if w in counts), key=lambda w: (counts[w], w))[:LOOKED_UP]


def _holders(connection: Connection, counts: Mapping[int, int]) -> dict[int, NDArray[np.uint32]]:
    """Return the sections that hold each word; of a word that too many hold, its last row: the newest."""
    found: dict[int, list[bytes]] = {word: [] for word in counts}
    query = select(word_rows.c.word, word_rows.c.numbers)
    for some in _in_parts([word for word, number in counts.items() if number <= BUDGET]):
        for row in connection.execute(query.where(word_rows.c.word.in_(some))):
            found[row.word].append(row.numbers)
    for last in _last_rows(connection, [word for word, number in counts.items() if number > BUDGET]):
        found[last.word].append(last.numbers)
    return {word: np.frombuffer(b"".join(rows), _HOLDER) for word, rows in found.items()}


def _rank(
    words: Sequence[int], counts: Mapping[int, int], holders: Mapping[int, NDArray[np.uint32]]
) -> list[tuple[int, float]]:
    """Return the sections that share most of `words`, the rarest first, and how much, the likest first.

    As many words are looked up as the budget allows, and of the others the newest holders.
    """
    looked_up, weights, spent = [], [], 0
    for word in words:
        spent += counts[word]
        looked_up.append(holders[word] if spent <= BUDGET else holders[word][-FULL:])
        weights.append(next((weight for most, weight in WEIGHTS if counts[word] <= most), 1))
    if not looked_up:
        return []
    found, inverse = np.unique(np.concatenate(looked_up), return_inverse=True)
    scores = np.bincount(inverse, np.repeat(weights, [len(held) for held in looked_up]))
    best = np.lexsort((found, -scores))[:RANKED]
    best = best[scores[best] >= min(LEAST, sum(weights))]
    return list(zip(found[best].tolist(), (scores[best] / sum(weights)).tolist(), strict=True))


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
    for some in _in_parts(numbers):
        rows = connection.execute(select(*columns).where(indexed_sections.c.number.in_(some)))
        found.update((row.number, row) for row in rows)
    return found


def _in_parts(values: Sequence[T]) -> Iterator[Sequence[T]]:
    yield from (values[i : i + AT_ONCE] for i in range(0, len(values), AT_ONCE))
