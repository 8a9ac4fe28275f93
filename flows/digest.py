"""Make this period's edition of the approved articles, release it, freeze its audience. Once per period."""

from datetime import UTC, datetime

from prefect import flow, runtime, task
from prefect.artifacts import acreate_link_artifact, acreate_table_artifact

from newsletter.dispatching import advance
from newsletter.publishing import draft, edition_key
from newsletter.scheduling import send_by_rule, standing
from newsletter.settings import load
from newsletter.storage.editions import EditionState
from newsletter.wiring import open_house


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


@task(task_run_name="list what {edition} prints once", timeout_seconds=600, tags=["newsletter"])
def list_folded(edition: str) -> list[dict[str, object]]:
    """Return a row for each repeat that the edition leaves out: what, by which rule, and what is kept instead."""
    with open_house(load()) as house:
        record = house.editions.find(edition)
    return [
        {"explainer": d.heading, "score": round(d.score, 3), "rule": d.rule, "dropped": d.dropped, "kept": d.kept}
        for d in (record.edition.manifest.decisions if record else ())
    ]


@task(task_run_name="release {edition}", retries=1, retry_delay_seconds=10, timeout_seconds=3600, tags=["newsletter"])
def syndicate(edition: str) -> dict[str, object]:
    """Let the edition leave as its rhythm says, unless a person has decided otherwise; return how its send stands."""
    now = datetime.now(UTC)
    with open_house(load()) as house:
        send_by_rule(house, edition, now)
        advance(house, now)
        mailing = house.ledger.mailing(edition)
        return {"send": standing(house, edition).state.value, "candidates": mailing.candidates if mailing else 0}


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
        row |= syndicate(str(row["edition"]))
    await acreate_table_artifact([row], key="publish", description="The edition and how it stands")
    link = f"{load().console_url}/digests/{row['edition']}"
    await acreate_link_artifact(link, str(row["edition"]), key="console", description="Where staff decide about it")
    if folded := list_folded(str(row["edition"])):
        await acreate_table_artifact(folded, key="folded", description=f"What {row['edition']} prints once, and why")
    return row
