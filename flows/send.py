"""Deliver what is due until nothing is left. Start as many of these as wanted: the ledger's claims share the work."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from prefect import State, flow, runtime, task
from prefect.artifacts import acreate_progress_artifact, acreate_table_artifact, aupdate_progress_artifact
from prefect.client.schemas.objects import FlowRun
from prefect.flows import Flow

from newsletter.delivering import deliver
from newsletter.dispatching import advance
from newsletter.scheduling import finish
from newsletter.sending import recover, run_aside
from newsletter.settings import load
from newsletter.wiring import House, open_house
from newsletter.working import told_to_stop

#: Seconds between two looks at how far it has come.
SHOW_EVERY = 5.0


@task(task_run_name="deliver what is due", tags=["newsletter", "send"])
async def deliver_due() -> list[dict[str, object]]:
    """Send until nothing is left; return the sum of every edition that had something to send.

    Not tried again by Prefect: whoever runs next, a schedule or a person, goes on where this one ended. Who cancels
    the run lets it finish what is in hand first: nobody becomes uncertain by that.

    Raises:
        ConnectionError: The mail server fails us as a whole; nobody is lost.
    """
    with open_house(load()) as house:
        advance(house, datetime.now(UTC))
        unfinished = house.ledger.unfinished()
        # Beside Prefect's loop: a sender has one of its own, uvloop where it is installed.
        sending = asyncio.ensure_future(run_aside(lambda stop: deliver(house, datetime.now(UTC), stop)))
        with told_to_stop(sending.cancel):
            async with _shown(house, unfinished):
                sent = await sending
        for edition in unfinished:
            finish(house, edition, datetime.now(UTC))
        if sent.trouble:
            raise ConnectionError(f"the sender stopped: {sent.trouble}; the next run goes on where it ended")
        return [{"edition": edition} | house.ledger.tally(edition).as_row() for edition in unfinished]


@asynccontextmanager
async def _shown(house: House, editions: tuple[str, ...]) -> AsyncIterator[None]:
    """Show on Prefect's pages how far the editions have come while the block lasts, as long as the server answers."""
    showing = asyncio.create_task(_show(house, editions)) if editions else None
    try:
        yield
    finally:
        if showing is not None:
            showing.cancel()
            # A bar is never worth a failed send: the server may be away.
            await asyncio.gather(showing, return_exceptions=True)


async def _show(house: House, editions: tuple[str, ...]) -> None:
    bar = await acreate_progress_artifact(progress=0.0, key="sending", description=f"Sending {', '.join(editions)}")
    try:
        while True:
            await aupdate_progress_artifact(bar, progress=await asyncio.to_thread(_share, house, editions))
            await asyncio.sleep(SHOW_EVERY)
    finally:
        await aupdate_progress_artifact(bar, progress=await asyncio.to_thread(_share, house, editions))


def _share(house: House, editions: tuple[str, ...]) -> float:
    """Return how many in a hundred of all candidates are through."""
    tallies = [house.ledger.tally(edition) for edition in editions]
    waiting = sum(t.pending + t.deferred for t in tallies)
    everybody = sum(t.candidates for t in tallies)
    return 100.0 * (1 - waiting / everybody) if everybody else 100.0


def give_back(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Give back at once what a run that has crashed had in hand, as far as its journal on this host tells."""
    settings = load()
    with open_house(settings) as house:
        recover(house.ledger, settings.home / "journals", settings.on_uncertain == "resend")


def _run_name() -> str:
    return f"send {runtime.flow_run.scheduled_start_time:%d %b %H:%M} UTC"


@flow(name="send", flow_run_name=_run_name, on_crashed=[give_back], on_cancellation=[give_back])
async def send() -> list[dict[str, object]]:
    """Deliver every due message of every edition that is out; return each edition's sum."""
    rows = await deliver_due()
    await acreate_table_artifact(rows, key="send", description="Where everybody stands, by edition")
    return rows
