"""A hub hears of changed feeds and tells its subscribers; a hub that fails is a warning and nothing more."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest
import requests

from content.looks import Look
from newsletter.feeds.conditional import links
from newsletter.feeds.entries import Feed, entries_of
from newsletter.feeds.websub import Pinged, ping
from newsletter.feeds.xml import atom
from tests.editions import full_edition


class Handler(BaseHTTPRequestHandler):
    """Answers as the server's `answer` says: method, path and body in, status, headers and body out."""

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _answer(self, body: bytes) -> None:
        status, headers, document = self.server.answer(self.command, self.path, body)  # type: ignore[attr-defined]
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(document))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(document)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def served(answer) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.answer = answer  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_subscriber_gets_what_was_published() -> None:
    """The whole way: publisher serves and pings, a small hub fetches what changed and hands it to its subscriber."""
    delivered: list[tuple[bytes, str]] = []
    subscribers: dict[str, str] = {}
    site: dict[str, bytes] = {}
    addresses: dict[str, str] = {}

    def publisher(method: str, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        return 200, {"Link": links(addresses["site"] + path, addresses["hub"])}, site[path]

    def hub(method: str, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        asked = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        if asked["hub.mode"] == "subscribe":
            subscribers[asked["hub.topic"]] = asked["hub.callback"]
            return 202, {}, b""
        topic = requests.get(asked["hub.url"], timeout=5)
        requests.post(subscribers[asked["hub.url"]], topic.content, headers={"Link": topic.headers["Link"]}, timeout=5)
        return 204, {}, b""

    def subscriber(method: str, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        delivered.append((body, path))
        return 200, {}, b""

    with served(publisher) as addresses["site"], served(hub) as addresses["hub"], served(subscriber) as reader:
        topic = f"{addresses['site']}/feeds/all.atom"
        site["/feeds/all.atom"] = b"old"
        found = requests.get(topic, timeout=5).links
        asked = {"hub.mode": "subscribe", "hub.topic": found["self"]["url"], "hub.callback": f"{reader}/inbox"}
        requests.post(found["hub"]["url"], asked, timeout=5)

        look = Look(name="x", site_url=addresses["site"], hub_url=addresses["hub"])
        feed = Feed(
            path="feeds/all", title="x", description="x", language="en", home=look.url(""),
            entries=entries_of([full_edition()], look),
        )  # fmt: skip
        site["/feeds/all.atom"] = atom(feed, look)
        said = ping(look.hub_url, [topic])

    assert said == (Pinged(topic, accepted=True, detail="204 No Content"),)
    assert delivered == [(atom(feed, look), "/inbox")]


@pytest.mark.parametrize(("status", "reason"), [(500, "Internal Server Error"), (302, "Found"), (400, "Bad Request")])
def test_a_hub_that_refuses_is_a_warning(status: int, reason: str) -> None:
    with served(lambda *_: (status, {"Location": "https://elsewhere.example.org/"}, b"")) as hub:
        assert ping(hub, ["https://news.example.org/f"]) == (
            Pinged("https://news.example.org/f", accepted=False, detail=f"{status} {reason}"),
        )


def test_a_hub_that_is_not_there_is_a_warning_for_each_feed() -> None:
    with served(lambda *_: (204, {}, b"")) as gone:
        pass

    said = ping(gone, ["https://news.example.org/a", "https://news.example.org/b"])

    assert [(p.topic[-1], p.accepted, p.detail.split(":")[0]) for p in said] == [
        ("a", False, "ConnectionError"),
        ("b", False, "ConnectionError"),
    ]


def test_a_hub_that_does_not_answer_is_left_alone_in_time() -> None:
    silent = threading.Event()
    with served(lambda *_: (204 if silent.wait(30) else 500, {}, b"")) as hub:
        said = ping(hub, ["https://news.example.org/a"], timeout=0.05)
        silent.set()

    assert not said[0].accepted
    assert "timed out" in said[0].detail
