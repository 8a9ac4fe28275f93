"""Where a sender's CPU goes: each stage alone, the floor below all of them, and what the whole costs beyond their sum.

`least` is the CPU of the least disturbed of many short rounds of one stage alone, its code and data at hand. The runs
of whole processes alternate, and their medians are CPU too (user and system), not wall time: they hold on a machine
that others use as well. But a busy machine hides what it costs to wake a sink that sleeps on a core of its own: with
`--alone` (as root) the processes get real-time priority, and so both cores to themselves. Needs a C compiler.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.delivery_parts.digest import make_composer
from benchmarks.delivery_parts.harness import (
    CONNECTIONS,
    PARTS,
    ROOT,
    clock,
    compile_part,
    database,
    measure,
    recording_sink,
    run_client,
)
from benchmarks.delivery_parts.sealing import measure_sealing
from benchmarks.delivery_parts.sender import CLOCKED
from benchmarks.delivery_parts.stages import make_deliveries, measure_stages

FULL = {"rounds": 40, "runs": 5, "messages": 20_000, "signed": 4_000}
QUICK = {"rounds": 15, "runs": 3, "messages": 6_000, "signed": 1_200}


def main() -> None:
    """Measure, and say it for people or as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="within 50 s on a quiet machine")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--alone", action="store_true", help="with real-time priority, for a few seconds")
    arguments = parser.parse_args()
    sizes = QUICK if arguments.quick else FULL
    report: dict[str, object] = {
        "stages": _rounded(measure_stages(sizes["rounds"])),
        "sealing": _rounded(measure_sealing(sizes["rounds"])),
    }
    if arguments.alone:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    with tempfile.TemporaryDirectory(prefix="profile-") as name:
        report["runs"], report["in company"] = _runs(sizes, Path(name))
    report |= {"cpus": os.cpu_count(), "load": os.getloadavg()[0]}
    _say(report)
    if arguments.json:
        print(json.dumps(report))


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {what: round(cpu, 1) for what, cpu in figures.items()}


def _runs(sizes: dict[str, int], folder: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Whole processes to the fast recording sink, one after the other in each round: microseconds of CPU a message.

    Returned beside them is what the parts of a sender took in such a run, each in one of its own.
    """
    sink, client = compile_part("recording_sink", folder), compile_part("pipelined_client", folder)
    message = folder / "message"
    message.write_bytes(b"".join(make_composer()(make_deliveries(1)[0]).content()))
    found: dict[str, list[float]] = {}
    with database("sqlite", folder) as store, recording_sink(sink, Path(os.devnull)) as port:
        for _ in range(sizes["runs"]):
            count = sizes["messages"]
            round_ = {
                "C client": run_client(client, port, count, message).cpu_us,
                "bare loop, asyncio": _bare(port, count, "--plain"),
                "bare loop, uvloop": _bare(port, count),
                "sender": measure(store.url, port, count, folder).cpu_us,
                "two senders": measure(store.url, port, count, folder, senders=2).cpu_us,
                "sender, RSA": measure(store.url, port, sizes["signed"], folder, "--rsa").cpu_us,
            }
            for what, cpu in round_.items():
                found.setdefault(what, []).append(cpu)
        parts = {part: clock(part, store.url, port, sizes["messages"], folder) for part in CLOCKED}
    return {what: round(statistics.median(cpu), 1) for what, cpu in found.items()}, _rounded(parts)


def _bare(port: int, count: int, *options: str) -> float:
    words = [sys.executable, "-m", f"benchmarks.{PARTS.name}.bare_loop", str(port), str(CONNECTIONS), str(count)]
    done = subprocess.run([*words, *options], cwd=ROOT, check=True, capture_output=True, text=True)
    said = json.loads(done.stdout)
    return float(said["user_s"] + said["system_s"]) / count * 1e6


def _say(report: dict[str, object]) -> None:
    for part in ("stages", "sealing", "runs", "in company"):
        figures = report[part]
        assert isinstance(figures, dict)
        print(f"{part}, us of CPU a message", file=sys.stderr)
        for what, cpu in figures.items():
            print(f"  {what:34} {cpu:7.1f}", file=sys.stderr)
    print(f"load {report['load']:.1f} on {report['cpus']} cores", file=sys.stderr)


if __name__ == "__main__":
    main()
