"""Letters: the transactional mails that a person's own act causes, each to one person, none with marketing."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class LetterKind(StrEnum):
    """What a letter is about."""

    CONFIRM = "confirm"
    ALREADY = "already"  #: somebody signed up who is subscribed: here is your preferences link
    GOODBYE = "goodbye"  #: you unsubscribed; put me back
    LINK = "preferences-link"
    DATA = "data-link"
    CHANGED = "changed"  #: your choices were changed; put them back
    NEW_ADDRESS = "address-change"  #: to the new address: confirm it
    MOVED = "address-changed"  #: to the old address: it was changed
    ERASED = "erased"
    WELCOME = "welcome"  #: the subscription is confirmed


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One letter that is due. It holds no link: links are signed when it leaves, so the store keeps no secret."""

    kind: LetterKind
    subscriber: str
    address: str
    language: str
    at: datetime
    mailing_list: str = ""
    detail: str = ""  #: what the kind needs beyond this, such as the number of the change to put back
    number: int = 0  #: the store's; 0 before it is kept
    attempts: int = 0  #: that have failed before
