"""The figures are those of the ledger, name nobody, and say when mail waits, arrives late, or comes back."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from newsletter.delivering import deliver
from newsletter.dispatching import advance
from newsletter.exposing import expose
from newsletter.measuring import OTHERS, Physician, Pulse, without_small
from newsletter.scheduling import pause, send_now
from newsletter.sending import run
from newsletter.storage.ledger import Ledger, Settled
from newsletter.storage.sources import SourceRecord
from newsletter.transports.capture import capture_server
from newsletter.web.watching import create_watch_app
from newsletter.wiring import House
from subscribers.deliveries import Cause, Outcome, Receipt, Recipient
from tests.clock import now_of_each_test  # noqa: F401  sets NOW
from tests.newsletter.scheduled import KEY, edition_house

NOW = datetime.now(UTC)


MINUTE = timedelta(minutes=1)
ROOT = Path(__file__).parents[2]

Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    with (
        capture_server(tmp_path / "mail") as port,
        edition_house(database_url, tmp_path, smtp_host="127.0.0.1", smtp_port=port) as house,
    ):
        send_now(house, KEY, by="ines", now=NOW)
        advance(house, NOW)
        yield house


def _read(pulse: Pulse) -> Figures:
    families = text_string_to_metric_families(expose(pulse).decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for f in families for s in f.samples}


def _people(figures: Figures) -> dict[str, float]:
    return {dict(labels)["place"]: n for (name, labels), n in figures.items() if name == "newsletter_people" and n}


def test_before_anything_leaves_everybody_waits_and_the_queue_ages(house: House) -> None:
    pulse = Physician(house).take(NOW + 20 * MINUTE)

    assert pulse.queue_age == pytest.approx(20 * MINUTE, abs=timedelta(seconds=30))
    assert _people(_read(pulse)) == {"pending": 2}
    assert pulse.senders == 0
    assert pulse.looked_at == pytest.approx(NOW, abs=MINUTE / 60)


def test_what_is_paused_waits_for_a_person_and_not_for_us(house: House) -> None:
    pause(house, KEY, by="ines", now=NOW)

    assert Physician(house).take(NOW + 20 * MINUTE).queue_age == timedelta(0)


def test_after_delivery_the_histogram_holds_everybody_and_nothing_waits(house: House) -> None:
    run(deliver(house, NOW))
    advance(house, NOW)
    pulse = Physician(house).take(datetime.now(UTC))
    figures = _read(pulse)

    assert _people(figures) == {"accepted": 2}
    assert pulse.queue_age == timedelta(0)
    assert figures["newsletter_time_to_inbox_seconds_bucket", (("edition", KEY), ("le", "+Inf"))] == 2
    assert figures["newsletter_sends", (("state", "sent"),)] == 1
    assert figures["newsletter_ends_per_minute", (("domain", OTHERS), ("outcome", "accepted"))] == pytest.approx(0.4)


def test_a_reader_with_an_hour_of_their_own_counts_from_that_hour(house: House) -> None:
    later = NOW + timedelta(hours=3)
    ledger, key = house.ledger, "beauty-daily-2026-11-25"
    people = [
        Recipient(subscriber="a", address="a@example.org"),
        Recipient(subscriber="b", address="b@example.org", due=later),
    ]
    ledger.freeze(key, people)
    at = {0: datetime.now(UTC) + timedelta(seconds=45), 1: later + timedelta(seconds=100)}
    for moment in at.values():
        clocked = Ledger(house.engine, lambda moment=moment: moment)
        turn = clocked.turn("one", only=key)
        assert turn.chunk
        done = [Settled(d, Receipt(Outcome.ACCEPTED, code=250)) for d in turn.chunk.deliveries]
        clocked.turn("one", done, {turn.chunk.id: turn.chunk.epoch}, [turn.chunk.id], wants_more=False)

    edition = next(e for e in Physician(house).take(NOW).editions if e.running.edition == key)

    assert edition.within == (0, 0, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2)  # within 10, 30, 60, 120 seconds, and more


def test_the_figures_of_a_running_edition_are_counted_anew(house: House) -> None:
    physician = Physician(house)
    before = physician.take(NOW)
    run(deliver(house, NOW))

    assert [e.tally.accepted for p in (before, physician.take(datetime.now(UTC))) for e in p.editions] == [0, 2]


def test_refusals_count_as_bounces(house: House) -> None:
    turn = house.ledger.turn("one", only=KEY)
    assert turn.chunk
    ends = [Receipt(Outcome.ACCEPTED, code=250), Receipt(Outcome.REFUSED, Cause.ADDRESS, 550, "5.1.1")]
    done = [Settled(d, r) for d, r in zip(turn.chunk.deliveries, ends, strict=True)]
    house.ledger.turn("one", done, {turn.chunk.id: turn.chunk.epoch}, [turn.chunk.id], wants_more=False)

    assert _read(Physician(house).take(NOW))["newsletter_bounce_share", (("edition", KEY),)] == 0.5


def test_a_source_that_is_silent_ages(house: House) -> None:
    house.sources.add(SourceRecord(name="magazine", kind="folder", location="x", added_at=NOW - timedelta(days=2)))

    figures = _read(Physician(house).take(NOW))

    assert figures["newsletter_source_age_seconds", (("source", "magazine"),)] == pytest.approx(172_800, abs=1)


def test_small_domains_are_not_named() -> None:
    ends = {("big.example.org", "accepted"): 500, ("family.example.org", "accepted"): 3, ("x.org", "refused"): 2}

    assert without_small(ends) == {
        ("big.example.org", "accepted"): 500,
        (OTHERS, "accepted"): 3,
        (OTHERS, "refused"): 2,
    }


def test_no_line_names_anybody(house: House) -> None:
    run(deliver(house, NOW))
    told = expose(Physician(house).take(NOW)).decode()

    assert "@" not in told
    assert not {"ada", "bea"} & set(told.replace('"', " ").split())


def test_probes_and_figures_answer_and_say_when_the_database_is_away(house: House) -> None:
    physician = Physician(house)

    def gone(_: datetime) -> Pulse:
        raise OperationalError("SELECT 1", {}, Exception("connection refused"))

    well = TestClient(create_watch_app(physician.take, lambda: NOW))
    ill = TestClient(create_watch_app(gone, lambda: NOW))

    assert [well.get(f"/{path}").status_code for path in ("healthz", "readyz", "metrics")] == [200, 200, 200]
    assert [ill.get(f"/{path}").status_code for path in ("healthz", "readyz", "metrics")] == [200, 503, 503]
    assert "connection refused" in ill.get("/readyz").json()["why"]
    assert well.get("/readyz").json() == {"ready": True, "asks": "", "senders": 0}


def test_two_askers_within_seconds_share_one_count(house: House) -> None:
    taken: list[datetime] = []

    def take(now: datetime) -> Pulse:
        taken.append(now)
        return replace(pulse, at=now)

    pulse = Physician(house).take(NOW)
    clock = iter([NOW, NOW + timedelta(seconds=4), NOW + timedelta(seconds=6)])
    client = TestClient(create_watch_app(take, lambda: next(clock)))
    for _ in range(3):
        client.get("/metrics")

    assert taken == [NOW, NOW + timedelta(seconds=6)]


def test_the_dashboard_asks_only_for_figures_that_there_are(house: House) -> None:
    house.sources.add(SourceRecord(name="magazine", kind="folder", location="x", added_at=NOW))
    run(deliver(house, NOW))
    told = {name.removesuffix("_bucket") for name, _ in _read(Physician(house).take(NOW))}
    dashboard = json.loads((ROOT / "docs" / "deploy" / "grafana-dashboard.json").read_text())
    asked = {
        word.removesuffix("_bucket")
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for word in target["expr"].replace("(", " ").replace("{", " ").replace("[", " ").split()
        if word.startswith("newsletter_")
    }

    assert asked == {name.removesuffix("_count") for name in told}
