"""Serves the folder that publishing writes, archive and feeds, with validators that save readers the traffic."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from content.looks import Look
from newsletter.feeds.conditional import Freshness, freshness, links
from newsletter.web.pages import SITE_POLICY

#: What each kind of file is. Whatever is not listed here is not served.
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".json": "application/json",
    ".rss": "application/rss+xml; charset=utf-8",
    ".atom": "application/atom+xml; charset=utf-8",
    ".xml": "application/xml; charset=utf-8",
    ".opml": "text/x-opml; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".ico": "image/x-icon",
}

#: What is packed already gets no smaller.
_PACKED = frozenset({".png", ".jpg", ".webp", ".ico"})

#: A shorter answer fits into one packet either way.
_WORTH_PACKING_BYTES = 1_000

#: What a feed is, told by its root, when its name only says .xml.
_ROOTS = ((b"<rss", "application/rss+xml; charset=utf-8"), (b"<feed", "application/atom+xml; charset=utf-8"))

#: The forms of a feed whose readers are told of hub and topic.
_FEEDS = frozenset({".rss", ".atom", ".json"})


@dataclass(frozen=True, slots=True)
class _Form:
    """A file as it goes over the line, packed or not: another form, another tag (RFC 9110, 8.8.3.3)."""

    body: bytes
    kind: str
    coding: str  #: "gzip" or ""
    fresh: Freshness


class Site:
    """The static part of the public site."""

    def __init__(self, folder: Path, look: Look, fetched: Callable[[str, str], None] | None = None) -> None:
        """Serve `folder`; `fetched` is told of each feed that is asked for, and how the program calls itself."""
        self._folder = folder.resolve()
        self._look = look
        self._fetched = fetched

    async def serve(self, request: Request) -> Response:
        """Return a file of the folder, or 304 when the reader has it.

        Raises:
            HTTPException: There is no such file.
        """
        path = request.path_params.get("path", "")
        file = await run_in_threadpool(self._find, path)
        if file is None:
            raise HTTPException(404)
        if file.name == "index.html" and path and not path.endswith(("/", "index.html")):
            # Relative to our own root, never built from the Host header.
            return RedirectResponse(f"/{path}/", 301)
        if self._fetched and self._is_feed(file):  # who is told that it has not changed reads it too
            self._fetched(file.relative_to(self._folder).as_posix(), request.headers.get("user-agent", ""))
        packed = file.suffix not in _PACKED and _takes_gzip(request.headers.get("accept-encoding", ""))
        stat = file.stat()
        form = await run_in_threadpool(_load, file, stat.st_mtime_ns, stat.st_size, packed)
        headers = {**form.fresh.headers, **self._headers(file)}
        if form.fresh.is_known(request.headers.get("if-none-match"), request.headers.get("if-modified-since")):
            return Response(status_code=304, headers=headers)
        if form.coding:
            headers["Content-Encoding"] = form.coding
        kind = _shown_as(form.kind, request.headers.get("accept", ""))
        return Response(form.body, headers=headers, media_type=kind)

    def _headers(self, file: Path) -> dict[str, str]:
        headers = {"Content-Security-Policy": SITE_POLICY, "Vary": "Accept-Encoding"}
        path = file.relative_to(self._folder)
        if self._is_feed(file):
            # An archive page never changes: no hub tells of it.
            hub = "" if "archive" in path.parts else self._look.hub_url
            headers["Link"] = links(self._look.url(path.as_posix()), hub)
            headers["Access-Control-Allow-Origin"] = "*"  # readers that are web pages themselves
            headers["Vary"] = "Accept-Encoding, Accept"
        return headers

    def _is_feed(self, file: Path) -> bool:
        return file.suffix in _FEEDS and file.relative_to(self._folder).parts[0] == "feeds"

    def _find(self, path: str) -> Path | None:
        if "\0" in path or "\\" in path or len(path) > 500:
            return None
        try:
            file = (self._folder / path).resolve()
            if file.is_dir():
                file = file / "index.html"
            inside = file.is_relative_to(self._folder)
            return file if inside and file.suffix in TYPES and file.is_file() and not _hidden(path) else None
        except (OSError, ValueError):  # a name that no file system takes
            return None


@lru_cache(maxsize=256)
def _load(file: Path, mtime_ns: int, _size: int, packed: bool) -> _Form:
    body = file.read_bytes()
    kind = _type(file, body)
    coding = "gzip" if packed and len(body) >= _WORTH_PACKING_BYTES else ""
    if coding:
        body = gzip.compress(body, mtime=0)
    # A file is written only when its bytes change, so that moment is when the document changed.
    changed = datetime.fromtimestamp(mtime_ns // 1_000_000_000, UTC)
    return _Form(body, kind, coding, freshness(body, changed))


def _shown_as(kind: str, accepted: str) -> str:
    """Return the type of a file for who asks: browsers show a feed, styled, only when it is told to be plain XML.

    Under its own name Chromium prints its source, and others offer to save it. A reader gets the specific type.
    """
    is_browser = "text/html" in accepted and "rss+xml" not in accepted and "atom+xml" not in accepted
    return TYPES[".xml"] if is_browser and kind in {TYPES[".rss"], TYPES[".atom"]} else kind


def _takes_gzip(accepted: str) -> bool:
    """Tell whether a reader takes gzip (RFC 9110, 12.5.3); `q=0` says no."""
    for offer in accepted[:1024].lower().split(","):
        coding, _, weight = offer.replace(" ", "").partition(";q=")
        if coding in {"gzip", "x-gzip", "*"}:
            return weight.strip("0.") != "" or not weight
    return False


def _hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/") if part)


def _type(file: Path, body: bytes) -> str:
    if file.suffix == ".xml":
        start = body[:1000]
        return next((kind for root, kind in _ROOTS if root in start), TYPES[".xml"])
    if file.suffix == ".json" and file.parent.name != "search":
        return "application/feed+json"
    return TYPES[file.suffix]
