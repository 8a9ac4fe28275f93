"""Tells a WebSub hub that feeds have changed, so that readers hear of it at once."""

from collections.abc import Iterable
from dataclasses import dataclass

import requests

#: A hub that takes longer does its work while we wait; we do not.
TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Pinged:
    """What became of one ping. A failure is a warning: readers find the feed by polling."""

    topic: str  #: address of the feed
    accepted: bool
    detail: str = ""  #: what the hub said, or why it was not heard


def ping(hub_url: str, topics: Iterable[str], timeout: float = TIMEOUT_SECONDS) -> tuple[Pinged, ...]:
    """Tell the hub that each of `topics` has changed; never raises for what a hub does.

    Args:
        hub_url: The hub's address, from the settings.
        topics: Addresses of feeds, as in their self links.
        timeout: Seconds to wait for the hub, each time.
    """
    with requests.Session() as session:
        return tuple(_ping(session, hub_url, topic, timeout) for topic in topics)


def _ping(session: requests.Session, hub_url: str, topic: str, timeout: float) -> Pinged:
    try:
        # A hub that redirects a publisher is not the hub we were told of.
        answer = session.post(
            hub_url, data={"hub.mode": "publish", "hub.url": topic}, timeout=timeout, allow_redirects=False
        )
    except requests.RequestException as error:
        return Pinged(topic, accepted=False, detail=f"{type(error).__name__}: {error}")
    return Pinged(topic, accepted=200 <= answer.status_code < 300, detail=f"{answer.status_code} {answer.reason}")
