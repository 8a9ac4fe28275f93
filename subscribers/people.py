"""A subscriber is one person we may write to; a suppression is an address we may not."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class SubscriptionState(StrEnum):
    """How one person stands to one mailing list."""

    PENDING = "pending"  #: asked, not yet confirmed
    CONFIRMED = "confirmed"
    PAUSED = "paused"
    UNSUBSCRIBED = "unsubscribed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """One person, under the address as they wrote it."""

    id: str
    address: str
    name: str = ""
    language: str = "en"
    zone: str = "UTC"  #: an IANA name

    @property
    def key(self) -> str:
        """Return the form under which addresses are compared: case does not tell people apart."""
        return address_key(self.address)


class Reason(StrEnum):
    """Why we do not write to an address."""

    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"
    HARD_BOUNCE = "hard bounce"
    SOFT_BOUNCES = "soft bounces"
    MANUAL = "manual"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Suppression:
    """An address we do not write to, why, since when, and until when (None: for ever)."""

    key: str
    reason: Reason
    since: datetime
    until: datetime | None = None

    def holds_at(self, now: datetime) -> bool:
        """Tell whether the suppression is in force at `now`."""
        return self.since <= now and (self.until is None or now < self.until)


def address_key(address: str) -> str:
    """Return the normalised form of `address` by which two spellings of one mailbox are recognised.

    The domain is only put in lower case: casefolding it would take straße.example for strasse.example.
    """
    local, _, domain = address.strip().rpartition("@")
    return f"{local.casefold()}@{domain.lower()}" if local else domain.casefold()
