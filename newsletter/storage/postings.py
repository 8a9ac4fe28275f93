"""Which told sections hold each word, in rows of the database that are added to, read and thinned out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    LargeBinary,
    Table,
    bindparam,
    delete,
    func,
    select,
    update,
)

from content.candidates import LOOKED_UP, WEIGHTS
from content.concordance import Numbers, changes
from newsletter.storage.pages import pages
from newsletter.storage.schema import metadata

#: A section looks up at most so many holders of its rarest words; of words beyond that, only the newest.
BUDGET = 4000

#: Values in one statement; PostgreSQL takes 65,535 and SQLite 32,766.
AT_ONCE = 500

#: Holders of a word in one row. A new one is added to the last row of the word, which is read and written for it.
FULL = 1024

#: Sections that are looked at closer for each that asks: those of other articles, and told since, are among them.
RANKED = 250

#: What one asked about must share: two ordinary words are chance.
LEAST = 3

#: How holders and words are kept: the same on every machine.
HOLDER, WORD = np.dtype("<u4"), np.dtype("<i8")

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


def append(connection: Connection, words: Numbers, numbers: Numbers) -> None:
    """Add to each word the sections that hold it."""
    order = np.lexsort((numbers, words))
    words, numbers = words[order], numbers[order].astype(HOLDER)
    starts = np.flatnonzero(changes(words))
    ends = np.append(starts[1:], len(words))
    last = {row.word: row for row in _last_rows(connection, words[starts].tolist())}
    written = _Changes()
    for word, start, end in zip(words[starts].tolist(), starts.tolist(), ends.tolist(), strict=True):
        written.append(word, numbers[start:end], last.get(word))
    written.write(connection)


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
    for some in pages(words, AT_ONCE):
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
        room = FULL - len(last.numbers) // HOLDER.itemsize if last else 0
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


def take_out(connection: Connection, number: int, words: Iterable[int]) -> None:
    """Take a section out of the rows of its words; a word that none holds any more is forgotten."""
    for word in words:
        of_word = word_rows.c.word == word
        query = (
            select(word_rows).where(of_word, word_rows.c.first <= number).order_by(word_rows.c.first.desc()).limit(1)
        )
        row = connection.execute(query).one()
        held = np.frombuffer(row.numbers, HOLDER)
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


def count(connection: Connection, words: Sequence[int]) -> dict[int, int]:
    """Return how many sections hold each of `words`; those that none holds are left out."""
    query = select(word_holders.c.word, word_holders.c.holders)
    parts = (query.where(word_holders.c.word.in_(some)) for some in pages(words, AT_ONCE))
    return {row.word: row.holders for part in parts for row in connection.execute(part)}


def rarest(words: Iterable[int], counts: Mapping[int, int]) -> list[int]:
    """Return those of `words` that are looked up: the rarest that any section holds."""
    return sorted((w for w in words if w in counts), key=lambda w: (counts[w], w))[:LOOKED_UP]


def look_up(connection: Connection, counts: Mapping[int, int]) -> dict[int, NDArray[np.uint32]]:
    """Return the sections that hold each word; of a word that too many hold, its last row: the newest."""
    found: dict[int, list[bytes]] = {word: [] for word in counts}
    query = select(word_rows.c.word, word_rows.c.numbers)
    for some in pages([word for word, number in counts.items() if number <= BUDGET], AT_ONCE):
        for row in connection.execute(query.where(word_rows.c.word.in_(some))):
            found[row.word].append(row.numbers)
    for last in _last_rows(connection, [word for word, number in counts.items() if number > BUDGET]):
        found[last.word].append(last.numbers)
    return {word: np.frombuffer(b"".join(rows), HOLDER) for word, rows in found.items()}


def rank(
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
