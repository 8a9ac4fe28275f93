"""What publishing works with, how a newsletter presents itself, and where its editions stand."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from content.editions import Edition
from content.looks import DARK, LIGHT, Look, recoloured
from content.periods import Period, Rhythm, period_of
from newsletter import pinning, remembering
from newsletter.ports import Rendering
from newsletter.rendering.gates import Observed
from newsletter.rendering.mime import Identity
from newsletter.settings import Settings
from newsletter.storage.acceptances import AcceptanceStore
from newsletter.storage.compositions import CompositionStore
from newsletter.storage.editions import TOLD, EditionRecord, EditionState
from newsletter.storage.people import PeopleStore
from newsletter.storage.rulings import RulingStore
from newsletter.storage.sources import SourceStore

#: The rendering of the edition as a whole: what previews show and what the archive holds.
EVERYBODY = "everybody"


class PublishingError(Exception):
    """An edition cannot be made or moved; the message says what would do."""


class ComposedElsewhereError(PublishingError):
    """Somebody else has composed the edition since it was read."""


class Desk(pinning.Desk, remembering.Desk, Protocol):
    """What publishing works with, beside what it hands on; the house has it all."""

    @property
    def sources(self) -> SourceStore:
        """Return where sources are, and how they do."""

    @property
    def rulings(self) -> RulingStore:
        """Return where editors' rulings are."""

    @property
    def compositions(self) -> CompositionStore:
        """Return where is kept what editors composed by hand."""

    @property
    def people(self) -> PeopleStore:
        """Return where subscribers are."""

    @property
    def acceptances(self) -> AcceptanceStore:
        """Return where accepted warnings are."""

    def observe(self, rendering: Rendering) -> Observed:
        """Return what a look at a mail's links and images finds; nothing where nobody is to look."""

    def look_at_pictures(self, edition: Edition) -> Mapping[str, str]:
        """Return the pictures that a mail could not show, by address, with why; none when nobody may look."""


def edition_key(settings: Settings, now: datetime) -> str:
    """Return the key of the edition that is due at `now`."""
    return f"{settings.newsletter}-{settings.rhythm}-{period_at(settings, now).name}"


def period_at(settings: Settings, now: datetime) -> Period:
    """Return the period that holds `now`, in the newsletter's zone."""
    return period_of(Rhythm(settings.rhythm), now.astimezone(ZoneInfo(settings.zone)).date())


def look_of(settings: Settings) -> Look:
    """Return how the newsletter presents itself."""
    return Look(
        name=settings.title,
        site_url=settings.public_url,
        postal_address=settings.postal_address,
        contact=settings.from_address,
        tagline=settings.tagline,
        hub_url=settings.hub_url,
        feed_content=settings.feed_content,
        zone=settings.zone,
        logo_text=settings.logo_text,
        logo_image=settings.logo_image,
        logo_width=settings.logo_width,
        light=recoloured(LIGHT, settings.light_colours),
        dark=recoloured(DARK, settings.dark_colours),
        display_font=settings.display_font,
        text_font=settings.text_font,
    )


def identity_of(settings: Settings, edition: Edition) -> Identity:
    """Return who an edition's mail comes from."""
    return Identity(
        from_name=settings.from_name,
        from_address=settings.from_address,
        list_id=f"{edition.newsletter}.{settings.sending_domain}",
        list_name=settings.title,
        feedback_id=f"{edition.period}:{edition.newsletter}:{edition.rhythm}:newsletter",
    )


def find(desk: Desk, key: str) -> EditionRecord:
    """Return the edition of this key, or the newest for an empty key.

    Raises:
        PublishingError: There is none.
    """
    if key:
        record = desk.editions.find(key)
        if record is None:
            raise PublishingError(f"there is no edition {key!r}; 'newsletter edition list' shows them")
        return record
    everything = desk.editions.all(desk.settings.newsletter)
    if not everything:
        raise PublishingError("there is no edition yet; 'newsletter edition draft' makes one")
    return everything[0]


def told(desk: Desk) -> tuple[Edition, ...]:
    """Return the editions that archive and feeds show, the newest first, with what was corrected since.

    One that is held while it is being sent is among them: some people have it.
    """
    records = desk.editions.all(desk.settings.newsletter)
    return tuple(r.public for r in records if r.state in TOLD or is_partly_out(desk, r))


def is_partly_out(desk: Desk, record: EditionRecord) -> bool:
    """Tell whether an edition is held that has begun to leave."""
    return record.state is EditionState.HELD and desk.ledger.mailing(record.edition.key) is not None


def move(
    desk: Desk,
    key: str,
    to: EditionState,
    *,
    reason: str = "",
    by: str = "",
    now: datetime | None = None,
    pins: dict[str, str] | None = None,
) -> None:
    """Move an edition to another state; see `EditionStore.move`.

    Raises:
        PublishingError: It stands where no way leads there.
    """
    if not desk.editions.move(key, to, reason=reason, by=by, at=now, pins=pins):
        state = find(desk, key).state.value
        raise PublishingError(f"{key} is {state} and cannot become {to.value}")
