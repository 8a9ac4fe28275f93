"""Take in what came back, and forget what has served its purpose. Safe at any time."""

from datetime import UTC, datetime

from prefect import flow, task
from prefect.artifacts import acreate_table_artifact

from newsletter.delivering import read_returns
from newsletter.settings import load
from newsletter.wiring import forget_old, open_house


@task(task_run_name="read returns", retries=2, retry_delay_seconds=60, timeout_seconds=1800, tags=["newsletter"])
def harvest() -> dict[str, object]:
    """Read bounces and complaints; return how many there were and what receivers hold against us."""
    with open_house(load()) as house:
        found = read_returns(house, datetime.now(UTC))
    return {
        "new": found.new,
        "known": found.known,
        "forged": found.forged,
        "unreadable": found.unreadable,
        "resting": found.resting,
        "alarms": "; ".join(found.alarms),
    }


@task(task_run_name="forget", retries=1, retry_delay_seconds=60, timeout_seconds=1800, tags=["newsletter"])
def forget() -> dict[str, int]:
    """Remove what the retention rules say; return how much of each kind."""
    with open_house(load()) as house:
        return forget_old(house, datetime.now(UTC))


@flow(name="collect", flow_run_name="collect", timeout_seconds=7200)
async def collect() -> dict[str, object]:
    """Read returns, then forget; return both counts."""
    row = harvest() | forget()
    await acreate_table_artifact([row], key="collect", description="What came back, and what was forgotten")
    return row
