"""Tells by which program a feed was fetched, from what the program says of itself."""

import re
from dataclasses import dataclass

#: What fetches whose program gives no name come under, and browsers, which all call themselves Mozilla.
NAMELESS, BROWSER = "no name", "a browser"

#: Letters of a program's name that are kept.
LONGEST_NAME = 40

_WORDS = r"[A-Za-z][\w.+-]*(?: [A-Za-z][\w.+-]*)*"
_NAME = re.compile(_WORDS)
_BROWSER = re.compile(r"(?:mozilla|opera)\b(?!.*\bcompatible;)", re.IGNORECASE)
_COMPATIBLE = re.compile(rf"\bcompatible;\s*({_WORDS})", re.IGNORECASE)
_SUBSCRIBERS = re.compile(r"\b(\d{1,9}) (?:subscribers?|readers?)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FeedReader:
    """A program that reads feeds: its name, and for how many people it says it does; 0 when it does not say."""

    name: str
    subscribers: int = 0


def feed_reader(agent: str) -> FeedReader:
    """Return who asks, by a request's `User-Agent`: "Feedly/1.0 (...; 12 subscribers)" reads for 12 people."""
    agent = agent[:500]
    stated = _SUBSCRIBERS.search(agent)
    return FeedReader(_name(agent), int(stated[1]) if stated else 0)


def _name(agent: str) -> str:
    if _BROWSER.match(agent):
        return BROWSER
    robot, plain = _COMPATIBLE.search(agent), _NAME.match(agent)
    name = robot[1] if robot else plain[0] if plain else ""
    return name[:LONGEST_NAME].strip() or NAMELESS
