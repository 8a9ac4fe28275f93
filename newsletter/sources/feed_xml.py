"""Reads RSS and Atom, after a look at what could hurt the parser."""

import calendar
import codecs
import io
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import feedparser
from lxml import etree
from lxml import html as lxml_html

from newsletter.sources.confining import ConfinedError, Worker
from newsletter.sources.entries import Entry, believable
from newsletter.sources.feed_entries import (
    FeedEntry,
    FeedError,
    Parsed,
    join,
    pack,
    paragraphs,
    unpack,
    web_address,
)
from newsletter.sources.links import absolute
from newsletter.sources.sanitising import MarkupError, check_shape

#: No feed nests deeper, and parsers take the square of the depth.
DEPTH = 200

_HTML_TYPES = frozenset({"text/html", "application/xhtml+xml", "text/plain", ""})
#: Entities declared in the document are bombs or spies; no feed needs them (RSS and Atom have no DTD).
_DECLARES = re.compile(rb"<!DOCTYPE[^>\[]{0,1000}\[|<!ENTITY", re.IGNORECASE)
#: Byte order marks, the longer ones first, and what they mean.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"), (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"), (codecs.BOM_UTF8, "utf-8"),
)  # fmt: skip
_EBCDIC = "<?xm".encode("cp037")
_ENCODING = re.compile(r"""(?<=['"])\s+encoding\s*=\s*(?:"[^"]*"|'[^']*')""")
_CHARSET = re.compile(r"""(?:charset|encoding)\s*=\s*["']?([\w.:-]{1,40})""", re.IGNORECASE)
#: Encodings in which `<!ENTITY` can be written so that nobody sees it.
_DISGUISES = frozenset({
    "utf-7", "unicode-1-1-utf-7", "utf-16", "utf-16le", "utf-16be", "utf-16-le", "utf-16-be", "utf-32", "utf-32le",
    "utf-32be", "cp037", "ibm037", "cp424", "cp500", "ibm500", "cp875", "cp1026", "cp1140", "hz", "hz-gb-2312",
})  # fmt: skip
#: References to characters that no text can hold; feedparser stumbles over some.
_REFERENCE = re.compile(rb"&#(?:[xX]([0-9a-fA-F]+)|([0-9]+));")


def in_utf8(body: bytes, content_type: str, url: str) -> bytes:
    """Return `body` in an encoding in which a tag looks like a tag, so that it can be checked before it is parsed.

    Raises:
        FeedError: It is empty, or written so that it cannot be checked.
    """
    body = body.lstrip(b" \t\r\n")
    if not body.strip(b"\x00 \t\r\n\xef\xbb\xbf"):
        raise FeedError("is empty: check that it is the address of a feed")
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            text = body.removeprefix(mark).decode(encoding, "replace")
            return _ENCODING.sub("", text, count=1).lstrip().encode("utf-8", "replace")
    if b"\x00" in body[:4] or body.startswith(_EBCDIC):
        raise FeedError(_no_feed(body, url))
    declared = _CHARSET.search(content_type) or _CHARSET.search(body[:200].decode("latin-1"))
    if declared and declared[1].lower().replace("_", "-") in _DISGUISES:
        raise FeedError(f"is written in {declared[1]}, which no feed needs: it is not read")
    return body


def parse_xml(body: bytes, content_type: str, url: str, now: datetime) -> Parsed:
    """Return the entries of the RSS or Atom feed in `body`.

    Its encoding is the one that a byte order mark says, or else HTTP, or else the XML declaration.

    Args:
        body: From `in_utf8`.
        content_type: What HTTP says of it.
        url: Where it came from.
        now: When it came.

    Raises:
        FeedError: It is none.
    """
    parsed = _parse(body, content_type, url)
    language = parsed.feed.get("language", "")
    entries = tuple(_from_entry(entry, url, language, now) for entry in parsed.entries)
    if isinstance(parsed.get("bozo_exception"), feedparser.CharacterEncodingOverride):
        return Parsed(entries, (f"says another encoding than it has: read as {parsed.encoding}",))
    return Parsed(entries, ("is damaged: what could be read was read",) if parsed.bozo else ())


def parse_task(task: dict[str, str]) -> dict[str, Any]:
    """Do `parse_xml` for another process: take and return what JSON can hold."""
    try:
        parsed = parse_xml(
            task["body"].encode("latin-1"), task["content_type"], task["url"], datetime.fromisoformat(task["now"])
        )
    except FeedError as error:
        return {"refused": str(error)}
    return {"entries": [pack(entry) for entry in parsed.entries], "remarks": parsed.remarks}


def parse_confined(body: bytes, content_type: str, url: str, now: datetime) -> Parsed:
    """Do `parse_xml` in a process of its own: on damaged feeds the parser can take hours over 100 KB.

    Raises:
        FeedError: It is no feed, or took too long.
    """
    task = {"body": body.decode("latin-1"), "content_type": content_type, "url": url, "now": now.isoformat()}
    try:
        with Worker(f"{__name__}:{parse_task.__name__}") as worker:
            made = worker.do(task)
    except ConfinedError as error:
        raise FeedError(str(error)) from error
    if "refused" in made:
        raise FeedError(made["refused"])
    return Parsed(tuple(unpack(entry) for entry in made["entries"]), tuple(made["remarks"]))


def _parse(body: bytes, content_type: str, url: str) -> Any:  # noqa: ANN401 - feedparser has no types
    if _DECLARES.search(body):
        raise FeedError("declares entities of its own, which no feed needs: it is not read")
    try:
        check_shape(body.decode("latin-1"), DEPTH, xml=True)
    except MarkupError as error:
        raise FeedError(str(error)) from error
    # As a stream: a text that happens to be a path or an address would be opened. We clean everything ourselves.
    try:
        parsed = feedparser.parse(
            io.BytesIO(_REFERENCE.sub(_writable, body)),
            response_headers={"content-type": content_type},
            sanitize_html=False,
            resolve_relative_uris=False,
        )
    except (ValueError, LookupError, OverflowError, RecursionError, AssertionError, TypeError, AttributeError) as error:
        raise FeedError("is damaged beyond reading: ask who publishes it") from error
    if not parsed.version and not parsed.entries:
        raise FeedError(_no_feed(body, url))
    return parsed


def _writable(reference: re.Match[bytes]) -> bytes:
    digits = reference[1] or reference[2]
    code = int(digits, 16 if reference[1] else 10) if len(digits) < 8 else sys.maxunicode + 1
    lost = code == 0 or 0xD800 <= code <= 0xDFFF or code & 0xFFFE == 0xFFFE or code > sys.maxunicode
    return b"&#xFFFD;" if lost else reference[0]


def _from_entry(entry: Any, url: str, language: str, now: datetime) -> FeedEntry:  # noqa: ANN401 - feedparser has no types
    base = join(url, entry.get("title_detail", {}).get("base", ""))
    told = _instant(entry.get("published_parsed") or dict.get(entry, "updated_parsed"))
    published_at = believable(told, now)
    content, content_base = _longest(entry)
    guid, link = entry.get("id") or "", entry.get("link") or ""  # in damaged feeds there is a link, and it is None
    if join(base, link) == join(base, guid) and not guid.startswith("http"):  # feedparser takes any guid for a link
        link = ""
    return FeedEntry(
        entry=Entry(
            title=entry.get("title") or "",
            html=content,
            url=web_address(link, base),
            author=", ".join(dict.fromkeys(a.name for a in entry.get("authors", [])[:10] if a.get("name"))),
            language=content_base.get("language") or language or "",
            topics=tuple(tag.term for tag in entry.get("tags", [])[:100] if tag.get("term")),
            published_at=published_at,
        ),
        guid=guid,
        base=join(base, content_base.get("base", "")),
        late=told is not None and published_at is None,
    )


def _longest(entry: Any) -> tuple[str, Mapping[str, str]]:  # noqa: ANN401
    """Return the longest text that an entry holds, as HTML, with its language and base."""
    candidates = [*entry.get("content", []), entry.get("summary_detail", {})]
    texts = [c for c in candidates if c.get("value") and c.get("type", "") in _HTML_TYPES]
    best: Mapping[str, str] = max(texts, key=lambda c: len(c["value"]), default={})
    value = best.get("value", "")
    return paragraphs(value) if best.get("type") == "text/plain" else value, best


def _instant(parsed: Any) -> datetime | None:  # noqa: ANN401 - a time.struct_time, when feedparser understood the date
    try:
        return datetime.fromtimestamp(calendar.timegm(parsed), UTC) if parsed else None
    except (ValueError, OverflowError, OSError):
        return None


def _no_feed(body: bytes, url: str) -> str:
    """Say what the body is instead, and where a page says its feed is (autodiscovery)."""
    if b"<html" not in body[:4096].lower():
        return "is no feed that we know: check the address"
    try:
        page = lxml_html.document_fromstring(body)
    except (etree.ParserError, ValueError):
        return "is a web page, not a feed"
    for link in page.iter("link"):
        if link.get("rel") == "alternate" and link.get("type", "").endswith(("rss+xml", "atom+xml", "feed+json")):
            return f"is a web page, not a feed; it says that its feed is at {absolute(link.get('href', ''), url)}"
    return "is a web page, not a feed, and names none"
