"""Index what was told and compare the whole archive: by hand, after a move or a change of rules. Safe at any time."""

from typing import Any, cast

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner

from content.clusters import examine
from content.mapping import In, Mapper, Out, Work
from newsletter.publishing import sections_of
from newsletter.remembering import remember
from newsletter.settings import SettingsError, load
from newsletter.wiring import open_house
from newsletter.working import InOrder, processes, undisturbed

#: Parts that are handed to Dask before the first comes back. More would only fill the memory.
AHEAD = 64


# Articles are public and results are large: nothing is kept in Prefect.
@task(task_run_name="compare a part", retries=2, cache_policy=NO_CACHE, persist_result=False, tags=["newsletter"])
def share(work: Work[In, Out], part: In) -> Out:
    """Return what `work` makes of one part, on whichever machine this runs."""
    return work(part)


def _fill(mapper: Mapper) -> dict[str, int]:
    with open_house(load()) as house, undisturbed():
        indexed = remember(house, mapper)
        sections = sections_of(house.articles.approved())
        found = examine(sections, house.rulings.in_force(), mapper)
    row = {
        "indexed": indexed,
        "sections": len(sections),
        "explainers that repeat": len(found.clusters),
        "sections that repeat them": sum(len(c.echoes) for c in found.clusters),
        "words passed over": found.passed_over,
    }
    create_table_artifact([row], key="backfill", description="What was indexed, and what repeats in the archive")
    return row


# Not async: it computes from end to end, and hands out tasks that it waits for.
@flow(name="backfill-on-dask", flow_run_name="backfill on Dask", timeout_seconds=86_400)
def on_dask() -> dict[str, int]:
    """Do the same with each part as a task of its own."""
    return _fill(InOrder(share.submit, AHEAD))


@flow(name="backfill", flow_run_name="backfill", timeout_seconds=86_400)
def backfill(number: int = 1) -> dict[str, int]:
    """Index what told editions explained, compare all approved articles; return the counts.

    Args:
        number: Processes that share the work on this machine. With the setting `dask_scheduler` Dask's workers do.
    """
    scheduler = load().dask_scheduler
    if scheduler:
        return on_dask.with_options(task_runner=_runner(scheduler))()
    with processes(number) as mapper:
        return _fill(mapper)


def _runner(scheduler: str) -> TaskRunner[PrefectFuture[Any]]:
    try:
        from prefect_dask.task_runners import DaskTaskRunner
    except ImportError as error:
        raise SettingsError("dask_scheduler needs the extra: pip install 'beauty-newsletter[scale]'") from error
    return cast("TaskRunner[PrefectFuture[Any]]", DaskTaskRunner(address=scheduler))  # its futures are its own kind
