"""Mail servers for tests: one that records what it accepts, and can fail in every way a server can."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

#: What a sink answers to the final dot of the n-th message to this recipient; None: it closes the line,
#: accepting or not by what `accepts_before_closing` says.
Answer = Callable[[str, int], str | None]


@dataclass
class Recording:
    """What a sink has taken over: how often each recipient, and the last content."""

    accepted: Counter[str] = field(default_factory=Counter)
    offered: Counter[str] = field(default_factory=Counter)
    contents: dict[str, bytes] = field(default_factory=dict)
    senders: dict[str, str] = field(default_factory=dict)
    connections: int = 0
    port: int = 0


class Sink(asyncio.Protocol):
    """An SMTP server that notes a message at the moment of acceptance, before it says so."""

    def __init__(self, recording: Recording, answer: Answer | None = None, delay: float = 0.0) -> None:
        self._recording = recording
        self._answer = answer
        self._delay = delay
        self._buffer = b""
        self._in_data = False
        self._sender = self._recipient = ""
        self._out: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._recording.connections += 1
        transport.write(b"220 sink.example.org ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._step():
            pass
        if self._out:
            out, self._out = b"".join(self._out), []
            if self._delay:
                asyncio.get_running_loop().call_later(self._delay, self._transport.write, out)
            else:
                self._transport.write(out)

    def _step(self) -> bool:
        if self._in_data:
            end = self._buffer.find(b"\r\n.\r\n")
            if end < 0:
                return False
            content, self._buffer = self._buffer[: end + 2], self._buffer[end + 5 :]
            self._in_data = False
            self._message(content)
            return True
        line, found, rest = self._buffer.partition(b"\r\n")
        if not found:
            return False
        self._buffer = rest
        self._command(line.decode())
        return True

    def _command(self, line: str) -> None:
        verb = line[:4].upper()
        reply = "250 2.0.0 Ok"
        if verb == "EHLO":
            reply = "250-sink.example.org\r\n250-PIPELINING\r\n250 8BITMIME"
        elif verb == "MAIL":
            self._sender = line.partition("<")[2].partition(">")[0]
        elif verb == "RCPT":
            self._recipient = line.partition("<")[2].partition(">")[0]
        elif verb == "DATA":
            self._in_data, reply = True, "354 End data with <CR><LF>.<CR><LF>"
        elif verb == "QUIT":
            self._out.append(b"221 2.0.0 Bye\r\n")
            asyncio.get_running_loop().call_soon(self._transport.close)
            return
        self._out.append(f"{reply}\r\n".encode())

    def _message(self, content: bytes) -> None:
        who = self._recipient
        self._recording.offered[who] += 1
        reply = self._answer(who, self._recording.offered[who]) if self._answer else "250 2.0.0 Ok: queued"
        if reply is None or reply.startswith("2"):
            self._recording.accepted[who] += 1
            self._recording.contents[who] = content
            self._recording.senders[who] = self._sender
        if reply is None:
            self._transport.abort()
        else:
            self._out.append(f"{reply}\r\n".encode())


@contextmanager
def running(factory: Callable[[], asyncio.Protocol], port: int = 0) -> Iterator[int]:
    """Serve `factory`'s protocol on loopback from a thread of its own; yield the port."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(factory, "127.0.0.1", port))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:

        async def end() -> None:
            server.close()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:  # type: ignore[arg-type]
                task.cancel()
            await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(end(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


@contextmanager
def sink(answer: Answer | None = None, delay: float = 0.0) -> Iterator[Recording]:
    """A recording sink."""
    recording = Recording()
    with running(lambda: Sink(recording, answer, delay)) as port:
        recording.port = port
        yield recording
