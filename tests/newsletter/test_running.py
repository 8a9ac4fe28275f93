"""A sender runs on the fast loop wherever it is started from, and whoever is told to stop finishes what is in hand."""

import asyncio
import gc
import sys
import threading
from pathlib import Path

import uvloop
from sqlalchemy import Engine

from newsletter.sending import Options, Sent, Stop, run, run_aside, send
from newsletter.storage.ledger import Ledger
from newsletter.transports.smtp import SmtpTransport
from newsletter.transports.smtp_login import Server
from subscribers.deliveries import Tally
from tests.letters import make_composer
from tests.newsletter.test_sending import EDITION, people
from tests.sinks import sink


async def where(_stop: asyncio.Event) -> tuple[type[asyncio.AbstractEventLoop], bool, int]:
    """Tell on which loop this runs, whether in the main thread, and how seldom the collector looks."""
    in_main = threading.current_thread() is threading.main_thread()
    return type(asyncio.get_running_loop()), in_main, gc.get_threshold()[0]


def test_beside_another_loop_a_sender_has_a_thread_and_the_fast_loop_to_itself() -> None:
    before = gc.get_threshold()

    loop, in_main, threshold = asyncio.run(run_aside(where))

    assert (loop, in_main) == (uvloop.Loop, False)
    assert threshold > before[0]
    assert gc.get_threshold() == before


def test_the_interpreter_is_left_as_it_was() -> None:
    async def look() -> tuple[int, float]:
        return gc.get_threshold()[0], sys.getswitchinterval()

    before = asyncio.run(look())

    threshold, interval = run(look())

    assert threshold > before[0]
    assert interval < before[1]
    assert asyncio.run(look()) == before


def test_what_goes_wrong_in_a_sender_beside_another_loop_is_told_there() -> None:
    async def fail(_stop: asyncio.Event) -> None:
        raise ConnectionError("the server is down")

    async def tell() -> str:
        try:
            await run_aside(fail)
        except ConnectionError as error:
            return str(error)
        return ""

    assert asyncio.run(tell()) == "the server is down"


def test_a_stop_reaches_a_sender_that_already_runs() -> None:
    stop, started = Stop(), threading.Event()

    async def wait(asked: asyncio.Event) -> str:
        started.set()
        await asked.wait()
        return "finished"

    def ask() -> None:
        started.wait()
        stop.set()

    asking = threading.Thread(target=ask)
    asking.start()

    assert stop.run(wait) == "finished"
    asking.join()


def test_cancelled_from_the_other_loop_a_sender_finishes_what_is_in_hand(engine: Engine, tmp_path: Path) -> None:
    ledger = Ledger(engine, chunk=50)
    ledger.freeze(EDITION, people(400))
    accepted = threading.Event()

    def answer(_who: str, _n: int) -> str:
        accepted.set()
        return "250 Ok"

    async def cancel(port: int) -> None:
        server = Server(host="127.0.0.1", port=port, connections=2, helo="a.example.org")

        async def work(stop: asyncio.Event) -> Sent:
            return await send(ledger, SmtpTransport(server), make_composer(), Options(journals=tmp_path), stop)

        sending = asyncio.ensure_future(run_aside(work))
        await asyncio.to_thread(accepted.wait)
        sending.cancel()
        await asyncio.wait([sending])
        assert sending.cancelled()

    with sink(answer, delay=0.01) as seen:
        asyncio.run(cancel(seen.port))

    taken = sum(seen.accepted.values())
    assert ledger.tally(EDITION) == Tally(candidates=400, accepted=taken, pending=400 - taken)
    assert 0 < taken < 400
    assert list(tmp_path.glob("*.journal")) == []
