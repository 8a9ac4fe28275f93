"""A mail server that keeps what it is given in a Maildir: for the demo, for trying things out, never for readers."""

import asyncio
import mailbox
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session


class _Keep:
    """Writes each message to a Maildir, with the envelope in headers."""

    def __init__(self, folder: Path) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._box = mailbox.Maildir(folder)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's
        content = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        # As a delivery agent does; a bounce that is sent here can be read by the address it came to.
        delivered = "".join(f"Delivered-To: {address}\n" for address in envelope.rcpt_tos)
        head = f"Return-Path: <{envelope.mail_from}>\n{delivered}"
        key = self._box.add(head.encode() + content.replace(b"\r\n", b"\n"))
        return f"250 2.0.0 Ok: kept as {key}"


@contextmanager
def capture_server(folder: Path, host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """Keep all that is sent in the Maildir at `folder` while the context lasts; yield the port.

    Args:
        folder: It is made when it is missing.
        host: Where to listen.
        port: 0 takes any that is free.

    Raises:
        OSError: The port is taken.
    """
    loop = asyncio.new_event_loop()
    keep = _Keep(folder)
    serve = loop.create_server(
        lambda: SMTP(keep, hostname="capture.local", enable_SMTPUTF8=True, loop=loop), host, port
    )
    try:
        server = loop.run_until_complete(serve)
    except OSError:
        loop.close()
        raise
    thread = threading.Thread(target=loop.run_forever, name="capture", daemon=True)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(timeout=10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        loop.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
