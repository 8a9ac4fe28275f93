"""Whatever a mail server answers at whatever stage: nobody is lost, sent to twice, or blamed for what is not theirs."""

import asyncio
import logging
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from newsletter.sending import Limits, Options, Sent, run, send
from newsletter.storage.engine import migrate, open_engine
from newsletter.storage.ledger import Ledger, MailingState
from newsletter.transports.smtp import SmtpTransport
from newsletter.transports.smtp_login import Security, Server
from subscribers.deliveries import Cause, Outcome, Recipient, Tally
from tests.letters import make_composer
from tests.sinks import Recording, Script, dripping, hostile, sink

EDITION = "beauty-weekly-2026-W48"


@dataclass
class Row:
    """One kind of server, and what must come of five letters."""

    id: str
    script: Script
    tally: dict[str, int]  #: who is not named is pending
    state: MailingState = MailingState.SENDING
    says: str = ""  #: in the reason of the pause, or in the sender's trouble
    ehlo: bytes = b"250-mx.example.org\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
    server: dict[str, object] = field(default_factory=dict)
    connections: int | None = None  #: at most


SENDING, PAUSED = MailingState.SENDING, MailingState.PAUSED
ALL = {"accepted": 5}
ONE_REFUSED = {"accepted": 4, "refused": 1}
ONE_DEFERRED = {"accepted": 4, "deferred": 1}
LOGIN = {"username": "u", "password": "geheim"}
STARTTLS = {"security": Security.STARTTLS}
OFFERS_TLS = b"250-mx\r\n250 STARTTLS\r\n"
OFFERS_LOGIN = b"250-mx\r\n250 AUTH PLAIN\r\n"
OFFERS_500 = b"250-mx\r\n250-PIPELINING\r\n250 SIZE 500\r\n"
UNKNOWN = b"550 5.1.1 unknown\r\n"
ONE_UNCERTAIN = {"accepted": 4, "uncertain": 1}
NOBODY: dict[str, int] = {}
QUIET = {"timeout": 0.3, "dot_timeout": 0.3}
OK = b"250 2.0.0 Ok\r\n"
ESMTP = b"220 mx.example.org ESMTP\r\n"
LONG_BANNER = b"220-welcome\r\n" * 10_000 + ESMTP


def first(said: bytes | None, otherwise: bytes = OK) -> list[bytes | None]:
    return [said, otherwise]


ROWS = [
    # The banner
    Row("S01 421 in the banner, once", {"banner": first(b"421 4.3.2 not now\r\n", ESMTP)}, ALL),
    Row("S01 421 in the banner, always", {"banner": [b"421 4.3.2 not now\r\n"]}, NOBODY, says="not now"),
    Row("S02 554 in the banner", {"banner": [b"554 5.7.1 go away\r\n"]}, NOBODY, PAUSED, "go away", connections=1),
    Row("S03 binary banner", {"banner": [b"\x16\x03\x01\x02\xff\n"]}, NOBODY, says="no mail server", connections=3),
    Row("S03 a web server", {"banner": [b"HTTP/1.1 400 Bad Request\r\n\r\n"]}, NOBODY, says="no mail server"),
    Row("S03 silence", {"banner": [b""]}, NOBODY, says="no answer", server=QUIET, connections=3),
    Row("S03 closes at once", {"banner": [None]}, NOBODY, says="closed", connections=3),
    Row("S04 banner of 10,000 lines", {"banner": [LONG_BANNER]}, NOBODY, says="does not end"),
    Row("S04 banner of 100 KB", {"banner": [b"220 " + b"x" * 100_000 + b"\r\n"]}, NOBODY, says="does not end"),
    # EHLO
    Row("S05 EHLO unknown", {"EHLO": [b"502 5.5.1 what?\r\n"]}, ALL),
    Row("S06 EHLO never ends", {"EHLO": [b"250-X\r\n" * 1_500]}, NOBODY, says="does not end"),
    Row("S06 EHLO stays open", {"EHLO": [b"250-mx.example.org\r\n"]}, NOBODY, says="no answer", server=QUIET),
    Row("S26 lost at EHLO", {"EHLO": first(None, b"250-mx\r\n250 PIPELINING\r\n")}, ALL),
    # TLS and login
    Row("S07 no STARTTLS", {}, NOBODY, PAUSED, "no STARTTLS", server=STARTTLS, connections=1),
    Row("S07 STARTTLS refused", {"STARTTLS": [b"454 4.7.0 not now\r\n"]}, NOBODY, SENDING, "not now",
        OFFERS_TLS, STARTTLS),
    Row("S07 words before the handshake", {"STARTTLS": [b"220 go\r\n250 injected\r\n"]}, NOBODY, PAUSED,
        "before the handshake", OFFERS_TLS, STARTTLS),
    Row("S07 no handshake after 220", {"STARTTLS": [b"220 go\r\n"]}, NOBODY, PAUSED, "TLS failed",
        OFFERS_TLS, STARTTLS | QUIET),
    Row("S08 no login offered", {}, NOBODY, PAUSED, "no login we know", server=LOGIN),
    Row("S08 bad password", {"AUTH": [b"535 5.7.8 wrong\r\n"]}, NOBODY, PAUSED, "wrong", OFFERS_LOGIN, LOGIN, 1),
    Row("S08 login not now", {"AUTH": [b"454 4.7.0 later\r\n"]}, NOBODY, SENDING, "later", OFFERS_LOGIN, LOGIN),
    Row("S08 334 for ever", {"AUTH": [b"334 \r\n"], "*": [b"334 \r\n"]}, NOBODY, PAUSED, "keeps asking",
        OFFERS_LOGIN, LOGIN),
    # MAIL
    Row("S09 MAIL 451, once", {"MAIL": first(b"451 4.3.0 busy\r\n")}, ALL),
    Row("S09 MAIL 452, always", {"MAIL": [b"452 4.3.1 full\r\n"]}, NOBODY, says="slow down"),
    Row("S10 our sender address is refused", {"MAIL": [b"550 5.7.1 not you\r\n"]}, NOBODY, PAUSED, "not you"),
    Row("S26 lost at MAIL", {"MAIL": first(None)}, ALL),
    # RCPT
    Row("S11 greylisted", {"RCPT": first(b"450 4.2.0 come back\r\n")}, ONE_DEFERRED),
    Row("S12 too many recipients", {"RCPT": first(b"452 4.5.3 too many\r\n")}, ONE_DEFERRED),
    Row("S13 no such user", {"RCPT": first(b"550 5.1.1 unknown\r\n")}, ONE_REFUSED),
    Row("S14 policy", {"RCPT": first(b"550 5.7.1 blocked, see https://example.org\r\n")}, ONE_REFUSED),
    Row("S15 mailbox full", {"RCPT": first(b"552 5.2.2 full\r\n")}, ONE_REFUSED),
    Row("S16 many lines", {"RCPT": first(b"550-5.1.1 no such\r\n550 5.1.1 user\r\n")}, ONE_REFUSED),
    Row("S17 lines that disagree", {"RCPT": first(b"450-4.2.0 wait\r\n550 5.1.1 no\r\n")}, ONE_DEFERRED),
    Row("S18 421 at RCPT", {"RCPT": first(b"421 4.7.0 enough\r\n")}, ALL),
    Row("S19 251", {"RCPT": first(b"251 2.1.5 will forward\r\n")}, ALL),
    Row("S19 252", {"RCPT": first(b"252 2.1.5 will try\r\n")}, ALL),
    Row("S20 code 000", {"RCPT": first(b"000 what\r\n")}, ALL),
    Row("S20 code 999", {"RCPT": first(b"999 what\r\n")}, ALL),
    Row("S20 no code", {"RCPT": first(b"abc\r\n")}, ALL),
    Row("S20 empty line", {"RCPT": first(b"\r\n")}, ALL),
    Row("S20 nonsense, always", {"RCPT": [b"abc\r\n"]}, {"deferred": 5}),
    Row("S26 lost at RCPT", {"RCPT": first(None)}, ALL),
    # DATA
    Row("S21 DATA 451", {"DATA": first(b"451 4.3.0 busy\r\n", b"354 go\r\n")}, ONE_DEFERRED),
    Row("S21 DATA 554", {"DATA": first(b"554 5.7.1 no\r\n", b"354 go\r\n")}, ONE_REFUSED),
    Row("S21 DATA 250", {"DATA": first(b"250 nonsense\r\n", b"354 go\r\n")}, ALL),
    Row("S26 lost at DATA", {"DATA": first(None, b"354 go\r\n")}, ALL),
    Row("354 without a recipient", {"RCPT": first(UNKNOWN), "DATA": [b"354 go\r\n"]}, ONE_REFUSED),
    # The final dot
    Row("S22 queued", {}, ALL),
    Row("S23 dot 452", {"dot": first(b"452 4.2.2 full\r\n")}, ONE_DEFERRED),
    Row("S24 content refused", {"dot": [b"550 5.7.1 spam\r\n"]}, NOBODY, PAUSED, "spam"),
    Row("S24 too big", {"dot": [b"552 5.3.4 too big\r\n"]}, NOBODY, PAUSED, "too big"),
    Row("S25 lost after the dot", {"dot": first(None)}, ONE_UNCERTAIN),
    Row("S25 silence after the dot", {"dot": first(b"")}, ONE_UNCERTAIN, server={"dot_timeout": 0.3}),
    Row("S25 nonsense after the dot", {"dot": first(b"maybe\r\n")}, ONE_UNCERTAIN),
    Row("354 after the dot", {"dot": first(b"354 again\r\n")}, ONE_UNCERTAIN),
    Row("421 after the dot", {"dot": first(b"421 4.3.2 closing\r\n")}, ALL),
    Row("S27 QUIT 421", {"QUIT": [b"421 4.3.2 bye\r\n"]}, ALL),
    Row("S27 lost at QUIT", {"QUIT": [None]}, ALL),
    Row("S28 two replies to one dot", {"dot": first(b"250 2.0.0 Ok\r\n550 5.1.1 stray\r\n")}, ALL),
    Row("S28 two good replies to one dot", {"dot": first(b"250 2.0.0 Ok\r\n250 2.0.0 stray\r\n")}, ALL),
    Row("S28 two replies to MAIL", {"MAIL": first(b"250 2.0.0 Ok\r\n550 5.1.1 stray\r\n")}, ALL),
    Row("S29 bare line feeds", {"dot": [b"250 2.0.0 Ok\n"], "RCPT": [b"250 Ok\n"], "banner": [b"220 mx\n"]}, ALL),
    Row("S30 strange letters", {"RCPT": first(b"550 5.1.1 unbekannt: M\xfcller \x1b[31m<b>\r\n")}, ONE_REFUSED),
    Row("S30 5 KB", {"RCPT": first(b"550 5.1.1 " + b"x" * 5_000 + b"\r\n")}, ONE_REFUSED),
    Row("S31 gentler status", {"RCPT": first(b"550 4.2.1 disabled for now\r\n")}, ONE_DEFERRED),
    Row("S31 unknown status", {"RCPT": first(b"550 5.9.9 well\r\n")}, ONE_REFUSED),
    Row("S36 too large for the server", {}, NOBODY, PAUSED, "takes 500", OFFERS_500),
]  # fmt: skip


def frozen(folder: Path, addresses: list[str]) -> Ledger:
    engine = open_engine(f"sqlite:///{folder}/store.db")
    migrate(engine)
    ledger = Ledger(engine)
    ledger.freeze(EDITION, [Recipient(subscriber=f"s{n}", address=a, name="N") for n, a in enumerate(addresses)])
    return ledger


def deliver(ledger: Ledger, port: int, journals: Path, connections: int = 1, **more: object) -> Sent:
    values: dict[str, object] = {
        "reconnect_after": 0.01,
        "timeout": 5,
        "dot_timeout": 5,
        "helo": "a.example.org",
    } | more

    async def work() -> Sent:
        server = Server(host="127.0.0.1", port=port, connections=connections, **values)  # type: ignore[arg-type]
        options = Options(journals=journals, limits=Limits(first_rest=0.002))
        sending = asyncio.ensure_future(send(ledger, SmtpTransport(server), make_composer(), options))
        await asyncio.wait([sending], timeout=60)
        assert sending.done(), "the sender never ends"
        return sending.result()

    return run(work())


FIVE = [f"s{n}@d{n}.example.org" for n in range(5)]


#: What a server that knows PIPELINING says instead in the other ways to speak with it; None of DATA where it chunks.
WAYS = {
    "pipelined": b"250-PIPELINING\r\n",
    "one by one": b"",
    "in chunks": b"250-PIPELINING\r\n250-CHUNKING\r\n",
    "in chunks, one by one": b"250-CHUNKING\r\n",
}
CASES = [(row, way) for way in WAYS for row in ROWS if "chunks" not in way or "DATA" not in row.script]


@pytest.mark.parametrize(("row", "way"), CASES, ids=[f"{way}: {row.id}" for row, way in CASES])
def test_whatever_the_server_says(row: Row, way: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ledger = frozen(tmp_path, FIVE)
    ehlo = row.ehlo.replace(b"250-PIPELINING\r\n", WAYS[way])

    with caplog.at_level(logging.DEBUG), hostile(row.script, ehlo) as (seen, _told):
        sent = deliver(ledger, seen.port, tmp_path, chunking=True, **row.server)

    tally, mailing = ledger.tally(EDITION), ledger.mailing(EDITION)
    assert mailing is not None
    assert tally == Tally(candidates=5, pending=5 - sum(row.tally.values()), **row.tally)
    assert mailing.state is row.state
    assert row.says in (mailing.reason if row.state is PAUSED else sent.trouble)
    assert_nobody_is_wronged(ledger, seen)
    assert row.connections is None or seen.connections <= row.connections
    assert "geheim" not in caplog.text + mailing.reason + sent.trouble


def assert_nobody_is_wronged(ledger: Ledger, seen: Recording) -> None:
    accepted = {who.address for who, _ in ledger.who(EDITION, Outcome.ACCEPTED)}
    uncertain = {who.address for who, _ in ledger.who(EDITION, Outcome.UNCERTAIN)}
    assert max(seen.accepted.values(), default=0) <= 1
    assert accepted <= set(seen.accepted) <= accepted | uncertain


@pytest.mark.parametrize(
    ("said", "receipt"),
    [
        (b"550-5.1.1 no such\r\n550 5.1.1 user\r\n", (Cause.ADDRESS, "5.1.1 no such 5.1.1 user")),
        (b"550 5.7.1 blocked\r\n", (Cause.POLICY, "5.7.1 blocked")),
        (b"552 5.2.2 full\r\n", (Cause.MAILBOX, "5.2.2 full")),
        (b"552 full\r\n", (Cause.MAILBOX, "full")),
        (b"550 5.9.9 well\r\n", (Cause.POLICY, "5.9.9 well")),
        (b"550 5.1.1 M\xfcller \x1b[31m\r\n", (Cause.ADDRESS, "5.1.1 M\ufffdller [31m")),
        (b"550 5.1.1 " + b"x" * 5_000 + b"\r\n", (Cause.ADDRESS, "5.1.1 " + "x" * 294)),
    ],
    ids=["lines joined", "policy", "full", "full without status", "unknown", "letters", "cut"],
)
def test_a_refusal_is_kept_in_the_servers_words_and_laid_to_the_right_door(
    said: bytes, receipt: tuple[Cause, str], tmp_path: Path
) -> None:
    ledger = frozen(tmp_path, FIVE[:1])

    with hostile({"RCPT": [said]}) as (seen, _told):
        deliver(ledger, seen.port, tmp_path)

    [(_, kept)] = ledger.who(EDITION, Outcome.REFUSED)
    assert (kept.cause, kept.reply) == receipt


def test_the_end_that_comes_while_an_answer_to_rset_is_due_is_not_missed(tmp_path: Path) -> None:
    ledger = frozen(tmp_path, FIVE[:1])

    with hostile({"RCPT": [UNKNOWN]}, delay=0.2) as (seen, told):  # the ledger is through long before the answer
        sent = deliver(ledger, seen.port, tmp_path)

    assert sent == Sent(refused=1)
    assert told["RSET"] == 1


def test_a_reply_in_single_octets_is_read(tmp_path: Path) -> None:
    ledger = frozen(tmp_path, FIVE)

    with hostile({}) as (seen, _told), dripping(seen.port) as port:
        sent = deliver(ledger, port, tmp_path)

    assert sent == Sent(accepted=5)


def test_a_domain_that_asks_us_to_slow_down_waits_alone(tmp_path: Path) -> None:
    slow = [f"s{n}@slow.example.org" for n in range(20)]
    ledger = frozen(tmp_path, slow + [f"s{n}@fast.example.org" for n in range(20)])

    with sink(lambda who, _n: "451 4.7.0 rate limited" if "slow" in who else "250 2.0.0 Ok") as seen:
        deliver(ledger, seen.port, tmp_path)

    tally = ledger.tally(EDITION)
    assert (tally.accepted, tally.deferred) == (20, 20)
    assert sum(n for who, n in seen.offered.items() if "slow" in who) < 10


def test_a_list_where_many_addresses_do_not_exist_is_paused(tmp_path: Path) -> None:
    ledger = frozen(tmp_path, [f"s{n}@example.org" for n in range(1000)])

    with sink(lambda who, _n: "550 5.1.1 unknown" if who[-13] in "012" else "250 Ok") as seen:
        deliver(ledger, seen.port, tmp_path)

    mailing, tally = ledger.mailing(EDITION), ledger.tally(EDITION)
    assert mailing is not None
    assert mailing.state is PAUSED
    assert "addresses do not exist" in mailing.reason
    assert 200 <= tally.accepted + tally.refused < 300
    assert tally.adds_up


def test_a_server_that_takes_a_hundred_at_a_time_gets_them_all(tmp_path: Path) -> None:
    ledger = frozen(tmp_path, [f"s{n}@example.org" for n in range(350)])
    enough: list[bytes | None] = ([OK] * 100 + [b"421 4.7.0 enough for now\r\n"]) * 4

    with hostile({"MAIL": enough}) as (seen, _told):
        sent = deliver(ledger, seen.port, tmp_path)

    assert sent == Sent(accepted=350)


def test_a_second_attempt_is_the_same_message_byte_for_byte(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/store.db")
    migrate(engine)
    composer = make_composer()
    ledger = Ledger(engine)
    ledger.freeze(EDITION, [Recipient(subscriber="s0", address="s0@example.org", name="N")])
    chunk = ledger.turn("one").chunk
    assert chunk is not None
    [delivery] = chunk.deliveries

    once, again = composer(delivery), make_composer()(delivery._replace(attempts=3, chunk=9))

    assert (once.sender, once.content()) == (again.sender, again.content())


def test_a_chunk_holds_the_message_as_it_is_and_no_final_dot(tmp_path: Path) -> None:
    ehlo = b"250-mx.example.org\r\n250-PIPELINING\r\n250 CHUNKING\r\n"
    contents = []
    for chunking in (False, True):
        folder = tmp_path / str(chunking)
        folder.mkdir()
        ledger = frozen(folder, FIVE)
        with hostile({}, ehlo) as (seen, _told):
            deliver(ledger, seen.port, folder, chunking=chunking)
        # Each edition bears the second in which it was frozen.
        undated = {who: re.sub(rb"^Date: .*", b"", mail, flags=re.M) for who, mail in seen.contents.items()}
        contents.append(undated)
        verbs = {line.split(" ")[0] for line in seen.lines}
        assert ("BDAT" in verbs, "DATA" in verbs) == (chunking, not chunking)

    assert contents[0] == contents[1] != {}


def test_an_address_the_server_cannot_say_is_held_and_not_refused(tmp_path: Path) -> None:
    ledger = frozen(tmp_path, ["ü@example.org", "ada@bücher.example.org"])

    with hostile({}) as (seen, _told):
        deliver(ledger, seen.port, tmp_path)

    assert ledger.tally(EDITION) == Tally(candidates=2, accepted=1, deferred=1)
    assert set(seen.accepted) == {"ada@xn--bcher-kva.example.org"}


def test_an_international_address_goes_to_a_server_that_knows_them(tmp_path: Path) -> None:
    ledger = frozen(tmp_path, ["ü@bücher.example.org"])

    with hostile({}, b"250-mx\r\n250-PIPELINING\r\n250 SMTPUTF8\r\n") as (seen, _told):
        sent = deliver(ledger, seen.port, tmp_path)

    assert sent == Sent(accepted=1)
    assert set(seen.accepted) == {"ü@xn--bcher-kva.example.org"}


def test_a_worn_out_connection_is_replaced_and_nobody_is_sent_to_twice(tmp_path: Path) -> None:
    ledger = frozen(tmp_path, [f"s{n}@example.org" for n in range(50)])

    with hostile({}) as (seen, told):
        sent = deliver(ledger, seen.port, tmp_path, messages_per_connection=10)

    assert sent == Sent(accepted=50)
    assert max(seen.accepted.values()) == 1
    assert told["QUIT"] >= 5


def test_a_message_that_cannot_be_made_pauses_the_edition_before_anything_leaves(tmp_path: Path) -> None:
    ledger = frozen(tmp_path, FIVE)

    async def work(port: int) -> Sent:
        composer = make_composer(links=lambda _delivery: {})
        server = Server(host="127.0.0.1", port=port, helo="a.example.org")
        return await send(ledger, SmtpTransport(server), composer, Options(journals=tmp_path))

    with hostile({}) as (seen, told):
        run(work(seen.port))

    mailing = ledger.mailing(EDITION)
    assert mailing is not None
    assert (mailing.state, mailing.reason) == (PAUSED, "its message cannot be made: KeyError('unsubscribe_url')")
    assert told["DATA"] == 0
    assert ledger.tally(EDITION) == Tally(candidates=5, pending=5)
