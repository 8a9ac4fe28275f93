"""A real Postfix takes what we send, opendkim vouches for it, and what comes back tells whose it was."""

import shutil
import tempfile
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from newsletter.sending import Options, Sent, run, send
from newsletter.storage.engine import migrate, open_engine
from newsletter.storage.ledger import Ledger
from newsletter.transports.dkim import Signer, SigningKey
from newsletter.transports.smtp import SmtpTransport
from newsletter.transports.smtp_login import Server
from subscribers.bounces import EventKind, Place, read_report
from subscribers.deliveries import Cause, Outcome, Recipient, Tally, sign
from tests.builders import IN_CI, MONDAY
from tests.letters import KEY as KEY_OF_NUMBERS
from tests.letters import make_composer
from tests.postfix import Postfix, postfix, why_not
from tests.sinks import hostile

pytestmark = pytest.mark.skipif(bool(why_not()) and not IN_CI, reason=why_not())

KEY = SigningKey("news.example.org", "k", generate_private_key(65537, 2048))


@pytest.fixture(scope="module")
def server() -> Iterator[Postfix]:
    # Not below pytest's folder: Postfix's users must be able to enter.
    home = Path(tempfile.mkdtemp(prefix="postfix-"))
    home.chmod(0o755)
    with postfix(home, {KEY.record_name: KEY.record}) as running:
        yield running
    shutil.rmtree(home, ignore_errors=True)


def deliver(server: Postfix, folder: Path, recipients: list[Recipient]) -> tuple[Sent, Ledger]:
    engine = open_engine(f"sqlite:///{folder}/store.db")
    migrate(engine)
    ledger = Ledger(engine)
    ledger.freeze("e", recipients)

    async def work() -> Sent:
        transport = SmtpTransport(Server(host="127.0.0.1", port=server.port, connections=4, helo="a.example.org"))
        return await send(ledger, transport, make_composer(seal=Signer([KEY])), Options(journals=folder))

    return run(work()), ledger


def test_postfix_takes_everything_and_the_signature_holds(server: Postfix, tmp_path: Path) -> None:
    readers = [Recipient(subscriber=f"s{n}", address=f"reader+{n}@example.net", name=f"Zoë {n}") for n in range(60)]
    strange = Recipient(subscriber="x", address="nobody@example.net")

    sent, ledger = deliver(server, tmp_path, [*readers, strange])

    assert sent == Sent(accepted=60, refused=1)
    [(who, receipt)] = ledger.who("e", Outcome.REFUSED)
    assert (who, receipt.cause, receipt.enhanced) == (strange, Cause.ADDRESS, "5.1.1")
    arrived = [message_from_bytes(p.read_bytes(), policy=default) for p in server.arrived(server.readers, 60)]
    assert {message["Delivered-To"] for message in arrived} == {r.address for r in readers}
    assert {message["Message-ID"] for message in arrived if message["Message-ID"]} != set()
    assert len({message["Message-ID"] for message in arrived}) == 60
    assert all("dkim=pass" in message["Authentication-Results"] for message in arrived)


def test_a_genuine_bounce_names_its_delivery(server: Postfix, tmp_path: Path) -> None:
    with hostile({"RCPT": [b"552 5.2.2 mailbox full\r\n"]}) as (behind, _told):
        relay_to(server, behind.port)
        sent, ledger = deliver(server, tmp_path, [Recipient(subscriber="s", address="ada@full.example.net")])
        [path] = server.arrived(server.bounces, 1)

    assert sent == Sent(accepted=1)
    assert ledger.tally("e") == Tally(candidates=1, accepted=1)
    event = read_report(path.read_bytes(), MONDAY)
    assert event is not None
    assert (event.kind, event.cause, event.status) == (EventKind.BOUNCED, Cause.MAILBOX, "5.2.2")
    assert event.place == Place(1, 0, sign("e", "s", KEY_OF_NUMBERS))


def relay_to(server: Postfix, port: int) -> None:
    """Let mail to full.example.net go to another port."""
    import subprocess

    etc = server.readers.parents[1] / "etc"
    (etc / "transport").write_text(f"full.example.net smtp:[127.0.0.1]:{port}\n")
    subprocess.run(["postfix", "-c", str(etc), "reload"], check=True, capture_output=True)
