"""What comes back: reports about deliveries, whose matter each is, and when an address is to rest."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email import message_from_bytes
from email.message import Message
from email.policy import compat32
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest

from subscribers.deliveries import REPLY_CHARACTERS, Cause, cause_of
from subscribers.people import Reason, Suppression

#: As much of a report as is read. A bounce may quote our whole message, or a server's core dump.
REPORT_BYTES = 256 * 1024

#: So many soft bounces, over so many days, make an address rest for a while: a full mailbox is emptied in time.
SOFT_BOUNCES = 4
SOFT_BOUNCE_DAYS = timedelta(days=15)
REST = timedelta(days=90)

_NUMBER = re.compile(r"([0-9a-f]{1,8})\.([0-9a-f]{1,8})\.([0-9a-f]{16})")
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")


class EventKind(StrEnum):
    """What a report says of one delivery, the weakest first: the strongest one stands."""

    DELAYED = "delayed"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


@dataclass(frozen=True, slots=True)
class Place:
    """One delivery as the world outside knows it: number of the mailing, index in its audience, signature."""

    mailing: int
    idx: int
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryEvent:
    """One report about one delivery. The same report twice has the same id."""

    id: str
    place: Place
    kind: EventKind
    status: str = ""  #: RFC 3463, such as 5.1.1
    said: str = ""
    at: datetime

    @property
    def cause(self) -> Cause:
        """Return whose matter it is; NONE when nothing failed."""
        return cause_of(self.status) if self.kind is EventKind.BOUNCED else Cause.NONE


def delivery_number(mailing: int, idx: int, signature: str) -> str:
    """Return the name of one delivery in the world outside: in its Message-ID and in its envelope sender."""
    return f"{mailing:x}.{idx:x}.{signature}"


def envelope_sender(mailing: int, idx: int, signature: str, domain: str) -> str:
    """Return the MAIL FROM address to which one delivery's bounces come back (VERP)."""
    return f"b.{delivery_number(mailing, idx, signature)}@{domain}"


def read_return_address(address: str) -> Place | None:
    """Return the delivery whose bounce came to `address`; None: it is no such address.

    Servers may change the case of an address on the way, so it makes no difference.
    """
    local = address.strip().strip("<>").rpartition("@")[0].lower()
    return read_number(local[2:]) if local.startswith("b.") else None


def read_number(number: str) -> Place | None:
    """Return the delivery that a number such as that of a Message-ID names; None: it is none of ours."""
    found = _NUMBER.fullmatch(number.strip().strip("<>").partition("@")[0].lower())
    return Place(int(found[1], 16), int(found[2], 16), found[3]) if found else None


def is_genuine(signature: str, expected: str) -> bool:
    """Tell whether a delivery's signature is ours, in a time that does not depend on where it is wrong."""
    return compare_digest(signature.encode(), expected.encode())


def make_event(place: Place, kind: EventKind, at: datetime, status: str = "", said: str = "") -> DeliveryEvent:
    """Return an event whose id is derived from what it says, so that a second report of the same is the same."""
    of = f"{place.mailing}.{place.idx}.{kind.value}.{status}"
    said = " ".join(said.split())[:REPLY_CHARACTERS]
    return DeliveryEvent(
        id=sha256(of.encode()).hexdigest()[:32], place=place, kind=kind, status=status, said=said, at=at
    )


def read_report(content: bytes, at: datetime, envelope_recipient: str = "") -> DeliveryEvent | None:
    """Return what a mail that came back says of one delivery; None when it says nothing we can be sure of.

    Only what RFC 3464 and RFC 5965 lay down is believed: the delivery is named by the address the report came to, or
    by our Message-ID in what it quotes; its kind by its machine-readable part. An auto-reply is no bounce.

    Args:
        content: The mail.
        at: When it came.
        envelope_recipient: To which address; empty: the one in its Delivered-To.
    """
    report = message_from_bytes(content[:REPORT_BYTES], policy=compat32)
    parts = {part.get_content_type(): part for part in report.walk()}
    place = read_return_address(envelope_recipient or _header(report, "Delivered-To")) or _quoted_place(parts)
    if place is None:
        return None
    if "message/feedback-report" in parts:
        return make_event(place, EventKind.COMPLAINED, at, said=_header(report, "Subject"))
    if "message/delivery-status" in parts:
        return _read_status(parts["message/delivery-status"], place, at)
    return None


def _read_status(part: Message, place: Place, at: datetime) -> DeliveryEvent | None:
    """Read the fields of the recipient (RFC 3464, 2.3); those of the message come in a block before them."""
    blocks = part.get_payload()
    for fields in reversed(blocks if isinstance(blocks, list) else []):
        if not isinstance(fields, Message):
            continue
        action, status = _header(fields, "Action").lower(), _STATUS.search(_header(fields, "Status"))
        if action in _ACTIONS:
            said = _header(fields, "Diagnostic-Code")
            return make_event(place, _ACTIONS[action], at, status[0] if status else "", said)
    return None


#: What a server did (RFC 3464, 2.3.3). Relayed and expanded say nothing final.
_ACTIONS = {
    "failed": EventKind.BOUNCED,
    "delayed": EventKind.DELAYED,
    "delivered": EventKind.DELIVERED,
}


def _quoted_place(parts: dict[str, Message]) -> Place | None:
    """Return the delivery whose header a report quotes, whole or alone."""
    for kind in ("message/rfc822", "text/rfc822-headers"):
        part = parts.get(kind)
        if part is None:
            continue
        inner = part.get_payload()
        quoted = inner[0] if isinstance(inner, list) and inner else message_from_bytes(str(inner).encode())
        if isinstance(quoted, Message) and (place := read_number(_header(quoted, "Message-ID"))):
            return place
    return None


def _header(message: Message, name: str) -> str:
    return str(message.get(name, "")).strip()


def suppression_after(
    key: str, event: DeliveryEvent, soft_bounces: Sequence[datetime], now: datetime
) -> Suppression | None:
    """Return how an address is to rest after `event`; None when it is not.

    Args:
        key: The address, as suppressions compare it.
        event: What was reported.
        soft_bounces: When this address bounced softly since it last took a message, this time included.
        now: The present.
    """
    if event.kind is EventKind.COMPLAINED:
        return Suppression(key, Reason.COMPLAINED, since=now)
    if event.kind is not EventKind.BOUNCED:
        return None
    if event.cause is Cause.ADDRESS:
        return Suppression(key, Reason.HARD_BOUNCE, since=now)
    if event.cause is not Cause.MAILBOX:
        return None  # policy, content, us: our matter, and no reason to forget a reader
    enough = len(soft_bounces) >= SOFT_BOUNCES and max(soft_bounces) - min(soft_bounces) >= SOFT_BOUNCE_DAYS
    return Suppression(key, Reason.SOFT_BOUNCES, since=now, until=now + REST) if enough else None
