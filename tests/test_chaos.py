"""Senders, dispatcher and database are killed in the middle of an edition; nobody is lost, nobody gets it twice.

The whole of it, with Prefect's server and workers and 50,000 readers, is `make chaos`.
"""

from dataclasses import replace

import pytest

from benchmarks.chaos import FINISHED_WITHIN, Audit, run
from benchmarks.scaling import MESSAGE_BYTES, Cost, day, simulate
from newsletter.storage.ledger import CHUNK


def test_an_edition_survives_the_death_of_every_part() -> None:
    audit = run(800, 1, 100, 1, with_prefect=False)

    assert audit.passed, audit
    assert audit.kills == {"sender": 1, "dispatcher": 1, "database": 1}


GOOD = Audit(
    recipients=10,
    kills={"sender": 1},
    accounted=10,
    accepted=9,
    refused=0,
    uncertain=1,
    uncertain_had_arrived=1,
    uncertain_allowed=10,
    accepted_twice=0,
    accepted_unseen=0,
    seen_unaccounted=0,
    longest_silence=3.0,
    finished_after=20.0,
    seconds=60.0,
)


@pytest.mark.parametrize(
    "change",
    [
        {"accounted": 9},
        {"accepted": 8},
        {"accepted_twice": 1},
        {"accepted_unseen": 1},
        {"seen_unaccounted": 1},
        {"uncertain_allowed": 0},
        {"finished_after": -1.0},
        {"finished_after": FINISHED_WITHIN + 1.0},
        {"longest_silence": 121.0},
    ],
    ids=str,
)
def test_the_audit_fails_for_each_thing_that_may_go_wrong(change: dict[str, float]) -> None:
    assert GOOD.passed
    assert not replace(GOOD, **change).passed  # type: ignore[arg-type]


COST = Cost(sender_us=100.0, database_us=50.0, sink_us=0.0, row_bytes=300, log_bytes=500)


def test_senders_add_up_until_the_database_is_full() -> None:
    free = replace(COST, database_us=0.0)
    seconds = [simulate(400 * CHUNK, n, free, cores=8, database_cores=1)[0] for n in (1, 2, 4)]
    one_database = [simulate(400 * CHUNK, n, COST, cores=64, database_cores=1) for n in (4, 8, 32)]

    assert seconds == pytest.approx([20.0, 10.0, 5.0], rel=0.02)
    assert [s for s, _ in one_database] == pytest.approx([10.0] * 3, rel=0.03)  # 20,000 messages a second, and no more
    assert [busy for _, busy in one_database] == pytest.approx([1.0] * 3, rel=0.03)


def test_senders_share_the_cores_that_there_are() -> None:
    free = replace(COST, database_us=0.0)

    assert simulate(400 * CHUNK, 8, free, cores=2, database_cores=1)[0] == pytest.approx(10.0, rel=0.05)


def test_a_day_is_ten_times_a_tenth() -> None:
    small, large = day(10_000_000, COST, 600.0), day(100_000_000, COST, 600.0)

    assert large.peak_per_second == pytest.approx(10 * small.peak_per_second, rel=0.01)
    assert large.network_gbit == pytest.approx(large.peak_per_second * MESSAGE_BYTES * 8 / 1e9, rel=0.01)
    assert large.simulated_peak_seconds < 7_200
