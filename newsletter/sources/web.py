"""Reads articles from web pages: one page, or all pages that a sitemap lists; as far as robots.txt lets us."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import urljoin

from lxml import etree
from protego import Protego

from newsletter.ports import GONE, Fetcher, FetchError, Pull, Response, SourceError, Validators
from newsletter.sources.collecting import Collector, merged
from newsletter.sources.confining import ConfinedError, Worker
from newsletter.sources.documents import Document, DocumentError
from newsletter.sources.entries import Entry, believable, document_of, pack_entry, unpack_entry
from newsletter.sources.links import absolute
from newsletter.sources.notes import FEW_WORDS
from newsletter.sources.pages import take_off, without_copies
from newsletter.sources.sanitising import MarkupError, check_shape

#: Pages that one pull reads; the rest waits for the next one.
PAGES = 500
#: Sitemaps that an index may name (it may name 50,000).
SITEMAPS = 50
#: Pages nest deeper than articles; extraction takes the square of the depth all the same.
DEPTH = 250
#: Addresses that one sitemap may hold (sitemaps.org).
ADDRESSES = 50_000

#: Finds the article on the page that came as a response, or raises DocumentError.
Extract = Callable[[Response], Entry]

_SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


@dataclass(frozen=True, slots=True)
class WebSource:
    """A page or a sitemap. Its memory holds what each page said of itself, so that only changed ones are read again.

    Args:
        url: Address of a page, or of a sitemap (its name ends in .xml).
        agent: The name by which robots.txt may know us.
    """

    name: str
    url: str
    fetcher: Fetcher
    agent: str = "beauty-newsletter"
    extract: Extract | None = None  #: how the article is found; None: in a process of its own, that can be stopped

    def pull(self, memory: dict[str, str]) -> Pull:
        """Return the same as `pulls`, as one."""
        return merged(self.pulls(memory))

    def pulls(self, memory: dict[str, str]) -> Iterator[Pull]:
        """Yield the articles on pages that are new or changed, in parts, and last the ids of those that are gone.

        Raises:
            SourceError: The page or the sitemap itself cannot be read, or robots.txt keeps us out.
        """
        with Worker(f"{__name__}:{extract_task.__name__}") as worker:
            yield from self._visit(_Visit(self, memory, self.extract or partial(extract_confined, worker)))

    def _visit(self, visit: "_Visit") -> Iterator[Pull]:
        memory = visit.before
        pages = dict(visit.pages())
        waiting = 0
        for url, modified in pages.items():
            if modified and memory.get(f"modified {url}") == modified:
                visit.keep_in_mind(url)
            elif visit.read < PAGES:
                visit.read_page(url, modified)
                yield from visit.collector.full_batches()
            else:
                waiting += 1
        if waiting:
            visit.collector.note(self.url, f"lists {waiting:,} more pages: they are read next time")
        gone = sorted(url for url in _known(memory) if url not in pages)
        yield visit.collector.result(visit.memory, gone)


@dataclass(slots=True)
class _Visit:
    """One pull."""

    source: WebSource
    before: Mapping[str, str]
    extract: Extract
    memory: dict[str, str] = field(default_factory=dict)
    read: int = 0
    collector: Collector = field(init=False)
    _robots: dict[str, Protego] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.collector = Collector(self.source.name)

    def pages(self) -> Iterator[tuple[str, str]]:
        """Yield the address of each page, with when it was modified if that is told."""
        url = self.source.url
        if not self._may_fetch(url):
            raise SourceError(f"{url} is closed to us by the robots.txt of its site: ask them, or use their feed")
        if not url.partition("?")[0].endswith(".xml"):
            yield url, ""
            return
        is_index, addresses = read_sitemap(self._fetch_or_fail(url))
        if not is_index:
            yield from addresses
            return
        for address, _ in addresses[:SITEMAPS]:
            yield from read_sitemap(self._fetch_or_fail(address))[1]

    def keep_in_mind(self, url: str) -> None:
        """Carry over what the page said of itself last time."""
        for kind in ("etag", "date", "modified", "seen"):
            if value := self.before.get(f"{kind} {url}"):
                self.memory[f"{kind} {url}"] = value

    def read_page(self, url: str, modified: str) -> None:
        """Read one page; what is wrong with it concerns no other."""
        self.read += 1
        known = Validators(self.before.get(f"etag {url}", ""), self.before.get(f"date {url}", ""))
        try:
            if not self._may_fetch(url):
                raise DocumentError("is closed to us by the robots.txt of its site")
            response = self.source.fetcher.get(url, validators=known)
            if not response.is_unchanged:
                self.collector.keep(document_on(self.extract(response), response.url), url, url)
        except FetchError as error:
            if url == self.source.url and (not self.before or error.status == GONE):
                raise SourceError.of(error) from error
            self.collector.leave_out(url, _without(str(error), url))
            self.keep_in_mind(url)
        except DocumentError as error:
            self.collector.leave_out(url, str(error))
        else:
            self._remember(url, response, modified)

    def _remember(self, url: str, response: Response, modified: str) -> None:
        if response.is_unchanged:
            self.keep_in_mind(url)
        told = response.validators
        said = {"etag": told.etag, "date": told.last_modified, "modified": modified, "seen": "yes"}
        self.memory.update({f"{kind} {url}": value for kind, value in said.items() if value})

    def _fetch_or_fail(self, url: str) -> Response:
        try:
            return self.source.fetcher.get(url)
        except FetchError as error:
            raise SourceError.of(error) from error

    def _may_fetch(self, url: str) -> bool:
        """Tell whether the site's robots.txt lets us read `url`; one that does not exist lets us (RFC 9309, 2.3.1)."""
        place = urljoin(url, "/robots.txt")
        if place not in self._robots:
            self._robots[place] = Protego.parse(self._rules(place))
        return bool(self._robots[place].can_fetch(url, self.source.agent))

    def _rules(self, place: str) -> str:
        try:
            return self.source.fetcher.get(place).body.decode("utf-8", "replace")
        except FetchError as error:
            if 400 <= error.status < 500 and error.status != 429:
                return ""
            reason = f"{error}: until its rules are known nothing is read there" if error.transient else str(error)
            raise SourceError(reason, transient=error.transient) from error


def extract(response: Response) -> Entry:
    """Return the article on the page that came as `response`.

    Raises:
        DocumentError: There is none, or the page is no page.
    """
    # Half a second of imports that only this kind of source needs.
    import trafilatura

    if b"<" not in response.body:
        raise DocumentError("is no web page")
    try:
        check_shape(response.body.decode("latin-1"), DEPTH)
    except MarkupError as error:
        raise DocumentError(str(error)) from error
    page = trafilatura.load_html(response.body)
    if page is None:
        raise DocumentError("is no web page")
    take_off(page)
    found = trafilatura.extract_with_metadata(
        page,
        url=response.url,
        include_comments=False,
        include_formatting=True,
        include_links=True,
        include_images=True,
        output_format="html",
    )
    if found is None or not found.text:
        raise DocumentError("holds no article that we can find: give its feed, or the page of one article")
    if len((found.raw_text or "").split()) < FEW_WORDS:
        raise DocumentError("shows too little text: it may want JavaScript, a cookie or a subscription")
    return _entry(found.as_dict(), response)


def document_on(entry: Entry, url: str) -> Document:
    """Return the document of an article that was found on the page at `url`.

    Raises:
        DocumentError: It is too long or too deep to be an article.
    """
    document = document_of(entry, url)
    return replace(document, blocks=without_copies(document.blocks))


def extract_task(task: dict[str, str]) -> dict[str, Any]:
    """Do `extract` for another process: take and return what JSON can hold."""
    body, at = task["body"].encode("latin-1"), datetime.fromisoformat(task["at"])
    try:
        return pack_entry(extract(Response(url=task["url"], status=200, headers={}, body=body, at=at)))
    except DocumentError as error:
        return {"refused": str(error)}


def extract_confined(worker: Worker, response: Response) -> Entry:
    """Do `extract` in another process.

    Raises:
        DocumentError: There is no article, or it took too long.
    """
    task = {"body": response.body.decode("latin-1"), "url": response.url, "at": response.at.isoformat()}
    try:
        made = worker.do(task)
    except ConfinedError as error:
        raise DocumentError(str(error)) from error
    if "refused" in made:
        raise DocumentError(made["refused"])
    return unpack_entry(made)


def _entry(found: Mapping[str, Any], response: Response) -> Entry:
    tags = [*(found.get("tags") or ()), *(found.get("categories") or ())]
    return Entry(
        title=str(found.get("title") or ""),
        html=str(found["text"]),
        url=absolute(str(found.get("url") or ""), response.url) or response.url,
        author=str(found.get("author") or "").replace(";", ","),
        language=str(found.get("language") or ""),
        topics=tuple(topic for tag in tags for topic in str(tag).split(",")),
        published_at=believable(_day(found.get("date")), response.at),
    )


def _day(told: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(told)).replace(tzinfo=UTC) if told else None
    except ValueError:
        return None


def read_sitemap(response: Response) -> tuple[bool, tuple[tuple[str, str], ...]]:
    """Return whether it is an index of sitemaps, and each address in it with when that says it was modified.

    Raises:
        SourceError: It is no sitemap.
    """
    root = _parse_sitemap(response)
    is_index = root.tag.rpartition("}")[2] == "sitemapindex"
    return is_index, tuple(_addresses(root, "sitemap" if is_index else "url", response.url))


def _parse_sitemap(response: Response) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(response.body, parser)
    except etree.XMLSyntaxError as error:
        raise SourceError(f"{response.url} is no sitemap: it is not XML") from error
    if root is None or root.tag.rpartition("}")[2] not in {"urlset", "sitemapindex"}:
        raise SourceError(f"{response.url} is XML, and no sitemap: if it is a feed, add it as one")
    return root


def _addresses(root: etree._Element, kind: str, base: str) -> Iterator[tuple[str, str]]:
    for number, entry in enumerate(root.iter(f"{_SITEMAP}{kind}", kind)):
        if number >= ADDRESSES:
            return
        url = absolute(_told(entry, "loc"), base)
        if url.startswith("http"):
            yield url, _told(entry, "lastmod")


def _told(entry: etree._Element, name: str) -> str:
    found = entry.find(f"{_SITEMAP}{name}")
    found = entry.find(name) if found is None else found
    return (found.text or "").strip() if found is not None else ""


def _known(memory: Mapping[str, str]) -> list[str]:
    return [name.removeprefix("seen ") for name in memory if name.startswith("seen ")]


def _without(message: str, url: str) -> str:
    """Return `message` without the address it begins with."""
    return message.removeprefix(url.partition("?")[0]).strip()
