"""What a person chooses: which topics, how often, at which hour, and when not at all."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from subscribers.people import SubscriptionState


class Rhythm(StrEnum):
    """How often a person wants a digest."""

    EACH = "each"  #: whenever the list has an edition
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


@dataclass(frozen=True, slots=True)
class Topic:
    """A subject that one may choose: the short name that articles carry, and the words people read."""

    slug: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MailingList:
    """What one subscribes to. Its defaults hold for everybody who has not chosen otherwise."""

    slug: str
    title: str
    topics: tuple[Topic, ...] = ()
    rhythms: tuple[Rhythm, ...] = (Rhythm.EACH,)  #: what people may choose; the first is the default
    hour: int = 9  #: 0 to 23, on the clock of the reader's zone
    zone: str = "UTC"  #: an IANA name; holds for people whose own zone we do not know
    sender_name: str = ""
    sender_address: str = ""
    postal_address: str = ""
    is_open: bool = True  #: the public may sign up; False hides the list from the site

    @property
    def topic_slugs(self) -> frozenset[str]:
        """Return the short names of the topics."""
        return frozenset(t.slug for t in self.topics)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """One person's choices for one list. The defaults are: everything, whenever it comes, at the list's hour."""

    topics: frozenset[str] = frozenset()  #: empty: all, also those that come later
    rhythm: Rhythm = Rhythm.EACH
    hour: int | None = None  #: 0 to 23 on the clock of the person's zone; None: the list's hour
    paused_until: datetime | None = None

    def is_paused_at(self, now: datetime) -> bool:
        """Tell whether a pause holds at `now`."""
        return self.paused_until is not None and now < self.paused_until


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """How one person stands to one list, since when, and what they chose."""

    mailing_list: str
    subscriber: str
    state: SubscriptionState
    since: datetime
    confirmed_at: datetime | None = None
    preferences: Preferences = field(default_factory=Preferences)

    def state_at(self, now: datetime) -> SubscriptionState:
        """Return the state in one word; a pause that has ended is no pause."""
        if self.state is SubscriptionState.CONFIRMED and self.preferences.is_paused_at(now):
            return SubscriptionState.PAUSED
        return self.state


class Candidate(NamedTuple):
    """One confirmed person of the list, in the order of the store's columns: a million pass, so it is a tuple."""

    subscriber: str
    address: str
    name: str
    number: int
    language: str
    zone: str
    topics: str  #: short names with a space between; empty: every topic
    hour: int | None
    paused_until: datetime | None
    confirmed_at: datetime | None


class ChoiceError(Exception):
    """A choice is not one that the list offers; `about` names which, the message says what would do."""

    def __init__(self, about: str, message: str) -> None:
        super().__init__(message)
        self.about = about


def choose_topics(offered: MailingList, wanted: Iterable[str]) -> frozenset[str]:
    """Return the chosen topics; all of them are kept as "all", so that a topic which comes later is included.

    Raises:
        ChoiceError: Nothing is chosen, or something that the list does not offer.
    """
    chosen = frozenset(wanted)
    if not offered.topics:
        return frozenset()
    if not chosen:
        raise ChoiceError("topics", "Choose at least one topic. To hear nothing more, unsubscribe instead.")
    if chosen - offered.topic_slugs:
        raise ChoiceError("topics", "Choose from the topics shown.")
    return frozenset() if chosen == offered.topic_slugs else chosen


def choose_rhythm(offered: MailingList, wanted: str) -> Rhythm:
    """Return the chosen rhythm.

    Raises:
        ChoiceError: The list does not offer it.
    """
    if wanted not in {r.value for r in offered.rhythms}:
        raise ChoiceError("rhythm", "Choose one of the rhythms shown.")
    return Rhythm(wanted)


def choose_hour(wanted: str) -> int | None:
    """Return the chosen hour, or None for the list's own.

    Raises:
        ChoiceError: It is not an hour of the day.
    """
    if not wanted.strip():
        return None
    if not (wanted.isascii() and wanted.isdigit() and len(wanted) <= 2 and int(wanted) <= 23):
        raise ChoiceError("hour", "Choose an hour from 0 to 23.")
    return int(wanted)
