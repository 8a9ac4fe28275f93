"""A real Prefect server and worker run what `prefect.yaml` deploys, and the runs end Completed."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter.settings import Settings
from newsletter.storage.sources import SourceRecord
from newsletter.transports.capture import capture_server
from newsletter.wiring import open_house
from subscribers.people import SubscriptionState
from tests.builders import MONDAY, make_subscriber
from tests.flows.server import ROOT, ask, prefect_server, running

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
def environment(tmp_path: Path, home: Path, mail_server: int) -> Iterator[dict[str, str]]:
    ours = {
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "NEWSLETTER_HOME": str(home),
        "NEWSLETTER_SMTP_HOST": "127.0.0.1",
        "NEWSLETTER_SMTP_PORT": str(mail_server),
        "NEWSLETTER_LOCAL_HOURS": "false",
        "NEWSLETTER_POSTAL_ADDRESS": "1 Example Street, London",
    }
    with prefect_server(tmp_path, **ours) as environment:
        yield environment


def test_the_deployed_flows_complete(environment: dict[str, str], home: Path, tmp_path: Path) -> None:
    api = environment["PREFECT_API_URL"]
    _prefect("work-pool create newsletter --type process --overwrite", environment)
    _prefect("--no-prompt deploy --all", environment)
    with running(["prefect", "worker", "start", "--pool", "newsletter"], environment, tmp_path / "worker.log"):
        for name in ("ingest", "publish", "send", "collect"):
            _prefect(f"deployment run {name}/{name} --watch --watch-interval 1 --watch-timeout 120", environment)
    zones = {s["schedule"]["timezone"] for d in ask(api, "deployments/filter") for s in d["schedules"]}
    artifacts = ask(api, "artifacts/filter")

    assert _states(api) == dict.fromkeys(("ingest", "publish", "send", "collect"), "COMPLETED")
    assert zones == {"Europe/London"}
    assert {a["key"] for a in artifacts} == {"ingest", "publish", "folded", "console", "send", "sending", "collect"}
    link = next(a["data"] for a in artifacts if a["key"] == "console")
    assert "http://127.0.0.1:8100/digests/beauty-weekly-" in link
    assert "example.org" not in json.dumps(artifacts)  # no personal data goes into Prefect
    assert len(list((tmp_path / "mail" / "new").iterdir())) == 2
    assert (home / "site" / "feeds" / "all.atom").is_file()


def _states(api: str) -> dict[str, str]:
    """Return how the newest run of each flow ended; a schedule may have added one that has not begun."""
    flows = {f["id"]: f["name"] for f in ask(api, "flows/filter")}
    runs = ask(api, "flow_runs/filter", {"sort": "EXPECTED_START_TIME_DESC"})
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
