"""A site on this machine that shows articles in every way a source can read them: for the demo, never for readers."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from content.articles import Article
from content.markup import to_html
from newsletter.sources.folder import read

#: The Content API key that the site takes, as Ghost makes them: 26 hexadecimal digits.
GHOST_KEY = "0123456789abcdef0123456789"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the site answers to one address."""

    status: int
    kind: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing: a reader that has seen enough hangs up."""


@contextmanager
def trial_site(examples: Path) -> Iterator[str]:
    """Serve some of the samples as a feed, as WordPress, as Ghost and as a page until the end; yield the address.

    Args:
        examples: The folder of sample articles.
    """
    replies = _replies(examples)

    class Handler(BaseHTTPRequestHandler):
        """Answers from the table."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """Answer one request."""
            asked = urlsplit(self.path)
            reply = _reply(replies, asked.path, parse_qs(asked.query))
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.kind)
            self.send_header("Content-Length", str(len(reply.body)))
            for name, value in reply.headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, name="trial site", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)


def _replies(examples: Path) -> dict[str, Reply]:
    (brows,), (filters,), (spf,) = (
        read(examples / name).articles
        for name in (
            "salon/before-your-first-brow-lamination.md",
            "sun/mineral-or-chemical-filters.md",
            "sun/spf-in-make-up.md",
        )
    )
    one = (("X-WP-Total", "1"), ("X-WP-TotalPages", "1"))
    return {
        "/feed.xml": Reply(200, "application/rss+xml", _feed(brows)),
        "/wp-json/wp/v2/posts": Reply(200, "application/json", _wordpress(filters), one),
        "/ghost/api/content/posts/": Reply(200, "application/json", _ghost(spf)),
        "/after-microneedling.html": Reply(200, "text/html", (examples / "skin/after-microneedling.html").read_bytes()),
        "/retired.xml": Reply(410, "text/plain", b"This blog is gone."),
    }


def _reply(replies: Mapping[str, Reply], path: str, asked: Mapping[str, list[str]]) -> Reply:
    if path.startswith("/ghost/") and asked.get("key") != [GHOST_KEY]:
        return Reply(401, "application/json", b"{}")
    return replies.get(path, Reply(404, "text/plain", b"There is nothing here."))


def _feed(article: Article) -> bytes:
    item = (
        f"<item><title>{escape(article.title)}</title><link>https://salon.example.org/brows</link>"
        f"<author>{escape(article.author)}</author>"
        f"<description>{escape(to_html(article.blocks))}</description></item>"
    )
    channel = f"<channel><title>The Salon</title><link>https://salon.example.org/</link>{item}</channel>"
    return f'<?xml version="1.0" encoding="utf-8"?><rss version="2.0">{channel}</rss>'.encode()


def _wordpress(article: Article) -> bytes:
    post = {
        "id": 7,
        "link": "https://sun.example.org/filters/",
        "date_gmt": "2026-11-02T09:00:00",
        "modified_gmt": "2026-11-02T09:00:00",
        "title": {"rendered": article.title},
        "content": {"rendered": to_html(article.blocks), "protected": False},
        "_embedded": {"author": [{"name": article.author}], "wp:term": [[{"name": "Sun", "slug": "sun"}]]},
    }
    return json.dumps([post]).encode()


def _ghost(article: Article) -> bytes:
    post = {
        "id": "6740c0ffee",
        "title": article.title,
        "html": to_html(article.blocks),
        "url": "https://magazine.example.org/spf-in-make-up/",
        "published_at": "2026-11-03T09:00:00.000Z",
        "updated_at": "2026-11-03T09:30:00.000Z",
        "authors": [{"name": article.author}],
        "tags": [
            {"name": "Make-up", "slug": "make-up", "visibility": "public"},
            {"name": "#approved", "slug": "hash-approved", "visibility": "internal"},
        ],
    }
    return json.dumps({"posts": [post], "meta": {"pagination": {"page": 1, "pages": 1, "total": 1}}}).encode()
