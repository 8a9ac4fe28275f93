"""Remembers the words of every section, so that a new one finds its likes among a million in milliseconds."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    String,
    Table,
    Text,
    bindparam,
    delete,
    func,
    select,
    update,
)

from content.sections import Section
from content.similarity import profiles
from newsletter.storage.engine import reading
from newsletter.storage.schema import metadata

#: A section looks up at most this many others. Words that more hold are passed over: they tell little, and a store
#: of look-alikes must not make each new one slower than the last.
BUDGET = 4000

#: Words of a section that are looked up, at most: the rarest.
LOOKED_UP = 24

#: Sections that are written in one transaction: writers on SQLite queue behind each other.
BATCH = 2000

#: Values in one statement; PostgreSQL takes 65,535 and SQLite 32,766.
AT_ONCE = 500

T = TypeVar("T")

indexed_sections = Table(
    "indexed_sections",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("section", String(32), nullable=False, unique=True),
    Column("article", Text, nullable=False),
    Column("words", Integer, nullable=False),
    Index("ix_indexed_sections_article", "article"),
)

#: The word comes first in the key: a word's sections lie side by side, and are read in one go.
section_words = Table(
    "section_words",
    metadata,
    Column("word", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Index("ix_section_words_number", "number"),
    sqlite_with_rowid=False,
)

word_holders = Table(
    "word_holders",
    metadata,
    Column("word", BigInteger, primary_key=True, autoincrement=False),
    Column("holders", Integer, nullable=False),
    sqlite_with_rowid=False,
)


@dataclass(frozen=True, slots=True)
class Near:
    """An indexed section that shares rare words with the one asked about."""

    section: str
    article: str
    shared: float  #: of the asked one's looked-up words, those that both hold, 0.0 to 1.0, the rarer the weightier


class SimilarityIndex:
    """The words of sections on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, sections: Iterable[Section]) -> int:
        """Index what is not indexed yet; return how many sections that were. Page furniture is left out."""
        added = 0
        remaining = iter(sections)
        while batch := list(islice(remaining, BATCH)):
            with self._engine.begin() as connection:
                added += _add(connection, batch)
        return added

    def forget(self, article: str) -> int:
        """Take every section of an article out; return how many those were."""
        with self._engine.begin() as connection:
            query = select(indexed_sections.c.number).where(indexed_sections.c.article == article)
            numbers = list(connection.execute(query).scalars())
            for some in _in_parts(numbers):
                held = select(section_words.c.word, func.count()).where(section_words.c.number.in_(some))
                counts = connection.execute(held.group_by(section_words.c.word)).all()
                _count(connection, {word: -count for word, count in counts})
                connection.execute(delete(section_words).where(section_words.c.number.in_(some)))
                connection.execute(delete(indexed_sections).where(indexed_sections.c.number.in_(some)))
            return len(numbers)

    def near(self, section: Section, limit: int = 10) -> tuple[Near, ...]:
        """Return the indexed sections of other articles that share most with `section`, the likest first."""
        wanted = sorted(_hashed(_bag(section)))
        with reading(self._engine) as connection:
            weights = _rarest(connection, wanted)
            if not weights:
                return ()
            shared: Counter[int] = Counter()
            query = select(section_words.c.word, section_words.c.number).where(section_words.c.word.in_(weights))
            for word, number in connection.execute(query):
                shared[number] += weights[word]
            best = sorted(shared.items(), key=lambda entry: (-entry[1], entry[0]))[: limit + AT_ONCE // 2]
            names = _names(connection, [number for number, _ in best])
        whole = sum(weights.values())
        found = (Near(*names[number], round(weight / whole, 4)) for number, weight in best)
        return tuple(islice((n for n in found if n.article != section.article), limit))

    def size(self) -> int:
        """Return how many sections are indexed."""
        with reading(self._engine) as connection:
            return connection.execute(select(func.count()).select_from(indexed_sections)).scalar_one()


def _bag(section: Section) -> frozenset[str]:
    (profile,) = profiles([section]).each
    return profile.bag


def _hashed(bag: Iterable[str]) -> list[int]:
    """Return a number of 64 bits, with a sign as databases have it, for each word: the same on every machine."""
    return [int.from_bytes(hashlib.blake2b(t.encode(), digest_size=8).digest(), "big", signed=True) for t in bag]


def _add(connection: Connection, sections: Sequence[Section]) -> int:
    bags = {p.section.id: (p.section.article, p.bag) for p in profiles(sections).each if p.bag}
    for some in _in_parts(sorted(bags)):
        known = select(indexed_sections.c.section).where(indexed_sections.c.section.in_(some))
        for section in connection.execute(known).scalars():
            del bags[section]
    if not bags:
        return 0
    first = (connection.execute(select(func.max(indexed_sections.c.number))).scalar() or 0) + 1
    numbered = list(enumerate(sorted(bags.items()), start=first))
    connection.execute(
        indexed_sections.insert(),
        [{"number": n, "section": s, "article": article, "words": len(bag)} for n, (s, (article, bag)) in numbered],
    )
    words = {n: sorted(_hashed(bag)) for n, (_, (_, bag)) in numbered}
    connection.execute(section_words.insert(), [{"word": w, "number": n} for n, held in words.items() for w in held])
    _count(connection, Counter(w for held in words.values() for w in held))
    return len(bags)


def _count(connection: Connection, changes: Mapping[int, int]) -> None:
    """Add `changes` to the numbers of sections that hold each word; a word that none holds any more is forgotten."""
    known: set[int] = set()
    for some in _in_parts(sorted(changes)):
        known.update(connection.execute(select(word_holders.c.word).where(word_holders.c.word.in_(some))).scalars())
    old = [{"w": w, "change": n} for w, n in sorted(changes.items()) if w in known]
    new = [{"word": w, "holders": n} for w, n in sorted(changes.items()) if w not in known]
    if old:
        statement = update(word_holders).where(word_holders.c.word == bindparam("w"))
        connection.execute(statement.values(holders=word_holders.c.holders + bindparam("change")), old)
        connection.execute(delete(word_holders).where(word_holders.c.holders <= 0))
    if new:
        connection.execute(word_holders.insert(), new)


def _rarest(connection: Connection, wanted: Sequence[int]) -> dict[int, int]:
    """Return the rarest of the words `wanted` that the budget allows, with what each weighs: rare ones four times."""
    counts: dict[int, int] = {}
    for some in _in_parts(wanted):
        counts.update(
            (word, holders)
            for word, holders in connection.execute(
                select(word_holders.c.word, word_holders.c.holders).where(word_holders.c.word.in_(some))
            )
        )
    chosen: dict[int, int] = {}
    spent = 0
    for word, holders in sorted(counts.items(), key=lambda entry: (entry[1], entry[0])):
        spent += holders
        if len(chosen) == LOOKED_UP or (spent > BUDGET and chosen):
            break
        chosen[word] = 4 if holders <= 8 else 3 if holders <= 32 else 2 if holders <= 200 else 1
    return chosen


def _names(connection: Connection, numbers: Sequence[int]) -> dict[int, tuple[str, str]]:
    found: dict[int, tuple[str, str]] = {}
    for some in _in_parts(numbers):
        query = select(indexed_sections.c.number, indexed_sections.c.section, indexed_sections.c.article)
        rows = connection.execute(query.where(indexed_sections.c.number.in_(some)))
        found.update((row.number, (row.section, row.article)) for row in rows)
    return found


def _in_parts(values: Sequence[T]) -> Iterator[Sequence[T]]:
    yield from (values[i : i + AT_ONCE] for i in range(0, len(values), AT_ONCE))
