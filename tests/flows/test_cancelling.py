"""A run of `send` that is cancelled finishes what is in hand: nobody is uncertain, and the next run does the rest."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from newsletter.dispatching import accept, advance
from newsletter.publishing import draft
from newsletter.scheduling import send_now
from newsletter.settings import Settings
from newsletter.wiring import House, open_house
from subscribers.people import SubscriptionState
from tests.builders import make_approval, make_subscriber
from tests.clock import now_of_each_test  # noqa: F401  sets NOW
from tests.flows.server import NAME, PASSWORD, ask, prefect_server, running, wait_for
from tests.newsletter.scheduled import SCARS
from tests.sinks import Recording, sink

#: A sender with two connections and a server that takes its time needs half a minute for them all.
PEOPLE, DELAY = 600, 0.05

NOW = datetime.now(UTC)


@pytest.fixture
def recording() -> Iterator[Recording]:
    with sink(delay=DELAY) as recording:
        yield recording


@pytest.fixture
def house(tmp_path: Path, recording: Recording) -> Iterator[House]:
    given = Settings(
        home=tmp_path / "var",
        postal_address="1 Example Street",
        local_hours=False,
        smtp_host="127.0.0.1",
        smtp_port=recording.port,
        smtp_connections=2,
    )
    with open_house(given) as house:
        people = [make_subscriber(f"reader{n}") for n in range(PEOPLE)]
        house.people.add(people, "beauty", NOW - timedelta(days=1), SubscriptionState.CONFIRMED)
        house.articles.record([SCARS], NOW)
        house.articles.decide([make_approval(SCARS)])
        record = draft(house, NOW)
        assert record
        accept(house, NOW)
        send_now(house, record.edition.key, by="ines", now=NOW)
        advance(house, NOW)
        yield house


def test_a_cancelled_run_leaves_nobody_uncertain_and_the_next_goes_on(
    house: House, recording: Recording, tmp_path: Path
) -> None:
    more = {
        "NEWSLETTER_HOME": str(house.settings.home),
        "NEWSLETTER_SMTP_HOST": "127.0.0.1",
        "NEWSLETTER_SMTP_PORT": str(recording.port),
        "NEWSLETTER_SMTP_CONNECTIONS": "2",
        "NEWSLETTER_LOCAL_HOURS": "false",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
    }
    with prefect_server(tmp_path, **more) as environment:
        _call(["newsletter", "deploy"], environment, tmp_path)
        _stop_schedules(environment)
        worker = ["prefect", "worker", "start", "--pool", "newsletter"]
        with running(worker, environment, tmp_path / "worker.log"):
            first = _start(environment)
            wait_for(lambda: len(recording.accepted) > 20, 90)
            ask(
                environment["PREFECT_API_URL"],
                f"flow_runs/{first}/set_state",
                {"state": {"type": "CANCELLING"}, "force": True},
            )
            wait_for(lambda: _run(environment, first)["state"]["type"] == "CANCELLED", 60)
            reached = len(recording.accepted)
            tally = house.ledger.tally(_key(house))

            second = _start(environment)
            wait_for(lambda: _run(environment, second)["state"]["type"] == "COMPLETED", 120)
        names = [_run(environment, run)["name"] for run in (first, second)]
        bars = ask(environment["PREFECT_API_URL"], "artifacts/filter", {"artifacts": {"key": {"any_": ["sending"]}}})

    assert 20 < reached < PEOPLE
    assert (tally.accepted, tally.uncertain, tally.leased) == (reached, 0, 0)
    assert recording.accepted == Counter({f"reader{n}@example.org": 1 for n in range(PEOPLE)})
    done = house.ledger.tally(_key(house))
    assert (done.accepted, done.uncertain) == (PEOPLE, 0)
    assert list((house.settings.home / "journals").glob("*")) == []
    assert all(name.startswith("send ") and name.endswith(" UTC") for name in names)
    assert sorted(bar["data"] == 100.0 for bar in bars) == [False, True]


def _key(house: House) -> str:
    return house.editions.all("beauty")[0].edition.key


def _stop_schedules(environment: dict[str, str]) -> None:
    """Let no run begin but those of this test: every five minutes one would."""
    for deployment in ask(environment["PREFECT_API_URL"], "deployments/filter", {}):
        ask(environment["PREFECT_API_URL"], f"deployments/{deployment['id']}/pause_deployment")


def _start(environment: dict[str, str]) -> str:
    api = environment["PREFECT_API_URL"]
    send = next(d["id"] for d in ask(api, "deployments/filter") if d["name"] == "send")
    run: str = ask(api, f"deployments/{send}/create_flow_run", {"state": {"type": "SCHEDULED"}})["id"]
    return run


def _run(environment: dict[str, str], run: str) -> dict[str, Any]:
    url = f"{environment['PREFECT_API_URL']}/flow_runs/{run}"
    found: dict[str, Any] = requests.get(url, auth=(NAME, PASSWORD), timeout=10).json()
    return found


def _call(command: list[str], environment: dict[str, str], folder: Path) -> None:
    with running(["python", "-m", *command], environment, folder / "call.log") as process:
        assert process.wait(120) == 0, (folder / "call.log").read_text()
