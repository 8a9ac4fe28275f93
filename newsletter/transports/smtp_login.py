"""The first words with a mail server: who we are, what it can do, TLS, and the login."""

import base64
import socket
import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from newsletter.ports import Letter
from newsletter.transports.smtp_replies import Reply
from subscribers.deliveries import Cause, Outcome, Receipt, Stage


class Security(StrEnum):
    """How a connection is kept private."""

    NONE = "none"
    STARTTLS = "starttls"  #: in clear first, then TLS; without it nothing is sent
    TLS = "tls"  #: from the first octet


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One mail server, and how to speak to it. Times in seconds."""

    host: str
    port: int = 25
    security: Security = Security.NONE
    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)  #: of OAuth 2; used instead of the password where it is given
    ca_file: str = ""  #: certificates to trust instead of the system's
    helo: str = field(default_factory=socket.getfqdn)
    connections: int = 10
    messages_per_connection: int = 5_000
    chunking: bool = False  #: whether messages go in chunks (RFC 3030) where the server takes them
    reconnect_after: float = 0.5  #: after a failure; doubled with each one in a row
    timeout: float = 60.0  #: for one answer
    #: For the answer to the final dot: a server may deliver before it answers (RFC 5321, 4.5.3.2.6 asks for 600).
    dot_timeout: float = 600.0

    def limit(self, stage: Stage) -> float:
        """Return how long the answer at `stage` may take."""
        return self.dot_timeout if stage is Stage.DOT else self.timeout


class ServerError(Exception):
    """The server cannot be used: how far we had come, and what it said last."""

    def __init__(self, stage: Stage, reply: Reply) -> None:
        super().__init__(f"{stage.value}: {reply.code or ''} {reply.text}".replace(":  ", ": "))
        self.stage = stage
        self.reply = reply

    def receipt(self) -> Receipt:
        """Return it as a receipt that marks nobody."""
        # A refused handshake or login will be refused again; an unreachable server may come back.
        ours = self.reply.code >= 500 or (self.stage in {Stage.TLS, Stage.AUTH} and self.reply.code == 0)
        cause = Cause.US if ours else Cause.CONNECTION
        return Receipt(Outcome.PENDING, cause, self.reply.code, self.reply.enhanced, str(self))


@dataclass(frozen=True, slots=True)
class Features:
    """What a server said it can do."""

    pipelining: bool = False
    chunking: bool = False
    utf8: bool = False
    size: int = 0  #: largest message in octets; 0: it did not say
    starttls: bool = False
    auth: frozenset[str] = frozenset()

    def refusal(self, letter: Letter) -> Receipt | None:
        """Return why this server cannot take the letter at all; None when it can."""
        if not self.utf8 and not letter.delivery.address.isascii() and needs_utf8(letter):
            why = f"the mail server does not take addresses such as {letter.delivery.address!r} (SMTPUTF8)"
            return Receipt(Outcome.DEFERRED, Cause.CAPABILITY, reply=why)
        return None


class Dialogue(Protocol):
    """A connection on which one line is said and one reply heard at a time."""

    async def command(self, stage: Stage, line: bytes | None) -> Reply:
        """Send one line (None: just listen) and return the answer."""

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Go on under TLS."""


def needs_utf8(letter: Letter) -> bool:
    """Tell whether the letter's addresses can only be said in SMTPUTF8 (RFC 6531)."""
    return not envelope_address(letter.delivery.address).isascii()


def envelope_address(address: str) -> str:
    """Return the address as SMTP says it: an international domain in its ASCII form, where it has one."""
    if address.isascii():
        return address
    local, at, domain = address.rpartition("@")
    try:
        return local + at + domain.encode("idna").decode()
    except UnicodeError:
        return address


def tls_context(server: Server) -> ssl.SSLContext:
    """Return a context that verifies the server's certificate and name."""
    return ssl.create_default_context(cafile=server.ca_file or None)


async def greet(dialogue: Dialogue, server: Server) -> Features:
    """Come to terms with a server that has just been connected to; return what it can do.

    Raises:
        ServerError: It does not want us, or cannot be trusted.
    """
    _expect(Stage.CONNECT, await dialogue.command(Stage.CONNECT, None))
    features = await _hello(dialogue, server)
    if server.security is Security.STARTTLS:
        if not features.starttls:
            raise ServerError(Stage.TLS, Reply(0, "", "the server offers no STARTTLS, and nothing is sent in clear"))
        # Whatever the answer but 220: in clear nothing more is said (RFC 3207, 4).
        _expect(Stage.TLS, await dialogue.command(Stage.TLS, b"STARTTLS"))
        await dialogue.start_tls(tls_context(server))
        features = await _hello(dialogue, server)
    if server.username:
        await _login(dialogue, server, features)
    return features


async def _hello(dialogue: Dialogue, server: Server) -> Features:
    reply = await dialogue.command(Stage.HELLO, b"EHLO " + server.helo.encode("idna"))
    if reply.code in {500, 501, 502, 504}:
        _expect(Stage.HELLO, await dialogue.command(Stage.HELLO, b"HELO " + server.helo.encode("idna")))
        return Features()
    _expect(Stage.HELLO, reply)
    said = {words[0]: words[1:] for line in reply.lines[1:] if (words := line.upper().split())}
    size = said.get("SIZE", [])
    return Features(
        pipelining="PIPELINING" in said,
        chunking=server.chunking and "CHUNKING" in said,
        utf8="SMTPUTF8" in said,
        size=int(size[0]) if size and size[0].isdecimal() else 0,
        starttls="STARTTLS" in said,
        auth=frozenset(said.get("AUTH", [])),
    )


async def _login(dialogue: Dialogue, server: Server, features: Features) -> None:
    wanted = ("XOAUTH2",) if server.token else ("PLAIN", "LOGIN")
    method = next((m for m in wanted if m in features.auth), None)
    if method is None:
        offered = ", ".join(sorted(features.auth)) or "none"
        raise ServerError(Stage.AUTH, Reply(0, "", f"the server offers no login we know; it offers {offered}"))
    first, *answers = _WORDS[method](server)
    reply = await dialogue.command(Stage.AUTH, b"AUTH " + first)
    for answer in answers:
        if reply.code != 334:
            break
        reply = await dialogue.command(Stage.AUTH, answer)
    if reply.code == 334:  # XOAUTH2 tells what is wrong this way and waits; anything else that asks on is a loop
        reply = await dialogue.command(Stage.AUTH, b"" if method == "XOAUTH2" else b"*")
        if reply.code < 400:
            reply = Reply(535, "5.7.8", "the server keeps asking")
    _expect(Stage.AUTH, reply)


def _b64(text: str) -> bytes:
    return base64.b64encode(text.encode())


#: What is said at each login: the first line after AUTH, then an answer to each question.
_WORDS = {
    "PLAIN": lambda s: [b"PLAIN " + _b64(f"\0{s.username}\0{s.password}")],
    "LOGIN": lambda s: [b"LOGIN", _b64(s.username), _b64(s.password)],
    "XOAUTH2": lambda s: [b"XOAUTH2 " + _b64(f"user={s.username}\1auth=Bearer {s.token}\1\1")],
}


def _expect(stage: Stage, reply: Reply) -> None:
    if not 200 <= reply.code < 300:
        raise ServerError(stage, reply)
