"""Staff in a real browser: the week by keyboard alone, and without scripts; every page can be used by everybody."""

import asyncio
import email
import email.policy
import re
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from content.articles import Article
from newsletter.delivering import deliver
from newsletter.dispatching import advance
from newsletter.publishing import draft
from newsletter.releasing import release
from newsletter.storage.engine import migrate, open_engine
from newsletter.storage.ledger_tables import outcomes
from newsletter.storage.sources import SourceRecord
from newsletter.storage.staff import Role
from newsletter.transports.capture import capture_server
from newsletter.web.console.doors import DOORS
from subscribers.people import SubscriptionState
from tests.builders import IN_CI, heading, make_subscriber, paragraph
from tests.newsletter.office import AT_HOME, NEEDLING, PASSWORD, Office, needling

playwright = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None and not IN_CI, reason="there is no Chromium on this machine")

HOSTILE = '"><img src=x onerror=window.PWN=1><script>window.PWN=1</script>{{7*7}}'
KEY, OLD = "beauty-weekly-2026-W48", "beauty-weekly-2026-W47"


class Desk:
    """A console with a web server, a mail server, and staff's browsers."""

    def __init__(self, office: Office, address: str, mail: Path, browser: Any) -> None:
        self.office, self.address, self.browser, self._mail = office, address, browser, mail
        self._old = set((mail / "new").iterdir())

    def page(self, **more: object) -> Any:
        page = self.browser.new_context(base_url=self.address, **more).new_page()
        page.set_default_timeout(10_000)
        return page

    def sign_in(self, name: str, **more: object) -> Any:
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
        new = set((self._mail / "new").iterdir()) - self._old
        return [email.message_from_bytes(p.read_bytes(), policy=email.policy.default) for p in new]


@pytest.fixture(scope="module")
def mail_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    folder = tmp_path_factory.mktemp("console") / "mail"
    with capture_server(folder) as port:
        yield folder, port


@pytest.fixture(scope="module")
def chromium(mail_server: tuple[Path, int]) -> Iterator[Any]:
    assert mail_server
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def feed() -> Iterator[str]:
    """Serve two articles as a feed on this machine."""

    class Feed(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = _rss(NEEDLING, AT_HOME).encode()
            self.send_response(200)
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


@pytest.fixture
def desk(tmp_path: Path, chromium: Any, mail_server: tuple[Path, int]) -> Iterator[Desk]:
    engine = open_engine(f"sqlite:///{tmp_path}/store.db")
    migrate(engine)
    folder, port = mail_server
    server = uvicorn.Server(uvicorn.Config(lambda: None, port=0, log_level="error", lifespan="off", ws="none"))
    socket = server.config.bind_socket()
    address = f"http://127.0.0.1:{socket.getsockname()[1]}"
    office = Office(
        engine,
        tmp_path,
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
    yield Desk(office, address, folder, chromium)
    server.should_exit = True
    server.force_exit = True
    thread.join(timeout=10)
    engine.dispose()


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
    return str(page.locator("main > [role=status]").first.inner_text())


def open_account(desk: Desk, name: str, code: str, **more: object) -> Any:
    """Open an account with the code of an invitation, by keyboard: password, authenticator, recovery codes."""
    page = desk.page(**more)
    page.goto("/welcome")
    type_into(page, "Code", code)
    type_into(page, "New password", PASSWORD)
    type_into(page, "The same password again", PASSWORD)
    press(page, "button", "Open my account")
    desk.office.secrets[name] = page.locator("input[name=secret]").get_attribute("value")
    type_into(page, "Code", desk.office.code(name))
    press(page, "button", "Set it up")
    assert page.locator("main li").count() >= 10
    press(page, "link", "I have kept them")
    return page


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_the_week_by_keyboard_alone(desk: Desk, feed: str, scripts: bool) -> None:
    office = desk.office
    office.subscribe("ada", "bob", "eve")
    page = desk.page()
    page.goto("/")
    assert "newsletter staff add" in page.inner_text("main")
    _, code = office.staffing.invite("ines@example.org", "Ines", [Role.ADMIN], by="test", now=office.now)
    page = open_account(desk, "Ines", code, java_script_enabled=scripts)

    page.goto("/settings/staff")
    type_into(page, "Address", "paul@example.org")
    type_into(page, "Name", "Paul")
    page.get_by_role("group", name="Roles", exact=True).get_by_label("approver").focus()
    page.keyboard.press("Space")
    press(page, "button", "Invite")
    other = open_account(desk, "Paul", page.locator("main .mono").inner_text(), java_script_enabled=scripts)

    page.goto("/health")
    type_into(page, "Short name", "magazine")
    type_into(page, "Address", feed)
    press(page, "button", "Add it")
    assert notice(page) == "Added magazine: 2 articles there now. Pull it to bring them in."
    press(page, "button", "Pull magazine")
    assert notice(page) == "2 new articles, 0 edited."

    (triage if scripts else tick)(page)

    page.goto("/duplicates")
    press(page, "link", "How microneedling works")
    assert page.locator("ins, del").count() == 0  # the very same words
    press(page, "button", "Print it once")
    assert "printed once" in notice(page)

    page.goto("/digests")
    press(page, "button", "New digest from approved articles")
    type_into(page, "Before the stories", "Two of us tried it.")
    type_into(page, "Subject", "Needles, tested")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert notice(page).startswith("Saved.")
    assert page.get_by_role("heading", level=1).inner_text() == "Needles, tested"
    press(page, "button", "Move down")
    press(page, "link", "Preview", exact=True)
    frame = page.frame_locator("iframe")
    assert "Two of us tried it." in frame.locator("body").inner_text()
    press(page, "button", "Send the test")
    assert "on its way to Ines" in notice(page)
    (test,) = desk.mails()
    assert (test["Subject"], test["To"]) == ("[TEST] Needles, tested", "Ines <ines@example.org>")

    press(page, "link", "Review and schedule", exact=True)
    assert "somebody else has to approve it" in page.inner_text("main")
    other.goto(f"/digests/{KEY}/review")
    for box in other.locator("input[name=accept]").all():
        box.focus()
        other.keyboard.press("Space")
    press(other, "button", "Approve this digest")
    assert notice(other) == "Approved. Now say when it leaves."

    press(other, "button", "Schedule", exact=True)
    assert notice(other) == "It leaves Tue 24 Nov 2026, 09:00 GMT."
    page.goto(f"/digests/{KEY}/send")
    press(page, "button", "Cancel and go back to draft")
    assert notice(page).startswith("Nothing was sent. You cancelled with")
    press(page, "button", "Send after the 5 minutes hold")
    assert "holding" in page.inner_text("main")
    press(page, "button", "Cancel and go back to draft")
    assert re.match("Nothing was sent. You cancelled with [45] min .* left", notice(page))
    press(page, "button", "Schedule", exact=True)
    assert notice(page) == "It leaves Tue 24 Nov 2026, 09:00 GMT."

    due = datetime(2026, 11, 24, 9, tzinfo=UTC)
    office.now = due - timedelta(minutes=30)  # the next morning: the page that was left open asks who is there
    look_again(page, scripts)
    type_into(page, "Your email address", "ines@example.org")
    type_into(page, "Password", PASSWORD)
    press(page, "button", "Sign in")
    type_into(page, "Code", office.code("Ines"))
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.url.endswith(f"/digests/{KEY}/send")
    for moment, shown in ((due - timedelta(minutes=4), "It leaves in"), (due, "0 of 3 accepted")):
        office.now = moment
        advance(office.house, moment)
        look_again(page, scripts)
        page.wait_for_selector(f"#watch >> text={shown}")
    with ThreadPoolExecutor(1) as beside:  # the browser has a loop of its own in this thread
        sent = beside.submit(lambda: asyncio.run(deliver(office.house, office.now))).result(60)
    office.now += timedelta(seconds=90)
    advance(office.house, office.now)
    look_again(page, scripts)
    page.wait_for_selector("#watch >> text=3 of 3 accepted")
    assert sent.trouble == ""
    got = sorted((m["To"], m["Subject"]) for m in desk.mails() if m["To"] != test["To"])
    assert got == [(f"{n} <{n.lower()}@example.org>", "Needles, tested") for n in ("Ada", "Bob", "Eve")]
    page.wait_for_selector("text=Results >> nth=1")
    page.locator("main").get_by_role("link", name="Results").focus()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.get_by_role("group").filter(has_text="Show numbers").locator("summary").focus()
    page.keyboard.press("Enter")
    assert "100.0" in page.get_by_role("row", name="accepted").first.inner_text()

    page.goto("/audience")
    page.get_by_label("File", exact=True).set_input_files(
        {"name": "people.csv", "mimeType": "text/csv", "buffer": b"email,name\nzoe@example.org,Zoe\n"}
    )
    press(page, "button", "Show what would happen")
    if page.get_by_label("Code").count():  # who imports has proved within a quarter of an hour who they are
        type_into(page, "Code", office.code("Ines"))
        with page.expect_navigation():
            page.keyboard.press("Enter")
        page.get_by_label("File", exact=True).set_input_files(
            {"name": "people.csv", "mimeType": "text/csv", "buffer": b"email,name\nzoe@example.org,Zoe\n"}
        )
        press(page, "button", "Show what would happen")
    press(page, "button", "Import them")
    assert notice(page).startswith("Import 1 is done: 1 person added.")
    press(page, "button", "Undo import 1")
    assert notice(page).startswith("1 person gone again")
    assert office.staffing.audit.verify() is None


def triage(page: Any) -> None:
    """Approve two articles with single keys, one of them twice, because the first time is taken back."""
    page.goto("/articles")
    page.locator("tbody tr").first.focus()
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("a")
    page.wait_for_selector("text=1 article approved.")
    type_into(page, "Title has", "ajar")
    assert page.get_by_label("Title has").input_value() == "ajar"
    page.goto("/articles")
    page.locator("tbody tr").first.focus()
    page.keyboard.press("a")
    page.wait_for_selector("text=1 article approved.")
    press(page, "button", "Undo", exact=True)
    assert notice(page) == "Taken back: 1 article waiting again."
    page.locator("tbody tr").first.focus()
    page.keyboard.press("a")
    page.wait_for_selector("text=1 article approved.")


def tick(page: Any) -> None:
    """Approve two articles in bulk, as a browser without scripts can; take it back once."""
    for is_last in (False, True):
        page.goto("/articles")
        for box in page.locator("input[name=chosen]").all():
            box.focus()
            page.keyboard.press("Space")
        press(page, "button", "Approve ticked")
        assert notice(page).startswith("2 articles approved.")
        if not is_last:
            press(page, "button", "Undo", exact=True)
            assert notice(page) == "Taken back: 2 articles waiting again."


def look_again(page: Any, scripts: bool) -> None:
    """Load a page anew where it does not look again by itself."""
    if not scripts:
        page.reload()


def test_a_watched_send_speaks_at_tenths_and_keeps_the_focus(desk: Desk) -> None:
    office = desk.office
    office.hire("Ines", Role.ADMIN)
    office.subscribe(*(f"reader{n}" for n in range(40)))
    office.bring(NEEDLING, approved=True)
    draft(office.house, office.now)
    release(office.house, KEY, office.now, hold=timedelta(0))
    page = desk.sign_in("Ines")
    page.clock.install()
    page.goto(f"/digests/{KEY}/send")
    page.evaluate(
        """() => { window.said = []; const live = document.getElementById("live");
        new MutationObserver(() => window.said.push(live.textContent)).observe(live, {childList: true}) }"""
    )
    page.locator("#watch-numbers").focus()

    office.now += timedelta(minutes=5)
    for done in range(0, 40):
        outcome_of(office, KEY, done)
        office.now += timedelta(minutes=5)  # older than any sum that is kept
        with page.expect_response(f"**/digests/{KEY}/send"):
            page.clock.run_for(2000)
        page.wait_for_selector(f"#watch >> text={done + 1} of 40 accepted")
        assert page.evaluate("document.activeElement.id") == "watch-numbers"

    said = page.evaluate("window.said")
    assert said == [f"sending, {tenth} %" for tenth in range(10, 101, 10)]
    assert page.title().startswith("100 % – Sending – ")


def outcome_of(office: Office, key: str, idx: int, kind: str = "accepted", reply: str = "ok") -> None:
    """Let one more message have ended."""
    mailing = office.house.ledger.mailing(key)
    assert mailing
    row = {"mailing": mailing.number, "idx": idx, "kind": kind, "cause": "none", "code": 250, "enhanced": ""}
    with office.house.engine.begin() as connection:
        connection.execute(outcomes.insert().values(row | {"reply": reply, "at": office.now}))


def pages_of(desk: Desk) -> dict[str, str]:
    """Return every page of the console with something on it."""
    page = desk.sign_in("Ines")
    page.goto("/duplicates")
    group = page.locator("tbody a").first.get_attribute("href")
    places = {"{revision}": NEEDLING.revision, "{key}": KEY, "{person}": "id-ada"}
    found = {"group": group, "no such page": "/nothing", "all articles": "/articles?state=all"}
    for door in DOORS:
        if (
            door.act
            or "{group}" in door.path
            or "images" in door.path
            or door.path.endswith((".csv", "/mail", "/text"))
        ):
            continue
        path = door.path
        for place, value in places.items():
            path = path.replace(place, value)
        found[path] = path
    found["phone"] = f"/digests/{KEY}/preview?view=phone"
    found["found"] = "/audience?q=ada"
    found["sent"] = f"/results/{OLD}"
    found["sending"] = f"/digests/{OLD}/send"
    found["segment"] = "/audience/segments?language=en"
    found["checked log"] = "/settings/audit?verify=yes"
    return found


def fill(desk: Desk, title: str = "", name: str = "Ada") -> None:
    """Put something into every part of the store."""
    office = desk.office
    office.hire("Ines", Role.ADMIN)
    joined = office.now - timedelta(days=30)
    office.house.people.add([make_subscriber("ada", name=name)], "beauty", joined, SubscriptionState.CONFIRMED)
    third = needling(
        "third.md", f"Needles {title}", heading(f"More {title}"), paragraph(f"It does not help everybody. {title}")
    )
    office.now -= timedelta(days=7)
    office.bring(needling("old.md", f"Old {title}", heading(f"Old {title}")), approved=True)
    draft(office.house, office.now)
    release(office.house, OLD, office.now, hold=timedelta(0))
    outcome_of(office, OLD, 0, kind="refused", reply=f"550 no such user {title}")
    office.now += timedelta(days=7)
    office.bring(NEEDLING, AT_HOME, third, approved=True)
    office.bring(needling("new.md", f"New {title}", paragraph(f"Words {title}")))
    office.house.sources.add(
        SourceRecord(name="magazine", kind="feed", location=f"https://a.example/{title}", added_at=office.now)
    )
    office.house.sources.failed("magazine", f"timeout {title}", office.now)
    browser = office.sign_in("Ines")
    browser.post("/digests")
    browser.post(f"/digests/{KEY}", version="0", do="save", subject=f"Subject {title}", preheader=title, intro=title)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_and_fits_a_small_screen(desk: Desk, scheme: str) -> None:
    fill(desk)
    pages = pages_of(desk)
    page = desk.sign_in("Ines", color_scheme=scheme, viewport={"width": 320, "height": 640}, bypass_csp=True)
    found: dict[str, object] = {}
    for name, path in pages.items():
        page.goto(path)
        if wrong := axe.Axe().run(page).response["violations"]:
            found[name] = [(v["id"], v["nodes"][0]["html"][:300]) for v in wrong]
        if page.evaluate("document.documentElement.scrollWidth") > 320:
            found[f"{name}, width"] = page.evaluate("document.documentElement.scrollWidth")

    assert found == {}


@pytest.mark.parametrize("without_policy", [False, True], ids=["with the policy", "without it"])
def test_words_from_outside_never_run(desk: Desk, without_policy: bool) -> None:
    fill(desk, HOSTILE, f"Ada {HOSTILE}")
    pages = pages_of(desk)
    page = desk.sign_in("Ines", bypass_csp=without_policy)
    reports: list[str] = []
    page.on("console", lambda m: reports.append(m.text) if "Content Security Policy" in m.text else None)
    ran = []
    for path in pages.values():
        page.goto(path)
        if page.evaluate("window.PWN") is not None:
            ran.append(path)
        assert "49" not in page.title()
    page.goto("/audience")
    sheet = f'email,name\n"{HOSTILE}",x\neve@example.org,"{HOSTILE.replace(chr(34), chr(34) * 2)}"\n'
    page.get_by_label("File", exact=True).set_input_files(
        {"name": f"{HOSTILE.replace('/', '')}.csv", "mimeType": "text/csv", "buffer": sheet.encode()}
    )
    page.get_by_label("Why we may write to them").fill(HOSTILE)
    for button in ("Show what would happen", "Import them"):
        press(page, "button", button)
        if page.evaluate("window.PWN") is not None:
            ran.append(button)

    assert ran == []
    assert [r for r in reports if "sandbox" not in r.lower()] == []


def test_pages_load_nothing_from_elsewhere_and_stay_small(desk: Desk) -> None:
    fill(desk)
    pages = pages_of(desk)
    page = desk.sign_in("Ines")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    weights = {}
    for name, path in pages.items():
        answer = page.goto(path)
        weights[name] = len(answer.body())

    assert {url for url in asked if not url.startswith((desk.address, "data:"))} == set()
    assert {n: w for n, w in weights.items() if w > 100_000} == {}


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
