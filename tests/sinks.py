"""Mail servers for tests: one that records what it accepts, and can fail in every way a server can."""

import asyncio
import ssl
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
    lines: list[str] = field(default_factory=list)  #: every command a hostile server was given
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
        self._chunk: int | None = None  # octets of a chunk (RFC 3030) that are announced
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
        if self._chunk is not None:
            if len(self._buffer) < self._chunk:
                return False
            content, self._buffer, self._chunk = self._buffer[: self._chunk], self._buffer[self._chunk :], None
            self._message(content)
            return True
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


#: What a hostile server says at a stage, the n-th time it gets there; the last word is said for ever.
#: Bytes are sent as they are. None closes the line, b"" says nothing.
Script = dict[str, list[bytes | None]]

_EHLO = b"250-mx.example.org\r\n250-PIPELINING\r\n250 8BITMIME\r\n"


class Hostile(Sink):
    """A server that follows a script, by stage: banner, EHLO, HELO, STARTTLS, AUTH, MAIL, RCPT, DATA, dot, RSET, QUIT.

    Where the script says nothing it behaves; a message is accepted when what it says at the dot begins with 2.
    """

    def __init__(
        self, recording: Recording, script: Script, told: Counter[str], ehlo: bytes = _EHLO, delay: float = 0.0
    ) -> None:
        super().__init__(recording, delay=delay)
        self._script = script
        self._told = told  # shared by all connections: how often each stage was reached
        self._ehlo = ehlo
        self._refused = self._is_mute = False

    def _say(self, stage: str, otherwise: bytes) -> bytes | None:
        lines = self._script.get(stage)
        said = otherwise if not lines else lines[min(self._told[stage], len(lines) - 1)]
        self._told[stage] += 1
        return said

    def _out_with(self, said: bytes | None) -> None:
        if said is None:
            self._transport.write(b"".join(self._out))
            self._out = []
            self._transport.close()
        elif not said:
            self._is_mute = True
        elif not self._is_mute:
            self._out.append(said)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._recording.connections += 1
        said = self._say("banner", b"220 mx.example.org ESMTP\r\n")
        if said is None:
            transport.close()
        else:
            transport.write(said)

    def _command(self, line: str) -> None:
        verb = line.split(" ")[0].split(":")[0].upper()
        self._recording.lines.append(line)
        if verb == "BDAT":
            self._chunk = int(line.split(" ")[1])
            return
        if verb == "MAIL":
            self._sender = line.partition("<")[2].partition(">")[0]
        if verb == "RCPT":
            self._recipient = line.partition("<")[2].partition(">")[0]
        usual = {"EHLO": self._ehlo, "DATA": b"354 go on\r\n", "QUIT": b"221 2.0.0 Bye\r\n"}
        if verb in {"RCPT", "DATA"} and self._refused and not (verb == "DATA" and "DATA" in self._script):
            said: bytes | None = b"503 5.5.1 out of order\r\n"
        else:
            said = self._say(verb, usual.get(verb, b"250 2.0.0 Ok\r\n"))
        if verb in {"MAIL", "RCPT"}:
            self._refused = said is not None and said[:1] in {b"4", b"5"}
        self._in_data = verb == "DATA" and said is not None and said.startswith(b"354")
        self._out_with(said)

    def _message(self, content: bytes) -> None:
        self._recording.offered[self._recipient] += 1
        said = self._say("dot", b"250 2.0.0 Ok: queued as 4711\r\n")
        if said is not None and said.startswith(b"2"):
            self._recording.accepted[self._recipient] += 1
            self._recording.contents[self._recipient] = content
        self._out_with(said)


@contextmanager
def hostile(
    script: Script, ehlo: bytes = _EHLO, tls: ssl.SSLContext | None = None, delay: float = 0.0
) -> Iterator[tuple[Recording, Counter[str]]]:
    """A hostile server; yield what it took over and how often each stage was reached."""
    recording, told = Recording(), Counter[str]()
    with running(lambda: Hostile(recording, script, told, ehlo, delay), tls=tls) as port:
        recording.port = port
        yield recording, told


@contextmanager
def running(factory: Callable[[], asyncio.Protocol], port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve `factory`'s protocol on loopback from a thread of its own; yield the port."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(factory, "127.0.0.1", port, ssl=tls))
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


class Drip(asyncio.Protocol):
    """Stands before a server, and passes on what it says in single octets."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._early: list[bytes] = []
        self._server: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        client = transport
        drip = self

        class Behind(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                assert isinstance(transport, asyncio.Transport)
                drip._server = transport
                transport.writelines(drip._early)

            def data_received(self, data: bytes) -> None:
                for at in range(len(data)):
                    client.write(data[at : at + 1])

            def connection_lost(self, _error: Exception | None) -> None:
                client.close()

        loop = asyncio.get_running_loop()
        self._task = loop.create_task(loop.create_connection(Behind, "127.0.0.1", self._port))

    def data_received(self, data: bytes) -> None:
        if self._server is None:
            self._early.append(data)
        else:
            self._server.write(data)

    def connection_lost(self, _error: Exception | None) -> None:
        if self._server is not None:
            self._server.close()


@contextmanager
def dripping(port: int) -> Iterator[int]:
    """A way to the server at `port` on which its words come octet by octet."""
    with running(lambda: Drip(port)) as before:
        yield before
