"""The public site on this product's settings: pages, archive and feeds, and the letters that they lead to."""

from datetime import UTC, datetime
from functools import lru_cache, partial

from content.looks import Look
from content.places import edition_path
from newsletter.corresponding import post_letters
from newsletter.delivering import letters_way_out, signer_of, take_reports
from newsletter.fetching.client import HttpFetcher, Limits
from newsletter.letters.compose import Composer
from newsletter.letters.compose import House as LetterHead
from newsletter.posting import LetterPost
from newsletter.publishing import look_of, told
from newsletter.releasing import mailing_list_of
from newsletter.settings import Settings
from newsletter.storage.clicks import ClickStore
from newsletter.storage.enrolments import EnrolmentStore
from newsletter.storage.feed_fetches import FeedFetchStore
from newsletter.storage.letters import LetterStore
from newsletter.web.clicks import Counting
from newsletter.web.fetches import FeedCounter
from newsletter.web.hooks import Hooks
from newsletter.web.public import PublicSite, create_public_app
from newsletter.web.serving import serve
from newsletter.welcoming import Welcomer
from newsletter.wiring import House, open_house
from subscribers.tokens import Keyring


def serve_public_site(settings: Settings, host: str, port: int) -> None:
    """Serve the public site and post its letters, until the process is told to stop.

    Raises:
        SettingsError: A setting is wrong.
        StoreError: The database cannot be used.
    """
    keys, look = Keyring.parse(settings.key()), look_of(settings)
    with open_house(settings) as house:
        people = EnrolmentStore(house.engine)
        fetches = FeedCounter(FeedFetchStore(house.engine), _now)
        mailing_list_of(house)
        site = PublicSite(
            store=people,
            keys=keys,
            mailing_list=settings.newsletter,
            title=settings.title,
            public_url=settings.public_url,
            contact=settings.from_address,
            folder=settings.home / "site",
            clock=_now,
            postal_address=settings.postal_address,
            language=settings.language,
            look=look,
            behind_proxy=settings.behind_proxy,
            welcomes=settings.welcome_mail,
            counting=Counting(ClickStore(house.engine), is_on=settings.count_clicks),
            fetched=fetches.note,
        )
        writer = Welcomer(
            Composer(_letter_head(settings, look), keys), people, look, keys, partial(_latest, house, look)
        )
        letters = LetterStore(house.engine)
        post = LetterPost(partial(letters_way_out, settings), signer_of(settings))

        def work() -> None:
            post_letters(letters, people, writer, post, _now)
            fetches.write()

        serve(create_public_app(site, _hooks(house)), host=host, port=port, every_round=work)


def _letter_head(settings: Settings, look: Look) -> LetterHead:
    """Return what every letter says and shows of us."""
    return LetterHead(
        public_url=settings.public_url,
        title=settings.title,
        sender_name=settings.from_name,
        sender_address=settings.from_address,
        newsletter=settings.newsletter,
        postal_address=settings.postal_address,
        light=look.light,
        dark=look.dark,
        display_font=look.display_font,
        text_font=look.text_font,
    )


def _latest(house: House, look: Look) -> str:
    """Return the address of the newest edition that is out; "" while there is none."""
    editions = told(house)
    return look.url(edition_path(editions[0].key)) if editions else ""


def _hooks(house: House) -> Hooks:
    """Return the routes by which providers report to us, for those whose secret is set."""

    @lru_cache(maxsize=16)  # Amazon signs with the same certificate for months
    def fetch(address: str) -> bytes:
        return HttpFetcher(house.settings.agent, limits=Limits(body_bytes=100_000, seconds=10)).get(address).body

    return Hooks(
        secrets={name: secret.get_secret_value() for name, secret in house.settings.webhook_secrets.items()},
        take=lambda events, now: take_reports(house, events, now),
        fetch=fetch,
        clock=_now,
    )


def _now() -> datetime:
    return datetime.now(UTC)
