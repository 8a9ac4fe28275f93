"""A real Prefect server and worker run what `prefect.yaml` deploys, and the runs end Completed."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from newsletter.settings import Settings
from newsletter.storage.sources import SourceRecord
from newsletter.transports.capture import capture_server
from newsletter.wiring import open_house
from subscribers.people import SubscriptionState
from tests.builders import MONDAY, make_subscriber

ROOT = Path(__file__).parents[2]

ARTICLE = """\
---
title: {title}
approved_by: Ines Moreau
approved_at: 2026-11-20T10:00:00Z
---
{opening}

## How microneedling works

Fine needles make tiny channels in the skin. The skin answers with new collagen.
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A newsletter with two approved articles, two subscribers, and a source that fails."""
    folder = tmp_path / "articles"
    folder.mkdir()
    (folder / "one.md").write_text(ARTICLE.format(title="Scars", opening="Acne scars fade slowly."))
    (folder / "two.md").write_text(ARTICLE.format(title="Lines", opening="Fine lines soften with time."))
    with open_house(Settings(home=tmp_path / "var")) as house:
        house.sources.add(SourceRecord(name="magazine", kind="folder", location=str(folder), added_at=MONDAY))
        house.sources.add(SourceRecord(name="gone", kind="folder", location=str(folder / "gone"), added_at=MONDAY))
        people = [make_subscriber("ada"), make_subscriber("bea")]
        house.people.add(people, house.settings.newsletter, MONDAY, SubscriptionState.CONFIRMED)
    return tmp_path / "var"


@pytest.fixture
def mail_server(tmp_path: Path) -> Iterator[int]:
    with capture_server(tmp_path / "mail") as port:
        yield port


@pytest.fixture
def environment(tmp_path: Path, home: Path, mail_server: int) -> dict[str, str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return {
        **os.environ,
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_TO_API_ENABLED": "true",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "DO_NOT_TRACK": "1",
        "NEWSLETTER_CHECKOUT": str(ROOT),
        "NEWSLETTER_HOME": str(home),
        "NEWSLETTER_SMTP_HOST": "127.0.0.1",
        "NEWSLETTER_SMTP_PORT": str(mail_server),
        "NEWSLETTER_LOCAL_HOURS": "false",
        "NEWSLETTER_POSTAL_ADDRESS": "1 Example Street, London",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }


def test_the_deployed_flows_complete(environment: dict[str, str], home: Path, tmp_path: Path) -> None:
    api = environment["PREFECT_API_URL"]
    with _running(["prefect", "server", "start", "--no-ui"], environment, tmp_path / "server.log"):
        _wait_for(lambda: requests.get(f"{api}/health", timeout=5).ok, seconds=120)
        _prefect("work-pool create newsletter --type process --overwrite", environment)
        _prefect("--no-prompt deploy --all", environment)
        with _running(["prefect", "worker", "start", "--pool", "newsletter"], environment, tmp_path / "worker.log"):
            for name in ("ingest", "publish", "send", "collect"):
                _prefect(f"deployment run {name}/{name} --watch --watch-interval 1 --watch-timeout 120", environment)
        states = _states(api)
        cron = requests.post(f"{api}/deployments/filter", json={}, timeout=10).json()
        zones = {s["schedule"]["timezone"] for d in cron for s in d["schedules"]}
        artifacts = requests.post(f"{api}/artifacts/filter", json={}, timeout=10).json()

    assert states == dict.fromkeys(("ingest", "publish", "send", "collect"), "COMPLETED")
    assert zones == {"Europe/London"}
    assert {a["key"] for a in artifacts} == {"ingest", "publish", "send", "collect"}
    assert "example.org" not in json.dumps(artifacts)  # no personal data goes into Prefect
    assert len(list((tmp_path / "mail" / "new").iterdir())) == 2
    assert (home / "site" / "feeds" / "all.atom").is_file()


def _states(api: str) -> dict[str, str]:
    """Return how the newest run of each flow ended; a schedule may have added one that has not begun."""
    runs = requests.post(f"{api}/flow_runs/filter", json={"sort": "EXPECTED_START_TIME_DESC"}, timeout=10).json()
    flows = {f["id"]: f["name"] for f in requests.post(f"{api}/flows/filter", json={}, timeout=10).json()}
    return {flows[run["flow_id"]]: run["state"]["type"] for run in reversed(runs) if run["start_time"]}


def _prefect(arguments: str, environment: dict[str, str]) -> None:
    done = subprocess.run(
        ["prefect", *arguments.split()],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def _running(command: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    with (
        log.open("w") as file,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=file) as process,
    ):
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_for(is_true: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if is_true():
                return
        except requests.RequestException:
            pass
        time.sleep(0.3)
    raise TimeoutError(f"waited {seconds} s in vain")
