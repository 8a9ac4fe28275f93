"""What becomes of each message: who it is for, how an attempt ended, and the sum that accounts for everybody."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

#: Longest part of a server's reply we keep. Servers quote whole messages, and other people's addresses, back at us.
REPLY_CHARACTERS = 300

#: Octets of the keyed hash that signs a delivery's number: 64 bits cannot be guessed by mail.
SIGNATURE_BYTES = 8


#: What is taken up so long after it was due is dated anew. Filters suspect a mail whose date is three hours old
#: (SpamAssassin's DATE_IN_PAST_03_06), and it may wait a while yet in our hands and the relay's.
LATE = timedelta(hours=1)


class Outcome(StrEnum):
    """How it stands between one edition and one person."""

    PENDING = "pending"  #: nothing has left us
    ACCEPTED = "accepted"  #: the next server took responsibility
    REFUSED = "refused"  #: never (SMTP 5yz): trying again harms our reputation
    DEFERRED = "deferred"  #: not now (SMTP 4yz): to be tried again
    UNCERTAIN = "uncertain"  #: the final dot left us, the reply never came
    EXCLUDED = "excluded"  #: must not be written to
    WITHDRAWN = "withdrawn"  #: the edition was stopped before their turn


class Cause(StrEnum):
    """Whose matter an attempt that failed is. It decides who rests: a person, a domain, or the whole edition."""

    NONE = ""
    ADDRESS = "address"  #: there is no such mailbox
    MAILBOX = "mailbox"  #: full, disabled, or too small: theirs, and it may pass
    POLICY = "policy"  #: the server does not want this from us; says nothing about the person
    US = "us"  #: the server refuses our host, our login or our sender address: nobody will get through
    CONTENT = "content"  #: the server refuses what the message says
    PACE = "pace"  #: too fast or too many
    CONNECTION = "connection"  #: the line broke, or the server talks nonsense
    CAPABILITY = "capability"  #: the server lacks what this message needs (SMTPUTF8, SIZE)


class Stage(StrEnum):
    """How far an attempt had come."""

    CONNECT = "connect"
    HELLO = "hello"
    TLS = "tls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    DOT = "dot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """One candidate of an edition. `excluded` says why they must not be written to; empty when they may."""

    subscriber: str
    address: str
    name: str = ""
    variant: str = ""  #: which rendering is theirs
    excluded: str = ""
    due: datetime | None = None  #: the earliest moment it may leave; None: at once


class Delivery(NamedTuple):
    """One edition on its way to one person: the row of the ledger that a sender holds.

    A tuple, as all that is made anew for each message: a frozen dataclass takes ten times as long to make.
    """

    mailing: int  #: number of the edition's sending in the ledger
    idx: int  #: place in its audience
    chunk: int
    edition: str
    subscriber: str
    address: str
    name: str
    variant: str
    date: datetime  #: that the message bears, at every attempt
    attempts: int = 0  #: that have failed before

    @property
    def domain(self) -> str:
        """Return the part after the last @, in lower case."""
        return self.address.rpartition("@")[2].lower()


def date_of(due: datetime, now: datetime) -> datetime:
    """Return the date of messages that were due at `due` and are taken up `now`: due, unless that is long past.

    Where they have a date already it stands for `due`.
    """
    return now if now - due > LATE else due


class Receipt(NamedTuple):
    """How one attempt ended, with the server's own words."""

    outcome: Outcome
    cause: Cause = Cause.NONE
    code: int = 0  #: SMTP reply code; 0 when there was none
    enhanced: str = ""  #: RFC 3463 status such as 5.1.1
    reply: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many people of one edition stand where. Every number is counted for itself."""

    candidates: int
    accepted: int = 0
    refused: int = 0
    deferred: int = 0
    pending: int = 0
    leased: int = 0  #: of the pending, those a sender holds now
    uncertain: int = 0
    withdrawn: int = 0
    excluded: Mapping[str, int] = field(default_factory=dict)  #: by reason

    @property
    def accounted(self) -> int:
        """Return the sum of all the places where a person can stand."""
        settled = self.accepted + self.refused + sum(self.excluded.values()) + self.withdrawn
        return settled + self.deferred + self.pending + self.uncertain

    @property
    def adds_up(self) -> bool:
        """Tell whether everybody is accounted for, once."""
        return self.accounted == self.candidates

    @property
    def is_done(self) -> bool:
        """Tell whether nothing is left to try."""
        return self.pending == self.deferred == 0

    def as_row(self) -> dict[str, object]:
        """Return the public sum as plain values: the parts add up to the candidates."""
        return {
            "candidates": self.candidates,
            "accepted": self.accepted,
            "refused": self.refused,
            "excluded": dict(self.excluded),
            "deferred": self.deferred,
            "pending": self.pending,
            "uncertain": self.uncertain,
            "withdrawn": self.withdrawn,
        }


def sign(edition: str, subscriber: str, key: bytes) -> str:
    """Return the keyed hash that makes a delivery's number unforgeable, the same whenever it is asked for."""
    of = f"{edition}\0{subscriber}".encode()
    return hashlib.blake2b(of, digest_size=SIGNATURE_BYTES, key=key[:64]).hexdigest()


#: The answer that nearly every message gets. An enumeration's member is looked up slowly.
_DOT, _ACCEPTED, _NO_CAUSE = Stage.DOT, Outcome.ACCEPTED, Cause.NONE

#: What a permanent reply (5yz) to RCPT or to the final dot is about, by RFC 3463 status: the longest prefix wins.
#: An unknown status is policy: to blame the person is the dearer mistake.
_PERMANENT: dict[str, Cause] = {
    "5.1.1": Cause.ADDRESS,  # no such mailbox
    "5.1.2": Cause.ADDRESS,  # no such domain
    "5.1.3": Cause.ADDRESS,  # no address at all
    "5.1.6": Cause.ADDRESS,  # moved, no forwarding
    "5.1.10": Cause.ADDRESS,  # null MX (RFC 7505)
    "5.1.7": Cause.US,  # our sender address is none
    "5.1.8": Cause.US,  # our sender's domain is none
    "5.2": Cause.MAILBOX,
    "5.3.4": Cause.CONTENT,  # too big for this system
    "5.4": Cause.MAILBOX,  # their domain cannot be reached now
    "5.5": Cause.POLICY,  # the protocol: ours
    "5.6": Cause.CONTENT,
    "5.7": Cause.POLICY,
    "5": Cause.POLICY,
}

#: The same without an enhanced status, by the basic code (RFC 5321, 4.2.3), at RCPT.
_BASIC: dict[int, Cause] = {
    550: Cause.ADDRESS,
    551: Cause.ADDRESS,
    553: Cause.ADDRESS,
    552: Cause.MAILBOX,
    555: Cause.CAPABILITY,
}


def judge(stage: Stage, code: int, enhanced: str = "", reply: str = "") -> Receipt:
    """Return what a server's answer at `stage` means for the message in hand.

    A positive answer means ACCEPTED only at the final dot; at any other stage nothing has been taken over yet.
    After the final dot an answer that is none leaves it UNCERTAIN. PENDING means that the answer is about us or the
    line, so nobody is marked. Where the enhanced status contradicts the basic code the gentler of the two wins
    (RFC 3463 leaves it open).
    """
    reply = reply[:REPLY_CHARACTERS]
    if stage is _DOT and 200 <= code < 300:
        return Receipt(_ACCEPTED, _NO_CAUSE, code, enhanced, reply)
    if not 400 <= code <= 599:
        outcome, cause = _nonsense(stage)
    elif code < 500 or enhanced.startswith("4"):
        outcome, cause = _transient(stage, code, enhanced)
    else:
        outcome, cause = _permanent(stage, code, enhanced)
    return Receipt(outcome, cause, code, enhanced, reply)


def _nonsense(stage: Stage) -> tuple[Outcome, Cause]:
    # After the final dot nonsense does not tell whether the message was taken over.
    return Outcome.UNCERTAIN if stage is Stage.DOT else Outcome.PENDING, Cause.CONNECTION


def _transient(stage: Stage, code: int, enhanced: str) -> tuple[Outcome, Cause]:
    # 421 closes the connection whatever it answers (RFC 5321, 3.8): it says nothing about the person.
    if code == 421 or stage not in {Stage.RCPT, Stage.DATA, Stage.DOT}:
        return Outcome.PENDING, Cause.PACE
    pace = enhanced.startswith("4.7") or enhanced in {"4.5.3", "4.3.2", "4.4.5"}
    return Outcome.DEFERRED, Cause.PACE if pace else Cause.MAILBOX


def _permanent(stage: Stage, code: int, enhanced: str) -> tuple[Outcome, Cause]:
    if stage not in {Stage.RCPT, Stage.DATA, Stage.DOT}:
        return Outcome.PENDING, Cause.US
    cause = _cause(stage, code, enhanced)
    if stage is Stage.DOT and cause is Cause.POLICY:
        cause = Cause.CONTENT  # by now the server has read it, and everybody's reads alike
    if cause in {Cause.US, Cause.CONTENT}:
        return Outcome.PENDING, cause
    return Outcome.REFUSED, cause


def _cause(stage: Stage, code: int, enhanced: str) -> Cause:
    if not enhanced:
        return _BASIC.get(code, Cause.POLICY) if stage is Stage.RCPT else Cause.POLICY
    return cause_of(enhanced)


def cause_of(status: str) -> Cause:
    """Return whose matter a permanent failure with this RFC 3463 status is; policy when nobody can tell."""
    while status not in _PERMANENT:
        status, dot, _ = status.rpartition(".")
        if not dot:
            return Cause.POLICY
    return _PERMANENT[status]
