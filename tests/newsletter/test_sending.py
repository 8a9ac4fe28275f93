"""A sender may be killed at any moment: the next one goes on, nobody gets it twice, and every doubt has a name."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta
from email import message_from_bytes
from pathlib import Path

import pytest
from sqlalchemy import Engine

from newsletter.ports import Letter
from newsletter.sending import Limits, Options, Sent, recover, run, send
from newsletter.sending.sender import FEWEST
from newsletter.storage.allowances import Allowances
from newsletter.storage.ledger import LEASE, Ledger
from newsletter.transports.journal import Journal, read
from newsletter.transports.one_by_one import OneByOne
from newsletter.transports.smtp import SmtpTransport
from newsletter.transports.smtp_login import Server
from subscribers.deliveries import Cause, Outcome, Receipt, Recipient, Tally
from tests.builders import MONDAY
from tests.letters import make_composer
from tests.sinks import Recording, sink

EDITION = "beauty-weekly-2026-W48"

#: What a sender process of these tests runs.
SENDER = """
import sys
from datetime import timedelta
from pathlib import Path
from newsletter.sending import Options, run, send
from newsletter.storage.engine import open_engine
from newsletter.storage.ledger import Ledger
from newsletter.transports.smtp import SmtpTransport
from newsletter.transports.smtp_login import Server
from tests.builders import MONDAY
from tests.letters import make_composer

url, port, journals, connections, lease = sys.argv[1:]
async def main():
    server = Server(host="127.0.0.1", port=int(port), connections=int(connections), helo="a.example.org")
    options = Options(journals=Path(journals))
    ledger = Ledger(open_engine(url), lease=timedelta(seconds=float(lease)))
    return await send(ledger, SmtpTransport(server), make_composer(), options)
print(run(main()))
"""


def people(count: int) -> list[Recipient]:
    return [Recipient(subscriber=f"s{n}", address=f"s{n}@example.org", name=f"N{n}") for n in range(count)]


def deliver(ledger: Ledger, port: int, journals: Path, connections: int = 4, **more: object) -> Sent:
    async def work() -> Sent:
        server = Server(host="127.0.0.1", port=port, connections=connections, helo="a.example.org", timeout=5)
        options = Options(journals=journals, **more)  # type: ignore[arg-type]
        return await send(ledger, SmtpTransport(server), make_composer(), options)

    return run(work())


@pytest.fixture
def ledger(engine: Engine) -> Ledger:
    return Ledger(engine, chunk=50)


def test_everybody_is_sent_their_own_letter_once(ledger: Ledger, tmp_path: Path) -> None:
    ledger.freeze(EDITION, people(230))

    with sink() as seen:
        sent = deliver(ledger, seen.port, tmp_path)
        again = deliver(ledger, seen.port, tmp_path)

    assert (sent, again) == (Sent(accepted=230), Sent())
    assert ledger.tally(EDITION) == Tally(candidates=230, accepted=230)
    assert dict(seen.accepted) == {f"s{n}@example.org": 1 for n in range(230)}
    letter = message_from_bytes(seen.contents["s7@example.org"])
    assert letter["To"] == "N7 <s7@example.org>"
    assert letter["List-Unsubscribe"] == "<https://news.example.org/u/s7>"
    assert seen.senders["s7@example.org"].endswith("@bounces.example.org")
    assert list(tmp_path.glob("*.journal")) == []


def test_each_answer_of_the_server_finds_its_place_in_the_sum(ledger: Ledger, tmp_path: Path) -> None:
    answers = {
        "s1@example.org": "451 4.2.0 greylisted",
        "s2@example.org": "550 5.1.1 no such user",
        "s3@example.org": None,  # takes it, and drops the line without a word
    }
    ledger.freeze(EDITION, people(100))

    with sink(lambda who, _n: answers.get(who, "250 2.0.0 Ok")) as seen:
        deliver(ledger, seen.port, tmp_path)

    assert ledger.tally(EDITION) == Tally(candidates=100, accepted=97, deferred=1, refused=1, uncertain=1)
    [(who, receipt)] = ledger.who(EDITION, Outcome.UNCERTAIN)
    assert (who.subscriber, receipt.cause) == ("s3", Cause.CONNECTION)
    assert max(seen.accepted.values()) == 1


def test_with_the_setting_resend_a_doubt_is_deferred(ledger: Ledger, tmp_path: Path) -> None:
    ledger.freeze(EDITION, people(10))

    with sink(lambda who, n: None if who == "s3@example.org" and n == 1 else "250 Ok") as seen:
        deliver(ledger, seen.port, tmp_path, resend_uncertain=True)

    assert ledger.tally(EDITION) == Tally(candidates=10, accepted=9, deferred=1)


def test_a_journal_on_disk_changes_nothing_else(ledger: Ledger, tmp_path: Path) -> None:
    ledger.freeze(EDITION, people(120))

    with sink() as seen:
        sent = deliver(ledger, seen.port, tmp_path, fsync=True)

    assert sent == Sent(accepted=120)


def test_a_server_that_is_not_there_marks_nobody(ledger: Ledger, tmp_path: Path) -> None:
    ledger.freeze(EDITION, people(20))
    with sink() as seen:
        port = seen.port

    sent = deliver(ledger, port, tmp_path)

    assert "Connect" in sent.trouble or "connect" in sent.trouble
    assert ledger.tally(EDITION) == Tally(candidates=20, pending=20)
    mailing = ledger.mailing(EDITION)
    assert mailing is not None
    assert mailing.state == "sending"


def test_content_that_is_refused_pauses_the_edition_and_marks_nobody(ledger: Ledger, tmp_path: Path) -> None:
    ledger.freeze(EDITION, people(200))

    with sink(lambda _who, _n: "550 5.7.1 this looks like spam") as seen:
        deliver(ledger, seen.port, tmp_path)

    assert ledger.tally(EDITION) == Tally(candidates=200, pending=200)
    mailing = ledger.mailing(EDITION)
    assert mailing is not None
    assert (mailing.state, mailing.reason) == (
        "paused",
        "the mail server refuses it: 550 5.7.1 this looks like spam",
    )


def test_a_sender_that_is_told_to_stop_finishes_what_it_has_in_hand(ledger: Ledger, tmp_path: Path) -> None:
    ledger.freeze(EDITION, people(400))
    stop = asyncio.Event()

    def answer(_who: str, _n: int) -> str:
        loop.call_soon_threadsafe(stop.set)
        return "250 Ok"

    async def work(port: int) -> Sent:
        nonlocal loop
        loop = asyncio.get_running_loop()
        server = Server(host="127.0.0.1", port=port, connections=2, helo="a.example.org")
        return await send(ledger, SmtpTransport(server), make_composer(), Options(journals=tmp_path), stop)

    loop = asyncio.new_event_loop()
    loop.close()
    with sink(answer) as seen:
        sent = run(work(seen.port))

    tally = ledger.tally(EDITION)
    assert tally == Tally(candidates=400, accepted=sent.accepted, pending=400 - sent.accepted)
    assert sum(seen.accepted.values()) == sent.accepted < 400


def start_sender(
    url: str, port: int, journals: Path, connections: int, lease: timedelta = LEASE
) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", SENDER, url, str(port), str(journals), str(connections)]
    command.append(str(lease.total_seconds()))
    root = Path(__file__).parents[2]
    return subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(root)})


def kill_after(process: "subprocess.Popen[bytes]", seen: Recording, count: int) -> None:
    """Kill the sender the moment the sink has accepted `count` messages."""
    while sum(seen.accepted.values()) < count and process.poll() is None:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_killed_halfway_everyone_left_is_sent_to_and_nobody_twice(
    engine: Engine, database_url: str, tmp_path: Path
) -> None:
    ledger, connections, kills = Ledger(engine, chunk=200), 8, 3
    ledger.freeze(EDITION, people(3000))

    with sink() as seen:
        for kill in range(kills):
            kill_after(start_sender(database_url, seen.port, tmp_path, connections), seen, 500 * (kill + 1))
            assert ledger.tally(EDITION).adds_up
        sent_by_the_last = deliver(ledger, seen.port, tmp_path)

    tally = ledger.tally(EDITION)
    assert (tally.accounted, tally.pending, tally.deferred) == (3000, 0, 0)
    assert tally.uncertain <= connections * kills
    assert max(seen.accepted.values()) == 1
    accepted = {who.address for who, _ in ledger.who(EDITION, Outcome.ACCEPTED)}
    uncertain = {who.address for who, _ in ledger.who(EDITION, Outcome.UNCERTAIN)}
    assert accepted <= set(seen.accepted) <= accepted | uncertain
    assert len(accepted | uncertain) == 3000
    assert sent_by_the_last.accepted > 0


def test_a_sender_of_one_edition_leaves_the_others_alone(ledger: Ledger, tmp_path: Path) -> None:
    ledger.freeze("one", people(20))
    ledger.freeze("two", people(30))

    with sink() as seen:
        sent = deliver(ledger, seen.port, tmp_path, edition="two")

    assert sent == Sent(accepted=30)
    assert ledger.tally("one") == Tally(candidates=20, pending=20)


def test_a_new_domain_sends_no_more_in_a_day_than_its_warm_up_has(
    engine: Engine, ledger: Ledger, tmp_path: Path
) -> None:
    now = MONDAY
    allowances = Allowances(engine, per_day=lambda _day: 30, clock=lambda: now)
    ledger.freeze(EDITION, people(200))

    with sink() as seen:
        sent, again = (deliver(ledger, seen.port, tmp_path, allowances=allowances) for _ in range(2))
        now += timedelta(days=1)
        tomorrow = deliver(ledger, seen.port, tmp_path, allowances=allowances)

    why = "today's 30 messages of a new domain have gone out"
    assert [sent, again, tomorrow] == [Sent(accepted=30, rest=why), Sent(rest=why), Sent(accepted=30, rest=why)]
    assert ledger.tally(EDITION) == Tally(candidates=200, accepted=60, pending=140)


def test_what_a_day_allows_and_nobody_needed_is_there_for_the_next_sender(
    engine: Engine, ledger: Ledger, tmp_path: Path
) -> None:
    allowances = Allowances(engine, per_day=lambda _day: 100, clock=lambda: MONDAY)
    ledger.freeze(EDITION, people(10))

    with sink(lambda who, _n: "451 4.2.0 later" if who == "s3@example.org" else "250 Ok") as seen:
        sent = deliver(ledger, seen.port, tmp_path, allowances=allowances)

    assert sent == Sent(accepted=9, deferred=1)
    assert allowances.used_today(MONDAY.date()) == 10


def test_a_sender_waits_for_its_part_of_the_common_rate(engine: Engine, ledger: Ledger, tmp_path: Path) -> None:
    looks = [MONDAY]

    def clock() -> datetime:  # each look at the common allowance is a second later
        looks.append(looks[-1] + timedelta(seconds=1))
        return looks[-1]

    ledger.freeze(EDITION, people(25))

    with sink() as seen:
        sent = deliver(ledger, seen.port, tmp_path, allowances=Allowances(engine, per_second=10, clock=clock))

    assert sent == Sent(accepted=25)
    assert len(looks) > 3


def test_a_window_that_closes_lets_those_in_hand_out_and_nobody_else(ledger: Ledger, tmp_path: Path) -> None:
    ledger.freeze(EDITION, people(40))

    with sink() as seen:
        sent = deliver(ledger, seen.port, tmp_path, seconds=0)

    assert (sent, seen.accepted) == (Sent(rest="the delivery window has closed"), {})
    assert ledger.tally(EDITION) == Tally(candidates=40, pending=40)


def test_a_domain_gets_no_more_letters_at_once_than_it_may(ledger: Ledger, tmp_path: Path) -> None:
    ledger.freeze(EDITION, people(60))
    in_hand, most = 0, 0

    async def hand_over(_letter: Letter) -> Receipt:
        nonlocal in_hand, most
        in_hand += 1
        most = max(most, in_hand)
        await asyncio.sleep(0)
        in_hand -= 1
        return Receipt(Outcome.ACCEPTED)

    async def work() -> Sent:
        options = Options(journals=tmp_path, limits=Limits(at_once={"example.org": 2}))
        return await send(ledger, OneByOne(hand_over, workers=8), make_composer(), options)

    assert run(work()) == Sent(accepted=60)
    assert most == 2


def test_a_host_that_is_lost_leaves_its_leased_people_uncertain_and_nobody_else(engine: Engine, tmp_path: Path) -> None:
    now = MONDAY
    ledger = Ledger(engine, lambda: now, chunk=50)
    ledger.freeze(EDITION, people(200))
    assert ledger.turn("a-host-that-burnt-down").chunk is not None

    before = recover(ledger, tmp_path)
    now += LEASE
    after = recover(ledger, tmp_path)

    assert (before, after) == (0, 50)
    assert ledger.tally(EDITION) == Tally(candidates=200, uncertain=50, pending=150)


def test_a_sender_of_this_host_that_sleeps_past_its_lease_is_judged_by_its_journal(
    engine: Engine, tmp_path: Path
) -> None:
    now = MONDAY
    ledger = Ledger(engine, lambda: now, chunk=50)
    ledger.freeze(EDITION, people(100))
    sleeper = Journal(tmp_path)
    chunk = ledger.turn(sleeper.owner).chunk
    assert chunk is not None
    first = chunk.deliveries[0]
    sleeper.intend(first.mailing, first.idx)
    now += LEASE

    assert recover(ledger, tmp_path) == 1

    assert sleeper.is_fenced
    assert ledger.tally(EDITION) == Tally(candidates=100, uncertain=1, pending=99)
    sleeper.close()


def test_a_sender_of_another_host_that_is_starved_past_its_lease_leaves_a_few_uncertain_and_mails_nobody_twice(
    engine: Engine, database_url: str, tmp_path: Path
) -> None:
    lease = timedelta(seconds=2)
    ledger, here, there = Ledger(engine, lease=lease), tmp_path / "here", tmp_path / "there"
    ledger.freeze(EDITION, people(1000))

    with sink(delay=0.05) as seen:
        sleeper = start_sender(database_url, seen.port, there, 4, lease)
        while sum(seen.accepted.values()) < 100 and sleeper.poll() is None:
            time.sleep(0.001)
        sleeper.send_signal(signal.SIGSTOP)
        while not ledger.expired_owners():
            time.sleep(0.05)
        held = ledger.tally(EDITION).leased
        uncertain = recover(ledger, here)
        deliver(ledger, seen.port, here, connections=40)
        sleeper.send_signal(signal.SIGCONT)
        sleeper.wait()
        for journals in (there, here):  # what the sleeper knew, and what it may have held in a lock
            deliver(ledger, seen.port, journals, connections=40)

    assert held > 300  # all of them were uncertain, if the ledger did not know how far it may have come
    assert uncertain <= 4 * FEWEST  # on a busy machine a turn comes late, and more are let begin before the next
    assert max(seen.accepted.values()) == 1
    tally = ledger.tally(EDITION)
    assert (tally.accounted, tally.pending, tally.deferred) == (1000, 0, 0)
    accepted = {who.address for who, _ in ledger.who(EDITION, Outcome.ACCEPTED)}
    assert accepted <= set(seen.accepted)


def test_an_edition_that_is_stopped_in_the_middle_is_withdrawn_from_the_rest(ledger: Ledger, tmp_path: Path) -> None:
    ledger.freeze(EDITION, people(600))

    def answer(who: str, _n: int) -> str:
        if who == "s5@example.org":
            ledger.stop(EDITION, "wrong edition")
        return "250 Ok"

    with sink(answer) as seen:
        sent = deliver(ledger, seen.port, tmp_path)

    assert ledger.tally(EDITION) == Tally(candidates=600, accepted=sent.accepted, withdrawn=600 - sent.accepted)
    assert sum(seen.accepted.values()) == sent.accepted < 600


def test_a_sender_that_is_fenced_ends_its_run_and_the_next_goes_on(ledger: Ledger, tmp_path: Path) -> None:
    ledger.freeze(EDITION, people(300))

    def answer(who: str, n: int) -> str:
        if who == "s5@example.org" and n == 1:
            [path] = tmp_path.glob("*.journal")
            read(path, fence=True)
        return "250 Ok"

    with sink(answer) as seen:
        fenced = deliver(ledger, seen.port, tmp_path, connections=1)
        after = ledger.tally(EDITION)
        rest = deliver(ledger, seen.port, tmp_path)

    assert "another has taken over" in fenced.trouble
    assert after == Tally(candidates=300, accepted=fenced.accepted, pending=300 - fenced.accepted)
    assert rest == Sent(accepted=300 - fenced.accepted)
    assert max(seen.accepted.values()) == 1
