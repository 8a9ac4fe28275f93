"""Takes bounces straight from a mail server, over LMTP (RFC 2033) or SMTP: no mailbox to fill, nothing to wait for."""

import asyncio
from collections.abc import Callable
from enum import StrEnum

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from subscribers.bounces import REPORT_BYTES, read_return_address

#: The one address at the bounce domain that names no delivery: where feedback loops send complaints.
COMPLAINTS = "complaints"

#: A bounce may quote our whole message and a server's logs; more than this is no bounce.
LARGEST_OCTETS = 10 * 1024 * 1024

#: Takes one mail in, given the address it came to. False: not now, the server is to offer it again.
Take = Callable[[bytes, str], bool]


class Dialect(StrEnum):
    """How the mail server speaks to us."""

    LMTP = "lmtp"
    SMTP = "smtp"


class _Keeper:
    """Answers a mail server. One recipient a mail: a bounce names one delivery, and LMTP wants one answer for each."""

    def __init__(self, domain: str, take: Take) -> None:
        self._domain = domain.lower()
        self._take = take

    async def handle_RCPT(  # noqa: N802  aiosmtpd's
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        local, _, domain = address.lower().rpartition("@")
        if domain != self._domain or (local != COMPLAINTS and read_return_address(address) is None):
            return "550 5.1.1 No delivery of ours has this address"
        if envelope.rcpt_tos:
            return "452 4.5.3 One recipient at a time"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        if await asyncio.to_thread(self._take, content[:REPORT_BYTES], envelope.rcpt_tos[0]):
            return "250 2.0.0 Ok: taken"
        return "451 4.3.0 The database does not answer; please offer it again"


async def listen(
    dialect: Dialect,
    host: str,
    port: int,
    domain: str,
    take: Take,
    stop: asyncio.Event,
    started: Callable[[int], None] = lambda _port: None,
) -> None:
    """Take bounces until `stop` is set; what is in hand is finished first.

    Args:
        dialect: How the mail server speaks to us.
        host: Where to listen.
        port: 0 takes any that is free.
        domain: The bounce domain; mail to any other is refused.
        take: Takes one mail in; it is called in a thread of its own.
        stop: Ends it.
        started: Is told the port.

    Raises:
        OSError: The port is taken, or not ours to take.
    """
    kind = {Dialect.LMTP: LMTP, Dialect.SMTP: SMTP}[dialect]
    keeper = _Keeper(domain, take)
    server = await asyncio.get_running_loop().create_server(
        lambda: kind(keeper, hostname=domain, data_size_limit=LARGEST_OCTETS, enable_SMTPUTF8=True), host, port
    )
    started(server.sockets[0].getsockname()[1])
    try:
        await stop.wait()
    finally:
        server.close()
