"""One process at a time: a lock that the database, or the system beside SQLite, takes back when its holder dies."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

from sqlalchemy import Engine, func, select


@contextmanager
def hold_lock(engine: Engine, name: str) -> Iterator[bool]:
    """Yield whether the lock of this name is ours until the block ends; never waits.

    On PostgreSQL it belongs to a session: a pool between us and the server (PgBouncer) must not share sessions between
    transactions here.
    """
    if engine.dialect.name == "postgresql":
        yield from _on_server(engine, name)
    elif not engine.url.database or engine.url.database == ":memory:":
        yield True  # nobody else can open it
    else:
        yield from _beside_file(Path(f"{engine.url.database}.{name}.lock"))


def _on_server(engine: Engine, name: str) -> Iterator[bool]:
    number = int.from_bytes(blake2b(f"newsletter.{name}".encode(), digest_size=8).digest(), "big", signed=True)
    # Outside any transaction, or the server would end us for idling in one.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        ours = bool(connection.execute(select(func.pg_try_advisory_lock(number))).scalar())
        try:
            yield ours
        finally:
            if ours:
                connection.execute(select(func.pg_advisory_unlock(number)))


def _beside_file(path: Path) -> Iterator[bool]:
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
