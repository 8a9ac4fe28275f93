"""One command brings everything up, starts again what dies, and ends all of it when told to."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from newsletter.cli.up import Part

ROOT = Path(__file__).parents[2]


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


def test_one_command_brings_everything_up_and_ends_it(
    running: tuple["subprocess.Popen[str]", int, int], tmp_path: Path
) -> None:
    process, port, prefect_port = running
    said = _read_until(process, "Everything is up")
    assert re.search(rf"http://127\.0\.0\.1:{port}/", said)

    deployments = requests.post(f"http://127.0.0.1:{prefect_port}/api/deployments/filter", json={}, timeout=10).json()
    assert {d["name"] for d in deployments} >= {"ingest", "publish", "send"}
    assert requests.get(f"http://127.0.0.1:{port}/", timeout=10).status_code == 200  # before there is any edition
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
