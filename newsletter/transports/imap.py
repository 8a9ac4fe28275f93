"""Reads the mailbox to which bounces come, where it is one at a provider: unseen mails, by IMAP."""

import imaplib
import ssl
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

#: As much of a mail as is fetched; what makes it a report stands at its head.
FETCHED_OCTETS = 256 * 1024


class MailboxError(Exception):
    """The mailbox cannot be read; the message says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """Where bounces come, at a provider."""

    host: str
    username: str
    password: str = field(repr=False)
    port: int = 993
    folder: str = "INBOX"
    ca_file: str = ""  #: certificates to trust instead of the system's
    timeout: float = 60.0  #: seconds

    def unseen(self) -> Iterator[bytes]:
        """Yield each unseen mail, and mark it when the next one is asked for: a mail may come twice, never not at all.

        Raises:
            MailboxError: The server is not there, its certificate does not hold, or it refuses the login.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca_file or None)
            server = imaplib.IMAP4_SSL(self.host, self.port, ssl_context=context, timeout=self.timeout)
        except (OSError, imaplib.IMAP4.error) as error:
            raise MailboxError(f"the mailbox at {self.host} cannot be reached: {error}") from error
        try:
            server.login(self.username, self.password)
            _expect(server.select(self.folder))
            for number in _expect(server.uid("SEARCH", "UNSEEN"))[0].split():
                fetched = _expect(server.uid("FETCH", number.decode(), f"(BODY.PEEK[]<0.{FETCHED_OCTETS}>)"))
                yield from (bytes(part[1]) for part in fetched if isinstance(part, tuple))
                _expect(server.uid("STORE", number.decode(), "+FLAGS", r"(\Seen)"))
        except (imaplib.IMAP4.error, OSError) as error:
            raise MailboxError(f"the mailbox {self.folder!r} at {self.host}: {error}") from error
        finally:
            with suppress(imaplib.IMAP4.error, OSError):
                server.logout()


def _expect(answer: tuple[str, list[Any]]) -> list[Any]:
    status, data = answer
    if status != "OK":
        raise imaplib.IMAP4.error(f"{status} {data!r}")
    return [part for part in data if part is not None]
