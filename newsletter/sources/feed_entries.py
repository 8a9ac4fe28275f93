"""What RSS, Atom and JSON feeds have in common: entries, with what may identify each."""

import html
import re
from dataclasses import dataclass
from urllib.parse import urljoin

from newsletter.sources.entries import Entry
from newsletter.sources.links import absolute


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEntry:
    """One entry with what may identify it."""

    entry: Entry
    guid: str  #: the feed's own id for it
    base: str  #: address against which its links are relative
    late: bool = False  #: its date was not believable


@dataclass(frozen=True, slots=True)
class Parsed:
    """The entries of a feed in its order, and what is odd about it, in words that follow its address."""

    entries: tuple[FeedEntry, ...]
    remarks: tuple[str, ...] = ()


class FeedError(Exception):
    """This is no feed that we read; the message says why, in words that follow its address."""


def paragraphs(text: str) -> str:
    """Return plain text as HTML."""
    return "".join(f"<p>{html.escape(paragraph)}</p>" for paragraph in re.split(r"\n\s*\n", text))


def web_address(link: str, base: str) -> str:
    """Return `link` as an absolute http or https address, or ""."""
    url = absolute(link, base)
    return url if url.startswith("http") else ""


def join(base: str, reference: str) -> str:
    """Return `reference` against `base`; `base` itself when the two make no address."""
    try:
        return urljoin(base, reference)
    except ValueError:
        return base
