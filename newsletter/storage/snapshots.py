"""Copies a whole store, as it stands at one moment, into an SQLite file, and from such a file into an empty store."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, Integer, Table, and_, delete, exists, func, inspect, or_, select, update

from newsletter.storage.engine import migrate, open_engine, reading
from newsletter.storage.errors import StoreError
from newsletter.storage.ledger_queries import PAGE, MailingState
from newsletter.storage.ledger_rows import add_outcomes
from newsletter.storage.ledger_tables import audience, chunks, mailings, outcomes, retries
from newsletter.storage.schema import every_table
from subscribers.deliveries import Outcome, Receipt

#: Tables that a migration fills: rows in them make no store that somebody uses.
SEEDED = frozenset({"allowances"})


def take_snapshot(engine: Engine, file: Path) -> dict[str, int]:
    """Write the store as it stands now to a new SQLite file, while others go on writing; return its rows by table.

    One form for both engines: a backup of an embedded store can be restored on a server.
    """
    if engine.dialect.name == "sqlite":
        with closing(sqlite3.connect(engine.url.database or "")) as source, closing(sqlite3.connect(file)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")  # one file, nothing beside it
    else:
        with _opened(file) as copy:
            with reading(engine) as source_rows:
                source_rows.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                _copy(source_rows, copy)
            with copy.connect() as connection:
                connection.exec_driver_sql("ROLLBACK")
                connection.exec_driver_sql("PRAGMA journal_mode=DELETE")
    return count_rows(file)


def count_rows(file: Path) -> dict[str, int]:
    """Return how many rows each table of a snapshot has.

    Raises:
        StoreError: The file is damaged.
    """
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        try:
            found = connection.execute("PRAGMA integrity_check").fetchone()[0]
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
            counts = {
                name: int(connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0])  # noqa: S608  its own names
                for (name,) in names
            }
        except sqlite3.DatabaseError as error:
            raise StoreError(f"{str(file)!r} is damaged: {error}") from error
    if found != "ok":
        raise StoreError(f"{str(file)!r} is damaged: {found}")
    return counts


def put_back(file: Path, engine: Engine) -> None:
    """Fill an empty store from a snapshot, which may be of an older version.

    Raises:
        StoreError: The store holds something already.
    """
    if inspect(engine).has_table("editions"):
        with reading(engine) as connection:
            filled = (t.name for t in every_table() if connection.execute(select(exists().select_from(t))).scalar())
            if set(filled) - SEEDED:
                raise StoreError(f"{engine.url.render_as_string()} is not empty; restore into a new database")
    migrate(engine)
    with _opened(file) as source, reading(source) as rows:
        _copy(rows, engine)


def doubt_what_is_open(engine: Engine, taken_at: datetime, now: datetime) -> dict[str, int]:
    """Make everybody uncertain who was still to be written to when a snapshot was taken; return how many by edition.

    The original may have gone on: what left there since is not known here. Nobody is written to until a person says.
    """
    said = Receipt(Outcome.UNCERTAIN, reply=f"open when the backup of {taken_at:%Y-%m-%d %H:%M} UTC was taken")
    doubted: dict[str, int] = {}
    with engine.begin() as connection:
        waiting = or_(
            exists().where(chunks.c.mailing == mailings.c.id, chunks.c.state != "done"),
            exists().where(retries.c.mailing == mailings.c.id),
        )
        running = select(mailings).where(mailings.c.state != MailingState.STOPPED.value, waiting)
        for mailing in connection.execute(running).all():
            doubted[mailing.edition] = 0
            for page in _open_people(connection, mailing.id):
                add_outcomes(connection, [(mailing.id, idx, said) for idx in page], now)
                doubted[mailing.edition] += len(page)
            connection.execute(delete(retries).where(retries.c.mailing == mailing.id))
            connection.execute(update(chunks).where(chunks.c.mailing == mailing.id).values(state="done"))
            connection.execute(update(mailings).where(mailings.c.id == mailing.id).values(hold_until=None))
    return doubted


def _open_people(connection: Connection, mailing: int) -> Iterator[list[int]]:
    """Yield the indices of everybody of whom nothing is known, page by page; outcomes may be added meanwhile."""
    known = exists().where(outcomes.c.mailing == audience.c.mailing, outcomes.c.idx == audience.c.idx)
    open_ = select(audience.c.idx).where(and_(audience.c.mailing == mailing, ~known)).order_by(audience.c.idx)
    last = -1
    while page := list(connection.execute(open_.where(audience.c.idx > last).limit(PAGE)).scalars()):
        yield page
        last = page[-1]


@contextmanager
def _opened(file: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{file}")
    try:
        migrate(engine)
        yield engine
    finally:
        engine.dispose()


def _copy(source: Connection, target: Engine) -> None:
    with target.begin() as connection:
        for table in every_table():
            connection.execute(delete(table))  # what a migration has put there
            for page in source.execution_options(yield_per=PAGE).execute(select(table)).mappings().partitions():
                connection.execute(table.insert(), [dict(row) for row in page])
            _continue_numbers(connection, table)


def _continue_numbers(connection: Connection, table: Table) -> None:
    """Let the server number new rows after those that were copied; SQLite does by itself."""
    key = list(table.primary_key.columns)
    if connection.dialect.name != "postgresql" or len(key) != 1 or not isinstance(key[0].type, Integer):
        return
    sequence = connection.execute(select(func.pg_get_serial_sequence(table.name, key[0].name))).scalar()
    highest = connection.execute(select(func.max(key[0]))).scalar()
    if sequence and highest:
        connection.execute(select(func.setval(sequence, highest)))
