"""Deliver what is due until nothing is left. Start as many of these as wanted: the ledger's claims share the work."""

from prefect import flow, task
from prefect.artifacts import acreate_table_artifact

from newsletter.publishing import finish
from newsletter.settings import load
from newsletter.wiring import deliver, open_house


@task(task_run_name="deliver what is due", tags=["newsletter", "send"])
def deliver_due() -> list[dict[str, object]]:
    """Send until nothing is left; return the sum of every edition that had something to send.

    Not tried again by Prefect: whoever runs next, a schedule or a person, goes on where this one ended.
    """
    with open_house(load()) as house:
        rows: list[dict[str, object]] = []
        for edition in house.ledger.unfinished():
            deliver(house, edition)
            finish(house, edition)
            rows.append({"edition": edition} | house.ledger.tally(edition).as_row())
    return rows


@flow(name="send", flow_run_name="send")
async def send() -> list[dict[str, object]]:
    """Deliver every due message of every edition that is out; return each edition's sum."""
    rows = deliver_due()
    await acreate_table_artifact(rows, key="send", description="Where everybody stands, by edition")
    return rows
