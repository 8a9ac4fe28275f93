"""Settings in, a house out: the stores on one migrated database, and everything that is made from settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from newsletter.ports import Source
from newsletter.publishing import look_of, told
from newsletter.settings import Settings
from newsletter.sources.folder import FolderSource
from newsletter.storage.articles import ArticleStore
from newsletter.storage.editions import EditionStore
from newsletter.storage.engine import migrate, open_engine
from newsletter.storage.ledger import Ledger
from newsletter.storage.people import PeopleStore
from newsletter.storage.sources import SourceRecord, SourceStore
from newsletter.syndicating import write_site


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Everything a use case may need, on one database."""

    settings: Settings
    engine: Engine
    sources: SourceStore
    articles: ArticleStore
    editions: EditionStore
    people: PeopleStore
    ledger: Ledger


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
            ledger=Ledger(engine),
        )
    finally:
        engine.dispose()


def publish_site(house: House) -> tuple[str, ...]:
    """Write archive and feeds of every edition that is out; return the paths that changed, below the site's folder."""
    return write_site(house.settings.home / "site", told(house), look_of(house.settings))


#: What `newsletter source add --kind` takes.
SOURCE_KINDS = ("folder",)


def make_source(record: SourceRecord) -> Source:
    """Return the source that staff described."""
    return FolderSource(record.name, Path(record.location))
