"""What each stage of a sender costs a message when it runs alone: CPU of one thread, the least of many short rounds."""

import asyncio
import gc
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from benchmarks.delivery_parts.digest import WHEN, make_composer
from benchmarks.delivery_parts.harness import EDITION, make_people
from newsletter.ports import Letter, Outbox
from newsletter.sending import Options
from newsletter.sending.sender import Sender
from newsletter.storage.engine import migrate, open_engine
from newsletter.storage.ledger import CHUNK, LEASE, Chunk, Ledger, Settled, Turn
from newsletter.transports.journal import Journal
from newsletter.transports.smtp import Connection
from newsletter.transports.smtp_login import Features, Server
from subscribers.deliveries import Delivery, Outcome, Receipt

#: Messages in one round: as many as fit between two looks of the scheduler, so that some rounds are undisturbed.
ROUND = 1_000

ACCEPTED = Receipt(Outcome.ACCEPTED, code=250, enhanced="2.0.0", reply="2.0.0 Ok: queued")


def make_deliveries(count: int = ROUND) -> tuple[Delivery, ...]:
    """Return people as the ledger hands them out."""
    people = enumerate(make_people(count))
    return tuple(Delivery(1, n, 1, EDITION, who.subscriber, who.address, who.name, "", WHEN) for n, who in people)


def least(work: Callable[[], object], rounds: int, messages: int = ROUND) -> float:
    """Return the CPU microseconds a message of the least disturbed round."""
    return min(_cpu(work) for _ in range(rounds)) / messages * 1e6


def _cpu(work: Callable[[], object]) -> float:
    began = time.thread_time()
    work()
    return time.thread_time() - began


@contextmanager
def _undisturbed() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def measure_stages(rounds: int) -> dict[str, float]:
    """Return the microseconds a message of every stage."""
    deliveries = make_deliveries()
    compose = make_composer()
    letters = [compose(delivery) for delivery in deliveries]
    letters[0].content()  # the variant is encoded once
    with _undisturbed(), tempfile.TemporaryDirectory(prefix="stages-") as name:
        folder = Path(name)
        return {
            "letter": least(lambda: [compose(delivery) for delivery in deliveries], rounds),
            "merge": least(lambda: [letter.content() for letter in letters], rounds),
            "journal": _journal(deliveries, folder / "journal", rounds),
            "protocol": _protocol(letters, rounds),
            "sender": _sender(deliveries, folder / "sender", rounds),
            "ledger": _ledger(folder, rounds),
        }


def _journal(deliveries: Sequence[Delivery], folder: Path, rounds: int) -> float:
    journal = Journal(folder)

    def work() -> None:
        for first in range(0, len(deliveries), CHUNK):
            some = deliveries[first : first + CHUNK]
            for delivery in some:
                journal.intend(delivery.mailing, delivery.idx)
                journal.note(delivery.mailing, delivery.idx, ACCEPTED)
            journal.forget((delivery.mailing, delivery.idx) for delivery in some)

    try:
        return least(work, rounds)
    finally:
        journal.close()


@dataclass(slots=True)
class _Ready:
    """An outbox whose letters are ready."""

    letters: Iterator[Letter]
    has_letters: bool = True

    def take(self) -> Letter | None:
        return next(self.letters, None)

    def leaving(self, letter: Letter, leave: Callable[[bool], None]) -> None:
        leave(True)

    def settle(self, letter: Letter, receipt: Receipt) -> None:
        pass

    def trouble(self, receipt: Receipt) -> None:
        pass


class _Wire(asyncio.Transport):
    """A line that takes everything and goes nowhere."""

    def write(self, data: object) -> None:
        pass

    def writelines(self, pieces: object) -> None:
        pass

    def abort(self) -> None:
        pass

    def close(self) -> None:
        pass


def _protocol(letters: Sequence[Letter], rounds: int) -> float:
    """The connection alone: replies are read, the next envelope and body written."""
    bodies = [letter.content() for letter in letters]
    steady = b"250 2.0.0 Ok: queued as %06d\r\n250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 go\r\n"
    replies = [steady % n for n in range(len(letters) - 1)]

    async def work() -> float:
        def ready(letter: Letter, body: list[bytes]) -> Letter:
            return letter._replace(content=lambda: body.copy())

        connection = Connection(Server(host="127.0.0.1", messages_per_connection=1_000_000))
        connection.features = Features(pipelining=True)
        connection.connection_made(_Wire())
        connection.serve(_Ready(iter([ready(*pair) for pair in zip(letters, bodies, strict=True)])))
        hear = connection.data_received
        hear(b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 go\r\n")
        began = time.thread_time()
        for reply in replies:
            hear(reply)
        return time.thread_time() - began

    return min(asyncio.run(work()) for _ in range(rounds)) / len(replies) * 1e6


@dataclass(slots=True)
class _Endless:
    """A ledger without a database: it hands out the same people until it has had enough."""

    deliveries: Sequence[Delivery]
    turns: int
    lease: timedelta = LEASE
    _next: int = field(default=0)

    def turn(self, _who: str, _settled: object, _held: object, _ended: object, wants_more: bool, *_: object) -> Turn:
        if not wants_more or self._next == self.turns:
            return Turn(None)
        self._next += 1
        people = tuple(d._replace(chunk=self._next) for d in self.deliveries)
        return Turn(Chunk(id=self._next, mailing=1, epoch=1, deliveries=people))


class _Instant:
    """A transport whose letters have arrived at once; it counts what the sender takes for them."""

    def __init__(self) -> None:
        self.cpu = 0.0
        self._work = asyncio.Event()
        self._closed = False

    async def run(self, outbox: Outbox) -> None:
        while not self._closed:
            await self._work.wait()
            self._work.clear()
            began = time.thread_time()
            while (letter := outbox.take()) is not None:
                outbox.leaving(letter, lambda _free: None)
                outbox.settle(letter, ACCEPTED)
            self.cpu += time.thread_time() - began

    def wake(self) -> None:
        self._work.set()

    def close(self) -> None:
        self._closed = True
        self._work.set()


def _sender(deliveries: Sequence[Delivery], folder: Path, rounds: int) -> float:
    """The sender alone: its journal is on, its letters are ready, its ledger and its server answer at once."""
    letter = make_composer()(deliveries[0])
    some, turns = deliveries[:CHUNK], 2 * ROUND // CHUNK

    async def work() -> float:
        journal, transport = Journal(folder), _Instant()
        ledger = _Endless(some, turns)
        options = Options(journals=folder)
        compose = lambda delivery: Letter(delivery, letter.sender, letter.content)  # noqa: E731
        sender = Sender(ledger, transport, compose, journal, options, asyncio.Event())  # type: ignore[arg-type]
        await sender.work()
        journal.close()
        return transport.cpu

    return min(asyncio.run(work()) for _ in range(rounds)) / (turns * CHUNK) * 1e6


def _ledger(folder: Path, rounds: int) -> float:
    """The ledger alone, SQLite: an audience is leased and written down in turns of one chunk."""
    engine = open_engine(f"sqlite:///{folder}/stages.db")
    migrate(engine)
    ledger = Ledger(engine)
    ledger.freeze(EDITION, make_people((rounds + 1) * ROUND))
    settled: list[Settled] = []
    held: dict[int, int] = {}

    def work() -> None:
        nonlocal settled, held
        for _ in range(ROUND // CHUNK):
            chunk = ledger.turn("stages", settled, held, tuple(held)).chunk
            assert chunk is not None
            settled = [Settled(delivery, ACCEPTED) for delivery in chunk.deliveries]
            held = {chunk.id: chunk.epoch}

    try:
        return least(work, rounds)
    finally:
        engine.dispose()
