"""Tells the people who follow a link of their mail from the machines that look at mails before them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

#: Within this time after a message was accepted, whoever follows its links is the receiving server's scanner.
AT_ONCE = timedelta(seconds=10)

#: So many different links of one message within this time: nobody reads that fast.
MANY, BURST = 3, timedelta(seconds=2)

#: How machines call themselves in User-Agent: previewers and crawlers, scanners of mail, and programs without a reader.
_MACHINES = re.compile(
    r"(?<!cu)bot\b|crawl|spider|preview|scan|prefetch"  # Cubot makes telephones
    r"|proofpoint|barracuda|mimecast|safelinks|symantec|trend ?micro|fortinet"
    r"|^curl|^wget|python|^java/|go-http-client|okhttp|libwww|headless|facebookexternalhit|whatsapp|^$",
    re.IGNORECASE,
)


class Follower(StrEnum):
    """Who followed a link."""

    PERSON = "person"
    SCANNER = "scanner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a request for a link's target says of who asks. Nothing of it is kept."""

    method: str
    agent: str = ""
    is_prefetch: bool = False  #: a program fetches ahead: `Sec-Purpose`, `Purpose` or `X-Moz` says so


@dataclass(frozen=True, slots=True)
class Click:
    """One link of one message followed once."""

    target: str
    at: datetime


def who_asks(request: Request) -> Follower:
    """Return who follows a link, as far as the request alone tells."""
    is_machine = request.method == "HEAD" or request.is_prefetch or _MACHINES.search(request.agent.strip())
    return Follower.SCANNER if is_machine else Follower.PERSON


def is_at_once(at: datetime, accepted: datetime | None) -> bool:
    """Tell whether a link is followed too soon after the message was accepted; None: that is not even known yet."""
    return accepted is None or at < accepted + AT_ONCE


def in_bursts(clicks: Sequence[Click]) -> frozenset[int]:
    """Return which of the clicks of one message belong to a burst, by their places in `clicks`, in any order."""
    order = sorted(range(len(clicks)), key=lambda n: clicks[n].at)
    found: set[int] = set()
    first = 0
    for last, n in enumerate(order):
        while clicks[n].at - clicks[order[first]].at > BURST:
            first += 1
        together = order[first : last + 1]
        if len({clicks[m].target for m in together}) >= MANY:
            found.update(together)
    return frozenset(found)
