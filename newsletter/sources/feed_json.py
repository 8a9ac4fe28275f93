"""Reads JSON feeds (version 1 and 1.1)."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from newsletter.sources.entries import Entry, believable
from newsletter.sources.feed_entries import FeedEntry, FeedError, Parsed, paragraphs, web_address

_VERSION = "https://jsonfeed.org/version/1"


def parse_json(body: bytes, url: str, now: datetime) -> Parsed:
    """Return the entries of the JSON feed in `body`.

    Args:
        body: As it came.
        url: Where it came from.
        now: When it came.

    Raises:
        FeedError: It is none.
    """
    try:
        feed = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise FeedError("is no feed: it is neither XML nor JSON") from error
    if (
        not isinstance(feed, dict)
        or not _text(feed, "version").startswith(_VERSION)
        or not isinstance(feed.get("items"), list)
    ):
        raise FeedError("is JSON, and no feed: check the address")
    items = (item for item in _list(feed, "items") if isinstance(item, dict))
    return Parsed(tuple(_entry(item, url, _text(feed, "language"), now) for item in items))


def _entry(item: dict[str, Any], url: str, language: str, now: datetime) -> FeedEntry:
    told = _iso(_text(item, "date_published") or _text(item, "date_modified"))
    published_at = believable(told, now)
    authors = _list(item, "authors") or [item.get("author")]
    return FeedEntry(
        entry=Entry(
            title=_text(item, "title"),
            html=_text(item, "content_html") or paragraphs(_text(item, "content_text")),
            url=web_address(_text(item, "url"), url),
            author=", ".join(_text(a, "name") for a in authors[:10] if isinstance(a, dict) and _text(a, "name")),
            language=_text(item, "language") or language,
            topics=tuple(tag for tag in _list(item, "tags") if isinstance(tag, str)),
            published_at=published_at,
        ),
        guid=str(item.get("id") or ""),
        base=url,
        late=told is not None and published_at is None,
    )


def _text(holder: Mapping[str, object], name: str) -> str:
    value = holder.get(name)
    return value if isinstance(value, str) else ""


def _list(holder: Mapping[str, object], name: str) -> list[object]:
    value = holder.get(name)
    return value if isinstance(value, list) else []


def _iso(text: str) -> datetime | None:
    try:
        told = datetime.fromisoformat(text)
        return (told if told.tzinfo else told.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
