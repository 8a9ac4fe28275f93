"""`newsletter up`: one machine with everything on it, kept running until it is told to stop."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated

import requests
import typer

from newsletter.cli.console import Exit, err, out, settings
from newsletter.cli.deploying import CHECKOUT, prefect_environment
from newsletter.orchestration import NOTE, SIGN_IN, make_password
from newsletter.settings import CONFIG_VARIABLE, DEFAULT_FILE, Settings
from newsletter.storage.staff import StaffStore
from newsletter.wiring import House, open_house, publish_site

#: Seconds until a dead part is started again; the last repeats.
BACKOFF = (1, 2, 5, 15, 60)

#: A part that ran this long in seconds was well: its next death begins at the first backoff again.
WELL = 120

#: Seconds in which a part must have stopped; then it is killed. Senders journal what is in flight.
PATIENCE = 8

#: Seconds of these in which flow runs may finish what they have in hand.
FINISHING = 5

_WORKER = ("worker", "start", "--pool", "newsletter", "--name", "newsletter up")

#: Prefect's names for its password: what the server asks for, and what its clients say.
_SERVERS, _CLIENTS = "PREFECT_SERVER_API_AUTH_STRING", "PREFECT_API_AUTH_STRING"


@dataclass(slots=True)
class Part:
    """One process that is kept running."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    process: "subprocess.Popen[bytes] | None" = None
    deaths: int = 0
    started: float = 0.0
    due: float = field(default=0.0)

    def start(self) -> None:
        """Start the process; its output goes to its log."""
        with self.log.open("ab") as file:
            self.process = subprocess.Popen(
                self.command,
                env=dict(self.environment),
                cwd=CHECKOUT,
                stdout=file,
                stderr=file,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C in a terminal is for us alone: we say in which order they end
            )
        self.started = time.monotonic()

    def tend(self) -> None:
        """Start the process again, after a while, if it has died."""
        if self.process is None or self.process.poll() is None:
            return
        if not self.due:
            if time.monotonic() - self.started > WELL:
                self.deaths = 0
            wait = BACKOFF[min(self.deaths, len(BACKOFF) - 1)]
            self.deaths += 1
            self.due = time.monotonic() + wait
            err.print(f"{self.name} ended ({self.process.returncode}); starting it again in {wait} s. See {self.log}")
        elif time.monotonic() >= self.due:
            self.due = 0.0
            self.start()

    def ask(self) -> None:
        """Ask the process to end."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def finish_work(self, seconds: float) -> None:
        """Let the processes it has started finish what they have in hand; it would kill them itself."""
        if self.process is None or self.process.poll() is not None:
            return
        end = time.monotonic() + seconds
        for child in _children(self.process.pid):
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)
        while _children(self.process.pid) and time.monotonic() < end:
            time.sleep(0.1)

    def stop(self, seconds: float = PATIENCE) -> None:
        """Ask the process to end, wait, and kill it if it does not."""
        self.ask()
        if self.process is None:
            return
        try:
            self.process.wait(max(seconds, 0))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _children(parent: int) -> list[int]:
    """Return the processes that another has started and that still run; none where the kernel does not say."""
    lists = Path(f"/proc/{parent}/task").glob("*/children")
    found = []
    for numbers in lists:
        with suppress(OSError):
            found += [int(number) for number in numbers.read_text().split()]
    return [pid for pid in found if not _is_over(pid)]


def _is_over(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def up(
    context: typer.Context,
    port: Annotated[int, typer.Option(help="Of the public site.")] = 8000,
    prefect_port: Annotated[int, typer.Option(help="Of Prefect's server and its pages.")] = 4200,
    console_port: Annotated[int, typer.Option(help="Of the console for staff.")] = 8100,
    metrics_port: Annotated[int, typer.Option(help="Of probes and figures.")] = 9464,
) -> None:
    """Bring everything up here: Prefect and its pages, worker, schedules, dispatcher, console, site, figures.

    What dies is started again. Ctrl-C or SIGTERM ends all of it within ten seconds.
    """
    given = settings(context)
    ports = {"prefect-port": prefect_port, "port": port, "console-port": console_port, "metrics-port": metrics_port}
    _refuse_taken(ports)
    with open_house(given) as house:  # what is wrong shows here, in one line
        publish_site(house)  # before the first edition too: an empty archive invites to subscribe
        first_steps = _first_steps(house)
    home = given.home.absolute()
    # Its parts run elsewhere: they find the file by its whole name.
    config: Path | None = context.find_root().params.get("config") or (DEFAULT_FILE if DEFAULT_FILE.is_file() else None)
    environment = _environment(home, prefect_port, config)
    environment["NEWSLETTER_CONSOLE_URL"] = staff_door = _console_url(given, console_port)
    server, worker, dispatcher, site, console, figures = _parts(home, environment, ports)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    started: list[Part] = []
    try:
        out.print("Starting; Prefect takes half a minute the first time ...")
        _start(started, server, site, console, figures)  # the pages need no Prefect: they are there meanwhile
        doors = (
            (f"Console       {staff_door}/", f"http://127.0.0.1:{console_port}/healthz", console),
            (f"Public site   http://127.0.0.1:{port}/", f"http://127.0.0.1:{port}/feeds/", site),
            (
                f"Figures       http://127.0.0.1:{metrics_port}/metrics",
                f"http://127.0.0.1:{metrics_port}/readyz",
                figures,
            ),
        )
        are_open = [_opens(*door, stop) for door in doors]
        if not _wait(lambda: _answers(f"{environment['PREFECT_API_URL']}/health"), server, stop):
            raise typer.Exit(Exit.FAILED if not stop.is_set() else Exit.DONE)
        _deploy(environment, home / "logs" / "deploy.log")
        (home / NOTE).write_text(json.dumps({"api": environment["PREFECT_API_URL"]}))  # for `newsletter doctor`
        _start(started, worker, dispatcher, *_listener(given, home, environment))
        out.print(f"Flow runs     http://127.0.0.1:{prefect_port}/ (it asks for a password: {_told(home)})")
        out.print(f"Logs          {home / 'logs'}")
        if all(are_open) and not stop.is_set():
            for step in first_steps:
                out.print(step, markup=False)
            out.print("Everything is up. Ctrl-C ends it.")
        while not stop.wait(0.5):
            for part in started:
                part.tend()
    finally:
        out.print("Stopping ...")
        (home / NOTE).unlink(missing_ok=True)
        _stop(started)


def _start(started: list[Part], *parts: Part) -> None:
    for part in parts:
        part.start()
        started.append(part)


def _opens(said: str, url: str, part: Part, stop: threading.Event) -> bool:
    """Wait until a page answers, say where it is, and return whether it does."""
    answers = _wait(partial(_answers, url), part, stop)
    if answers:
        out.print(said, markup=False)
    return answers


def _console_url(given: Settings, port: int) -> str:
    """Return the console as staff see it: as it is set, or at the port it has here."""
    return given.console_url if "console_url" in given.model_fields_set else f"http://127.0.0.1:{port}"


def _first_steps(house: House) -> list[str]:
    """Return what to do in a house in which nobody lives yet."""
    steps = []
    if StaffStore(house.engine).is_empty():
        steps.append(f'{_program()} staff add you@example.org --name "Your Name" --role admin')
        steps.append("    prints a code; with it you open your account in the console")
    samples = CHECKOUT / "examples" / "articles"
    if not house.sources.all() and samples.is_dir():
        steps.append(f"{_program()} source add sample {_near(samples)} && {_program()} ingest")
        steps.append("    brings sample articles into the console; or add a source of your own there")
    return ["Begin in another terminal with", *(f"    {step}" for step in steps)] if steps else []


def _program() -> str:
    """Return how this program is called from here."""
    return "newsletter" if shutil.which("newsletter") else str(_near(Path(sys.executable).parent / "newsletter"))


def _near(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _stop(parts: Sequence[Part]) -> None:
    """End all at once, then the server, the first of them: within ten seconds in all."""
    if not parts:
        return
    end = time.monotonic() + PATIENCE
    workers = [part for part in parts[1:] if "worker" in part.command]
    for part in parts[1:]:
        if part not in workers:
            part.ask()
    for part in workers:  # a sender has half a dozen messages in hand, whose answers would never come
        part.finish_work(FINISHING)
        part.ask()
    for part in parts[1:]:
        part.stop(end - time.monotonic())
    parts[0].stop(end + 1 - time.monotonic())


def _environment(home: Path, prefect_port: int, config: Path | None) -> dict[str, str]:
    (home / "logs").mkdir(parents=True, exist_ok=True)
    password = os.environ.get(_SERVERS) or os.environ.get(_CLIENTS) or make_password(home)
    named = {CONFIG_VARIABLE: str(config.absolute())} if config else {}
    return {
        **prefect_environment(os.environ),
        **named,
        "NEWSLETTER_HOME": str(home),
        "PREFECT_HOME": os.environ.get("PREFECT_HOME", str(home / "prefect")),
        "PREFECT_API_URL": f"http://127.0.0.1:{prefect_port}/api",
        # The newer pages ask a host outside for their settings at every load, analytics off or not.
        "PREFECT_SERVER_UI_V2_ENABLED": "false",
        # Without it any page that an operator's browser opens may write to the server. Both are its own address.
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://127.0.0.1:{prefect_port},http://localhost:{prefect_port}",
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
        # Left to itself it lets in every process and every user of this machine, who may then run code as we do.
        _SERVERS: password,
        _CLIENTS: password,
    }


def _refuse_taken(ports: Mapping[str, int]) -> None:
    """Say which port is somebody else's before anything starts: whoever has it would answer in our place."""
    for option, number in ports.items():
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that was ours a moment ago is free
            try:
                trial.bind(("127.0.0.1", number))
            except OSError as error:
                said = f"port {number} cannot be used ({error.strerror}); name another one with --{option}"
                err.print(f"newsletter: {said}", style="red", markup=False)
                raise typer.Exit(Exit.FAILED) from error


def _told(home: Path) -> str:
    """Return where the password for Prefect's pages stands; it is never printed itself, as output is often kept."""
    given = next((name for name in (_SERVERS, _CLIENTS) if os.environ.get(name)), "")
    return f"the whole of {given}" if given else f"the one line in {home / SIGN_IN}"


def _parts(home: Path, environment: Mapping[str, str], ports: Mapping[str, int]) -> tuple[Part, ...]:
    prefect = shutil.which("prefect", path=environment["PATH"]) or "prefect"
    newsletter = [sys.executable, "-m", "newsletter"]
    site, console, figures = (str(ports[name]) for name in ("port", "console-port", "metrics-port"))
    server = [prefect, "server", "start", "--host", "127.0.0.1", "--port", str(ports["prefect-port"])]
    pages = _without_password(environment)
    return tuple(
        Part(name, command, needs, home / "logs" / f"{log}.log")
        for name, log, command, needs in (
            ("Prefect's server", "server", server, environment),
            ("the worker", "worker", [prefect, *_WORKER], environment),
            ("the dispatcher", "dispatcher", [*newsletter, "dispatch"], environment),
            ("the public site", "site", [*newsletter, "serve", "--port", site], pages),
            ("the console", "console", [*newsletter, "console", "--port", console], pages),
            ("the figures", "metrics", [*newsletter, "metrics", "--port", figures], pages),
        )
    )


def _without_password(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for parts that never speak to Prefect: what a reader talks to need not know it."""
    return {name: value for name, value in environment.items() if name not in {_SERVERS, _CLIENTS}}


def _listener(given: Settings, home: Path, environment: Mapping[str, str]) -> tuple[Part, ...]:
    """Return what takes bounces from the mail server, where that is set."""
    if not given.bounce_listen:
        return ()
    command = [sys.executable, "-m", "newsletter", "returns", "listen"]
    return (Part("the listener for bounces", command, _without_password(environment), home / "logs" / "bounces.log"),)


def _deploy(environment: Mapping[str, str], log: Path) -> None:
    command = [sys.executable, "-m", "newsletter", "deploy"]
    done = subprocess.run(
        command, env=dict(environment), cwd=CHECKOUT, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    log.write_text(done.stdout + done.stderr)
    if done.returncode != 0:
        err.print(f"newsletter: the flows could not be deployed; see {log}", style="red", markup=False)
        raise typer.Exit(Exit.FAILED)


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).status_code < 500
    except requests.RequestException:
        return False


def _wait(is_well: Callable[[], bool], part: Part, stop: threading.Event, seconds: float = 120) -> bool:
    """Tell whether the part came up in time; say why when it did not."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not stop.is_set():
        if is_well():
            return True
        if part.process is not None and part.process.poll() is not None:
            err.print(f"newsletter: {part.name} ended at once; see {part.log}", style="red", markup=False)
            return False
        time.sleep(0.3)
    if not stop.is_set():
        err.print(f"newsletter: {part.name} did not answer within {seconds:.0f} s; see {part.log}", style="red")
    return False
