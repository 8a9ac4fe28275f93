"""Staff are let in by what they prove, nobody else is, and what they did stays on record."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from newsletter.staffing import CODE_KEPT, MOST_OF_ACCOUNT, Denied, Opened, StaffingError, Visitor
from newsletter.storage.audit import Deed
from newsletter.storage.sessions import IDLE, LONGEST, Level
from newsletter.storage.staff import Role
from tests.builders import MONDAY
from tests.newsletter.office import PASSWORD, Office

HOME = Visitor("192.0.2.0/24", "a browser")
AWAY = Visitor("198.51.100.0/24", "another browser")


@pytest.fixture
def office(engine: Engine, tmp_path: Path) -> Iterator[Office]:
    return Office(engine, tmp_path)


def test_a_password_alone_lets_an_editor_in(office: Office) -> None:
    office.hire("Mia", Role.EDITOR)

    opened = office.staffing.sign_in("MIA@example.org ", PASSWORD, HOME, MONDAY)

    assert isinstance(opened, Opened)
    assert opened.session.level is Level.FULL
    who = office.staffing.who(opened.id, MONDAY)
    assert who
    assert who[0].name == "Mia"


def test_an_approver_needs_the_authenticator_too_and_gets_a_new_session_for_it(office: Office) -> None:
    office.hire("Ines", Role.APPROVER)

    half = office.staffing.sign_in("ines@example.org", PASSWORD, HOME, MONDAY)
    assert isinstance(half, Opened)
    whole = office.staffing.check_code(half.session, office.code("Ines"), HOME, MONDAY)

    assert half.session.level is Level.PASSWORD
    assert isinstance(whole, Opened)
    assert whole.session.level is Level.FULL
    assert office.staffing.who(half.id, MONDAY) is None


@pytest.mark.parametrize(
    ("address", "password"),
    [
        ("mia@example.org", "a wrong password here"),
        ("nobody@example.org", PASSWORD),
        ("mia@example.org", ""),
        ("mia@example.org", f"{PASSWORD} "),
        ("mia@example.org", "x" * 1_000_000),
        ("mia@example.org", f"{PASSWORD}\0"),
    ],
    ids=["wrong", "unknown", "empty", "a trailing space", "a megabyte", "NUL"],
)
def test_whatever_is_wrong_the_answer_is_the_same(office: Office, address: str, password: str) -> None:
    office.hire("Mia", Role.EDITOR)

    assert office.staffing.sign_in(address, password, HOME, MONDAY) is Denied.WRONG


def test_who_left_is_not_let_in_and_is_out_at_once(office: Office) -> None:
    office.hire("Ines", Role.ADMIN)
    mia = office.hire("Mia", Role.EDITOR)
    opened = office.staffing.sign_in(mia.address, PASSWORD, HOME, MONDAY)
    assert isinstance(opened, Opened)

    office.staffing.revoke(mia, by="test", now=MONDAY, account=True)

    assert office.staffing.who(opened.id, MONDAY) is None
    assert office.staffing.sign_in(mia.address, PASSWORD, HOME, MONDAY) is Denied.WRONG


def test_guessing_ends_before_a_password_is_looked_at_known_address_or_not(office: Office) -> None:
    office.hire("Mia", Role.EDITOR)
    for address in ("mia@example.org", "nobody@example.org"):
        for _ in range(MOST_OF_ACCOUNT):
            assert office.staffing.sign_in(address, "a wrong password", HOME, MONDAY) is Denied.WRONG
        assert office.staffing.sign_in(address, PASSWORD, AWAY, MONDAY) is Denied.THROTTLED

    later = MONDAY + timedelta(minutes=15, seconds=1)
    assert isinstance(office.staffing.sign_in("mia@example.org", PASSWORD, AWAY, later), Opened)


def test_a_code_counts_once_and_so_does_each_recovery_code(office: Office) -> None:
    ines = office.hire("Ines", Role.ADMIN)
    half = office.staffing.sign_in(ines.address, PASSWORD, HOME, MONDAY)
    assert isinstance(half, Opened)
    secret = pyotp.random_base32()
    _, recovery = office.staffing.set_up_factor(half.session, secret, pyotp.TOTP(secret).at(MONDAY), HOME, MONDAY)

    def try_code(code: str) -> object:
        opened = office.staffing.sign_in(ines.address, PASSWORD, HOME, MONDAY)
        assert isinstance(opened, Opened)
        return office.staffing.check_code(opened.session, code, HOME, MONDAY)

    assert try_code(pyotp.TOTP(secret).at(MONDAY)) is Denied.WRONG
    assert isinstance(try_code(recovery[0].upper()), Opened)
    assert try_code(recovery[0]) is Denied.WRONG
    assert try_code("abcdef") is Denied.WRONG
    assert len(set(recovery)) == 10


def test_an_invitation_opens_one_account_once_for_half_an_hour(office: Office) -> None:
    _, code = office.staffing.invite("mia@example.org", "Mia", {Role.EDITOR}, by="test", now=MONDAY)
    too_late = MONDAY + CODE_KEPT

    assert office.staffing.welcome(code, PASSWORD, HOME, too_late) is Denied.WRONG
    with pytest.raises(StaffingError, match="12 characters"):
        office.staffing.welcome(code, "short", HOME, MONDAY)
    assert isinstance(office.staffing.welcome(f" {code.upper()} ", PASSWORD, HOME, MONDAY), Opened)
    assert office.staffing.welcome(code, PASSWORD, HOME, MONDAY) is Denied.WRONG


def test_a_changed_password_ends_every_session(office: Office) -> None:
    mia = office.hire("Mia", Role.EDITOR)
    opened = [office.staffing.sign_in(mia.address, PASSWORD, where, MONDAY) for where in (HOME, AWAY)]

    assert office.staffing.change_password(mia, PASSWORD, "another quiet morning", MONDAY)

    assert [office.staffing.who(o.id, MONDAY) for o in opened if isinstance(o, Opened)] == [None, None]


def test_changed_roles_count_at_once(office: Office) -> None:
    office.hire("Ines", Role.ADMIN)
    mia = office.hire("Mia", Role.EDITOR)
    opened = office.staffing.sign_in(mia.address, PASSWORD, HOME, MONDAY)
    assert isinstance(opened, Opened)

    office.staffing.set_roles(mia, {Role.OPERATOR}, by="test", now=MONDAY)

    assert office.staffing.who(opened.id, MONDAY) is None
    assert office.staffing.staff.find(mia.id).roles == {Role.OPERATOR}  # type: ignore[union-attr]


def test_the_last_administrator_stays(office: Office) -> None:
    ines = office.hire("Ines", Role.ADMIN)

    with pytest.raises(StaffingError, match="only administrator"):
        office.staffing.set_roles(ines, {Role.EDITOR}, by="test", now=MONDAY)
    with pytest.raises(StaffingError, match="only administrator"):
        office.staffing.revoke(ines, by="test", now=MONDAY, account=True)


def test_a_session_ends_unused_or_old(office: Office) -> None:
    mia = office.hire("Mia", Role.EDITOR)
    opened = office.staffing.sign_in(mia.address, PASSWORD, HOME, MONDAY)
    assert isinstance(opened, Opened)

    assert office.staffing.who(opened.id, MONDAY + IDLE) is None
    at = MONDAY
    while at < MONDAY + LONGEST - timedelta(hours=4):
        at += timedelta(hours=4)
        assert office.staffing.who(opened.id, at)
    assert office.staffing.who(opened.id, MONDAY + LONGEST) is None


def test_the_store_holds_nothing_that_lets_anybody_in(office: Office, engine: Engine) -> None:
    _, code = office.staffing.invite("mia@example.org", "Mia", {Role.EDITOR}, by="test", now=MONDAY)
    office.hire("Ada", Role.EDITOR)
    opened = office.staffing.sign_in("ada@example.org", PASSWORD, HOME, MONDAY)
    assert isinstance(opened, Opened)

    with engine.connect() as connection:
        held = "".join(
            str(connection.execute(text(f"SELECT * FROM {table}")).all())
            for table in ("staff", "staff_codes", "sessions", "audit")
        )

    assert [secret for secret in (code, opened.id, PASSWORD) if secret in held] == []


def test_the_log_only_grows_and_names_the_line_that_somebody_changed(office: Office, engine: Engine) -> None:
    audit = office.staffing.audit
    numbers = [audit.add(Deed(at=MONDAY, actor="mia", act="article.decide", about=f"a{n}")) for n in range(5)]
    assert numbers == [1, 2, 3, 4, 5]
    assert audit.verify() is None

    for statement in ("UPDATE audit SET actor = 'eve' WHERE number = 3", "DELETE FROM audit WHERE number = 3"):
        with pytest.raises(DBAPIError, match="only grows"), engine.begin() as connection:
            connection.execute(text(statement))

    with engine.begin() as connection:  # as somebody could who owns the database
        if engine.dialect.name == "sqlite":
            connection.execute(text("DROP TRIGGER audit_no_UPDATE"))
        else:
            connection.execute(text("DROP TRIGGER audit_no_change ON audit"))
        connection.execute(text("UPDATE audit SET actor = 'eve' WHERE number = 3"))
    assert audit.verify() == 3


def test_lines_that_are_written_at_once_make_one_chain(office: Office) -> None:
    def write(n: int) -> int:
        return office.staffing.audit.add(Deed(at=MONDAY, actor=f"p{n}", act="x"))

    with ThreadPoolExecutor(8) as pool:
        numbers = sorted(pool.map(write, range(24)))

    assert numbers == list(range(1, 25))
    assert office.staffing.audit.verify() is None
