"""One command brings everything up, starts again what dies, and ends all of it when told to."""

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from newsletter.cli.up import Part
from newsletter.orchestration import Server, server_of
from tests.flows.server import wait_for

ROOT = Path(__file__).parents[2]

FLOWS = ("ingest", "publish", "send")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple["subprocess.Popen[str]", int, int]]:
    port, prefect_port = _free_port(), _free_port()
    environment = {k: v for k, v in os.environ.items() if k != "PREFECT_LOGGING_TO_API_ENABLED"} | {
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PYTHONPATH": str(ROOT),
        "NEWSLETTER_PUBLIC_URL": f"http://127.0.0.1:{port}",
    }
    ports = [
        "--port",
        str(port),
        "--prefect-port",
        str(prefect_port),
        "--metrics-port",
        str(_free_port()),
        "--console-port",
        str(_free_port()),
    ]
    command = [sys.executable, "-m", "newsletter", "up", *ports]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        yield process, port, prefect_port
        if process.poll() is None:
            process.kill()


def _read_until(process: "subprocess.Popen[str]", words: str) -> str:
    assert process.stdout
    said = ""
    while words not in said:
        line = process.stdout.readline()
        assert line, f"it ended without saying {words!r}:\n{said}"
        said += line
    return said


def _speaks_of_the_password(parent: int) -> set[str]:
    """Return which children of a process know Prefect's password."""
    found = set()
    for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        process = Path(f"/proc/{child}")
        if b"PREFECT_API_AUTH_STRING=" in (process / "environ").read_bytes():
            words = (process / "cmdline").read_bytes().decode().split("\0")
            name = next(n for n, word in enumerate(words) if word.endswith(("prefect", "newsletter")))
            found.add(f"{Path(words[name]).name} {words[name + 1]}")
    return found


def test_a_port_that_is_taken_is_named_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        command = [sys.executable, "-m", "newsletter", "up", "--prefect-port", str(port)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    assert done.returncode == 1
    assert (
        done.stderr == f"newsletter: port {port} cannot be used (Address already in use); name another one with "
        "--prefect-port\n"
    )
    assert not (tmp_path / "var").exists()


def test_one_command_brings_everything_up_and_ends_it(
    running: tuple["subprocess.Popen[str]", int, int], tmp_path: Path
) -> None:
    process, port, prefect_port = running
    said = _read_until(process, "Everything is up")
    assert re.search(rf"http://127\.0\.0\.1:{port}/", said)

    api = f"http://127.0.0.1:{prefect_port}/api"
    secret = tmp_path / "var" / "prefect-password"
    assert f"the one line in {secret}" in said
    assert secret.read_text().strip() not in said
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    auth = tuple(secret.read_text().strip().split(":"))
    # Nobody gets in without it, and no page of another origin with it; ours does, and has installed everything.
    assert requests.get(f"{api}/deployments/name/send/send", timeout=10).status_code == 401
    assert requests.post(f"{api}/deployments/filter", json={}, auth=auth, timeout=10).status_code == 403
    server = server_of(tmp_path / "var", {})
    assert server == Server(api, ":".join(auth))
    assert not server.is_open()
    assert server.stuck_runs(datetime.now(UTC)) == ()
    names = {requests.get(f"{api}/deployments/name/{n}/{n}", auth=auth, timeout=10).json()["name"] for n in FLOWS}
    assert names == set(FLOWS)
    assert _speaks_of_the_password(process.pid) == {"prefect server", "prefect worker", "newsletter dispatch"}
    assert requests.get(f"http://127.0.0.1:{port}/", timeout=10).status_code == 200  # before there is any edition
    console = re.search(r"Console +(http://127\.0\.0\.1:\d+)/\n", said)
    assert console
    assert "newsletter staff add you@example.org" in said
    assert "newsletter source add sample" in said
    welcome = requests.get(f"{console[1]}/welcome", timeout=30)
    assert (welcome.status_code, "Open my account" in welcome.text) == (200, True)
    figures = re.search(r"http://127\.0\.0\.1:\d+/metrics", said)
    assert figures
    assert "newsletter_queue_age_seconds 0.0" in requests.get(figures[0], timeout=30).text

    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{port}/", timeout=5)


def test_a_part_that_dies_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("newsletter.cli.up.BACKOFF", (0,))
    part = Part("a part", [sys.executable, "-c", "import time; time.sleep(60)"], os.environ, tmp_path / "part.log")
    part.start()
    assert part.process
    first = part.process.pid
    part.process.kill()
    part.process.wait()

    end = time.monotonic() + 10
    while part.process.pid == first and time.monotonic() < end:
        part.tend()

    assert part.process.pid != first
    part.stop()
    assert part.process.poll() is not None


def test_what_a_worker_has_started_may_finish_what_it_has_in_hand(tmp_path: Path) -> None:
    hand = (
        "import pathlib, signal, sys, time; done = []\n"
        "def finish(*_): pathlib.Path('finished').write_text('yes'); sys.exit()\n"
        "signal.signal(signal.SIGTERM, finish); pathlib.Path('busy').touch(); time.sleep(60)"
    )
    # It kills what it has started, as Prefect's worker does.
    worker = (
        "import signal, subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {hand!r}], cwd={str(tmp_path)!r})\n"
        "signal.signal(signal.SIGTERM, lambda *_: (child.kill(), sys.exit()))\n"
        "child.wait(); time.sleep(60)"
    )
    part = Part("the worker", [sys.executable, "-c", worker], os.environ, tmp_path / "part.log")
    part.start()
    wait_for((tmp_path / "busy").exists, 30)

    part.finish_work(10)
    part.stop()

    assert (tmp_path / "finished").read_text() == "yes"
