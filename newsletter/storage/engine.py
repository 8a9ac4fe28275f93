"""Opens the database, and brings its tables up to date."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from sqlalchemy import Connection, Engine, create_engine, event, func, make_url, select, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from newsletter.storage.errors import DatabaseFailure, StoreError, say

if TYPE_CHECKING:
    from alembic.config import Config

#: Held while tables are changed, on PostgreSQL: any number that nobody else locks.
MIGRATION_LOCK = 7_420_326_111

#: Who holds it; the server shows a number of 64 bits in two halves.
_HOLDER = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = :low"

#: How long one waits for another that changes tables, on PostgreSQL, before a person is told who it is.
MIGRATION_PATIENCE_MS = 60_000

#: How long one SQLite writer waits for another before it gives up. Commits last milliseconds.
BUSY_TIMEOUT_MS = 30_000

#: How a connection to PostgreSQL finds out that its server's host is gone, where the URL says nothing else: after 10 s
#: when it is made, 30 s after the last sign of life later on (libpq's parameters). Left to itself it takes two hours.
_LINE_LIMITS = {
    "connect_timeout": 10,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}

#: Names an engine's connections among its options; see `hang_up`.
_LINES = "newsletter_lines"

#: Marks a connection that only reads; see `reading`.
_READS = "newsletter_reads"


def open_engine(url: str) -> Engine:
    """Return an engine for `url`. An SQLite file's folder is made when it is missing.

    Raises:
        StoreError: The address is not one of SQLite or PostgreSQL, or the folder cannot be made.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreError(f"the database URL must start with sqlite: or postgresql:, got {url!r}") from error
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        limits = {name: value for name, value in _LINE_LIMITS.items() if name not in parsed.query}
        parsed = parsed.set(drivername="postgresql+psycopg")
        engine = create_engine(parsed, pool_pre_ping=True, connect_args=limits)
        lines: WeakSet[Any] = WeakSet()
        event.listen(engine, "connect", lambda line, _entry: lines.add(line))
        engine.update_execution_options(**{_LINES: lines})
        return engine
    if backend != "sqlite":
        raise StoreError(f"the database URL must start with sqlite: or postgresql:, got {backend!r}")
    if parsed.database and parsed.database != ":memory:":
        _make_folder(Path(parsed.database).parent)
    engine = create_engine(parsed)
    event.listen(engine, "connect", _tune_sqlite)
    event.listen(engine, "begin", _begin)
    return engine


def reading(engine: Engine) -> Connection:
    """Return a connection for reading only, to be used as a context; for writing use `engine.begin()`."""
    return engine.connect().execution_options(**{_READS: True})


@dataclass(frozen=True, slots=True)
class Step:
    """One migration: its number and what it brings."""

    number: str
    brings: str


def pending(engine: Engine) -> tuple[Step, ...]:
    """Return the migrations that `migrate` would run, in their order; change nothing.

    Raises:
        StoreError: The database cannot be reached, or is from a newer version.
    """
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    with _translated(engine), reading(engine) as connection:
        known = set(MigrationContext.configure(connection).get_current_heads())
        scripts = ScriptDirectory.from_config(_config())
        steps = scripts.iterate_revisions("heads", tuple(known) or "base")
        return tuple(Step(s.revision, s.doc) for s in reversed([s for s in steps if s.revision not in known]))


def size_bytes(engine: Engine) -> int:
    """Return how much room a database takes; of SQLite without what waits in its journal."""
    with reading(engine) as connection:
        if engine.dialect.name != "sqlite":
            return int(connection.execute(select(func.pg_database_size(func.current_database()))).scalar_one())
        pages, each = (connection.exec_driver_sql(f"PRAGMA page_{name}").scalar_one() for name in ("count", "size"))
        return int(pages) * int(each)


def hang_up(engine: Engine) -> None:
    """Break the engine's connections to a server, so that whoever waits for an answer is told that there is none.

    For a server that is silent although its connections stand: it sleeps, or something between us and it does.
    """
    for line in tuple(engine.get_execution_options().get(_LINES, ())):
        with suppress(OSError, DatabaseFailure), socket.socket(fileno=os.dup(line.fileno())) as wire:
            wire.shutdown(socket.SHUT_RDWR)


def migrate(engine: Engine) -> None:
    """Bring the tables up to the newest version; do nothing when they are. Of several at once one works, others wait.

    Raises:
        StoreError: The database cannot be reached or written, or somebody else has been at its tables for a minute.
    """
    # Here, because Alembic takes a third of a second and 12 MB to load, and only who opens a store needs it.
    from alembic import command

    if not pending(engine):  # as nearly always: no lock, so that nobody waits for a migration that hangs
        return
    config = _config()
    with _translated(engine), engine.begin() as connection:
        if connection.dialect.name == "postgresql":  # on SQLite the transaction itself is the lock
            _lock_tables(engine, connection)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _lock_tables(engine: Engine, connection: Connection) -> None:
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {MIGRATION_PATIENCE_MS}")
    try:
        connection.execute(select(func.pg_advisory_xact_lock(MIGRATION_LOCK)))
    except OperationalError as error:
        with reading(engine) as other:
            pid = other.execute(text(_HOLDER), {"low": MIGRATION_LOCK & 0xFFFFFFFF}).scalar()
        raise StoreError(
            f"{engine.url.render_as_string()}: process {pid} of the server has been at its tables for longer than "
            f"{MIGRATION_PATIENCE_MS // 1000} s. Wait for it; if nobody stands behind it: "
            f"SELECT pg_terminate_backend({pid})"
        ) from error
    connection.exec_driver_sql("SET LOCAL lock_timeout = 0")  # the tables themselves may be waited for


@contextmanager
def _translated(engine: Engine) -> Iterator[None]:
    from alembic.util import CommandError

    try:
        yield
    except DatabaseFailure as error:
        raise StoreError(f"{engine.url.render_as_string()}: {say(error)}") from error
    except CommandError as error:  # a database that a newer version of this product has migrated
        raise StoreError(f"{engine.url.render_as_string()}: {error}; it may be from a newer version") from error


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"the folder {str(folder)!r} of the database cannot be made: {error.strerror}") from error


def _tune_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # we begin transactions ourselves, see below
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.close()


def _begin(connection: Connection) -> None:
    # A deferred transaction that turns into a writer fails at once in WAL mode (SQLITE_BUSY_SNAPSHOT), whatever
    # the busy timeout: whoever may write takes the write lock first. Readers neither wait nor make others wait.
    reads = connection.get_execution_options().get(_READS, False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
