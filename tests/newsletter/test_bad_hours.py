"""What docs/operations.md says to do in a bad hour, done with the commands it names: everybody is accounted for."""

import json
import ssl
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from newsletter.cli import app, main
from newsletter.publishing import draft
from newsletter.settings import Settings
from newsletter.storage.ledger import LEASE, Ledger
from newsletter.transports.journal import Journal, JournalError
from newsletter.wiring import House, open_house
from subscribers.deliveries import Outcome, Receipt
from subscribers.people import SubscriptionState
from tests.builders import MONDAY, heading, make_approval, make_article, make_subscriber, paragraph
from tests.newsletter.disks import full_disk, leave_room, make_room
from tests.sinks import Recording, hostile, sink

KEY = "beauty-weekly-2026-W48"
ACCEPTED = Receipt(Outcome.ACCEPTED, code=250)
PEOPLE = 40


class Desk:
    """An operator's desk: the commands, and the sum they show."""

    def __init__(self, home: Path, port: int) -> None:
        self._runner = CliRunner()
        self._environment = {
            "NEWSLETTER_HOME": str(home),
            "NEWSLETTER_SMTP_HOST": "127.0.0.1",
            "NEWSLETTER_SMTP_PORT": str(port),
            "NEWSLETTER_SMTP_CONNECTIONS": "2",
            "NEWSLETTER_POSTAL_ADDRESS": "1 Example Street",
            "NEWSLETTER_LOCAL_HOURS": "false",
            "USER": "ines",
        }

    def __call__(self, *words: str) -> Result:
        return self._runner.invoke(app, list(words), env=self._environment)

    def sum(self) -> dict[str, int]:
        """Return where everybody stands, without the zeros."""
        tally = json.loads(self("edition", "status", KEY, "--json").stdout)["tally"]
        return {where: count for where, count in tally.items() if count and where != "candidates"}

    def uncertain(self) -> list[str]:
        found: list[str] = json.loads(self("edition", "status", KEY, "--json").stdout)["uncertain"]
        return found


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A house with an approved edition for forty readers, of which nothing has left."""
    settings = Settings(home=tmp_path, postal_address="1 Example Street", local_hours=False)
    with open_house(settings) as house:
        people = [make_subscriber(f"r{n}") for n in range(PEOPLE)]
        house.people.add(people, "beauty", MONDAY - timedelta(days=1), SubscriptionState.CONFIRMED)
        body = (paragraph("Scars fade slowly."), heading("How It Works"), paragraph("Needles make tiny channels."))
        article = make_article("scars.md", *body, title="Microneedling for Scars")
        house.articles.record([article], MONDAY)
        house.articles.decide([make_approval(article)])
        assert draft(house, MONDAY)
        yield house


def test_the_mail_server_is_down(house: House, tmp_path: Path) -> None:
    with sink() as seen:
        pass
    desk = Desk(tmp_path, seen.port)

    failed = desk("edition", "send", KEY)
    before = desk.sum()
    with sink() as seen:
        again = Desk(tmp_path, seen.port)("send")

    assert failed.exit_code == 1
    assert "Connect call failed" in failed.stderr or "Connection refused" in failed.stderr
    assert before == {"pending": PEOPLE}
    assert again.exit_code == 0
    assert desk.sum() == {"accepted": PEOPLE}


def test_the_provider_throttles_us_and_then_one_domain(house: House, tmp_path: Path) -> None:
    def throttle(who: str, _n: int) -> str:
        return "451 4.7.1 too many from you" if who.startswith("r1@") else "250 Ok"

    with sink(lambda _who, _n: "421 4.7.0 slow down") as seen:
        desk = Desk(tmp_path, seen.port)
        failed = desk("edition", "send", KEY)
        before = desk.sum()
    with sink(throttle) as seen:
        again = Desk(tmp_path, seen.port)("send")

    assert failed.exit_code == 1
    assert "asks us to slow down: 421" in failed.stderr
    assert before == {"pending": PEOPLE}
    assert again.exit_code == 0
    after = desk.sum()
    assert after == {"accepted": len(seen.accepted), "deferred": PEOPLE - len(seen.accepted)}
    assert after["deferred"] >= 1


def test_some_are_uncertain(house: House, tmp_path: Path) -> None:
    doubtful = {f"r{n}@example.org" for n in range(30)}
    with sink(lambda who, n: None if who in doubtful and n == 1 else "250 Ok") as seen:
        desk = Desk(tmp_path, seen.port)
        desk("edition", "send", KEY)
        named = desk.uncertain()
        shown = desk("edition", "status", KEY).stderr
        arrived = desk("edition", "resolve", "arrived", KEY, "--only", named[0], "--only", named[1])
        resend = desk("edition", "resolve", "resend", KEY)
        again = desk("send")

    # Who stood behind a line that broke three times waits as deferred; nothing of theirs has left.
    assert set(named) <= doubtful
    assert len(named) > 20
    assert f"uncertain: {named[19]}" in shown
    assert named[20] not in shown
    assert f"and {len(named) - 20} more; --json names all" in shown
    assert (arrived.exit_code, resend.exit_code, again.exit_code) == (0, 0, 0)
    after = desk.sum()
    assert after["accepted"] + after.pop("deferred", 0) == PEOPLE
    assert set(after) == {"accepted"}
    assert {who: seen.offered[who] for who in named} == {who: 1 if who in named[:2] else 2 for who in named}


def test_the_edition_paused_itself(house: House, tmp_path: Path) -> None:
    with sink(lambda _who, _n: "550 5.7.1 this looks like spam") as seen:
        desk = Desk(tmp_path, seen.port)
        paused = desk("edition", "send", KEY)
        before = desk.sum()
    with sink() as seen:
        desk = Desk(tmp_path, seen.port)
        idle = desk("send")
        still = desk.sum()
        desk("edition", "resume", KEY)
        again = desk("send")

    assert "is paused: the mail server refuses it: 550 5.7.1 this looks like spam" in paused.stderr
    assert (before, still) == ({"pending": PEOPLE}, {"pending": PEOPLE})
    assert (idle.exit_code, again.exit_code) == (0, 0)
    assert desk.sum() == {"accepted": PEOPLE}


def test_the_wrong_edition_was_started(house: House, tmp_path: Path) -> None:
    said = []

    def answer(_who: str, _n: int) -> str:
        if not said:
            said.append(desk("edition", "stop", KEY, "--note", "wrong edition"))
        return "250 Ok"

    seen: Recording
    with sink(answer, delay=0.1) as seen:
        desk = Desk(tmp_path, seen.port)
        desk("edition", "send", KEY)
        again = desk("send")

    assert said[0].exit_code == 0
    assert again.stdout == "Nothing is waiting to be sent.\n"
    accepted = sum(seen.accepted.values())
    assert desk.sum() == {"accepted": accepted, "withdrawn": PEOPLE - accepted}
    assert accepted < PEOPLE
    assert "stopped: wrong edition" in desk("edition", "status", KEY).stdout


@pytest.fixture
def lose_a_sender(house: House, tmp_path: Path) -> Callable[[timedelta], Journal]:
    """Return what lets a sender lease everybody, have one accepted and one under way, and die so long ago."""

    def lose(ago: timedelta) -> Journal:
        with sink() as seen:
            pass
        Desk(tmp_path, seen.port)("edition", "send", KEY)  # released; the server is down, so nobody got it
        journal = Journal(tmp_path / "journals")
        chunk = Ledger(house.engine, lambda: datetime.now(UTC) - ago).turn(journal.owner).chunk
        assert chunk is not None
        for delivery in chunk.deliveries[:2]:
            journal.intend(delivery.mailing, delivery.idx)
        journal.note(chunk.mailing, chunk.deliveries[0].idx, ACCEPTED)
        journal.abandon()
        return journal

    return lose


def test_a_sender_was_killed(lose_a_sender: Callable[[timedelta], Journal], tmp_path: Path) -> None:
    lose_a_sender(timedelta(0))

    with sink() as seen:
        desk = Desk(tmp_path, seen.port)
        desk("send")

    assert desk.sum() == {"accepted": PEOPLE - 1, "uncertain": 1}
    assert sum(seen.accepted.values()) == PEOPLE - 2
    assert max(seen.accepted.values()) == 1


def test_a_host_is_lost_and_its_disk_comes_back(lose_a_sender: Callable[[timedelta], Journal], tmp_path: Path) -> None:
    lost = lose_a_sender(LEASE)
    [disk] = (tmp_path / "journals").glob(f"{lost.owner}.journal")
    away = disk.rename(tmp_path / "away")

    with sink() as seen:
        desk = Desk(tmp_path, seen.port)
        desk("send")
        while_away = desk.sum()
        away.rename(disk)
        desk("send")

    assert while_away == {"uncertain": PEOPLE}
    assert desk.sum() == {"accepted": 1, "uncertain": PEOPLE - 1}
    assert not seen.accepted


def test_the_disk_fills_up_in_the_middle_of_a_send(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsletter.sending.sender._LEDGER_ATTEMPTS", 2)  # else it asks for thirteen seconds

    def answer(_who: str, _n: int) -> str:
        leave_room((tmp_path / "store.db").stat().st_size)
        return "250 Ok"

    with sink(answer) as filling:
        desk = Desk(tmp_path, filling.port)
        failed = desk("edition", "send", KEY)
        make_room()
        before = desk.sum()
    with sink() as seen:
        again = Desk(tmp_path, seen.port)("send")

    assert failed.exit_code == 1
    assert "the ledger cannot be used: disk I/O error" in failed.stderr
    assert "Nobody is lost: 'newsletter send' goes on where it ended" in failed.stderr
    assert before["pending"] == PEOPLE - before.get("accepted", 0)
    assert again.exit_code == 0
    assert desk.sum() == {"accepted": PEOPLE}
    both = filling.accepted + seen.accepted  # what was accepted while nothing could be written is in the journal
    assert both == Counter({f"r{n}@example.org": 1 for n in range(PEOPLE)})


def test_the_mail_servers_certificate_is_not_to_be_trusted_until_it_is_mended(
    house: House, tmp_path: Path, tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWSLETTER_SMTP_SECURITY", "tls")
    with hostile({}, tls=tls) as (seen, _):
        desk = Desk(tmp_path, seen.port)
        warned = desk("doctor", "--dry-run").stdout
        failed = desk("edition", "send", KEY)
        before = desk.sum()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))  # as if it had been renewed
        well = desk("doctor", "--dry-run").stdout
        desk("edition", "resume", KEY)
        again = desk("send")

    assert f"mail server: 127.0.0.1:{seen.port} cannot be trusted: self-signed certificate" in warned
    assert failed.exit_code == 1
    assert "is paused: the mail server refuses us" in failed.stderr
    assert before == {"pending": PEOPLE}
    assert f"mail server: 127.0.0.1:{seen.port} answers" in well
    assert again.exit_code == 0
    assert desk.sum() == {"accepted": PEOPLE}


def test_without_room_for_its_journal_a_sender_does_not_begin(tmp_path: Path) -> None:
    with full_disk(400_000), pytest.raises(JournalError, match="cannot be kept: File too large"):
        Journal(tmp_path)

    assert not list(tmp_path.iterdir())


def test_whatever_meets_a_full_disk_says_so_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["newsletter", "init", str(tmp_path)])

    with full_disk(), pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert (
        said
        == "newsletter: nothing can be written here: File too large. Make room, or mend its rights, and say it again\n"
    )
