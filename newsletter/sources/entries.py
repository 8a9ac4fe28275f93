"""Turns an entry of a feed or an API into a document: the same rules for all of them."""

import html
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from newsletter.sources.characters import NAME_CHARACTERS, clean_line
from newsletter.sources.documents import Document, DocumentError, lift_title
from newsletter.sources.facts import Facts, language_of, topics_of
from newsletter.sources.links import absolute
from newsletter.sources.markup import read_markup
from newsletter.sources.sanitising import MarkupError

#: Clocks differ, and a post may be dated to tomorrow morning; further ahead it is a mistake.
AHEAD = timedelta(hours=24)
#: Nothing on the web is older.
OLDEST = datetime(1990, 1, 1, tzinfo=UTC)

_TIMES = ("published_at", "approved_at")
_TAG = re.compile(r"<[a-zA-Z/!]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One article as a feed or an API shows it."""

    title: str  #: with or without markup
    html: str
    url: str = ""
    author: str = ""
    language: str = ""
    topics: tuple[str, ...] = ()
    published_at: datetime | None = None
    approved_by: str = ""
    approved_at: datetime | None = None


def document_of(entry: Entry, base: str = "") -> Document:
    """Return the document that `entry` shows.

    Args:
        entry: As it was found.
        base: Address against which its links are relative, when that is not its own.

    Raises:
        DocumentError: It is too long or too deep to be an article.
    """
    try:
        title = plain(entry.title)
        markup = read_markup(entry.html, base or entry.url)
    except MarkupError as error:
        raise DocumentError(str(error)) from error
    lifted, body = lift_title(markup.blocks, title)
    facts = Facts(
        title=lifted,
        url=absolute(entry.url),
        author=clean_line(entry.author, NAME_CHARACTERS),
        language=language_of(entry.language),
        topics=topics_of(entry.topics),
        published_at=entry.published_at,
        approved_by=entry.approved_by,
        approved_at=entry.approved_at,
    )
    return Document(title=lifted, blocks=body, facts=facts, removed=markup.removed)


def pack_entry(entry: Entry) -> dict[str, Any]:
    """Return `entry` as what JSON can hold."""
    packed = asdict(entry)
    for name in _TIMES:
        packed[name] = packed[name].isoformat() if packed[name] else None
    return packed


def unpack_entry(packed: Mapping[str, Any]) -> Entry:
    """Return the entry that `pack_entry` packed."""
    times = {name: datetime.fromisoformat(packed[name]) if packed[name] else None for name in _TIMES}
    return Entry(**{**packed, **times, "topics": tuple(packed["topics"])})


def plain(title: str) -> str:
    """Return `title` as one plain line; feeds write titles as text, as HTML, and as HTML twice escaped.

    Raises:
        MarkupError: It is too long or too deep to be a title.
    """
    if _TAG.search(title):
        title = " ".join(block.text for block in read_markup(title).blocks)
    return clean_line(html.unescape(title))


def believable(told: datetime | None, now: datetime) -> datetime | None:
    """Return `told` unless it cannot be when something was published."""
    return told if told and OLDEST <= told <= now + AHEAD else None
