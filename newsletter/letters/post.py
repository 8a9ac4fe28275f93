"""Hands letters to a mail server over SMTP, one connection each: they are few, and none waits for another."""

import smtplib
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8

#: A line of a mail header or body has at most so many octets (RFC 5322, 2.1.1).
LINE = 998


class PostError(Exception):
    """The mail server did not take a letter; `transient` tells whether trying again may help."""

    def __init__(self, message: str, *, transient: bool) -> None:
        super().__init__(message)
        self.transient = transient


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpPost:
    """The mail server that takes our letters."""

    host: str
    port: int = 25
    security: str = "none"  #: none, starttls or tls
    username: str = ""
    password: str = field(default="", repr=False)
    timeout: float = 30.0  #: seconds
    #: Signs messages (DKIM), each given as its own header fields, what all share, and its body; None: the server does.
    seal: Callable[[Sequence[list[bytes]]], list[bytes]] | None = field(default=None, repr=False)

    def hand_over(self, message: EmailMessage, sender: str, recipient: str) -> None:
        """Give one letter to the mail server.

        Raises:
            PostError: It was not taken.
        """
        policy = SMTP if recipient.isascii() else SMTPUTF8
        octets = self._sealed(message.as_bytes(policy=policy.clone(max_line_length=LINE)))
        options = [] if recipient.isascii() else ["SMTPUTF8", "BODY=8BITMIME"]
        try:
            connection = self._connect()
        except (OSError, smtplib.SMTPException) as error:
            raise PostError(
                f"the mail server {self.host}:{self.port} does not answer: {error}", transient=True
            ) from error
        try:
            connection.sendmail(sender, [recipient], octets, mail_options=options)
        except smtplib.SMTPRecipientsRefused as error:
            code = next(iter(error.recipients.values()))[0]
            raise PostError(f"the address was refused with {code}", transient=code < 500) from error
        except smtplib.SMTPResponseException as error:
            raise PostError(
                f"the letter was refused with {error.smtp_code}", transient=error.smtp_code < 500
            ) from error
        except smtplib.SMTPNotSupportedError as error:
            raise PostError("the mail server does not support international addresses", transient=False) from error
        except (OSError, smtplib.SMTPException) as error:
            raise PostError(f"the connection broke: {error}", transient=True) from error
        finally:
            connection.close()  # without QUIT: whatever its answer, it must not undo what was accepted

    def _sealed(self, octets: bytes) -> bytes:
        if self.seal is None:
            return octets
        header, end, body = octets.partition(b"\r\n\r\n")
        (signatures,) = self.seal([[header, end, body]])  # nothing but the end of the header is shared
        return signatures + octets

    def _connect(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self.security == "tls":
            connection: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=self.timeout, context=context)
        else:
            connection = smtplib.SMTP(self.host, self.port, timeout=self.timeout)
        if self.security == "starttls":
            connection.starttls(context=context)
        if self.username:
            connection.login(self.username, self.password)
        return connection
