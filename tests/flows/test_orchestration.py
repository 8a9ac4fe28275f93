"""A real Prefect server, behind a password, tells which of our runs are stuck, and lets us end those alone."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import requests

from newsletter.cli.care import _examine_server
from newsletter.orchestration import OrchestrationError, Server, server_of
from tests.flows.server import ask, prefect_server, wait_for

MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    with prefect_server(folder) as environment:
        found = server_of(folder, environment)
        assert found
        yield found


def _begin(server: Server, name: str, state: str, *tags: str) -> str:
    flow = ask(server.api, "flows/", {"name": "send"})["id"]
    wanted = {"flow_id": flow, "name": name, "tags": list(tags), "state": {"type": state}}
    run: str = ask(server.api, "flow_runs/", wanted)["id"]
    return run


def _beat(server: Server, run: str, at: datetime) -> None:
    event = {"event": "prefect.flow-run.heartbeat", "occurred": at.isoformat()}
    resource = {"resource": {"prefect.resource.id": f"prefect.flow-run.{run}"}}
    ask(server.api, "events", [event | resource | {"id": str(uuid4())}])


def test_stuck_runs_are_found_by_their_silence_and_ended(server: Server) -> None:
    now = datetime.now(UTC)
    quiet = _begin(server, "quiet", "RUNNING", "newsletter", "send")
    pending = _begin(server, "pending", "PENDING", "newsletter")
    cancelling = _begin(server, "cancelling", "CANCELLING", "newsletter")
    beating = _begin(server, "beating", "RUNNING", "newsletter")
    _begin(server, "of somebody else", "RUNNING")
    _begin(server, "done", "COMPLETED", "newsletter")
    _beat(server, quiet, now + MINUTE)
    _beat(server, beating, now + 20 * MINUTE - timedelta(seconds=80))

    def heard() -> bool:  # the server takes events in beside its answers
        late, soon = (server.stuck_runs(now + minutes * MINUTE) for minutes in (20, 6))
        return {r.id for r in late} == {quiet, pending, cancelling} and {r.id for r in soon} == {quiet, cancelling}

    wait_for(heard, 120)
    assert server.stuck_runs(now + 2 * MINUTE) == ()
    assert [r.id for r in server.stuck_runs(now + 6 * MINUTE)] == [cancelling, quiet]
    stuck = server.stuck_runs(now + 20 * MINUTE)
    assert {(r.name, r.state) for r in stuck} == {
        ("quiet", "running"),
        ("pending", "pending"),
        ("cancelling", "cancelling"),
    }

    for run in stuck:
        server.end(run, "silent")

    assert server.stuck_runs(now + 20 * MINUTE) == ()
    assert [r.id for r in server.stuck_runs(now + 60 * MINUTE)] == [beating]


def test_without_the_password_nobody_is_told_anything(server: Server) -> None:
    with pytest.raises(OrchestrationError, match="401"):
        replace(server, auth="").stuck_runs(datetime.now(UTC))
    assert not server.is_open()


@pytest.mark.parametrize(
    ("api", "status", "well"),
    [
        ("http://127.0.0.1:4200/api", 200, False),
        ("http://prefect.example.org/api", 200, False),
        ("http://prefect.example.org/api", 401, True),
    ],
)
def test_the_doctor_warns_of_a_server_that_lets_everybody_in(
    api: str, status: int, well: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = requests.Response()
    answer.status_code = status
    monkeypatch.setattr(requests, "get", lambda *_, **__: answer)  # no server of ours listens to the outside

    assert _examine_server(Server(api)).well is well
