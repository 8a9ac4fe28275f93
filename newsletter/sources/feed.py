"""Reads RSS, Atom and JSON feeds."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from newsletter.ports import Fetcher, FetchError, Pull, Response, SourceError, Validators
from newsletter.sources.collecting import Collector
from newsletter.sources.documents import DocumentError
from newsletter.sources.entries import document_of
from newsletter.sources.feed_entries import FeedEntry, FeedError, Parsed
from newsletter.sources.feed_json import parse_json
from newsletter.sources.feed_xml import in_utf8, parse_confined

#: The newest entries that are read; a feed with more is an archive.
ENTRIES = 2000

#: How RSS and Atom are parsed: body, what HTTP says of it, where and when it came.
ParseXml = Callable[[bytes, str, str, datetime], Parsed]

_NO_DATE = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class FeedSource:
    """A feed at an address. Its memory holds what to ask with, so that an unchanged feed costs one short answer."""

    name: str
    url: str
    fetcher: Fetcher

    def pull(self, memory: dict[str, str]) -> Pull:
        """Return the articles in the feed; none when it has not changed.

        Raises:
            SourceError: It cannot be fetched, or is no feed.
        """
        known = Validators(memory.get("etag", ""), memory.get("last_modified", ""))
        try:
            response = self.fetcher.get(self.url, validators=known)
        except FetchError as error:
            raise SourceError.of(error) from error
        if response.is_unchanged:
            return Pull(memory=memory)
        told = response.validators
        return read_feed(response, self.name, {"etag": told.etag, "last_modified": told.last_modified})

    def pulls(self, memory: dict[str, str]) -> Iterator[Pull]:
        """Yield the same as `pull`; a feed is never large."""
        yield self.pull(memory)


def read_feed(
    response: Response, source: str, memory: Mapping[str, str] | None = None, *, parse: ParseXml = parse_confined
) -> Pull:
    """Return the articles in the feed that came as `response`.

    An article is known by its link, which stays when a feed numbers its entries anew; where entries share a link, or
    have none, by the feed's own id; and else by title and date.

    Raises:
        SourceError: It is no feed.
    """
    collector = Collector(source)
    try:
        parsed = _parse(response, parse)
    except FeedError as error:
        raise SourceError(f"{response.url} {error}") from error
    if response.downgraded:
        collector.note(response.url, "is reached over http although its address says https: ask who runs it")
    for remark in parsed.remarks:
        collector.note(response.url, remark)
    found = parsed.entries
    if len(found) > ENTRIES:
        collector.note(response.url, f"holds {len(found):,} entries: the newest {ENTRIES:,} are read")
        found = tuple(sorted(found, key=_published, reverse=True)[:ENTRIES])
    shared = Counter(f.entry.url for f in found)
    for number, each in enumerate(found, start=1):
        item = each.entry.url or each.entry.title or f"entry {number}"
        try:
            document = document_of(each.entry, each.base)
        except DocumentError as error:
            collector.leave_out(item, str(error))
            continue
        collector.keep(document, _identity(each, shared), item)
        if each.late:
            collector.note(item, "has a date that cannot be right: it counts as new")
    return collector.result(memory)


def _identity(found: FeedEntry, shared: Counter[str]) -> str:
    url = found.entry.url
    if url and shared[url] == 1:
        return url
    if found.guid:
        return f"{url}#{_digest(found.guid)}"
    return f"{url}#{_digest(f'{found.entry.title}|{found.entry.published_at}')}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def _parse(response: Response, parse: ParseXml) -> Parsed:
    content_type = response.headers.get("content-type", "")
    body = in_utf8(response.body, content_type, response.url)
    if body.startswith(b"{"):
        return parse_json(body, response.url, response.at)
    return parse(body, content_type, response.url, response.at)


def _published(found: FeedEntry) -> datetime:
    return found.entry.published_at or _NO_DATE
