"""The store opens on SQLite and on PostgreSQL alike."""

import importlib
import pkgutil
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, event, text

import newsletter.storage
from newsletter.storage.articles import ArticleStore
from newsletter.storage.engine import migrate, open_engine
from newsletter.storage.errors import DatabaseFailure, StoreError
from newsletter.storage.schema import metadata
from tests.builders import MONDAY, make_article, paragraph


def test_an_engine_answers(engine: Engine) -> None:
    with engine.begin() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1


def test_the_migrated_tables_are_those_of_the_metadata(engine: Engine) -> None:
    for module in pkgutil.iter_modules(newsletter.storage.__path__, "newsletter.storage."):
        importlib.import_module(module.name)

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, metadata)

    assert differences == []


def test_migrating_again_changes_nothing(engine: Engine) -> None:
    migrate(engine)


def test_a_full_disk_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/store.db")
    migrate(engine)
    store = ArticleStore(engine)
    store.record([make_article("a.md")], MONDAY)
    with engine.connect() as connection:  # what the disk holds now is all it ever will
        pages = connection.execute(text("PRAGMA page_count")).scalar()

    full = open_engine(f"sqlite:///{tmp_path}/store.db")
    event.listen(full, "connect", lambda raw, _: raw.execute(f"PRAGMA max_page_count={pages}"))
    big = make_article("b.md", paragraph("A long paragraph. " * 100_000))
    with pytest.raises(DatabaseFailure, match="full"):
        ArticleStore(full).record([make_article("c.md"), big], MONDAY)

    assert [s.article.id for s in store.standings()] == ["a.md"]


@pytest.mark.parametrize("url", ["mysql://localhost/x", "nonsense", "sqlite:////proc/nowhere/store.db"])
def test_a_database_that_cannot_be_is_named(url: str) -> None:
    with pytest.raises(StoreError):
        migrate(open_engine(url))
