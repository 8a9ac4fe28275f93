"""What comes back is believed if it is ours, counted once, and lets an address rest only for what is its own matter."""

from collections.abc import Callable
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import Engine

from newsletter.returns import Harvest, Returns
from newsletter.storage.ledger import Ledger
from newsletter.storage.people import PeopleStore
from newsletter.storage.returns import ReturnStore
from subscribers.bounces import EventKind, Place, delivery_number, envelope_sender, make_event
from subscribers.deliveries import Recipient, Tally, sign
from subscribers.people import Reason, Suppression
from tests.builders import MONDAY

KEY = b"k" * 32
ADA, BEA = "ada@example.org", "bea@example.org"


@pytest.fixture
def ledger(engine: Engine) -> Ledger:
    ledger = Ledger(engine, lambda: MONDAY)
    ledger.freeze("e", [Recipient(subscriber="ada", address=ADA), Recipient(subscriber="bea", address=BEA)])
    return ledger


@pytest.fixture
def returns(engine: Engine, ledger: Ledger) -> Returns:
    return Returns(ReturnStore(engine), PeopleStore(engine), KEY)


def places(ledger: Ledger) -> dict[str, Place]:
    chunk = ledger.turn("one").chunk
    assert chunk is not None
    return {d.subscriber: Place(d.mailing, d.idx, sign(d.edition, d.subscriber, KEY)) for d in chunk.deliveries}


def dsn(place: Place, status: str = "5.1.1", action: str = "failed", said: str = "smtp; 550 no such user") -> bytes:
    """A bounce as RFC 3464 has it, to the address that names the delivery."""
    to = envelope_sender(place.mailing, place.idx, place.signature, "bounces.example.org")
    return (
        f"Delivered-To: {to}\nFrom: MAILER-DAEMON@mx.example.net\nSubject: Undelivered\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        "--b\nContent-Type: text/plain\n\nSorry.\n"
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.net\n\n"
        f"Final-Recipient: rfc822; someone@example.org\nAction: {action}\nStatus: {status}\nDiagnostic-Code: {said}\n\n"
        "--b--\n"
    ).encode()


def complaint(place: Place, redacted: bool = True) -> bytes:
    """A complaint as RFC 5965 has it: what it quotes bears our Message-ID; the person may be left out."""
    number = delivery_number(place.mailing, place.idx, place.signature)
    person = "redacted" if redacted else ADA
    return (
        "From: fbl@mailbox.example\nTo: fbl@news.example.org\nSubject: complaint\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\n\n'
        "--b\nContent-Type: text/plain\n\nA reader complained.\n"
        f"--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nOriginal-Rcpt-To: {person}\n\n"
        f"--b\nContent-Type: message/rfc822\n\nTo: {person}\nMessage-ID: <{number}@news.example.org>\n\nHello\n"
        "--b--\n"
    ).encode()


def put(folder: Path, *contents: bytes) -> Path:
    (folder / "new").mkdir(parents=True, exist_ok=True)
    for n, content in enumerate(contents):
        (folder / "new" / f"{len(list(folder.rglob('*')))}.{n}").write_bytes(content)
    return folder


def suppressed(engine: Engine) -> dict[str, Reason]:
    return {s.key: s.reason for s in PeopleStore(engine).suppressions()}


@pytest.mark.parametrize(
    ("status", "reason", "alarms"),
    [
        ("5.1.1", Reason.HARD_BOUNCE, 0),
        ("5.1.10", Reason.HARD_BOUNCE, 0),
        ("5.2.2", None, 0),
        ("5.7.1", None, 1),
        ("5.7.26", None, 1),
        ("5.9.9", None, 1),
        ("5.3.4", None, 1),
    ],
)
def test_the_status_decides_whose_matter_a_bounce_is(
    engine: Engine, ledger: Ledger, returns: Returns, tmp_path: Path, status: str, reason: Reason | None, alarms: int
) -> None:
    ada = places(ledger)["ada"]

    harvest = returns.read_maildir(put(tmp_path, dsn(ada, status)), MONDAY)

    assert (harvest.new, harvest.resting, len(harvest.alarms)) == (1, int(reason is not None), alarms)
    assert suppressed(engine) == ({ADA: reason} if reason else {})


def test_a_report_that_comes_twice_counts_once(ledger: Ledger, returns: Returns, tmp_path: Path) -> None:
    ada = places(ledger)["ada"]

    first = returns.read_maildir(put(tmp_path, dsn(ada), dsn(ada)), MONDAY)
    again = returns.read_maildir(put(tmp_path, dsn(ada)), MONDAY + timedelta(days=1))

    assert (first, again) == (Harvest(new=1, known=1, resting=1), Harvest(known=1))
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize("redacted", [True, False])
def test_a_complaint_is_found_by_what_it_quotes_even_without_the_person(
    engine: Engine, ledger: Ledger, returns: Returns, tmp_path: Path, redacted: bool
) -> None:
    harvest = returns.read_maildir(put(tmp_path, complaint(places(ledger)["ada"], redacted)), MONDAY)

    assert harvest == Harvest(new=1, resting=1)
    assert suppressed(engine) == {ADA: Reason.COMPLAINED}


@pytest.mark.parametrize("forge", [dsn, complaint], ids=["bounce", "complaint"])
def test_a_forged_report_changes_nothing(
    engine: Engine, ledger: Ledger, returns: Returns, tmp_path: Path, forge: Callable[[Place], bytes]
) -> None:
    ada = places(ledger)["ada"]
    forged = [
        Place(ada.mailing, ada.idx, "0" * 16),
        Place(ada.mailing, 999, ada.signature),
        Place(77, 0, ada.signature),
    ]

    harvest = returns.read_maildir(put(tmp_path, *map(forge, forged)), MONDAY)

    assert harvest == Harvest(forged=3)
    assert suppressed(engine) == {}


def auto_reply(place: Place) -> bytes:
    message = EmailMessage()
    message["Delivered-To"] = envelope_sender(place.mailing, place.idx, place.signature, "bounces.example.org")
    message["Auto-Submitted"] = "auto-replied"
    message["Subject"] = "On holiday: 550 5.1.1 is what you will not see"
    message.set_content("Status: 5.1.1\nAction: failed\n")
    return message.as_bytes()


@pytest.mark.parametrize(
    "make",
    [
        auto_reply,
        lambda place: dsn(place).replace(b"message/delivery-status", b"text/plain"),
        lambda place: dsn(place, action="relayed"),
        lambda _place: b"",
        lambda _place: b"\xff\xfe not a mail \x00",
        lambda place: dsn(place).replace(b"Delivered-To: b.", b"Delivered-To: c."),
    ],
    ids=["auto-reply", "no machine-readable part", "relayed", "empty", "binary", "to nobody"],
)
def test_what_is_no_clear_report_is_put_aside(
    engine: Engine, ledger: Ledger, returns: Returns, tmp_path: Path, make: Callable[[Place], bytes]
) -> None:
    harvest = returns.read_maildir(put(tmp_path, make(places(ledger)["ada"])), MONDAY)

    assert harvest == Harvest(unreadable=1)
    assert suppressed(engine) == {}


def test_a_delay_is_no_bounce(engine: Engine, ledger: Ledger, returns: Returns, tmp_path: Path) -> None:
    harvest = returns.read_maildir(put(tmp_path, dsn(places(ledger)["ada"], "4.4.1", "delayed")), MONDAY)

    assert harvest == Harvest(new=1)
    assert suppressed(engine) == {}


def test_a_report_of_ten_megabytes_is_read_at_its_head(ledger: Ledger, returns: Returns, tmp_path: Path) -> None:
    long = dsn(places(ledger)["ada"]).replace(b"--b--", b"--b\nContent-Type: text/plain\n\n" + b"x" * 10_000_000)

    assert returns.read_maildir(put(tmp_path, long), MONDAY) == Harvest(new=1, resting=1)


@pytest.mark.parametrize(
    ("days", "rests"),
    [([0, 5, 10, 15], True), ([0, 5, 10, 14], False), ([0, 8, 16], False), ([0, 0, 0, 0], False)],
    ids=["four over 15 days", "too quick", "too few", "all at once"],
)
def test_a_mailbox_that_stays_full_rests_for_a_while(engine: Engine, days: list[int], rests: bool) -> None:
    ledger = Ledger(engine, lambda: MONDAY)
    for n in range(len(days)):
        ledger.freeze(f"e{n}", [Recipient(subscriber="ada", address=ADA)])
    returns = Returns(ReturnStore(engine), PeopleStore(engine), KEY)

    for n, day in enumerate(days):
        place = Place(n + 1, 0, sign(f"e{n}", "ada", KEY))
        event = make_event(place, EventKind.BOUNCED, MONDAY + timedelta(days=day), "5.2.2", "full")
        returns.take([event], event.at)

    last: datetime = MONDAY + timedelta(days=days[-1])
    expected = (Suppression(ADA, Reason.SOFT_BOUNCES, last, last + timedelta(days=90)),) if rests else ()
    assert PeopleStore(engine).suppressions() == expected


def test_a_report_settles_a_doubt(engine: Engine, ledger: Ledger, returns: Returns) -> None:
    ada = places(ledger)["ada"]
    ledger.recover("one", {}, [], trusted=False)

    returns.take([make_event(ada, EventKind.DELIVERED, MONDAY)], MONDAY)

    assert ledger.tally("e") == Tally(candidates=2, accepted=1, uncertain=1)


def test_reports_out_of_order_leave_the_strongest_standing(engine: Engine, ledger: Ledger, returns: Returns) -> None:
    ada = places(ledger)["ada"]
    kinds = [EventKind.BOUNCED, EventKind.DELIVERED, EventKind.DELAYED]

    returns.take([make_event(ada, kind, MONDAY, "5.2.2") for kind in kinds], MONDAY)

    assert ReturnStore(engine).of_edition("e") == dict.fromkeys(EventKind, 0) | {EventKind.BOUNCED: 1}
