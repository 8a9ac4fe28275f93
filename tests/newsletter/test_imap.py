"""A mailbox of bounces at a provider is read mail by mail; none is lost when reading breaks off."""

import asyncio
import re
import ssl
from pathlib import Path

import pytest

from newsletter.transports.imap import Mailbox, MailboxError
from tests.sinks import running

MAILS = [b"Subject: one\r\n\r\n1\r\n", b"Subject: two\r\n\r\n2\r\n", b"Subject: three\r\n\r\n3\r\n"]


class Imap(asyncio.Protocol):
    """As much of an IMAP server as a reader of unseen mails needs (RFC 3501)."""

    def __init__(self, seen: set[int]) -> None:
        self._seen = seen

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"* OK ready\r\n")

    def data_received(self, data: bytes) -> None:
        for line in data.decode().splitlines():
            tag, _, command = line.partition(" ")
            untagged, status = self._answer(command)
            self._transport.write(untagged + f"{tag} {status}\r\n".encode())

    def _answer(self, command: str) -> tuple[bytes, str]:
        if command.startswith("LOGIN") and "geheim" not in command:
            return b"", "NO wrong password"
        if command.startswith("CAPABILITY"):
            return b"* CAPABILITY IMAP4rev1\r\n", "OK done"
        if command.startswith("UID SEARCH"):
            unseen = " ".join(str(n) for n in range(1, len(MAILS) + 1) if n not in self._seen)
            return f"* SEARCH {unseen}\r\n".encode(), "OK done"
        if found := re.match(r"UID FETCH (\d+)", command):
            mail = MAILS[int(found[1]) - 1]
            return b"* %s FETCH (UID %s BODY[]<0> {%d}\r\n%s)\r\n" % (
                found[1].encode(),
                found[1].encode(),
                len(mail),
                mail,
            ), "OK done"
        if found := re.match(r"UID STORE (\d+)", command):
            self._seen.add(int(found[1]))
        return b"", "OK done"


def mailbox(port: int, certificate: Path, password: str = "geheim") -> Mailbox:
    return Mailbox(host="127.0.0.1", port=port, username="b", password=password, ca_file=str(certificate), timeout=5)


def test_unseen_mails_are_read_once(tls: ssl.SSLContext, certificate: Path) -> None:
    seen: set[int] = set()

    with running(lambda: Imap(seen), tls=tls) as port:
        first, again = list(mailbox(port, certificate).unseen()), list(mailbox(port, certificate).unseen())

    assert (first, again) == (MAILS, [])


def test_a_reading_that_breaks_off_leaves_the_mail_in_hand_unseen(tls: ssl.SSLContext, certificate: Path) -> None:
    seen: set[int] = set()

    with running(lambda: Imap(seen), tls=tls) as port:
        mails = mailbox(port, certificate).unseen()
        assert [next(mails), next(mails)] == MAILS[:2]
        mails.close()
        rest = list(mailbox(port, certificate).unseen())

    assert rest == MAILS[1:]


def test_a_wrong_password_is_said_without_it(tls: ssl.SSLContext, certificate: Path) -> None:
    with running(lambda: Imap(set()), tls=tls) as port, pytest.raises(MailboxError, match="wrong password") as caught:
        list(mailbox(port, certificate, password="falsch").unseen())

    assert "falsch" not in str(caught.value) + repr(mailbox(port, certificate, "falsch"))


def test_a_certificate_nobody_vouches_for_is_refused(tls: ssl.SSLContext) -> None:
    with running(lambda: Imap(set()), tls=tls) as port, pytest.raises(MailboxError, match="cannot be reached"):
        list(Mailbox(host="127.0.0.1", port=port, username="b", password="geheim", timeout=5).unseen())
