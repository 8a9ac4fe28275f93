"""A connection is private where it is meant to be, its certificate was checked, and a login is told to nobody else."""

import base64
import ssl
from functools import partial
from pathlib import Path

import pytest
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from newsletter.sending import Options, Sent, run, send
from newsletter.storage.engine import migrate, open_engine
from newsletter.storage.ledger import Ledger, MailingState
from newsletter.transports.smtp import SmtpTransport
from newsletter.transports.smtp_login import Security, Server
from subscribers.deliveries import Recipient, Tally
from tests.letters import make_composer
from tests.sinks import hostile, running


class Protected(Sink):
    """Takes mail, and notes over what and after which login it came."""

    def __init__(self) -> None:
        super().__init__()
        self.came: list[tuple[bool, bool]] = []

    async def handle_DATA(self, _server: SMTP, session: Session, _envelope: Envelope) -> str:  # noqa: N802
        self.came.append((session.ssl is not None, bool(session.authenticated)))
        return "250 OK"


def check(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object) -> AuthResult:
    assert isinstance(data, LoginPassword)
    return AuthResult(success=(data.login, data.password) == (b"ines", "geheim ü".encode()))


def deliver(port: int, folder: Path, **values: object) -> tuple[Sent, Ledger]:
    engine = open_engine(f"sqlite:///{folder}/store.db")
    migrate(engine)
    ledger = Ledger(engine)
    ledger.freeze("e", [Recipient(subscriber=f"s{n}", address=f"s{n}@example.org") for n in range(3)])

    async def work() -> Sent:
        fixed = {"host": "127.0.0.1", "port": port, "connections": 1, "helo": "a.example.org", "reconnect_after": 0.01}
        server = Server(**(fixed | values))  # type: ignore[arg-type]
        return await send(ledger, SmtpTransport(server), make_composer(), Options(journals=folder))

    return run(work()), ledger


def test_starttls_with_a_login(tls: ssl.SSLContext, certificate: Path, tmp_path: Path) -> None:
    inbox = Protected()
    factory = partial(SMTP, inbox, tls_context=tls, require_starttls=True, authenticator=check, auth_required=True)

    with running(factory) as port:
        sent, _ = deliver(
            port,
            tmp_path,
            security=Security.STARTTLS,
            ca_file=str(certificate),
            username="ines",
            password="geheim ü",
        )

    assert sent == Sent(accepted=3)
    assert inbox.came == [(True, True)] * 3


def test_tls_from_the_first_octet(tls: ssl.SSLContext, certificate: Path, tmp_path: Path) -> None:
    with hostile({}, tls=tls) as (seen, _told):
        sent, _ = deliver(seen.port, tmp_path, security=Security.TLS, ca_file=str(certificate))

    assert sent == Sent(accepted=3)
    assert sum(seen.accepted.values()) == 3


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
def test_a_certificate_nobody_vouches_for_stops_the_edition(
    security: Security, tls: ssl.SSLContext, tmp_path: Path
) -> None:
    inbox = Protected()
    encrypted = tls if security is Security.TLS else None
    factory = partial(SMTP, inbox, tls_context=None if encrypted else tls)

    with running(factory, tls=encrypted) as port:
        _, ledger = deliver(port, tmp_path, security=security)

    mailing = ledger.mailing("e")
    assert mailing is not None
    assert mailing.state is MailingState.PAUSED
    assert "CERTIFICATE_VERIFY_FAILED" in mailing.reason
    assert ledger.tally("e") == Tally(candidates=3, pending=3)
    assert inbox.came == []


@pytest.mark.parametrize(
    ("offers", "script", "values", "lines"),
    [
        (
            b"PLAIN LOGIN",
            {"AUTH": [b"235 2.7.0 welcome\r\n"]},
            {"username": "ines", "password": "geheim"},
            ["AUTH PLAIN " + base64.b64encode(b"\0ines\0geheim").decode()],
        ),
        (
            b"LOGIN",
            {"AUTH": [b"334 VXNlcm5hbWU6\r\n"], "aW5lcw==".upper(): [b"334 UGFzc3dvcmQ6\r\n"],
             "Z2VoZWlt".upper(): [b"235 2.7.0 welcome\r\n"]},
            {"username": "ines", "password": "geheim"},
            ["AUTH LOGIN", "aW5lcw==", "Z2VoZWlt"],
        ),
        (
            b"PLAIN XOAUTH2",
            {"AUTH": [b"235 2.7.0 welcome\r\n"]},
            {"username": "ines", "token": "t0ken"},
            ["AUTH XOAUTH2 " + base64.b64encode(b"user=ines\1auth=Bearer t0ken\1\1").decode()],
        ),
    ],
    ids=["plain", "login", "xoauth2"],
)  # fmt: skip
def test_each_login_says_its_words(
    offers: bytes, script: dict[str, list[bytes | None]], values: dict[str, str], lines: list[str], tmp_path: Path
) -> None:
    with hostile(script, b"250-mx\r\n250 AUTH " + offers + b"\r\n") as (seen, _told):
        sent, _ = deliver(seen.port, tmp_path, **values)

    assert sent == Sent(accepted=3)
    assert seen.lines[1 : 1 + len(lines)] == lines


def test_a_token_that_is_refused_ends_the_login(tmp_path: Path) -> None:
    script: dict[str, list[bytes | None]] = {"AUTH": [b"334 eyJzdGF0dXMiOiI0MDEifQ==\r\n"], "": [b"535 5.7.8 no\r\n"]}

    with hostile(script, b"250-mx\r\n250 AUTH XOAUTH2\r\n") as (seen, _told):
        _, ledger = deliver(seen.port, tmp_path, username="ines", token="t0ken")

    mailing = ledger.mailing("e")
    assert mailing is not None
    assert (mailing.state, seen.connections) == (MailingState.PAUSED, 1)
    assert "t0ken" not in mailing.reason


def test_a_server_never_shows_its_secrets() -> None:
    shown = repr(Server(host="mx.example.org", username="ines", password="geheim", token="t0ken"))

    assert "geheim" not in shown
    assert "t0ken" not in shown
