"""A server that pages, filters and counts posts as WordPress and Ghost do, for tests and benchmarks."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Post = dict[str, Any]
CREDENTIALS = ("ines", "abcd efgh")
KEY = "0123456789abcdef0123456789"


@dataclass(slots=True)
class Site:
    """What the site holds now, and what it was asked."""

    posts: list[Post] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    url: str = ""


def make_post(number: int, title: str = "", html: str = "<p>Oil feeds.</p>", **more: object) -> Post:
    """Return a post as WordPress's REST interface shows it."""
    return {
        "id": number,
        "link": f"https://blog.example/{number}/",
        "date_gmt": f"2026-11-{number % 20 + 1:02d}T09:00:00",
        "modified_gmt": (datetime(2026, 1, 1) + number * timedelta(minutes=10)).isoformat(),
        "title": {"rendered": title or f"Lips &#038; Lashes {number}"},
        "content": {"rendered": html, "protected": False},
        "_embedded": {
            "author": [{"name": "Noor"}],
            "wp:term": [[{"name": "Skin", "slug": "skin"}], [{"name": "SPF", "slug": "spf"}]],
        },
        **more,
    }


@contextmanager
def serve_site(*posts: Post) -> Iterator[Site]:
    """Serve `posts` until the end of the block: as WordPress below `/wp-json`, as Ghost below `/ghost`."""
    site = Site(list(posts))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            site.requests.append(self.path)
            route, _, query = self.path.partition("?")
            asked = dict(parse_qsl(query))
            if route.startswith("/ghost/"):
                self._ghost(asked)
            elif route.endswith("/users/me"):
                good = f"Basic {base64.b64encode(':'.join(CREDENTIALS).encode()).decode()}"
                self._send(200 if self.headers["Authorization"] == good else 401, {"id": 1})
            elif route.endswith("/posts"):
                self._wordpress(asked)
            else:
                self._send(404, {})

        def _wordpress(self, asked: dict[str, str]) -> None:
            after = asked.get("modified_after", "")
            assert not after or after.endswith("Z")
            found = [p for p in site.posts if not after or p["modified_gmt"] > after.removesuffix("Z")]
            if chosen := asked.get("include"):
                found = [p for p in found if str(p["id"]) in chosen.split(",")]
            found.sort(key=lambda p: p["modified_gmt"] if asked.get("orderby") == "modified" else p["id"])
            size, page = int(asked["per_page"]), int(asked.get("page", "1"))
            pages = -(-len(found) // size)
            if page > max(pages, 1):
                self._send(400, {"code": "rest_post_invalid_page_number"})
                return
            shown = found[(page - 1) * size : page * size]
            if asked["_fields"] == "id":
                shown = [{"id": p["id"]} for p in shown]
            self._send(200, shown, **{"X-WP-Total": str(len(found)), "X-WP-TotalPages": str(pages)})

        def _ghost(self, asked: dict[str, str]) -> None:
            if asked["key"] != KEY:
                self._send(401, {"errors": []})
                return
            tag = asked.get("filter", "tag:").removeprefix("tag:")
            found = [p for p in site.posts if not tag or any(t["slug"] == tag for t in p["tags"])]
            size, page = min(int(asked["limit"]), 100), int(asked["page"])
            pages = max(-(-len(found) // size), 1)
            answer = {
                "posts": found[(page - 1) * size : page * size],
                "meta": {"pagination": {"page": page, "pages": pages, "total": len(found)}},
            }
            etag = f'"{hashlib.sha256(json.dumps(answer).encode()).hexdigest()[:16]}"'
            if self.headers["If-None-Match"] == etag:
                self._send(304, None, ETag=etag)
            else:
                self._send(200, answer, ETag=etag)

        def _send(self, status: int, answer: object, **headers: str) -> None:
            body = b"" if answer is None else json.dumps(answer).encode()
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
            self.send_response(status)
            for name, value in {
                "Content-Type": "application/json",
                "Content-Length": str(len(body)),
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()


def routes(site: Site) -> list[str]:
    """Return the routes that were asked, without their queries."""
    return [urlsplit(path).path for path in site.requests]
