"""Proof of consent: who agreed to or declined what, when, how, and which words they had before them."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

#: How long we keep the network from which a person signed up: long enough to look into abuse, and no longer.
NETWORK_KEPT = timedelta(days=30)


class Act(StrEnum):
    """What a person, or somebody on their behalf, did about one list."""

    ASKED = "asked"
    CONFIRMED = "confirmed"
    CHANGED = "changed"  #: topics, rhythm, hour, pause, language or address
    LEFT = "left"
    PUT_BACK = "put back"
    IMPORTED = "imported"


class Door(StrEnum):
    """Where an act came in."""

    FORM = "form"
    API = "api"
    LINK = "link"  #: the button on a page behind a personal link
    ONE_CLICK = "one-click"  #: RFC 8058, pressed in the mailbox's own interface
    IMPORT = "import"
    STAFF = "staff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """One line of the append-only record. `wording` is what stood on the form, `detail` what changed."""

    subscriber: str
    mailing_list: str
    act: Act
    door: Door
    at: datetime
    wording: str = ""
    form: str = ""  #: the form's version
    detail: str = ""
    network: str = ""  #: the network of the sign-up (/24 or /48), forgotten after `NETWORK_KEPT`

    @property
    def wording_hash(self) -> str:
        """Return the SHA-256 by which the wording is kept once for everybody who saw it; empty without a wording."""
        return hashlib.sha256(self.wording.encode()).hexdigest() if self.wording else ""
