"""Serves the folder that publishing writes, archive and feeds, with validators that save readers the traffic."""

import hashlib
from functools import lru_cache
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from newsletter.web.pages import SITE_POLICY

#: What each kind of file is. Whatever is not listed here is not served.
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".json": "application/feed+json",
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

#: What a feed is, told by its root, when its name only says .xml.
_ROOTS = ((b"<rss", "application/rss+xml; charset=utf-8"), (b"<feed", "application/atom+xml; charset=utf-8"))

#: Readers ask at most this often; publishing happens a few times a day.
_CACHE = "public, max-age=300"


class Site:
    """The static part of the public site."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

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
        stat = file.stat()
        body, tag = await run_in_threadpool(_load, file, stat.st_mtime_ns, stat.st_size)
        headers = {"ETag": tag, "Cache-Control": _CACHE, "Content-Security-Policy": SITE_POLICY}
        if _knows(request.headers.get("if-none-match", ""), tag):
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type=_type(file, body))

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
def _load(file: Path, _mtime_ns: int, _size: int) -> tuple[bytes, str]:
    body = file.read_bytes()
    return body, f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def _hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/") if part)


def _knows(held: str, tag: str) -> bool:
    # RFC 9110, 13.1.2: the comparison is weak, so W/ makes no difference.
    return held.strip() == "*" or tag in {t.strip().removeprefix("W/") for t in held[:4096].split(",")}


def _type(file: Path, body: bytes) -> str:
    if file.suffix == ".xml":
        start = body[:1000]
        return next((kind for root, kind in _ROOTS if root in start), TYPES[".xml"])
    return TYPES[file.suffix]
