"""On a real PostgreSQL site and senders do all their work under logins that can do nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.exc import ProgrammingError

from newsletter.alarming import judge, note
from newsletter.delivering import deliver
from newsletter.dispatching import advance
from newsletter.doctoring import Ward, examine, mend
from newsletter.enrolling.owning import erase
from newsletter.fetching.addresses import Reach
from newsletter.fetching.posting import HttpPoster
from newsletter.hooking import add_hook, deliver_due
from newsletter.ingesting import ingest
from newsletter.measuring import Physician
from newsletter.publishing import find
from newsletter.returns import Returns
from newsletter.scheduling import send_now
from newsletter.sending import run
from newsletter.settings import Settings
from newsletter.storage.clicks import ClickStore
from newsletter.storage.editions import EditionState
from newsletter.storage.engine import migrate, open_engine
from newsletter.storage.errors import StoreError
from newsletter.storage.ledger import Ledger
from newsletter.storage.outbox import Event, Hook, HookState, OutboxStore
from newsletter.storage.people import PeopleStore
from newsletter.storage.returns import ReturnStore
from newsletter.storage.roles import GRANTS, Role, apply
from newsletter.storage.schema import every_table
from newsletter.storage.sources import SourceRecord
from newsletter.transports.capture import capture_server
from newsletter.wiring import House, forget_old, make_source, open_house
from subscribers.bounces import DeliveryEvent, EventKind, Place
from subscribers.clicks import Click, Follower
from subscribers.deliveries import Recipient, sign
from subscribers.people import SubscriptionState
from subscribers.tokens import Claims, Purpose
from tests.clock import now_of_each_test  # noqa: F401  sets NOW
from tests.newsletter.receivers import receiving
from tests.newsletter.scheduled import KEY, edition_house
from tests.newsletter.site import ADA, KEYS, Town

NOW = datetime.now(UTC)


SECRET = b"k" * 32


@pytest.fixture
def owner(postgresql_database: str) -> Iterator[Engine]:
    engine = open_engine(postgresql_database)
    migrate(engine)
    assert apply(engine, {}) == ()
    assert apply(engine, {"NEWSLETTER_WEB_PASSWORD": "it's 100% %s secret"}) == (Role.WEB,)  # a second time: no harm
    yield engine
    engine.dispose()


def _url(owner: Engine, role: Role) -> str:
    return make_url(owner.url).set(username=role.value).render_as_string(hide_password=False)


@contextmanager
def _as(owner: Engine, role: Role) -> Iterator[Engine]:
    engine = open_engine(_url(owner, role))
    yield engine
    engine.dispose()


def _is_refused(owner: Engine, role: Role, statement: str) -> bool:
    engine = create_engine(make_url(_url(owner, role)))
    try:
        with engine.begin() as connection:
            connection.execute(text(statement))
    except ProgrammingError as error:
        return "permission denied" in str(error) or "must be owner" in str(error)
    finally:
        engine.dispose()
    return False


def test_every_table_has_its_place() -> None:
    assert {table.name for table in every_table()} - set(GRANTS) == set()


def test_the_site_does_all_its_work_under_its_login(owner: Engine, tmp_path: Path) -> None:
    hook = _hook(owner)
    with _as(owner, Role.WEB) as engine:
        migrate(engine)  # nothing to do, and so no rights are needed
        town = Town(engine, tmp_path)
        town.join(ADA)
        assert town.state(ADA) is SubscriptionState.CONFIRMED
        manage = town.token(Purpose.MANAGE, ADA)
        assert town.browser.get(f"/p/{manage}").status_code == 200
        assert town.browser.post(f"/u/{town.token(Purpose.UNSUBSCRIBE, ADA)}").status_code == 200
        assert town.state(ADA) is SubscriptionState.UNSUBSCRIBED
        town.join("bea@example.org")
        store, click = ClickStore(engine), Click("https://example.org/", NOW)
        assert store.target("e", "0" * 16) is None
        store.record("e", town.id_of("bea@example.org"), click, Follower.PERSON)
        assert (store.of_edition("e").people, store.of_edition("e").scanners) == (0, 1)  # nothing has left yet
        data = town.token(Purpose.DATA, "bea@example.org")
        assert "bea@example.org" in town.browser.get(f"/d/{data}").text + town.browser.post(f"/d/{data}").text
        erase(town.people, KEYS, Claims(town.id_of("bea@example.org"), "beauty"), NOW)
        assert town.state("bea@example.org") is None
    told = [p.event for p in OutboxStore(owner).posts(hook.id)]
    assert (told.count(Event.SUBSCRIBED), told.count(Event.UNSUBSCRIBED)) == (2, 2)


def test_the_dispatcher_delivers_webhooks_under_the_senders_login(owner: Engine) -> None:
    hook = _hook(owner)
    with receiving() as receiver, _as(owner, Role.SENDER) as engine:
        OutboxStore(owner).change(replace(hook, url=receiver.url))
        OutboxStore(owner).put(hook.id, Event.EDITION_SENT, "k", NOW)
        poster = HttpPoster("test", reach=Reach(loopback=True))
        deliver_due(engine, poster, lambda: NOW, lambda: 1.0)
        receiver.status = 410
        OutboxStore(owner).put(hook.id, Event.EDITION_SENT, "k", NOW)
        deliver_due(engine, poster, lambda: NOW, lambda: 1.0)
        poster.close()

    assert len(receiver.came) == 2
    assert [h.state for h in OutboxStore(owner).hooks()] == [HookState.GONE]


def _hook(owner: Engine) -> Hook:
    reach = Reach(loopback=True)
    return add_hook(owner, "http://127.0.0.1:9/", "shop", [], with_addresses=False, reach=reach, by="test", now=NOW)


def test_the_site_takes_reports_under_its_login(owner: Engine) -> None:
    Ledger(owner).freeze("e", [Recipient(subscriber="ada", address=ADA)])
    place = Place(mailing=1, idx=0, signature=sign("e", "ada", SECRET))
    event = DeliveryEvent(id="1", place=place, kind=EventKind.BOUNCED, status="5.1.1", at=NOW)
    with _as(owner, Role.WEB) as engine:
        harvest = Returns(ReturnStore(engine), PeopleStore(engine), SECRET).take([event], NOW)
        Ledger(engine).pause("e", "too much bounces")

    assert (harvest.new, harvest.resting) == (1, 1)


@pytest.fixture
def house(owner: Engine, tmp_path: Path) -> Iterator[House]:
    """A house under the senders' login; its people and its edition are the owner's work."""
    url = owner.url.render_as_string(hide_password=False)
    with capture_server(tmp_path / "mail") as port:
        more = {"smtp_host": "127.0.0.1", "smtp_port": port, "local_hours": False, "postal_address": "1 Example Street"}
        folder = tmp_path / "articles"
        folder.mkdir()
        (folder / "one.md").write_text("# Retinol\n\nRetinol asks for patience.\n")
        with edition_house(url, tmp_path) as theirs:
            theirs.sources.add(SourceRecord(name="magazine", kind="folder", location=str(folder), added_at=NOW))
        given = Settings(home=tmp_path, database_url=_url(owner, Role.SENDER), **more)
        with open_house(given) as house:
            yield house


def test_senders_do_all_their_work_under_their_login(house: House) -> None:
    record = house.sources.find("magazine")
    assert record
    assert ingest(make_source(record, house.settings), house.sources, house.articles, NOW).change.new == 1
    send_now(house, KEY, by="ines", now=NOW)
    advance(house, NOW)
    assert run(deliver(house, NOW)).accepted == 2
    advance(house, NOW)
    assert find(house, KEY).state is EditionState.SENT
    forget_old(house, NOW + timedelta(days=400))
    note(house, judge(Physician(house).take(NOW)), NOW)
    later = Ward(house, NOW + timedelta(days=8))
    mend(later, examine(later))


def test_an_embedded_store_has_no_logins(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"PostgreSQL's"):
        apply(open_engine(f"sqlite:///{tmp_path}/x.db"), {})


FORBIDDEN = {
    Role.WEB: (
        "INSERT INTO targets VALUES ('e', 'x', 'https://evil.example/')",
        "SELECT * FROM articles",
        "SELECT * FROM outbox",
        "SELECT secret FROM hooks",
        "SELECT * FROM renderings",
        "SELECT * FROM sends",
        "INSERT INTO marks VALUES ('x', 'y', now())",
        "UPDATE chunks SET state = 'done'",
        "UPDATE mailings SET edition = 'x'",
        "DELETE FROM outcomes",
        "INSERT INTO audience VALUES (1, 1, 'x', 'y', 'z', '', '')",
        "DROP TABLE letters",
        "CREATE TABLE x (y int)",
        "ALTER TABLE subscribers ADD x int",
    ),
    Role.SENDER: (
        "INSERT INTO subscribers (id) VALUES ('x')",
        "INSERT INTO subscriptions (list) VALUES ('x')",
        "INSERT INTO consents (list) VALUES ('x')",
        "UPDATE approvals SET by = 'x'",
        "DELETE FROM approvals",
        "UPDATE send_changes SET by = 'x'",
        "DELETE FROM send_changes",
        "DELETE FROM rulings",
        "SELECT * FROM tokens",
        "DROP TABLE outcomes",
        "CREATE TABLE x (y int)",
    ),
    Role.CONSOLE: ("UPDATE approvals SET by = 'x'", "DELETE FROM send_changes", "DROP TABLE editions"),
}


@pytest.mark.parametrize(("role", "statement"), [(r, s) for r, all_ in FORBIDDEN.items() for s in all_])
def test_what_a_login_does_not_need_is_refused(role: Role, statement: str, owner: Engine) -> None:
    assert _is_refused(owner, role, statement)
