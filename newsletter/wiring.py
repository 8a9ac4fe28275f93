"""Settings in, a house out: the stores on one migrated database, and everything that is made from settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from newsletter.ports import Source
from newsletter.settings import Settings
from newsletter.sources.folder import FolderSource
from newsletter.storage.articles import ArticleStore
from newsletter.storage.editions import EditionStore
from newsletter.storage.engine import migrate, open_engine
from newsletter.storage.people import PeopleStore
from newsletter.storage.sources import SourceRecord, SourceStore


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Everything a use case may need, on one database."""

    settings: Settings
    engine: Engine
    sources: SourceStore
    articles: ArticleStore
    editions: EditionStore
    people: PeopleStore


@contextmanager
def open_house(settings: Settings) -> Iterator[House]:
    """Yield the house for `settings`, its database brought up to date; close the database afterwards.

    Raises:
        StoreError: The database cannot be reached or written.
    """
    engine = open_engine(settings.store_url)
    try:
        migrate(engine)
        yield House(
            settings=settings,
            engine=engine,
            sources=SourceStore(engine),
            articles=ArticleStore(engine),
            editions=EditionStore(engine),
            people=PeopleStore(engine),
        )
    finally:
        engine.dispose()


def make_source(record: SourceRecord) -> Source:
    """Return the source that staff described."""
    return FolderSource(record.name, Path(record.location))
