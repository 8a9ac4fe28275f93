"""What is sent to the capture server, or to a folder, can be read there as a mailbox program would."""

import mailbox
from pathlib import Path

from newsletter.sending import Options, Sent, run, send
from newsletter.storage.engine import migrate, open_engine
from newsletter.storage.ledger import Ledger
from newsletter.transports.capture import capture_server
from newsletter.transports.maildir import MaildirTransport
from newsletter.transports.smtp import SmtpTransport
from newsletter.transports.smtp_login import Server
from subscribers.deliveries import Recipient
from tests.letters import make_composer


def frozen(folder: Path) -> Ledger:
    engine = open_engine(f"sqlite:///{folder}/store.db")
    migrate(engine)
    ledger = Ledger(engine)
    ledger.freeze("edition", [Recipient(subscriber=who, address=f"{who}@example.org", name=who) for who in "abc"])
    return ledger


def recipients(folder: Path) -> list[str]:
    return sorted(message["To"] for message in mailbox.Maildir(folder))


EVERYBODY = ["a <a@example.org>", "b <b@example.org>", "c <c@example.org>"]


def test_a_real_smtp_server_keeps_what_we_send(tmp_path: Path) -> None:
    ledger = frozen(tmp_path)

    async def work(port: int) -> Sent:
        transport = SmtpTransport(Server(host="127.0.0.1", port=port, connections=2, helo="a.example.org"))
        return await send(ledger, transport, make_composer(), Options(journals=tmp_path / "journals"))

    with capture_server(tmp_path / "mail") as port:
        sent = run(work(port))

    assert sent == Sent(accepted=3)
    assert recipients(tmp_path / "mail") == EVERYBODY
    [kept] = [m for m in mailbox.Maildir(tmp_path / "mail") if m["To"] == EVERYBODY[0]]
    assert kept["Delivered-To"] == "a@example.org"
    assert kept["Return-Path"].endswith("@bounces.example.org>")
    assert kept.get_payload(0).get_payload(decode=True).startswith(b"Hello a\n")


def test_a_folder_takes_each_message_once_even_the_second_time(tmp_path: Path) -> None:
    ledger = frozen(tmp_path)

    async def work() -> Sent:
        transport = MaildirTransport(tmp_path / "mail")
        return await send(ledger, transport, make_composer(), Options(journals=tmp_path / "journals"))

    first, second = run(work()), run(work())

    assert (first, second) == (Sent(accepted=3), Sent())
    assert recipients(tmp_path / "mail") == EVERYBODY
