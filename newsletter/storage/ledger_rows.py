"""Moves the ledger's rows in single statements: a sender's loop must not wait for its database thread once per row."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection

from subscribers.deliveries import Receipt

#: How many rows stand in one INSERT on SQLite. Few lengths, since each is prepared once and kept. A sender's turn
#: brings about 500, in one statement: between two of them its thread may wait for the interpreter's lock.
_BLOCKS = (16, 128, 512)

#: What a later result may change about an earlier one: a fact takes the place of a doubt, nothing else.
_ON_CONFLICT = """
ON CONFLICT (mailing, idx) DO UPDATE SET kind = excluded.kind, cause = excluded.cause, code = excluded.code,
  enhanced = excluded.enhanced, reply = excluded.reply, at = excluded.at
WHERE outcomes.kind = 'uncertain'"""

_INSERT = "INSERT INTO outcomes (mailing, idx, kind, cause, code, enhanced, reply, at) "

_ROW = "(?,?,?,?,?,?,?,?)"
_COLUMNS = _ROW.count("?")
_SQLITE = {block: f"{_INSERT} VALUES {','.join([_ROW] * block)} {_ON_CONFLICT}" for block in _BLOCKS}

_POSTGRESQL = (
    _INSERT
    + """SELECT r.mailing, r.idx, r.kind, r.cause, r.code, r.enhanced, r.reply, %s
FROM unnest(%s::int[], %s::int[], %s::text[], %s::text[], %s::int[], %s::text[], %s::text[])
  AS r (mailing, idx, kind, cause, code, enhanced, reply)"""
    + _ON_CONFLICT
)

_AUDIENCE_SQLITE = "INSERT INTO audience (mailing, idx, subscriber, address, key, name, variant) VALUES (?,?,?,?,?,?,?)"
_AUDIENCE_POSTGRESQL = """INSERT INTO audience (mailing, idx, subscriber, address, key, name, variant)
SELECT * FROM unnest(%s::int[], %s::int[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])"""

#: One candidate: mailing, index, subscriber, address, key, name, variant.
Candidate = tuple[int, int, str, str, str, str, str]

#: One person's outcome: mailing, index, and what the attempt came to.
Row = tuple[int, int, Receipt]


def add_outcomes(connection: Connection, rows: Sequence[Row], now: datetime) -> None:
    """Add how it ended for these people. Who has an outcome keeps it, unless it was uncertain."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        _add_to_postgresql(connection, rows, now)
        return
    at = now.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    for first in range(0, len(rows), _BLOCKS[-1]):
        _add_to_sqlite(connection, rows[first : first + _BLOCKS[-1]], at)


def _add_to_sqlite(connection: Connection, rows: Sequence[Row], at: str) -> None:
    values: list[object] = []
    for mailing, idx, r in rows:
        # `_value_`, since `value` is a function call, and twice for each message.
        values += (mailing, idx, r.outcome._value_, r.cause._value_, r.code, r.enhanced, r.reply, at)
    block = next(block for block in _BLOCKS if block >= len(rows))
    # The last row again and again until the block is full: the second time nobody's outcome changes.
    values += values[-_COLUMNS:] * (block - len(rows))
    connection.exec_driver_sql(_SQLITE[block], tuple(values))


def _add_to_postgresql(connection: Connection, rows: Sequence[Row], now: datetime) -> None:
    columns = zip(
        *(
            (m, i, r.outcome._value_, r.cause._value_, r.code, r.enhanced, r.reply.replace("\0", ""))
            for m, i, r in rows
        ),
        strict=True,
    )
    connection.exec_driver_sql(_POSTGRESQL, (now.astimezone(UTC), *map(list, columns)))


def add_audience(connection: Connection, rows: Sequence[Candidate]) -> None:
    """Add candidates, past SQLAlchemy's parameter handling: a list of a million would be locked for twice as long."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_AUDIENCE_POSTGRESQL, tuple(map(list, zip(*rows, strict=True))))
    else:
        connection.exec_driver_sql(_AUDIENCE_SQLITE, list(rows))
