"""A token opens what its scopes name, in its owner's name, as long as it holds, and is kept by its hash alone."""

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from newsletter.admitting import Admitted, Admitting, Turned
from newsletter.staffing import StaffingError
from newsletter.storage.staff import Role
from newsletter.storage.tokens import Reply, Scope
from tests.builders import MONDAY
from tests.newsletter.office import Office

NETWORK = "192.0.2.0/24"


@pytest.fixture
def office(store: Engine, tmp_path: Path) -> Office:
    made = Office(store, tmp_path)
    made.hire("Ines", Role.ADMIN)
    return made


def ines(office: Office):
    found = office.staffing.staff.at("ines@example.org")
    assert found
    return found


def test_a_token_lets_in_with_what_it_was_made_for(office: Office) -> None:
    admitting, owner = Admitting(office.house.engine), ines(office)

    token, secret = admitting.make(owner, "the shop", [Scope.SENDS_READ], 90, by=owner.id, now=MONDAY)

    assert admitting.admit(secret, NETWORK, MONDAY) == Admitted(token, owner)
    assert token.scopes == {Scope.SENDS_READ}
    assert len(secret) == 46
    assert secret.startswith(token.prefix)
    assert admitting.store.all() == (replace(token, used_at=MONDAY),)


def test_what_is_kept_lets_nobody_in(office: Office) -> None:
    admitting, owner = Admitting(office.house.engine), ines(office)
    token, secret = admitting.make(owner, "the shop", [Scope.SENDS_READ], 90, by=owner.id, now=MONDAY)

    with office.house.engine.connect() as connection:
        kept = [str(v) for t in ("tokens", "audit") for r in connection.execute(text(f"SELECT * FROM {t}")) for v in r]

    assert not any(secret in value or secret[9:] in value for value in kept)
    assert {admitting.admit(value, NETWORK, MONDAY) for value in (*kept, token.id, "nl_", "")} == {Turned.AWAY}


@pytest.mark.parametrize(
    "ends",
    [
        lambda o, t, m: setattr(o, "now", t.until),
        lambda o, t, m: Admitting(o.house.engine).revoke(t.prefix, by="test", now=o.now),
        lambda o, t, m: o.staffing.staff.set_left(m.id, o.now),
    ],
    ids=["expired", "revoked", "its owner left"],
)
def test_a_token_ends(office: Office, ends) -> None:
    office.hire("Omar", Role.ADMIN)
    admitting, owner = Admitting(office.house.engine), ines(office)
    token, secret = admitting.make(owner, "the shop", [Scope.SENDS_READ], 1, by=owner.id, now=MONDAY)
    just_before = admitting.admit(secret, NETWORK, token.until - timedelta(seconds=1))

    ends(office, token, owner)

    assert isinstance(just_before, Admitted)
    assert admitting.admit(secret, NETWORK, office.now) is Turned.AWAY


@pytest.mark.parametrize(
    ("role", "scope", "name", "days"),
    [
        (Role.EDITOR, Scope.ARTICLES_WRITE, "x", 90),
        (Role.EDITOR, Scope.SUBSCRIBERS_READ, "x", 90),
        (Role.OPERATOR, Scope.EDITIONS_WRITE, "x", 90),
        (Role.EDITOR, Scope.SENDS_READ, "x", 367),
        (Role.EDITOR, Scope.SENDS_READ, "x", 0),
        (Role.EDITOR, Scope.SENDS_READ, " \u200b", 90),
        (Role.EDITOR, None, "x", 90),
    ],
)
def test_no_token_is_made_for_more_than_its_owner_may(office: Office, role, scope, name, days) -> None:
    admitting, mia = Admitting(office.house.engine), office.hire("Mia", role)

    with pytest.raises(StaffingError):
        admitting.make(mia, name, [scope] if scope else [], days, by="test", now=MONDAY)

    assert admitting.store.all() == ()


def test_wrong_tokens_are_throttled_by_network_and_right_ones_are_not(office: Office) -> None:
    admitting, owner = Admitting(office.house.engine), ines(office)
    token, secret = admitting.make(owner, "the shop", [Scope.SENDS_READ], 90, by=owner.id, now=MONDAY)

    answers = [admitting.admit(f"nl_{n}", NETWORK, MONDAY) for n in range(41)]

    assert answers == [Turned.AWAY] * 40 + [Turned.THROTTLED]
    assert admitting.admit(secret, NETWORK, MONDAY) == Admitted(token, owner)
    assert admitting.admit("nl_x", "198.51.100.0/24", MONDAY) is Turned.AWAY
    assert admitting.admit("nl_x", NETWORK, MONDAY + timedelta(minutes=16)) is Turned.AWAY


def test_making_and_revoking_stand_in_the_log(office: Office) -> None:
    admitting, owner = Admitting(office.house.engine), ines(office)
    token, _ = admitting.make(owner, "the shop", [Scope.SENDS_READ], 90, by=owner.id, now=MONDAY)

    admitting.revoke(token.id[:6], by="command line", now=MONDAY)

    lines = office.staffing.audit.page(limit=2)
    assert [(line.act, line.actor, line.about) for line in lines] == [
        ("token.revoke", "command line", token.id),
        ("token.new", owner.id, token.id),
    ]
    with pytest.raises(StaffingError):
        admitting.revoke(token.id, by="command line", now=MONDAY)


def test_one_request_of_a_key_is_at_work_and_its_answer_is_kept_for_a_day(engine: Engine, tmp_path: Path) -> None:
    office = Office(engine, tmp_path)
    owner = office.hire("Ines", Role.ADMIN)
    token, _ = Admitting(engine).make(owner, "the shop", [Scope.SENDS_READ], 90, by=owner.id, now=MONDAY)
    store, minute = Admitting(engine).store, timedelta(minutes=1)

    assert store.begin(token.id, "k", "a", MONDAY) is None
    assert store.begin(token.id, "k", "a", MONDAY + minute) == Reply("a", 0, "", MONDAY)
    assert store.begin(token.id, "k", "a", MONDAY + 6 * minute) is None  # the first was cut off
    store.end(token.id, "k", 201, "{}")
    assert store.begin(token.id, "k", "b", MONDAY + 7 * minute) == Reply("a", 201, "{}", MONDAY + 6 * minute)
    assert store.begin(token.id, "k", "b", MONDAY + timedelta(hours=25)) is None


def test_of_many_requests_under_one_key_at_once_one_is_at_work(engine: Engine, tmp_path: Path) -> None:
    office = Office(engine, tmp_path)
    owner = office.hire("Ines", Role.ADMIN)
    token, _ = Admitting(engine).make(owner, "the shop", [Scope.SENDS_READ], 90, by=owner.id, now=MONDAY)
    start, found = threading.Barrier(4), []

    def ask() -> None:
        start.wait()
        found.append(Admitting(engine).store.begin(token.id, "k", "a", MONDAY))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(found, key=lambda r: r is not None) == [None, *[Reply("a", 0, "", MONDAY)] * 3]


def test_an_administrator_makes_and_revokes_tokens_in_the_console(office: Office) -> None:
    browser, admitting = office.sign_in("Ines"), Admitting(office.house.engine)

    made = browser.post("/settings/tokens", name="the <shop>", days="30", scope="sends:read")
    (token,) = admitting.store.all()
    secret = next(word for word in made.text.replace("<", " ").replace(">", " ").split() if word.startswith("nl_"))
    again = browser.get("/settings/tokens").text

    assert isinstance(admitting.admit(secret, NETWORK, office.now), Admitted)
    assert token.until == office.now + timedelta(days=30)
    assert secret not in again
    assert "the &lt;shop&gt;" in again
    browser.post("/settings/tokens/revoke", token=token.id)
    assert admitting.admit(secret, NETWORK, office.now) is Turned.AWAY
