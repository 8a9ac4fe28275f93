"""Pull every source into the store, one task each; a failing source fails none of the others."""

from datetime import UTC, datetime

from prefect import flow, task
from prefect.artifacts import acreate_table_artifact
from prefect.tasks import exponential_backoff

from newsletter.ingesting import ingest as ingest_source
from newsletter.ports import SourceError
from newsletter.settings import load
from newsletter.wiring import make_source, open_house


@task(
    task_run_name="pull {source}",
    retries=2,
    retry_delay_seconds=exponential_backoff(backoff_factor=5),
    retry_jitter_factor=0.3,
    timeout_seconds=600,
    tags=["newsletter", "pull"],
)
def pull(source: str) -> dict[str, object]:
    """Pull one source and return its row of the report. What may pass by itself is tried again."""
    with open_house(load()) as house:
        record = house.sources.find(source)
        if record is None:
            return {"source": source, "error": "there is no such source", "left out": ""}
        report = ingest_source(make_source(record, house.settings), house.sources, house.articles, datetime.now(UTC))
    return {
        "source": source,
        "new": report.change.new,
        "changed": report.change.changed,
        "unchanged": report.change.unchanged,
        "approved": report.approved,
        "left out": "; ".join(problem.reason for problem in report.problems),
        "to look at": "; ".join(note.reason for note in report.notes),
        "gone": ", ".join(report.gone),
        "error": report.error,
        "disabled": report.disabled,
    }


@task(task_run_name="list the sources")
def list_sources() -> list[str]:
    """Return the names of all sources."""
    with open_house(load()) as house:
        return [record.name for record in house.sources.all()]


@flow(name="ingest", flow_run_name="ingest {sources}", timeout_seconds=3600)
async def ingest(sources: str = "all") -> list[dict[str, object]]:
    """Pull the named sources; return one row per source. Fails when every source failed.

    Args:
        sources: Names as staff gave them, with spaces between; "all" for all.
    """
    names = list_sources() if sources == "all" else sources.split()
    rows = [await _row(name) for name in names]
    await acreate_table_artifact(rows, key="ingest", description="What each source brought")
    if rows and all(row["error"] for row in rows):
        raise SourceError(f"every source failed; the first said: {rows[0]['error']}")
    return rows


async def _row(name: str) -> dict[str, object]:
    state = pull(name, return_state=True)
    if state.is_completed():
        row: dict[str, object] = await state.aresult()
        return row
    return {"source": name, "error": state.message or "failed", "left out": ""}
