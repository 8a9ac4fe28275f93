"""A reader in a real browser, without scripts, with real mails: and every page can be read by everybody."""

import email
import email.policy
import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from sqlalchemy import Engine
from starlette.testclient import TestClient

from newsletter.corresponding import post_letters
from newsletter.posting import LetterPost
from newsletter.storage.engine import migrate, open_engine
from newsletter.transports.capture import capture_server
from newsletter.transports.smtp import SmtpTransport
from newsletter.transports.smtp_login import Server
from newsletter.web.public import create_public_app
from subscribers.people import SubscriptionState
from subscribers.tokens import Purpose
from tests.editions import LOOK
from tests.newsletter.browsers import chromium as started_chromium
from tests.newsletter.browsers import needs_chromium
from tests.newsletter.site import ADA, PUBLIC_URL, SLOWLY, Town, everything, pages_of

playwright = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")
pytestmark = needs_chromium

#: What a phone loads of one page, not packed: itself (every time zone of the world stands in one) and its style sheet.
LIGHT_BYTES = 45_000


class Reader:
    """A town with a web server, a mail server, and one reader's browser."""

    def __init__(self, town: Town, address: str, mail: Path, port: int, browser: Any) -> None:
        self.town = town
        self.address = address
        self.browser = browser
        self._mail = mail
        self._post = LetterPost(lambda: SmtpTransport(Server(host="127.0.0.1", port=port, connections=1)))
        self._old = set((mail / "new").iterdir())
        self._read = set(self._old)

    def page(self, **more: object) -> Any:
        page = self.browser.new_context(base_url=self.address, **more).new_page()
        page.set_default_timeout(10_000)
        return page

    def mail(self) -> EmailMessage:
        """Post the letters that are due; return the one that came."""
        town = self.town
        with ThreadPoolExecutor(1) as aside:  # this thread's loop is Playwright's
            posted = aside.submit(
                post_letters, town.letters, town.people, town.composer, self._post, lambda: town.now
            ).result()
        assert (posted.sent, posted.failed) == (1, 0)
        (new,) = set((self._mail / "new").iterdir()) - self._read
        self._read.add(new)
        message = email.message_from_bytes(new.read_bytes(), policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        return message

    def letters(self) -> list[EmailMessage]:
        """Return every letter that ever came."""
        found = (email.message_from_bytes(p.read_bytes(), policy=email.policy.default) for p in self._read - self._old)
        return [m for m in found if isinstance(m, EmailMessage)]


@pytest.fixture(scope="module")
def mail_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    folder = tmp_path_factory.mktemp("browser") / "mail"
    with capture_server(folder) as port:
        yield folder, port


@pytest.fixture(scope="module")
def chromium(mail_server: tuple[Path, int]) -> Iterator[Any]:
    # After the mail server: while Playwright runs in this thread, no other event loop can be started here.
    assert mail_server
    with started_chromium() as browser:
        yield browser


@pytest.fixture
def reader(tmp_path: Path, chromium: Any, mail_server: tuple[Path, int]) -> Iterator[Reader]:
    engine: Engine = open_engine(f"sqlite:///{tmp_path}/store.db")
    migrate(engine)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("<!doctype html><html lang=en><title>Archive</title><h1>Archive</h1>")
    town = Town(engine, tmp_path / "site")
    server = uvicorn.Server(uvicorn.Config(town.app, port=0, log_level="error", lifespan="off", ws="none"))
    socket = server.config.bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]}, daemon=True)
    thread.start()
    yield Reader(town, f"http://127.0.0.1:{socket.getsockname()[1]}", *mail_server, chromium)
    server.should_exit = True
    server.force_exit = True  # a browser keeps its connections open for as long as it likes
    thread.join(timeout=10)
    engine.dispose()


def test_a_reader_signs_up_chooses_leaves_comes_back_takes_their_data_and_goes(reader: Reader) -> None:
    town, page = reader.town, reader.page(java_script_enabled=False)
    page.goto("/")
    page.goto("/subscribe")
    page.get_by_label("Your email address").fill(ADA)
    page.get_by_label("Your name").fill("Ada")
    page.get_by_label("Hair").uncheck()
    page.get_by_label("Once a day").check()
    town.now += SLOWLY
    page.get_by_role("button", name="Subscribe").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Check your inbox"

    page.goto(town.path_in(reader.mail()))
    assert town.state(ADA) is SubscriptionState.PENDING
    page.get_by_role("button", name="Confirm my subscription").click()
    assert town.state(ADA) is SubscriptionState.CONFIRMED

    page.get_by_role("link", name="choose topics, rhythm and hour").click()
    assert not page.get_by_label("Hair").is_checked()
    page.get_by_label("At which hour").select_option("07:00")
    page.get_by_label("Your time zone").select_option("Asia/Kolkata")
    page.get_by_label("Take a break until").fill("2026-12-24")
    page.get_by_role("button", name="Save my choices").click()
    assert page.get_by_role("status").inner_text() == "Saved. It counts from now on."
    assert town.state(ADA) is SubscriptionState.PAUSED
    manage = page.url
    page.goto(town.path_in(reader.mail()))
    page.get_by_role("button", name="Put it back").click()
    assert town.state(ADA) is SubscriptionState.CONFIRMED

    page.goto(f"/u/{town.token(Purpose.UNSUBSCRIBE, ADA)}")
    page.get_by_role("button", name="Unsubscribe").click()
    assert town.state(ADA) is SubscriptionState.UNSUBSCRIBED
    page.goto(town.path_in(reader.mail()))
    page.get_by_role("button", name="Put it back").click()
    assert town.state(ADA) is SubscriptionState.CONFIRMED

    page.goto(manage)
    page.get_by_role("button", name="Mail me the link").click()
    page.goto(town.path_in(reader.mail()))
    with page.expect_download() as download:
        page.get_by_role("button", name="Download my data").click()
    data = json.loads(Path(download.value.path()).read_text())
    assert data["subscribers"][0]["address"] == ADA
    page.get_by_role("button", name="Erase my data").click()
    assert "Tick the box" in page.content()
    page.get_by_label("Yes, erase everything about me").check()
    page.get_by_role("button", name="Erase my data").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Everything is erased"
    assert town.state(ADA) is None
    assert reader.mail()["Subject"] == "You are erased at Beauty News"


def test_a_scanner_that_runs_scripts_and_opens_every_link_three_times_changes_nothing(reader: Reader) -> None:
    town = reader.town
    town.subscribe(ADA)
    town.browser.post(town.path_in(reader.mail()))
    for do in ({"do": "leave"}, {"do": "data"}):
        town.browser.post(f"/p/{town.token(Purpose.MANAGE, ADA)}", data=do)
        reader.mail()
    links = {url for letter in reader.letters() for url in re.findall(r"https://[^\s\"<>]+", letter.as_string())}
    paths = [f"/{p.value}/{town.token(p, ADA)}" for p in (Purpose.UNSUBSCRIBE, Purpose.MANAGE)]
    paths += [link.removeprefix(PUBLIC_URL) for link in links if link.startswith(PUBLIC_URL)]
    before, page = everything(town.engine), reader.page()

    for path in paths * 3:
        page.goto(path)

    assert len(paths) >= 5
    assert everything(town.engine) == before


def presses_of(town: Town) -> dict[str, tuple[str, dict[str, str]]]:
    """Return the pages that a form leads to, by what is sent to where."""
    manage, data = f"/p/{town.token(Purpose.MANAGE, ADA)}", f"/d/{town.token(Purpose.DATA, ADA)}"
    return {
        "sign-up with problems": ("/subscribe", {"address": "nobody"}),
        "link with a problem": ("/link", {"address": "nobody"}),
        "choices with problems": (manage, {"rhythm": "hourly"}),
        "choices saved": (manage, {"topic": "skin", "rhythm": "daily", "zone": "UTC", "language": "en", "hour": "7"}),
        "link mailed": (manage, {"do": "data"}),
        "address with a problem": (data, {"do": "address", "address": "nobody"}),
        "erasing without a tick": (data, {"do": "erase"}),
        "confirmed": (f"/c/{town.token(Purpose.CONFIRM, ADA)}", {}),
        "unsubscribed": (f"/u/{town.token(Purpose.UNSUBSCRIBE, ADA)}", {}),
        "choices of who left": (manage, {"topic": "skin", "rhythm": "weekly", "zone": "UTC", "language": "en"}),
        "erased": (data, {"do": "erase", "certain": "yes"}),
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_and_fits_a_small_screen(reader: Reader, scheme: str) -> None:
    town = reader.town
    town.join(ADA)
    page = reader.page(color_scheme=scheme, viewport={"width": 320, "height": 640}, bypass_csp=True)
    found: dict[str, object] = {}

    def judge(name: str) -> None:
        if wrong := axe.Axe().run(page).response["violations"]:
            found[name] = [(v["id"], v["nodes"][0]["html"]) for v in wrong]
        if page.evaluate("document.documentElement.scrollWidth") > 320:
            found[f"{name}, width"] = page.evaluate("document.documentElement.scrollWidth")

    for name, path in pages_of(town).items():
        page.goto(path)
        judge(name)
    for name, (path, fields) in presses_of(town).items():
        inputs = "".join(f'<input name="{k}" value="{v}">' for k, v in fields.items())
        page.goto("/privacy")
        page.evaluate(
            "([action, inputs]) => { const f = document.createElement('form'); f.method = 'post'; f.action = action;"
            "f.innerHTML = inputs; document.body.append(f); HTMLFormElement.prototype.submit.call(f); }",
            [path, inputs],
        )
        page.wait_for_url(f"**{path}")
        page.wait_for_load_state()
        judge(name)

    assert found == {}


def test_every_page_is_light_says_what_it_is_and_leaves_the_browser_nothing_to_complain_of(reader: Reader) -> None:
    reader.town.join(ADA)
    page = reader.page()
    loaded: list[int] = []
    complaints: list[str] = []
    page.on("response", lambda answer: loaded.append(int(answer.headers.get("content-length", 0))))
    page.on("console", lambda message: complaints.append(message.text))
    found: dict[str, object] = {}

    for name, path in pages_of(reader.town).items():
        loaded.clear()
        complaints.clear()
        answer = page.goto(path)
        html = page.locator("html")
        described = page.locator('meta[name="description"]').count()
        hidden = "noindex" in answer.headers.get("x-robots-tag", "")
        found[name] = (
            0 < sum(loaded) <= LIGHT_BYTES,
            html.get_attribute("lang"),
            page.locator("h1").count(),
            page.locator('link[rel="icon"][href^="data:image/svg+xml"]').count(),
            bool(described) or hidden or not answer.ok or name == "sent",
            [said for said in complaints if answer.ok],
        )

    assert found == dict.fromkeys(found, (True, "en", 1, 1, True, []))


def test_a_logo_from_elsewhere_stands_in_letters_on_personal_pages(reader: Reader) -> None:
    page = reader.page()
    for logo, shown in (("https://cdn.example.org/logo.png", 0), (f"{PUBLIC_URL}/logo.png", 1)):
        look = replace(LOOK, logo_image=logo)
        browser = TestClient(create_public_app(replace(reader.town.site, look=look)), base_url=PUBLIC_URL)

        page.set_content(browser.get("/subscribe").text, wait_until="domcontentloaded")

        assert page.locator("header img").count() == shown
        assert page.locator("header").get_by_role("link", name=LOOK.name).count() == 1


def test_pages_load_nothing_from_elsewhere_and_set_no_cookie(reader: Reader) -> None:
    reader.town.join(ADA)
    page = reader.page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    for path in pages_of(reader.town).values():
        page.goto(path)

    assert {url for url in asked if not url.startswith((reader.address, "data:"))} == set()
    assert page.context.cookies() == []
