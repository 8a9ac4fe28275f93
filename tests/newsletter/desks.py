"""A console with a web server, a mail server and real browsers, for the tests that look through staff's eyes."""

import email
import email.policy
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import uvicorn

from content.articles import Article
from newsletter.storage.engine import migrate, open_engine
from newsletter.storage.ledger_tables import outcomes
from newsletter.transports.capture import capture_server
from tests.newsletter.browsers import chromium
from tests.newsletter.office import AT_HOME, NEEDLING, PASSWORD, Office

KEY, OLD = "beauty-weekly-2026-W48", "beauty-weekly-2026-W47"


class Desk:
    """A console with a web server, a mail server, and staff's browsers."""

    def __init__(self, office: Office, address: str, mail: Path, browser: Any) -> None:
        self.office, self.address, self.browser, self._mail = office, address, browser, mail
        self._old = set((mail / "new").iterdir())

    def page(self, **more: object) -> Any:
        """Open a browser of its own."""
        page = self.browser.new_context(base_url=self.address, **more).new_page()
        page.set_default_timeout(10_000)
        return page

    def sign_in(self, name: str, **more: object) -> Any:
        """Open a browser in which somebody has signed in."""
        page = self.page(**more)
        page.goto("/sign-in")
        page.get_by_label("Your email address").fill(f"{name.lower()}@example.org")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_label("Password").press("Enter")
        if page.get_by_label("Code").count():
            page.get_by_label("Code").fill(self.office.code(name))
            page.get_by_label("Code").press("Enter")
        page.get_by_role("heading", level=1).get_by_text("Good to see you").wait_for()
        return page

    def mails(self) -> list[Any]:
        """Return what has arrived since this desk was opened."""
        new = set((self._mail / "new").iterdir()) - self._old
        return [email.message_from_bytes(p.read_bytes(), policy=email.policy.default) for p in new]


@contextmanager
def browsing(folder: Path) -> Iterator[tuple[Any, Path, int]]:
    """Yield a browser, and the mail folder and the port of a mail server that captures."""
    # The mail server first: Playwright keeps a loop of its own running in this thread.
    with capture_server(folder) as port, chromium() as browser:
        yield browser, folder, port


@contextmanager
def open_desk(home: Path, browser: Any, mail: Path, port: int) -> Iterator[Desk]:
    """Yield a console that is served on this machine and sends to the mail server at `port`."""
    engine = open_engine(f"sqlite:///{home}/store.db")
    migrate(engine)
    server = uvicorn.Server(uvicorn.Config(lambda: None, port=0, log_level="error", lifespan="off", ws="none"))
    socket = server.config.bind_socket()
    address = f"http://127.0.0.1:{socket.getsockname()[1]}"
    office = Office(
        engine,
        home,
        url=address,
        smtp_host="127.0.0.1",
        smtp_port=port,
        second_person_above=1,
        fetch_loopback=True,
        local_hours=False,
    )
    server.config.app = office.app
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]}, daemon=True)
    thread.start()
    yield Desk(office, address, mail, browser)
    server.should_exit = True
    server.force_exit = True
    thread.join(timeout=10)
    engine.dispose()


@contextmanager
def serving_feed() -> Iterator[str]:
    """Serve two articles as a feed on this machine; nothing is at /gone."""

    class Feed(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = _rss(NEEDLING, AT_HOME).encode()
            self.send_response(404 if self.path == "/gone" else 200)
            self.send_header("Content-Type", "application/rss+xml; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Feed)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/feed.xml"
    server.shutdown()
    server.server_close()
    thread.join(10)


def press(page: Any, role: str, name: str, exact: bool = False) -> None:
    """Go to a control with the keyboard and press it."""
    control = page.get_by_role(role, name=name, exact=exact).first
    control.focus()
    assert control.evaluate("e => document.activeElement === e")
    with page.expect_navigation():
        page.keyboard.press("Enter")


def type_into(page: Any, label: str, text: str) -> None:
    """Fill a field with the keyboard."""
    page.get_by_label(label, exact=True).focus()
    page.keyboard.press("Control+A")
    page.keyboard.type(text)


def notice(page: Any) -> str:
    """Return what a page says about what was just done."""
    return str(page.locator("main > [role=status]").first.inner_text())


def outcome_of(office: Office, key: str, idx: int, kind: str = "accepted", reply: str = "ok") -> None:
    """Let one more message have ended."""
    mailing = office.house.ledger.mailing(key)
    assert mailing
    row = {"mailing": mailing.number, "idx": idx, "kind": kind, "cause": "", "code": 250, "enhanced": ""}
    with office.house.engine.begin() as connection:
        connection.execute(outcomes.insert().values(row | {"reply": reply, "at": office.now}))


def _rss(*articles: Article) -> str:
    items = []
    for article in articles:
        tags = [("h2" if b.kind.value == "heading" else "p", b.text) for b in article.blocks]
        html = "".join(f"<{tag}>{text}</{tag}>" for tag, text in tags)
        items.append(
            f"<item><guid>https://m.example.org/{article.id}</guid><title>{article.title}</title>"
            f"<link>https://m.example.org/{article.id}</link><description>{escape(html)}</description></item>"
        )
    return (
        '<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>Magazine</title>'
        f"<link>https://m.example.org/</link><description>All</description>{''.join(items)}</channel></rss>"
    )
