"""What a letter is on its way: octets as every way out takes them, and why it was not taken."""

import re
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8

#: A line of a mail header or body has at most so many octets (RFC 5322, 2.1.1).
LINE = 998

#: Of a line of quoted-printable at most so many dots are moved to a line of their own: 25 take 75 columns of 76.
_LEADING_DOTS = re.compile(rb"^\.{1,25}", re.MULTILINE)


class PostError(Exception):
    """Nobody took a letter; `transient` tells whether trying again may help."""

    def __init__(self, message: str, *, transient: bool) -> None:
        super().__init__(message)
        self.transient = transient


def octets_of(message: EmailMessage, recipient: str) -> list[bytes]:
    """Return a letter in pieces, as ways out take it: its header, the empty line, its body; no line begins with a dot.

    Its parts are quoted-printable.
    """
    policy = SMTP if recipient.isascii() else SMTPUTF8
    whole = message.as_bytes(policy=policy.clone(max_line_length=LINE))
    header, end, body = whole.partition(b"\r\n\r\n")
    while _LEADING_DOTS.search(body):
        body = _LEADING_DOTS.sub(lambda dots: b"=2E" * len(dots[0]) + b"=\r\n", body)
    return [header, end, body]
