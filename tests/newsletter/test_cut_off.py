"""A sender that is cut off from its database notices, ends, and another takes its people over: nobody gets it twice."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine, make_url

from newsletter.sending import Options, Sent, recover, run, send
from newsletter.storage.engine import migrate, open_engine
from newsletter.storage.ledger import Ledger
from newsletter.transports.smtp import SmtpTransport
from newsletter.transports.smtp_login import Server
from subscribers.deliveries import Tally
from tests.letters import make_composer
from tests.newsletter.test_sending import EDITION, people
from tests.sinks import sink

#: Of a leased chunk, in seconds; in the product it is a minute.
LEASE = timedelta(seconds=2)


class Line:
    """A stretch of network before a PostgreSQL server. Cut, it loses what is sent, and no connection is closed."""

    def __init__(self, socket_file: str) -> None:
        self._server = socket_file
        self._cut = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = [self._listener]
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._cut.set()

    def close(self) -> None:
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self._server)
                self._ends += (near, far)
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=self._forward, args=ends, daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if not self._cut.is_set():
                    target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@contextmanager
def behind_a_line(url: str) -> Iterator[tuple[Line, Engine]]:
    """Yield a stretch of network, and an engine that reaches the database over it."""
    parsed = make_url(url)
    line = Line(f"{parsed.query['host']}/.s.PGSQL.5432")
    engine = open_engine(parsed.set(host="127.0.0.1", port=line.port, query={}).render_as_string(hide_password=False))
    try:
        yield line, engine
    finally:
        engine.dispose()
        line.close()


def deliver(ledger: Ledger, port: int, journals: Path) -> Sent:
    async def work() -> Sent:
        server = Server(host="127.0.0.1", port=port, connections=2, helo="a.example.org", timeout=5)
        return await send(ledger, SmtpTransport(server), make_composer(), Options(journals=journals))

    return run(work())


def test_a_sender_whose_database_falls_silent_ends_and_another_takes_its_people(
    postgresql_database: str, tmp_path: Path
) -> None:
    near = open_engine(postgresql_database)
    migrate(near)
    ledger = Ledger(near, lease=LEASE)
    ledger.freeze(EDITION, people(2_000))
    with behind_a_line(postgresql_database) as (line, far), sink() as seen, ThreadPoolExecutor(1) as other:

        async def cut_off() -> Sent:
            sender = other.submit(deliver, Ledger(far, lease=LEASE), seen.port, tmp_path / "lost")
            while sum(seen.accepted.values()) < 20:
                await asyncio.sleep(0)
            line.cut()
            return await asyncio.wrap_future(sender)

        lost = asyncio.run(cut_off())
        taken = sum(seen.accepted.values())
        while ledger.tally(EDITION).leased:  # the lease runs by the database's clock
            recover(ledger, tmp_path / "host")
        held = ledger.tally(EDITION)
        rest = deliver(ledger, seen.port, tmp_path / "host")
        recover(ledger, tmp_path / "lost")  # the host is back

    assert lost.trouble == "the database does not answer: no answer in 2 s"
    assert 20 <= taken <= 1_000
    assert held.adds_up
    assert 0 < held.uncertain <= 1_000  # of two leased chunks at most
    assert rest == Sent(accepted=held.pending)
    assert max(seen.accepted.values()) == 1
    assert sum(seen.accepted.values()) == taken + held.pending
    settled = ledger.tally(EDITION)
    assert settled == Tally(candidates=2_000, accepted=settled.accepted, uncertain=2_000 - settled.accepted)
    assert taken + held.pending - 2 <= settled.accepted <= taken + held.pending  # 2: replies on their way, one a line
    near.dispose()
