"""Settings in, a house out: the stores on one migrated database, and everything that is made from settings."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import SecretStr
from sqlalchemy import Engine

from content.editions import Edition
from newsletter.enrolling import owning
from newsletter.feeds.websub import Pinged, ping
from newsletter.fetching.addresses import Reach
from newsletter.fetching.client import HttpFetcher, Limits
from newsletter.fetching.posting import HttpPoster
from newsletter.observing import look_at_pictures, observe
from newsletter.ports import Rendering, Source
from newsletter.publishing import look_of, told
from newsletter.rendering.gates import NOTHING, Observed
from newsletter.settings import Settings
from newsletter.sources.kinds import KINDS, SourcePlan
from newsletter.sources.kinds import make_source as make_planned
from newsletter.storage.acceptances import AcceptanceStore
from newsletter.storage.articles import ArticleStore
from newsletter.storage.compositions import CompositionStore
from newsletter.storage.editions import EditionStore
from newsletter.storage.engine import migrate, open_engine
from newsletter.storage.enrolments import EnrolmentStore
from newsletter.storage.images import ImageStore
from newsletter.storage.ledger import Ledger
from newsletter.storage.lists import ListStore
from newsletter.storage.people import PeopleStore
from newsletter.storage.rulings import RulingStore
from newsletter.storage.similarity import SimilarityIndex
from newsletter.storage.sources import SourceRecord, SourceStore
from newsletter.syndicating import write_site

FEED_ENDINGS = (".rss", ".atom", ".json")


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Everything a use case may need, on one database."""

    settings: Settings
    engine: Engine
    sources: SourceStore
    articles: ArticleStore
    editions: EditionStore
    rulings: RulingStore
    people: PeopleStore
    ledger: Ledger

    @property
    def compositions(self) -> CompositionStore:
        """Return where is kept what editors composed by hand."""
        return CompositionStore(self.engine)

    @property
    def lists(self) -> ListStore:
        """Return where mailing lists are."""
        return ListStore(self.engine)

    @property
    def explained(self) -> SimilarityIndex:
        """Return the index of what editions have explained."""
        return SimilarityIndex(self.engine)

    @property
    def acceptances(self) -> AcceptanceStore:
        """Return where accepted warnings are."""
        return AcceptanceStore(self.engine)

    def observe(self, rendering: Rendering) -> Observed:
        """Return what a look at a mail's links and images finds; nothing unless the setting `check_links` says so.

        The weights of images are kept: feeds tell them.
        """
        if not self.settings.check_links:
            return NOTHING
        seen = observe(rendering, look_of(self.settings), self._fetcher())
        ImageStore(self.engine).put(seen.image_bytes)
        return seen

    def look_at_pictures(self, edition: Edition) -> dict[str, str]:
        """Return the pictures that a mail could not show, with why; none unless the setting `check_links` says so."""
        return look_at_pictures(edition, self._fetcher()) if self.settings.check_links else {}

    def _fetcher(self) -> HttpFetcher:
        # Two tries: there may be a hundred addresses, and what does not answer is only said to be unseen.
        return HttpFetcher(
            self.settings.agent, limits=Limits(tries=2), reach=Reach(loopback=self.settings.fetch_loopback)
        )


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
            rulings=RulingStore(engine),
            people=PeopleStore(engine),
            ledger=Ledger(engine, lease=timedelta(seconds=settings.lease_seconds)),
        )
    finally:
        engine.dispose()


def publish_site(house: House, *, anew: bool = False) -> tuple[str, ...]:
    """Write archive and feeds of every edition that is out; return the paths that changed, below the site's folder.

    With `anew` every page is made, whatever earlier builds remember.
    """
    weights = ImageStore(house.engine).all()
    return write_site(house.settings.home / "site", told(house), look_of(house.settings), weights=weights, anew=anew)


def announce(house: House, changed: Iterable[str]) -> tuple[Pinged, ...]:
    """Tell the hub, if there is one, which feeds are among the changed paths. What fails is a warning, never more."""
    look = look_of(house.settings)
    feeds = [look.url(path) for path in changed if path.startswith("feeds/") and path.endswith(FEED_ENDINGS)]
    told_of = ping(look.hub_url, feeds) if look.hub_url else ()
    for pinged in told_of:
        if not pinged.accepted:
            logging.getLogger(__name__).warning("the hub was not told of %s: %s", pinged.topic, pinged.detail)
    return told_of


def forget_old(house: House, now: datetime) -> dict[str, int]:
    """Remove what has served its purpose: old network addresses, unconfirmed sign-ups, expired changes. Count it."""
    return dict(owning.forget_old(EnrolmentStore(house.engine), now).counts)


#: What `newsletter source add --kind` takes.
SOURCE_KINDS = tuple(KINDS)


def make_source(record: SourceRecord, settings: Settings) -> Source:
    """Return the source that staff described.

    Raises:
        SourceError: Its secret is missing or malformed.
    """
    secret = settings.source_secrets.get(record.name, SecretStr("")).get_secret_value()
    plan = SourcePlan(kind=record.kind, name=record.name, location=record.location, secret=secret)
    return make_planned(plan, make_fetcher(settings))


def make_fetcher(settings: Settings) -> HttpFetcher:
    """Return what fetches over HTTP, as these settings let it."""
    return HttpFetcher(settings.agent, reach=Reach(loopback=settings.fetch_loopback))


def make_poster(settings: Settings) -> HttpPoster:
    """Return what posts webhooks, as these settings let it: to this machine only where sources may be read there."""
    return HttpPoster(settings.agent, reach=reach_of(settings))


def reach_of(settings: Settings) -> Reach:
    """Return how far these settings let us go."""
    return Reach(loopback=settings.fetch_loopback)
