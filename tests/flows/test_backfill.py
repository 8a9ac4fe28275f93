"""Dask's workers, several processes and one process come to the same clusters, and to the same counts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.rewriting import grow
from content.clusters import examine
from content.sections import split
from flows import backfill as flow_file
from flows.backfill import backfill
from newsletter.publishing import approve, draft
from newsletter.settings import Settings
from newsletter.wiring import open_house
from tests.builders import MONDAY, heading, make_approval, make_article, paragraph

WORDS = [f"word{n} stands by word{n * 7 % 40}, and near word{n * 11 % 60}. It keeps mark{n}." for n in range(150)]
TEXTS = grow(WORDS, 420).texts


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive of many approved articles, some of them told."""
    articles = [
        make_article(f"{n:04}.md", heading(f"How thing{n} works"), paragraph(text), title="")
        for n, text in enumerate(TEXTS)
    ]
    with open_house(Settings(home=tmp_path, postal_address="1 Example Street")) as house:
        house.articles.record(articles, MONDAY)
        house.articles.decide(make_approval(a) for a in articles)
        record = draft(house, MONDAY)
        assert record
        approve(house, record.edition.key, by="Ines", now=MONDAY, accept=["contradictions"])
    monkeypatch.setenv("NEWSLETTER_HOME", str(tmp_path))
    monkeypatch.setattr("content.similarity.READ_AT_ONCE", 100)
    monkeypatch.setattr("content.judging.PAIRS_AT_ONCE", 400)
    return tmp_path


@pytest.fixture(scope="module")
def prefect() -> Iterator[None]:
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness():
        yield


@pytest.fixture
def scheduler() -> Iterator[str]:
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        yield cluster.scheduler_address


def test_dask_processes_and_one_process_come_to_the_same(
    home: Path, prefect: None, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    monkeypatch.setattr(flow_file, "examine", lambda *given: found.append(examine(*given)) or found[-1])

    rows = [backfill(), backfill(number=2)]
    monkeypatch.setenv("NEWSLETTER_DASK_SCHEDULER", scheduler)
    rows.append(backfill())

    alone, shared, on_dask = found
    assert alone == shared == on_dask
    with open_house(Settings(home=home)) as house:
        approved = [s for x in house.articles.approved() for s in split(x.article, MONDAY)]
    assert {m.id for c in alone.clusters for m in c.members} <= {s.id for s in approved}
    counts = {"sections": len(approved), "explainers that repeat": len(alone.clusters)}
    assert [row | counts for row in rows] == rows
    assert [row["indexed"] > 0 for row in rows] == [True, False, False]
