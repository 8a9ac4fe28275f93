"""Several processes come to the same, bit for bit, as one."""

import gc
from pathlib import Path

from sqlalchemy import select

from benchmarks.growth import section_of
from benchmarks.rewriting import grow
from content.clusters import examine
from newsletter.storage.engine import migrate, open_engine
from newsletter.storage.postings import word_holders, word_rows
from newsletter.storage.similarity import SimilarityIndex, Told
from newsletter.working import processes, undisturbed
from tests.builders import MONDAY

WORDS = [f"word{n} stands by word{n * 7 % 40}, and near word{n * 11 % 60}. It keeps mark{n}." for n in range(240)]
SECTIONS = [section_of(n, text) for n, text in enumerate(grow(WORDS, 700).texts)]


def square(number: int) -> int:
    return number * number


def test_results_come_in_order_and_parts_are_taken_as_they_are_needed() -> None:
    taken = []

    def parts():  # type: ignore[no-untyped-def]
        for number in range(40):
            taken.append(number)
            yield number

    with processes(2) as mapper:
        found = iter(mapper(square, parts()))
        first = next(found)
        assert len(taken) < 10
        assert [first, *found] == [n * n for n in range(40)]


def test_the_collector_is_away_only_while_it_computes() -> None:
    with undisturbed():
        away = not gc.isenabled()

    assert (away, gc.isenabled()) == (True, True)


def test_two_processes_find_the_same_clusters(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("content.similarity.READ_AT_ONCE", 100)
    monkeypatch.setattr("content.judging.PAIRS_AT_ONCE", 300)
    alone = examine(SECTIONS)

    with processes(2) as mapper:
        shared = examine(SECTIONS, mapper=mapper)

    assert shared == alone
    assert len(alone.clusters) > 50


def test_two_processes_index_the_same(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("newsletter.storage.similarity.BATCH", 100)
    told = [Told(section=s, edition="W48", explainer=s.id, told_at=MONDAY) for s in SECTIONS]
    rows = []
    for number in (1, 2):
        engine = open_engine(f"sqlite:///{tmp_path}/{number}.db")
        migrate(engine)
        with processes(number) as mapper:
            assert SimilarityIndex(engine).add(told, mapper) == len(told)
        with engine.connect() as connection:
            tables = (word_holders, word_rows)
            rows.append([connection.execute(select(t).order_by(*t.primary_key)).all() for t in tables])
        engine.dispose()

    assert rows[0] == rows[1]
