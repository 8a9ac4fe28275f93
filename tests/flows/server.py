"""A real Prefect server for tests, with authentication as the shipped deployments have it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).parents[2]

NAME, PASSWORD = "operator", "a-long-secret-of-this-test"
AUTH = f"{NAME}:{PASSWORD}"


@contextmanager
def prefect_server(folder: Path, **more: str) -> Iterator[dict[str, str]]:
    """Run a server; yield the environment with which its clients find it."""
    port = free_port()
    environment = {
        **os.environ,
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_API_AUTH_STRING": AUTH,
        "PREFECT_SERVER_API_AUTH_STRING": AUTH,
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_TO_API_ENABLED": "true",
        "DO_NOT_TRACK": "1",
        "NEWSLETTER_CHECKOUT": str(ROOT),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        **more,
    }
    with running(["prefect", "server", "start", "--no-ui"], environment, folder / "server.log"):
        wait_for(lambda: requests.get(f"{environment['PREFECT_API_URL']}/health", timeout=5).ok, seconds=180)
        yield environment


@contextmanager
def running(command: list[str], environment: dict[str, str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program; end it, its output in `log`."""
    with (
        log.open("w") as file,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=file) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def ask(api: str, path: str, body: object = None) -> Any:
    """Ask the server, which answers 503 while its own database is busy; return what it says, None for nothing."""
    for pause in (0.5, 1.0, 2.0, 4.0, 0.0):
        answer = requests.post(f"{api}/{path}", json=body or {}, auth=(NAME, PASSWORD), timeout=30)
        if answer.status_code != 503:
            break
        time.sleep(pause)
    answer.raise_for_status()
    return answer.json() if answer.content else None


def wait_for(is_true: Callable[[], bool], seconds: float) -> None:
    """Look again and again until something is so."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if is_true():
                return
        except requests.RequestException:
            pass
        time.sleep(0.3)
    raise TimeoutError(f"waited {seconds} s in vain")


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
