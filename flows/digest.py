"""Make this period's edition of the approved articles, release it, freeze its audience. Once per period."""

from datetime import UTC, datetime

from prefect import flow, get_run_logger, runtime, task
from prefect.artifacts import acreate_table_artifact

from newsletter.publishing import draft, edition_key
from newsletter.releasing import release
from newsletter.settings import load
from newsletter.storage.editions import EditionState
from newsletter.wiring import announce, open_house, publish_site


@task(task_run_name="draft the edition", timeout_seconds=1800, tags=["newsletter"])
def compose(at: str) -> dict[str, object]:
    """Fold and render the edition of the period that `at` (ISO 8601) falls in; return how it stands."""
    now = datetime.fromisoformat(at)
    with open_house(load()) as house:
        record = draft(house, now)
        key = edition_key(house.settings, now)
    if record is None:
        return {"edition": key, "state": "nothing to say", "reason": "no approved article is left to tell"}
    return {
        "edition": record.edition.key,
        "state": record.state.value,
        "reason": record.reason,
        "stories": len(record.edition.stories),
        "folded": len(record.edition.manifest.decisions),
    }


@task(task_run_name="release {edition}", retries=1, retry_delay_seconds=10, timeout_seconds=3600, tags=["newsletter"])
def syndicate(edition: str, at: str) -> int:
    """Freeze the audience, write feeds and archive; return the number of candidates."""
    with open_house(load()) as house:
        candidates = release(house, edition, datetime.fromisoformat(at)).candidates
        for pinged in announce(house, publish_site(house)):
            if not pinged.accepted:
                get_run_logger().warning("the hub was not told of %s: %s", pinged.topic, pinged.detail)
    return candidates


def _run_name() -> str:
    return f"publish {runtime.flow_run.parameters['at'] or 'now'}"


@flow(name="publish", flow_run_name=_run_name, timeout_seconds=7200)
async def publish(at: str = "") -> dict[str, object]:
    """Publish the edition of the period that `at` falls in, unless it is out already.

    A quiet week and an edition that waits for a person are ordinary ends: the row says which, and why.

    Args:
        at: A time in ISO 8601 with its zone; empty for now.
    """
    when = at or datetime.now(UTC).isoformat()
    row = compose(when)
    if row["state"] == EditionState.APPROVED.value:
        row["candidates"] = syndicate(str(row["edition"]), when)
    await acreate_table_artifact([row], key="publish", description="The edition and how it stands")
    return row
