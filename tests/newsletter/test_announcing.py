"""A hub hears of every feed that changed, and of nothing else; a hub that fails is a warning."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from newsletter.settings import Settings
from newsletter.wiring import announce, open_house

HEARD: list[str] = []


class _Hub(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        fields = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        HEARD.append(fields["hub.url"][0])
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def hub() -> Iterator[str]:
    HEARD.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Hub) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/hub"
        server.shutdown()
        thread.join()


CHANGED = ("style.css", "articles/a.html", "feeds/all.atom", "feeds/index.html", "feeds/topics/skin.rss")


def test_the_hub_hears_of_the_feeds_that_changed(hub: str, tmp_path: Path) -> None:
    with open_house(Settings(home=tmp_path, hub_url=hub)) as house:
        pinged = announce(house, CHANGED)

    assert HEARD == ["https://news.example.org/feeds/all.atom", "https://news.example.org/feeds/topics/skin.rss"]
    assert all(p.accepted for p in pinged)


def test_a_hub_that_is_down_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with open_house(Settings(home=tmp_path, hub_url="http://127.0.0.1:9/hub")) as house:
        (pinged,) = announce(house, ["feeds/all.atom"])

    assert not pinged.accepted
    assert caplog.messages == [f"the hub was not told of {pinged.topic}: {pinged.detail}"]


def test_without_a_hub_nobody_is_told(tmp_path: Path) -> None:
    with open_house(Settings(home=tmp_path)) as house:
        assert announce(house, CHANGED) == ()
