"""Staff in a real browser: the week by keyboard alone, and without scripts; every page can be used by everybody."""

import email
import email.policy
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from content.articles import Article
from newsletter.storage.engine import migrate, open_engine
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
KEY = "beauty-weekly-2026-W48"


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
def desk(tmp_path: Path, chromium: Any, mail_server: tuple[Path, int]) -> Iterator[Desk]:
    engine = open_engine(f"sqlite:///{tmp_path}/store.db")
    migrate(engine)
    folder, port = mail_server
    server = uvicorn.Server(uvicorn.Config(lambda: None, port=0, log_level="error", lifespan="off", ws="none"))
    socket = server.config.bind_socket()
    address = f"http://127.0.0.1:{socket.getsockname()[1]}"
    office = Office(engine, tmp_path, url=address, smtp_host="127.0.0.1", smtp_port=port, second_person_above=1)
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


def test_the_week_by_keyboard_alone(desk: Desk) -> None:
    office = desk.office
    office.hire("Ines", Role.ADMIN)
    office.hire("Paul", Role.APPROVER)
    office.subscribe("ada", "bob", "eve")
    folder = office.settings.home / "articles"
    folder.mkdir()
    (folder / "needling.md").write_text(_markdown(NEEDLING))
    (folder / "home.md").write_text(_markdown(AT_HOME))
    office.house.sources.add(SourceRecord(name="magazine", kind="folder", location=str(folder), added_at=office.now))
    page = desk.sign_in("Ines")

    page.goto("/health")
    press(page, "button", "Pull magazine")
    assert notice(page) == "2 new articles, 0 edited."

    page.goto("/articles")
    page.locator("tbody tr").first.focus()
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("a")
    page.wait_for_selector("text=1 article approved.")
    page.get_by_label("Title has").focus()
    page.keyboard.type("ajar")
    page.wait_for_timeout(50)
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

    page.goto("/duplicates")
    press(page, "link", "How microneedling works")
    assert page.locator("ins, del").count() == 0  # the very same words
    press(page, "button", "Print it once")
    assert "printed once" in notice(page)

    page.goto("/digests")
    press(page, "button", "New digest from approved articles")
    type_into(page, "Subject", "Needles, tested")
    type_into(page, "Before the stories", "Two of us tried it.")
    press(page, "button", "Save", exact=True)
    assert page.get_by_role("heading", level=1).inner_text() == "Needles, tested"
    press(page, "button", "Move down")
    press(page, "link", "Preview", exact=True)
    frame = page.frame_locator("iframe")
    assert "Two of us tried it." in frame.locator("body").inner_text()
    press(page, "button", "Send the test")
    assert "on its way to Ines" in notice(page)
    (test,) = desk.mails()
    assert test["Subject"] == "[TEST] Needles, tested"
    assert test["To"] == "Ines <ines@example.org>"

    press(page, "link", "Review and schedule", exact=True)
    assert "somebody else has to approve it" in page.inner_text("main")
    other = desk.sign_in("Paul")
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
    press(page, "button", "Schedule", exact=True)
    assert notice(page) == "It leaves Tue 24 Nov 2026, 09:00 GMT."

    page.goto("/results")
    page.goto("/audience")
    page.get_by_label("File", exact=True).set_input_files(
        {"name": "people.csv", "mimeType": "text/csv", "buffer": b"email,name\nzoe@example.org,Zoe\n"}
    )
    press(page, "button", "Show what would happen")
    press(page, "button", "Import them")
    assert notice(page).startswith("Import 1 is done: 1 person added.")
    press(page, "button", "Undo import 1")
    assert notice(page).startswith("1 person gone again")
    assert office.staffing.audit.verify() is None


def test_the_same_without_scripts(desk: Desk) -> None:
    office = desk.office
    office.hire("Ines", Role.ADMIN)
    office.subscribe("ada")
    office.bring(NEEDLING, AT_HOME)
    page = desk.sign_in("Ines", java_script_enabled=False)

    page.goto("/articles")
    for box in page.locator("input[name=chosen]").all():
        box.check()
    page.get_by_role("button", name="Approve ticked").click()
    assert notice(page).startswith("2 articles approved.")
    page.goto("/digests")
    page.get_by_role("button", name="New digest").click()
    page.get_by_label("Subject").fill("By hand")
    page.get_by_role("button", name="Save").click()
    page.goto(f"/digests/{KEY}/review")
    for box in page.locator("input[name=accept]").all():
        box.check()
    page.get_by_role("button", name="Approve this digest").click()
    page.get_by_role("button", name="Schedule", exact=True).click()
    assert notice(page) == "It leaves Tue 24 Nov 2026, 09:00 GMT."


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
    found["segment"] = "/audience/segments?language=en"
    found["checked log"] = "/settings/audit?verify=yes"
    return found


def fill(desk: Desk, title: str = "", name: str = "Ada") -> None:
    """Put something into every part of the store."""
    office = desk.office
    office.hire("Ines", Role.ADMIN)
    office.house.people.add([make_subscriber("ada", name=name)], "beauty", office.now, SubscriptionState.CONFIRMED)
    third = needling(
        "third.md", f"Needles {title}", heading(f"More {title}"), paragraph(f"It does not help everybody. {title}")
    )
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


def _markdown(article: Article) -> str:
    parts = [f"# {article.title}"]
    parts += [f"## {b.text}" if b.kind.value == "heading" else b.text for b in article.blocks]
    return "\n\n".join(parts) + "\n"
