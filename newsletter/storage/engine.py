"""Opens the database, and brings its tables up to date."""

from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from newsletter.storage.errors import StoreError

#: How long one SQLite writer waits for another before it gives up. Commits last milliseconds.
BUSY_TIMEOUT_MS = 30_000

#: Marks a connection that only reads; see `reading`.
_READS = "newsletter_reads"


def open_engine(url: str) -> Engine:
    """Return an engine for `url`. An SQLite file's folder is made when it is missing.

    Raises:
        StoreError: The address is not one of SQLite or PostgreSQL.
    """
    parsed = make_url(url)
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    if backend != "sqlite":
        raise StoreError(f"the database URL must start with sqlite: or postgresql:, got {backend!r}")
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed)
    event.listen(engine, "connect", _tune_sqlite)
    event.listen(engine, "begin", _begin)
    return engine


def reading(engine: Engine) -> Connection:
    """Return a connection for reading only, to be used as a context; for writing use `engine.begin()`."""
    return engine.connect().execution_options(**{_READS: True})


def migrate(engine: Engine) -> None:
    """Bring the tables up to the newest version; do nothing when they are.

    Raises:
        StoreError: The database cannot be reached or written.
    """
    # Here, because it takes 12 MB, and a sender that finds everything migrated should stay small.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except OperationalError as error:
        raise StoreError(f"the database {engine.url!r} cannot be used: {error.orig}") from error


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
