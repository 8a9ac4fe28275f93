"""Deliver what is due until nothing is left. Start as many of these as wanted: the ledger's claims share the work."""

from datetime import UTC, datetime

from prefect import flow, task
from prefect.artifacts import acreate_table_artifact

from newsletter.delivering import deliver
from newsletter.dispatching import advance
from newsletter.scheduling import finish
from newsletter.sending import run_aside
from newsletter.settings import load
from newsletter.wiring import open_house


@task(task_run_name="deliver what is due", tags=["newsletter", "send"])
async def deliver_due() -> list[dict[str, object]]:
    """Send until nothing is left; return the sum of every edition that had something to send.

    Not tried again by Prefect: whoever runs next, a schedule or a person, goes on where this one ended.

    Raises:
        ConnectionError: The mail server fails us as a whole; nobody is lost.
    """
    with open_house(load()) as house:
        advance(house, datetime.now(UTC))
        unfinished = house.ledger.unfinished()
        # Beside Prefect's loop: a sender has one of its own, uvloop where it is installed.
        sent = await run_aside(lambda stop: deliver(house, datetime.now(UTC), stop))
        for edition in unfinished:
            finish(house, edition, datetime.now(UTC))
        if sent.trouble:
            raise ConnectionError(f"the sender stopped: {sent.trouble}; the next run goes on where it ended")
        return [{"edition": edition} | house.ledger.tally(edition).as_row() for edition in unfinished]


@flow(name="send", flow_run_name="send")
async def send() -> list[dict[str, object]]:
    """Deliver every due message of every edition that is out; return each edition's sum."""
    rows = await deliver_due()
    await acreate_table_artifact(rows, key="send", description="Where everybody stands, by edition")
    return rows
