"""The way out by SMTP: few connections, kept open, each with the next envelope right behind this message's body."""

import asyncio
import ssl
import time
from collections import deque
from contextlib import suppress

from newsletter.ports import Letter, Outbox
from newsletter.transports.smtp_login import (
    Features,
    Security,
    Server,
    ServerError,
    envelope_address,
    greet,
    tls_context,
)
from newsletter.transports.smtp_replies import Lines, Reply
from subscribers.deliveries import Cause, Outcome, Receipt, Stage, judge

#: Longest pause between two attempts to connect, in seconds.
_LONGEST_WAIT = 60.0

#: The replies that are due to a message and the envelope behind it, as long as everything goes well.
_ENVELOPE = (Stage.MAIL, Stage.RCPT, Stage.DATA)
_STEADY = deque((Stage.DOT, *_ENVELOPE))

_DOT = Stage.DOT

#: How often answers are looked for that are overdue, in seconds.
_WATCH = 0.5


class Connection(asyncio.Protocol):
    """One connection: first a dialogue (`command`), then, once `serve` is called, a pipeline of letters.

    Of a letter's four replies those to MAIL, RCPT and DATA are judged together: a reply too many, which would
    blame the wrong person, only shows when the group does not fit together.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.features = Features()
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.delivered = 0
        self._outbox: Outbox | None = None
        self._transport: asyncio.WriteTransport | None = None
        self._lines = Lines()
        self._early: deque[Reply] = deque()
        self._waiter: asyncio.Future[Reply] | None = None
        self._envelope: Letter | None = None  # whose MAIL, RCPT and DATA are under way
        self._said: list[Reply] = []  # the replies to them so far
        self._content: list[bytes] = []  # what is about to leave
        self._body: Letter | None = None  # whose final dot may have left
        self._due: deque[Stage] = deque()  # the replies we wait for, in order
        self._later: deque[tuple[Stage, bytes]] = deque()  # commands that wait for a reply first
        self._since = time.monotonic()
        self._closing = False
        self._why = ""
        self._sent_away = False  # by 421: not now, or not so many

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, or go on under TLS."""
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Read replies and act on each."""
        try:
            replies = self._lines.feed(data)
        except ValueError as error:
            self._drop(str(error))
            return
        self._since = time.monotonic()
        if len(replies) == 4 and self._is_steady(replies):
            self._on_dot(replies[0])
            self._due.clear()
            self._transmit()
            return
        if self._outbox is None:
            for reply in replies:
                self._hear(reply)
        elif len(replies) > len(self._due):
            self._on_strays(replies)
        else:
            for reply in replies:
                if self._why:
                    return
                self._on_reply(self._due.popleft(), reply)

    def eof_received(self) -> None:
        """Take a last line without a line end for what it is."""
        if self._lines.has_rest:
            self.data_received(b"\n")

    def connection_lost(self, error: Exception | None) -> None:
        """Settle what the end of the line leaves open."""
        why = self._why or str(error or "the server closed the connection")
        if self._waiter and not self._waiter.done():
            self._waiter.set_exception(ServerError(Stage.CONNECT, Reply(0, "", why)))
        body, envelope = self._body, self._envelope
        self._body = self._envelope = None
        if not self.lost.done():
            self.lost.set_result(None)
        if self._outbox and body:
            self._outbox.settle(body, Receipt(Outcome.UNCERTAIN, Cause.CONNECTION, reply=why))
        if self._outbox and envelope:
            cause = Cause.PACE if self._sent_away else Cause.CONNECTION
            self._outbox.settle(envelope, Receipt(Outcome.PENDING, cause, 421 if self._sent_away else 0, reply=why))

    # The dialogue

    async def command(self, stage: Stage, line: bytes | None) -> Reply:
        """Send one line (None: just listen) and return the answer.

        Raises:
            ServerError: There was none in time, or the connection broke.
        """
        if line is not None:
            self._write(line + b"\r\n")
        if self._early:
            return self._early.popleft()
        if self.lost.done():
            raise ServerError(stage, Reply(0, "", self._why or "the server closed the connection"))
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self.server.timeout):
                return await self._waiter
        except TimeoutError:
            raise ServerError(stage, Reply(0, "", f"no answer in {self.server.timeout:g} s")) from None
        except ServerError as failure:
            raise ServerError(stage, failure.reply) from None
        finally:
            self._waiter = None

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Go on under TLS.

        Raises:
            ServerError: The handshake failed, or the server had said something more in clear (CVE-2011-0411).
        """
        if self._early or self._lines.has_rest:
            raise ServerError(Stage.TLS, Reply(0, "", "the server spoke on before the handshake"))
        assert self._transport is not None
        start = asyncio.get_running_loop().start_tls
        limit = self.server.timeout
        try:
            self._transport = await start(
                self._transport, self, context, server_hostname=self.server.host, ssl_handshake_timeout=limit
            )
        except OSError as error:  # certificates and time-outs are OSErrors too
            raise ServerError(Stage.TLS, Reply(0, "", f"TLS failed: {error}")) from error

    def _hear(self, reply: Reply) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(reply)
        else:
            self._early.append(reply)

    # The pipeline

    def serve(self, outbox: Outbox) -> None:
        """Begin to deliver what the outbox has."""
        self._outbox = outbox
        if self._early:
            self._drop(f"a reply to nothing: {self._early[0].text}")
        self.wake()

    def wake(self) -> None:
        """Begin with the next letter if none is in hand; say goodbye if there will be none."""
        if self._outbox is None or self._envelope or self._body or self._due or self.lost.done() or self._why:
            return
        letter = self._next()
        if letter is not None:
            self._write(self._begin(letter))
        elif self._closing or self._is_worn_out:
            # The answer does not matter: every letter is settled.
            self._write(b"QUIT\r\n")
            self._why = "we said goodbye"
            if self._transport is not None:
                self._transport.close()

    def finish(self) -> None:
        """Take no more letters; say goodbye when those in hand are settled."""
        self._closing = True
        self.wake()

    def watch(self, now: float) -> None:
        """Drop the line when an answer is overdue."""
        if self._due and now - self._since > self.server.limit(self._due[0]):
            self._drop(f"no answer to {self._due[0].value} in {now - self._since:.0f} s")

    def abort(self) -> None:
        """Drop the line at once; letters in hand are settled as for any broken line."""
        self._drop("we dropped the line")

    @property
    def _is_worn_out(self) -> bool:
        return self.delivered >= self.server.messages_per_connection

    def _next(self) -> Letter | None:
        if self._closing or self._is_worn_out or self._outbox is None:
            return None
        while (letter := self._outbox.take()) is not None:
            refusal = self.features.refusal(letter)
            if refusal is None:
                return letter
            self._outbox.settle(letter, refusal)
        return None

    def _begin(self, letter: Letter, reset: bool = False) -> bytes:
        """Return what asks the server to take `letter`; what it must not be told at once is kept for later."""
        self._envelope, self._said = letter, []
        address, parameters = letter.delivery.address, b""
        if not address.isascii():
            address = envelope_address(address)
            parameters = b"" if address.isascii() else b" BODY=8BITMIME SMTPUTF8"
        mail = b"MAIL FROM:<%b>%b\r\n" % (letter.sender.encode(), parameters)
        rcpt = b"RCPT TO:<%b>\r\n" % address.encode()
        if self.features.pipelining and not self.features.chunking and not reset:
            self._due.extend(_ENVELOPE)
            return mail + rcpt + b"DATA\r\n"
        if reset:
            self._later.append((Stage.HELLO, b"RSET\r\n"))
        self._later += ((Stage.MAIL, mail), (Stage.RCPT, rcpt))
        if not self.features.chunking:
            self._later.append((Stage.DATA, b"DATA\r\n"))
        return self._commands()

    def _commands(self) -> bytes:
        """Return as many of the commands that wait as the server takes at once (RFC 2920)."""
        out = []
        while self._later and (self.features.pipelining or not self._due):
            stage, command = self._later.popleft()
            self._due.append(stage)
            out.append(command)
        return b"".join(out)

    def _is_steady(self, replies: list[Reply]) -> bool:
        """Tell whether these say: the last message is taken, go on with the next. So it is nearly always."""
        dot, mail, rcpt, data = replies
        return dot.code == mail.code == rcpt.code == 250 and data.code == 354 and self._due == _STEADY and not self._why

    def _on_strays(self, replies: list[Reply]) -> None:
        """There are more replies than questions. Only the one to a final dot, when it was next, is believed."""
        if self._due and self._due[0] is Stage.DOT:
            self._due.popleft()
            self._on_dot(replies[0])
        self._sent_away = replies[-1].code == 421
        self._drop(f"a reply to nothing: {replies[-1].code} {replies[-1].text}")

    def _on_reply(self, stage: Stage, reply: Reply) -> None:
        if stage is Stage.DOT:
            self._on_dot(reply)
        elif stage is Stage.HELLO or reply.code == 421:
            if not 200 <= reply.code < 300:
                self._sent_away = reply.code == 421
                self._drop(reply.text if self._sent_away else f"{reply.code} {reply.text}")
        else:
            self._said.append(reply)
            if reply.code >= 400:
                self._later.clear()  # where they are still unsaid there is no need to
            complete = len(self._said) == (2 if self.features.chunking else 3)
            if complete or (reply.code >= 400 and not self._due):
                self._conclude()
        if self._later:
            self._write(self._commands())
        else:
            self.wake()  # letters may have come, or the end of all, while this answer was due

    def _on_dot(self, reply: Reply) -> None:
        letter, self._body = self._body, None
        self.delivered += 1
        if letter is not None and self._outbox is not None:
            receipt = judge(_DOT, reply.code, reply.enhanced, reply.text)
            self._outbox.settle(letter, receipt)
            if reply.code != 250 and (receipt.outcome is Outcome.UNCERTAIN or reply.code == 421):
                self._drop(f"{reply.code} {reply.text}")

    def _conclude(self) -> None:
        """Judge the replies to an envelope as a whole."""
        letter, said = self._envelope, self._said
        assert letter is not None
        assert self._outbox is not None
        failed = next((n for n, reply in enumerate(said) if reply.code >= 400), None)
        if failed is None:
            fits = all(200 <= reply.code < 300 for reply in said[:2])
            if fits and all(reply.code == 354 for reply in said[2:]):
                self._transmit()
            else:
                self._drop(f"a reply that does not fit: {said[-1].code} {said[-1].text}")
            return
        after = said[failed + 1 :]
        if any(reply.code < 300 for reply in after) or any(not 200 <= r.code < 300 for r in said[:failed]):
            self._drop(f"replies that do not fit together: {[reply.code for reply in said]}")
            return
        reply = said[failed]
        self._envelope = None
        stage = (Stage.MAIL, Stage.RCPT, Stage.DATA)[failed]
        self._outbox.settle(letter, judge(stage, reply.code, reply.enhanced, reply.text))
        if any(reply.code == 354 for reply in after):
            # It wants a message though nobody is to get it; an empty one ends that (RFC 2920, 3.1).
            self._drop("DATA was accepted without a recipient")
            return
        following = self._next()
        if following is not None:
            self._write(self._begin(following, reset=failed > 0))
        elif failed > 0:
            self._later.append((Stage.HELLO, b"RSET\r\n"))

    def _transmit(self) -> None:
        """Send the message, once the outbox lets its end leave, and the next envelope right behind it."""
        letter, outbox = self._envelope, self._outbox
        assert letter is not None
        assert outbox is not None
        try:
            content = letter.content()
        except Exception as error:  # a door: composing is not ours, and the server waits for a message
            self._envelope = None
            why = f"its message cannot be made: {error!r}"
            outbox.settle(letter, Receipt(Outcome.PENDING, Cause.CONTENT, reply=why))
            self._drop(why)
            return
        if self.features.chunking or self.features.size:
            size = sum(map(len, content))
            if 0 < self.features.size < size:
                self._refuse_size(letter, size)
                return
        if self.features.chunking:
            content.insert(0, b"BDAT %d LAST\r\n" % size)
        else:
            content.append(b".\r\n")
        self._envelope, self._body, self._content = None, letter, content
        outbox.leaving(letter, self._leave)

    def _leave(self, granted: bool) -> None:
        """Let the message in hand leave, and ask for the next behind it; or do not, if it must not."""
        content, self._content = self._content, []
        if not granted or self.lost.done():
            self._body = None
            self._drop("the lease ran out")
            return
        self._since = time.monotonic()
        self._due.append(_DOT)
        following = self._next()
        if following is not None:
            # Where commands have to wait for a reply, the reply to this message comes first.
            content.append(self._begin(following))
        if self._transport is not None:
            # Most pieces are the same for everybody: uvloop hands them to the kernel without copying them first.
            self._transport.writelines(content)

    def _refuse_size(self, letter: Letter, size: int) -> None:
        why = f"the message has {size} octets, the mail server takes {self.features.size}"
        self._envelope = None
        if self._outbox is not None:
            self._outbox.settle(letter, Receipt(Outcome.PENDING, Cause.CONTENT, 552, "5.3.4", why))
        self._drop(why)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self.lost.done():
            self._transport.write(data)

    def _drop(self, why: str) -> None:
        self._why = self._why or why
        if self._transport is not None:
            self._transport.abort()


class SmtpTransport:
    """Delivers by SMTP to one server over several connections."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._live: set[Connection] = set()
        self._closed = asyncio.Event()
        self._work = asyncio.Event()
        self._reached = asyncio.Event()

    async def run(self, outbox: Outbox) -> None:
        """Deliver what the outbox has until `close` is called and nothing is in hand."""
        self._closed.clear()
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(self._watch())
            lanes = [group.create_task(self._lane(outbox, n)) for n in range(self._server.connections)]
            await asyncio.wait(lanes)
            watch.cancel()

    def wake(self) -> None:
        """Look into the outbox again: it has letters."""
        self._stir()
        for connection in tuple(self._live):
            connection.wake()

    def close(self) -> None:
        """Take no more letters; let `run` end when those in hand are settled."""
        self._closed.set()
        self._stir()
        self._reached.set()
        for connection in tuple(self._live):
            connection.finish()

    async def _lane(self, outbox: Outbox, number: int) -> None:
        """Keep one connection while there is work. The first lane finds out whether the server is there at all."""
        failures = 0
        while not self._closed.is_set():
            if number:
                await self._reached.wait()
            while not outbox.has_letters and not self._closed.is_set():
                await self._work.wait()
            if self._closed.is_set():
                return
            try:
                connection = await self._connect()
            except ServerError as failure:
                failures += 1
                if not self._live:
                    self._reached.clear()
                    if number == 0:
                        outbox.trouble(failure.receipt())
                await self._rest(min(self._server.reconnect_after * 2.0**failures, _LONGEST_WAIT))
                continue
            failures = 0
            self._reached.set()
            await self._use(connection, outbox)

    async def _use(self, connection: Connection, outbox: Outbox) -> None:
        self._live.add(connection)
        try:
            connection.serve(outbox)
            if self._closed.is_set():
                connection.finish()
            await connection.lost
        finally:
            self._live.discard(connection)
            connection.abort()

    async def _connect(self) -> Connection:
        server = self._server
        context = tls_context(server) if server.security is Security.TLS else None
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(server.timeout):
                _, connection = await loop.create_connection(
                    lambda: Connection(server), server.host, server.port, ssl=context
                )
        except ssl.SSLError as error:
            raise ServerError(Stage.TLS, Reply(0, "", f"TLS failed: {error}")) from error
        except OSError as error:
            raise ServerError(Stage.CONNECT, Reply(0, "", str(error) or "no connection in time")) from error
        try:
            connection.features = await greet(connection, server)
        except BaseException:
            connection.abort()
            raise
        return connection

    def _stir(self) -> None:
        self._work.set()
        self._work.clear()  # who waited has been woken; who comes later looks for letters first

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closed.wait()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_WATCH)
            now = time.monotonic()
            for connection in tuple(self._live):
                connection.watch(now)
