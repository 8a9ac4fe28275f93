"""A real Prefect server, behind a password, posts each alarm, ends silent runs, and is told everything once."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests

from flows.automations import MEANS, wanted
from newsletter.alarming import Kind
from newsletter.dispatching import accept
from newsletter.orchestration import BEAT, SILENCE, Server, server_of
from newsletter.scheduling import pause, resume, send_now
from newsletter.settings import Settings
from newsletter.storage.sources import SourceRecord
from newsletter.wiring import open_house
from tests.clock import now_of_each_test  # noqa: F401  sets NOW
from tests.flows.server import NAME, PASSWORD, ROOT, ask, prefect_server, wait_for
from tests.newsletter.scheduled import KEY, edition_house

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def posted() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A web server that keeps what is posted to it."""
    kept: list[dict[str, Any]] = []

    class Keep(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kept.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Keep) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/alarms", kept
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def environment(
    tmp_path_factory: pytest.TempPathFactory, posted: tuple[str, list[dict[str, Any]]]
) -> Iterator[dict[str, str]]:
    folder = tmp_path_factory.mktemp("server")
    with prefect_server(folder, NEWSLETTER_ALARM_WEBHOOK=posted[0], NEWSLETTER_HOME=str(folder / "var")) as found:
        yield found


@pytest.fixture
def server(environment: dict[str, str]) -> Server:
    found = server_of(Path(), environment)
    assert found
    return found


def _python(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def _events(server: Server, prefix: str) -> list[tuple[str, str]]:
    found = ask(server.api, "events/filter", {"filter": {"event": {"prefix": [prefix]}, "order": "ASC"}, "limit": 50})
    return [(e["event"], e["resource"]["prefect.resource.id"]) for e in found["events"]]


def test_every_alarm_has_its_automation_and_says_what_to_type() -> None:
    names = {a.name for a in wanted()}

    assert names == {f"newsletter: {kind.value.replace('-', ' ')}" for kind in Kind} | {
        "newsletter: a silent run has crashed"
    }
    assert set(MEANS) == set(Kind)
    assert all("newsletter " in text for text in MEANS.values())


def test_a_run_is_silent_only_after_three_heartbeats() -> None:
    beats = (ROOT / "prefect.yaml").read_text().count(f'PREFECT_FLOWS_HEARTBEAT_FREQUENCY: "{BEAT.seconds}"')

    assert beats == 1
    assert wanted()[0].trigger.within == SILENCE  # type: ignore[union-attr]
    assert SILENCE >= 3 * BEAT


def test_deploying_twice_leaves_one_of_each(environment: dict[str, str], server: Server) -> None:
    _python(environment, "-m", "newsletter", "deploy")
    before = {a["name"]: a["id"] for a in ask(server.api, "automations/filter", {})}
    _python(environment, "-m", "newsletter", "deploy")
    after = ask(server.api, "automations/filter", {})

    assert {a["name"] for a in after} == {a.name for a in wanted()}
    assert {a["name"]: a["id"] for a in after} == before
    assert {d["name"] for d in ask(server.api, "deployments/filter", {})} >= {"ingest", "publish", "send", "collect"}


def test_the_dispatcher_tells_of_every_move_and_posts_each_alarm_once(
    environment: dict[str, str], server: Server, posted: tuple[str, list[dict[str, Any]]], tmp_path: Path
) -> None:
    with edition_house(f"sqlite:///{tmp_path}/store.db", tmp_path) as house:
        accept(house, NOW)
        house.sources.add(SourceRecord(name="gone", kind="folder", location="x", added_at=NOW - timedelta(days=2)))
        send_now(house, KEY, by="ines", now=NOW)
    here = environment | {
        "NEWSLETTER_HOME": str(tmp_path),
        "NEWSLETTER_POSTAL_ADDRESS": "1 Example Street",
        "NEWSLETTER_LOCAL_HOURS": "false",  # as the edition was approved
        "NEWSLETTER_LOG_FORMAT": "json",
    }
    said = _python(here, "-m", "newsletter", "dispatch", "--once")
    with open_house(Settings(home=tmp_path)) as house:
        pause(house, KEY, by="ines", now=datetime.now(UTC))
        resume(house, KEY, by="ines", now=datetime.now(UTC))
    _python(here, "-m", "newsletter", "dispatch", "--once")
    edition = f"newsletter.edition.{KEY}"

    wait_for(lambda: len(_events(server, "newsletter.send.")) >= 4, 120)
    wait_for(lambda: bool(posted[1]), 120)
    assert _events(server, "newsletter.send.") == [
        (f"newsletter.send.{press}", edition) for press in ("send-now", "start", "pause", "resume")
    ]
    assert _events(server, "newsletter.alarm.") == [("newsletter.alarm.source-dead", "newsletter.source.gone")]
    assert posted[1] == [{"text": "gone could not be read for 48 hours"}]
    alarm = next(line for line in map(json.loads, said.splitlines()) if "alarm" in line)
    assert (alarm["alarm"], alarm["level"]) == ("source-dead", "warning")


def test_a_run_whose_heartbeat_stops_is_ended(environment: dict[str, str], server: Server) -> None:
    script = "from datetime import timedelta; from flows.automations import install; install(timedelta(seconds=12))"
    _python(environment, "-c", script)  # as the real one, only shorter
    flow = ask(server.api, "flows/", {"name": "send"})["id"]
    run = ask(
        server.api, "flow_runs/", {"flow_id": flow, "name": "x", "tags": ["newsletter"], "state": {"type": "RUNNING"}}
    )["id"]
    event = {"event": "prefect.flow-run.heartbeat", "occurred": datetime.now(UTC).isoformat(), "id": str(uuid4())}
    event["resource"] = {"prefect.resource.id": f"prefect.flow-run.{run}"}  # type: ignore[assignment]
    event["related"] = [{"prefect.resource.id": "prefect.tag.newsletter", "prefect.resource.role": "tag"}]  # type: ignore[assignment]
    ask(server.api, "events", [event])

    def state() -> str:
        got = requests.get(f"{server.api}/flow_runs/{run}", auth=(NAME, PASSWORD), timeout=10).json()
        return str(got["state"]["type"])

    assert state() == "RUNNING"
    wait_for(lambda: state() == "CRASHED", 60)


def test_without_the_password_the_server_answers_nobody(environment: dict[str, str]) -> None:
    assert requests.post(f"{environment['PREFECT_API_URL']}/flows/filter", json={}, timeout=10).status_code == 401
    assert os.environ.get("PREFECT_API_AUTH_STRING") is None
