"""Settings in, a house out: the stores on one migrated database, and everything that is made from settings."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from pydantic import SecretStr
from sqlalchemy import Engine

from newsletter.enrolling import owning
from newsletter.feeds.websub import Pinged, ping
from newsletter.fetching.addresses import Reach
from newsletter.fetching.client import HttpFetcher
from newsletter.ports import Source
from newsletter.publishing import look_of, told
from newsletter.rendering.composing import Composer, Printed
from newsletter.rendering.mime import Identity
from newsletter.returns import Harvest, Returns
from newsletter.sending import Limits, Options, Sent, send
from newsletter.settings import Settings, SettingsError
from newsletter.sources.kinds import KINDS, SourcePlan
from newsletter.sources.kinds import make_source as make_planned
from newsletter.storage.articles import ArticleStore
from newsletter.storage.editions import EditionStore
from newsletter.storage.engine import migrate, open_engine
from newsletter.storage.enrolments import EnrolmentStore
from newsletter.storage.errors import StoreError
from newsletter.storage.ledger import Ledger
from newsletter.storage.people import PeopleStore
from newsletter.storage.returns import ReturnStore
from newsletter.storage.rulings import RulingStore
from newsletter.storage.similarity import SimilarityIndex
from newsletter.storage.sources import SourceRecord, SourceStore
from newsletter.syndicating import write_site
from newsletter.transports.dkim import Signer, SigningKeyError, read_key
from newsletter.transports.smtp import SmtpTransport
from newsletter.transports.smtp_login import Security, Server
from subscribers.deliveries import Delivery
from subscribers.tokens import Keyring, Purpose, issue, link

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
    def explained(self) -> SimilarityIndex:
        """Return the index of what editions have explained."""
        return SimilarityIndex(self.engine)


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
            ledger=Ledger(engine),
        )
    finally:
        engine.dispose()


def publish_site(house: House) -> tuple[str, ...]:
    """Write archive and feeds of every edition that is out; return the paths that changed, below the site's folder."""
    return write_site(house.settings.home / "site", told(house), look_of(house.settings))


def announce(house: House, changed: Iterable[str]) -> tuple[Pinged, ...]:
    """Tell the hub, if there is one, which feeds are among the changed paths. What fails is a warning, never more."""
    look = look_of(house.settings)
    feeds = [look.url(path) for path in changed if path.startswith("feeds/") and path.endswith(FEED_ENDINGS)]
    return ping(look.hub_url, feeds) if look.hub_url else ()


async def deliver(house: House, stop: asyncio.Event | None = None) -> Sent:
    """Send everything that is due, of all editions that are out; return what this sender did.

    It may be killed at any moment: whoever calls this next goes on where it ended. Setting `stop` lets it finish what
    is in hand.

    Raises:
        SettingsError: The mail server's password or a signing key cannot be read.
    """
    settings = house.settings
    server = Server(
        host=settings.smtp_host,
        port=settings.smtp_port,
        security=Security(settings.smtp_security),
        username=settings.smtp_username,
        password=settings.password(),
        connections=settings.smtp_connections,
        timeout=settings.smtp_timeout,
    )
    options = Options(
        journals=settings.home / "journals",
        fsync=settings.journal_fsync,
        resend_uncertain=settings.on_uncertain == "resend",
        limits=Limits(per_second=settings.send_rate),
    )
    return await send(house.ledger, SmtpTransport(server), _composer(house), options, stop)


def _signer(settings: Settings) -> Signer | None:
    """Return what signs each message; None where the relay does."""
    domain = settings.from_address.rpartition("@")[2]
    keys = []
    for file, selector in zip(settings.dkim_key_files, settings.dkim_selectors, strict=True):
        try:
            keys.append(read_key(file.read_bytes(), domain, selector))
        except (OSError, SigningKeyError) as error:
            raise SettingsError(f"dkim_key_files {str(file)!r} cannot be used: {error}") from error
    return Signer(keys) if keys else None


def _composer(house: House) -> Composer:
    """Return what makes each person's letter of an edition: the stored rendering, and links of their own."""
    settings, keys = house.settings, Keyring.parse(house.settings.key())
    domain = settings.from_address.rpartition("@")[2]

    @cache  # asked for each message, and the same for everybody who shares a variant
    def printed(edition: str, variant: str) -> Printed:
        record = house.editions.find(edition)
        rendering = house.editions.rendering(edition, variant)
        if record is None or rendering is None:
            raise StoreError(f"the edition {edition!r} has no rendering {variant!r}; its rows were removed")
        identity = Identity(
            from_name=settings.from_name,
            from_address=settings.from_address,
            list_id=f"{record.edition.newsletter}.{domain}",
            list_name=settings.title,
            feedback_id=f"{record.edition.period}:{record.edition.newsletter}:{record.edition.rhythm}:newsletter",
        )
        return Printed(rendering, identity, record.edition.published_at)

    def links(delivery: Delivery) -> dict[str, str]:
        person, mailing_list = delivery.subscriber, settings.newsletter
        unsubscribe = issue(keys, Purpose.UNSUBSCRIBE, person, mailing_list)
        # The date is the edition's, so that a second attempt is the same message, byte for byte.
        manage = issue(keys, Purpose.MANAGE, person, mailing_list, now=printed(delivery.edition, delivery.variant).date)
        return {
            "unsubscribe_url": link(settings.public_url, Purpose.UNSUBSCRIBE, unsubscribe),
            "preferences_url": link(settings.public_url, Purpose.MANAGE, manage),
        }

    return Composer(printed, links, settings.key(), domain, settings.bounce_domain, _signer(settings))


def read_returns(house: House, now: datetime) -> Harvest:
    """Take in the bounces and complaints that have arrived, where a mailbox for them is set; let addresses rest.

    Raises:
        SettingsError: There is no such mailbox.
    """
    folder = house.settings.bounce_maildir
    if folder is None:
        return Harvest()
    if not folder.is_dir():
        raise SettingsError(f"bounce_maildir {str(folder)!r} is not there; it takes the Maildir where bounces arrive")
    return Returns(ReturnStore(house.engine), house.people, house.settings.key()).read_maildir(folder, now)


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
    agent = f"beauty-newsletter (+{settings.public_url})"
    return make_planned(plan, HttpFetcher(agent, reach=Reach(loopback=settings.fetch_loopback)))
