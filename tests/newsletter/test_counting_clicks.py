"""A counted link leads where the stored mail led, whatever the database does; people and scanners are told apart."""

import string
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from httpx2 import Response
from sqlalchemy import Engine, select, text

from newsletter.rendering.counting import name_of
from newsletter.storage.clicks import ClickStore, Followed, LinkRow, clicks
from newsletter.storage.editions import EditionRecord, EditionState, EditionStore
from newsletter.storage.ledger import Ledger, Settled
from newsletter.web.clicks import ClickDoor, Counting
from subscribers.deliveries import Outcome, Receipt, Recipient
from subscribers.tokens import Purpose, issue
from tests.builders import MONDAY
from tests.editions import full_edition
from tests.newsletter.site import ADA, KEYS, Town
from tests.newsletter.test_public_hostile import TOKENS
from tests.newsletter.test_rendering_counting import STORED

KEY = full_edition().key
SERUM, STORY, SHOP = (
    "https://shop.example.com/serum?a=1&b=2;c=~d",
    f"https://news.example.org/editions/{KEY}.html#needles",
    "https://shop.example.com/",
)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"


class Readers:
    """A site with an edition that Ada and Bea have, and their browsers."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.town = Town(engine, folder)
        self.store = ClickStore(engine)
        self.ids = {name: self.town.join(f"{name}@example.org") for name in ("ada", "bea")}
        sent = EditionRecord(
            edition=full_edition(), state=EditionState.SENT, reason="", folding="{}", created_at=MONDAY
        )
        EditionStore(engine).create(sent, {"v": STORED})
        self.store.lead(KEY, {name_of(url): url for url in (SERUM, STORY, SHOP)})
        self._deliver(engine)
        self.open(is_on=True)
        self.town.now += timedelta(hours=1)

    def open(self, *, is_on: bool) -> None:
        """Open the site anew, which forgets where links lead."""
        self.town.open_site(counting=Counting(self.store, is_on=is_on))
        owners = [getattr(getattr(r, "endpoint", None), "__self__", None) for r in self.town.app.routes]
        (self.door,) = [owner for owner in owners if isinstance(owner, ClickDoor)]

    def _deliver(self, engine: Engine) -> None:
        ledger = Ledger(engine, clock=lambda: self.town.now)
        people = [Recipient(subscriber=i, address=f"{n}@example.org", name=n, variant="v") for n, i in self.ids.items()]
        ledger.freeze(KEY, people, "beauty")
        chunk = ledger.turn("postman").chunk
        assert chunk
        settled = [Settled(delivery, Receipt(Outcome.ACCEPTED)) for delivery in chunk.deliveries]
        ledger.turn("postman", settled, {chunk.id: chunk.epoch}, [chunk.id], wants_more=False)

    def path(self, name: str, url: str) -> str:
        """Return the path of one's own link."""
        return f"/g/{issue(KEYS, Purpose.CLICK, self.ids.get(name, name), KEY)}/{name_of(url)}"

    def follow(self, name: str, url: str, method: str = "GET", **headers: str) -> Response:
        """Follow a link as a browser does, unless the headers say otherwise."""
        head = {"User-Agent": FIREFOX} | {key.replace("_", "-"): value for key, value in headers.items()}
        return self.town.browser.request(method, self.path(name, url), headers=head, follow_redirects=False)

    def kinds(self) -> list[str]:
        """Return who followed links, in order, once everything is written down."""
        self.door.settle()
        with self.town.engine.connect() as connection:
            return list(connection.execute(select(clicks.c.kind).order_by(clicks.c.number)).scalars())


@pytest.fixture
def readers(engine: Engine, tmp_path: Path) -> Iterator[Readers]:
    made = Readers(engine, tmp_path)
    yield made
    made.door.close()  # before the engine: no thread may still hold a connection


def test_a_site_that_ends_writes_down_what_waits(readers: Readers) -> None:
    with readers.town.browser:
        readers.follow("ada", SERUM)

    assert readers.store.of_edition(KEY).people == 1


def test_a_link_leads_where_the_mail_led_says_nothing_of_whence_and_is_noted(readers: Readers) -> None:
    answer = readers.follow("ada", SERUM)

    assert (answer.status_code, answer.headers["location"]) == (302, SERUM)
    kept = {name: answer.headers[name] for name in ("referrer-policy", "cache-control", "x-robots-tag")}
    assert kept == {"referrer-policy": "no-referrer", "cache-control": "no-store", "x-robots-tag": "noindex, nofollow"}
    assert readers.kinds() == ["person"]
    with readers.town.engine.connect() as connection:
        (row,) = connection.execute(select(clicks)).mappings()
    known = {"subscriber": readers.ids["ada"], "edition": KEY, "target": SERUM, "at": readers.town.now}
    assert dict(row) == {"number": row["number"], "kind": "person", **known}


def test_no_address_leads_where_no_mail_of_ours_did(readers: Readers) -> None:
    good = readers.path("ada", SERUM)
    leave = f"/g/{issue(KEYS, Purpose.UNSUBSCRIBE, readers.ids['ada'], KEY)}/{name_of(SERUM)}"
    bad = [
        good[:-1] + ("0" if good[-1] != "0" else "1"),
        good.replace("/g/", "/g/x"),
        leave,
        good.rpartition("/")[0],
        f"{good.rpartition('/')[0]}/https://evil.example/",
        f"{good.rpartition('/')[0]}/%00",
        "/g/",
        *(f"/g/{token}" for token in TOKENS.values()),
    ]

    answers = [readers.town.browser.get(path, follow_redirects=False) for path in bad]

    assert {a.status_code for a in answers} == {404}
    assert all("There is no such page" in a.text and "location" not in a.headers for a in answers)
    assert readers.kinds() == []


def test_machines_are_noted_as_such_and_led_on(readers: Readers) -> None:
    answers = [
        readers.follow("ada", SERUM, "HEAD"),
        readers.follow("ada", SERUM, User_Agent="Barracuda Sentinel (EE)"),
        readers.follow("ada", SERUM, Sec_Purpose="prefetch;prerender"),
        readers.follow("ada", SERUM, X_Moz="prefetch"),
    ]
    readers.town.now -= timedelta(minutes=59, seconds=55)
    answers.append(readers.follow("bea", SERUM))

    assert {(a.status_code, a.headers["location"]) for a in answers} == {(302, SERUM)}
    assert readers.kinds() == ["scanner"] * 5


def test_three_links_at_once_are_a_scanners_also_those_before_and_another_readers_are_not(readers: Readers) -> None:
    readers.follow("ada", SERUM)
    readers.follow("ada", STORY)
    readers.follow("bea", STORY)
    assert readers.kinds() == ["person"] * 3

    readers.follow("ada", SHOP)
    assert readers.kinds() == ["scanner", "scanner", "person", "scanner"]

    readers.town.now += timedelta(minutes=1)
    readers.follow("ada", SERUM)
    readers.follow("ada", SERUM)
    assert readers.kinds()[4:] == ["person", "person"]
    links = (LinkRow(SERUM, 1, 1), LinkRow(STORY, 1, 1), LinkRow(SHOP, 0, 1))
    found = readers.store.of_edition(KEY)
    assert found == Followed(2, 1, tuple(sorted(found.links, key=lambda row: -row.people)))
    assert set(found.links) == set(links)
    assert readers.store.totals([KEY, "another"]) == {KEY: (2, 1), "another": (0, 0)}


def test_a_database_that_is_gone_holds_nobody_up(readers: Readers) -> None:
    readers.follow("ada", SERUM)
    readers.door.settle()
    with readers.town.engine.begin() as connection:
        connection.execute(text("ALTER TABLE clicks RENAME TO gone"))
        connection.execute(text("ALTER TABLE targets RENAME TO away"))

    known, unknown = readers.follow("bea", SERUM), readers.follow("bea", SHOP)
    readers.door.settle()

    assert (known.status_code, known.headers["location"]) == (302, SERUM)
    assert (unknown.status_code, unknown.headers["location"]) == (302, f"https://news.example.org/editions/{KEY}.html")


def test_a_database_that_hangs_holds_nobody_up_and_gets_the_clicks_later(
    readers: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsletter.web.clicks.PATIENCE", 0.05)
    readers.follow("ada", SERUM)
    readers.door.settle()
    is_server = readers.town.engine.dialect.name == "postgresql"

    with readers.town.engine.begin() as connection:  # on SQLite nobody else may write now
        if is_server:
            connection.execute(text("LOCK TABLE clicks, targets IN ACCESS EXCLUSIVE MODE"))
        known, unknown = readers.follow("bea", SERUM), readers.follow("bea", SHOP)

    assert known.headers["location"] == SERUM
    assert unknown.headers["location"] == (f"https://news.example.org/editions/{KEY}.html" if is_server else SHOP)
    assert readers.kinds() == ["person"] * (2 if is_server else 3)


def test_switched_off_old_links_lead_on_and_nothing_is_noted(readers: Readers) -> None:
    readers.open(is_on=False)

    assert readers.follow("ada", SERUM).headers["location"] == SERUM
    assert readers.kinds() == []


def test_of_testers_and_of_who_was_erased_nothing_is_noted(readers: Readers) -> None:
    readers.follow("ada", SERUM)
    assert readers.kinds() == ["person"]
    path = f"/d/{readers.town.token(Purpose.DATA, ADA)}"
    readers.town.browser.post(path, data={"do": "erase", "certain": "yes"})
    assert readers.kinds() == []

    assert readers.follow("ada", SERUM).status_code == 302
    assert readers.follow("test", SERUM).status_code == 302
    assert readers.kinds() == []


def test_a_machine_that_never_stops_fills_no_table(readers: Readers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("newsletter.storage.clicks.MOST", 2)
    for _ in range(4):
        readers.follow("ada", SERUM)

    assert readers.kinds() == ["person", "person"]


def test_where_links_lead_is_said_once_and_never_changed(readers: Readers) -> None:
    name = name_of(SERUM)
    more = {letter * 16: f"https://example.org/{letter}" for letter in string.hexdigits[:6]}

    readers.store.lead(KEY, {name: "https://evil.example/"} | more)

    assert readers.store.target(KEY, name) == SERUM
    assert readers.store.target(KEY, "0" * 16) == "https://example.org/0"
    assert readers.store.target("another", name) is None
