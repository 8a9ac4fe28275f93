"""What 1, 2 and 4 senders do on one PostgreSQL, what each message costs where, and what that means past one machine.

Measured: CPU of senders, of the database and of the receiving sink, a message; bytes of rows and of the log of the
database; the rate. Simulated: senders, each on a core of its own, that take turns at one database, with the measured
costs; first for this very machine, to be held against the measurement, then for days of 10 and 100 million messages.

    python -m benchmarks.scaling [--quick] [--json]
"""

import argparse
import heapq
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import create_engine, text

from benchmarks.delivery_parts.harness import Measured, compile_part, database, measure, recording_sink
from newsletter.storage.ledger import CHUNK

#: Octets of one message on the wire: the digest of `delivery_parts/digest.py` with its envelope.
MESSAGE_BYTES = 61_500

#: Share of a day's messages in the busiest hours, and how long those are: most readers like their morning.
PEAK_SHARE, PEAK_SECONDS = 0.8, 7_200

#: How busy a core may be on purpose: beyond, queues grow.
BUSY = 0.6

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one message costs, in microseconds of CPU and in octets."""

    sender_us: float
    database_us: float
    sink_us: float
    row_bytes: float  #: tables and indexes: its row in the audience, its row of the outcome
    log_bytes: float  #: of the database's write-ahead log


@dataclass(frozen=True, kw_only=True)
class Day:
    """What a day of so many messages needs, by calculation, and what the simulation says of it."""

    recipients: int
    peak_per_second: float
    sender_cores: float
    sender_cores_signing: float
    database_cores: float
    network_gbit: float
    rows_gb: float
    log_gb: float
    turns_per_second: float
    simulated_senders: int
    simulated_peak_seconds: float  #: how long the busiest hours' messages take with these senders
    simulated_database_busy: float


def simulate(messages: int, senders: int, cost: Cost, cores: int, database_cores: int) -> tuple[float, float]:
    """Return how many seconds `senders` need for `messages`, and how busy the database is meanwhile.

    Each sender leases a chunk, spends its CPU on the messages, then waits for its turn at the database, which serves
    as many at once as it has cores. Senders share `cores` cores; the sink's work counts as theirs.
    """
    share = max(1.0, senders / cores)  # how much slower each is where they share cores
    work = CHUNK * (cost.sender_us + cost.sink_us) / 1e6 * share
    turn = CHUNK * cost.database_us / 1e6
    servers = [0.0] * database_cores
    ready = [(work * (n + 1) / senders, n) for n in range(senders)]  # they do not begin in the same moment
    heapq.heapify(ready)
    heapq.heapify(servers)
    left, end, busy = messages, 0.0, 0.0
    while left > 0:
        at, sender = heapq.heappop(ready)
        begins = max(at, heapq.heappop(servers))
        end = max(end, begins + turn)
        heapq.heappush(servers, begins + turn)
        heapq.heappush(ready, (begins + turn + work, sender))
        left, busy = left - CHUNK, busy + turn
    return end, busy / (end * database_cores)


def day(recipients: int, cost: Cost, signing_us: float) -> Day:
    """Return what a day of `recipients` messages needs."""
    peak = recipients * PEAK_SHARE / PEAK_SECONDS
    signing = Cost(**(asdict(cost) | {"sender_us": signing_us, "sink_us": 0.0}))
    senders = max(1, round(peak * signing_us / 1e6 / BUSY + 0.5))
    seconds, busy = simulate(int(recipients * PEAK_SHARE), senders, signing, senders, 8)
    return Day(
        recipients=recipients,
        peak_per_second=round(peak),
        sender_cores=round(peak * cost.sender_us / 1e6 / BUSY, 1),
        sender_cores_signing=round(peak * signing_us / 1e6 / BUSY, 1),
        database_cores=round(peak * cost.database_us / 1e6 / BUSY, 1),
        network_gbit=round(peak * MESSAGE_BYTES * 8 / 1e9, 2),
        rows_gb=round(recipients * cost.row_bytes / 1e9, 1),
        log_gb=round(recipients * cost.log_bytes / 1e9, 1),
        turns_per_second=round(peak / CHUNK, 1),
        simulated_senders=senders,
        simulated_peak_seconds=round(seconds),
        simulated_database_busy=round(busy, 3),
    )


def main() -> None:
    """Measure, hold the simulation against it, and calculate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="5,000 messages rather than 30,000 by each")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    a = parser.parse_args()
    count = 5_000 if a.quick else 30_000
    measured, cost, signing_us = _measure(count)
    cores = os.cpu_count() or 1
    rates = {n: round(m.rate) for n, m in measured.items()}
    # On one machine the database runs on the senders' cores: its work is theirs.
    here = Cost(**(asdict(cost) | {"sender_us": cost.sender_us + cost.database_us}))
    predicted = {n: round(count / simulate(count, n, here, cores, cores)[0]) for n in measured}
    report: dict[str, object] = {
        "messages": count,
        "cost": asdict(cost),
        "signing_us": round(signing_us, 1),
        "rate": rates,
        "sender_us": {n: round(m.cpu_us, 1) for n, m in measured.items()},
        "simulated_rate_on_idle_cores": predicted,
        "days": [asdict(day(n, cost, signing_us)) for n in (10_000_000, 100_000_000)],
        "cpus": cores,
        "load": round(os.getloadavg()[0], 1),
    }
    for name, value in report.items():
        print(f"{name:32} {value}", file=sys.stderr)
    if a.json:
        print(json.dumps(report))


def _measure(count: int) -> tuple[dict[int, Measured], Cost, float]:
    with tempfile.TemporaryDirectory(prefix="scaling-") as name, database("postgresql", Path(name)) as base:
        folder = Path(name)
        sink = compile_part("recording_sink", folder)
        postmaster = int((_data(base.url) / "postmaster.pid").read_text().split()[0])
        admin = create_engine(base.url)
        with recording_sink(sink, Path(os.devnull)) as port:
            measure(base.url, port, count // 5, folder)  # what is loaded once is loaded
            before = _database_cpu(postmaster), _sink_cpu(sink), *_sizes(admin)
            measured = {n: measure(base.url, port, count, folder, senders=n) for n in (1, 2, 4)}
            time.sleep(0.5)
            after = _database_cpu(postmaster), _sink_cpu(sink), *_sizes(admin)
            signing = measure(base.url, port, max(count // 5, 1_000), folder, "--rsa").cpu_us
        admin.dispose()
    database_us, sink_us, rows, log = ((b - a) / (count * 3) for a, b in zip(before, after, strict=True))
    cost = Cost(
        sender_us=round(sum(m.cpu_us for m in measured.values()) / len(measured), 1),
        database_us=round(database_us * 1e6, 1),
        sink_us=round(sink_us * 1e6, 1),
        row_bytes=round(rows),
        log_bytes=round(log),
    )
    return measured, cost, signing


def _data(url: str) -> Path:
    return Path(url.partition("host=")[2].replace("%2F", "/"))


def _database_cpu(postmaster: int) -> float:
    """Return the CPU-seconds of a PostgreSQL server: its own, its children's, and those of children that ended."""
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    return _cpu(postmaster, with_ended=True) + sum(_cpu(int(child)) for child in children)


def _sink_cpu(program: Path) -> float:
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        if entry.read_bytes().startswith(str(program).encode()):
            return _cpu(int(entry.parent.name))
    return 0.0


def _cpu(pid: int, *, with_ended: bool = False) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except FileNotFoundError:
        return 0.0
    return sum(int(n) for n in fields[11 : 15 if with_ended else 13]) / _TICKS


def _sizes(admin: object) -> tuple[float, float]:
    with admin.connect() as connection:  # type: ignore[attr-defined]
        tables = " + ".join(f"pg_total_relation_size('{name}')" for name in ("audience", "outcomes", "chunks"))
        return tuple(connection.execute(text(f"SELECT {tables}, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')")).one())


if __name__ == "__main__":
    main()
