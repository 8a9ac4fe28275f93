"""What RSS, Atom and JSON feeds have in common: entries, with what may identify each."""

import html
import re
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urljoin

from newsletter.sources.entries import Entry, pack_entry, unpack_entry
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


def pack(found: FeedEntry) -> dict[str, Any]:
    """Return `found` as what JSON can hold."""
    return {**asdict(found), "entry": pack_entry(found.entry)}


def unpack(packed: dict[str, Any]) -> FeedEntry:
    """Return the entry that `pack` packed."""
    return FeedEntry(**{**packed, "entry": unpack_entry(packed["entry"])})


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
