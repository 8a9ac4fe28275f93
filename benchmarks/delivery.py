"""How fast one edition leaves, and what that costs: our sender against a pipelined C client and Postfix's smtp-source.

Everything is compared in the same run, interleaved, as medians of several rounds: a message of about 60 KB,
personalised, the ledger and the journal on. Needs Debian's `postfix` package (smtp-sink, smtp-source) and a C compiler.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.delivery_parts.digest import WHEN, make_composer
from benchmarks.delivery_parts.harness import (
    Measured,
    compile_part,
    database,
    measure,
    recording_sink,
    run_client,
    run_smtp_source,
    smtp_sink,
)
from subscribers.deliveries import Delivery

#: Messages per round against smtp-sink and the fast sink, rounds, and the list sizes for memory.
FULL = {"slow": 20_000, "fast": 60_000, "rsa": 10_000, "rounds": 5, "lists": (10_000, 100_000, 1_000_000)}
QUICK = {"slow": 3_000, "fast": 6_000, "rsa": 1_000, "rounds": 3, "lists": (10_000, 30_000)}


def main() -> None:
    """Measure, and say it for people or as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="within 50 s")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    arguments = parser.parse_args()
    sizes = QUICK if arguments.quick else FULL
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        report = _against_the_limit(sizes, folder) | _on_its_own(sizes, folder) | _several(sizes, folder)
    report |= {"python": platform.python_version(), "cpus": os.cpu_count(), "load": os.getloadavg()[0]}
    for key, value in report.items():
        print(f"{key:28} {value}", file=sys.stderr)
    if arguments.json:
        print(json.dumps(report))


def _against_the_limit(sizes: dict, folder: Path) -> dict[str, object]:
    """The same sink, smtp-sink, for all three; one after the other in each round."""
    message = folder / "message"
    message.write_bytes(b"".join(make_composer()(_anybody()).content()))
    client = compile_part("pipelined_client", folder)
    ours, limit, source = [], [], []
    with database("sqlite", folder) as store, smtp_sink() as port:
        for _ in range(sizes["rounds"]):
            ours.append(measure(store.url, port, sizes["slow"], folder))
            limit.append(run_client(client, port, sizes["slow"], message))
            source.append(run_smtp_source(port, sizes["slow"], message.stat().st_size))
    rate, peer = _median(ours).rate, statistics.median(source)
    return {
        "message_bytes": message.stat().st_size,
        "rate": round(rate),
        "ratio_to_smtp_source": round(statistics.median(o.rate / s for o, s in zip(ours, source, strict=True)), 3),
        "ratio_to_c_client": round(statistics.median(o.rate / c.rate for o, c in zip(ours, limit, strict=True)), 3),
        "rate_smtp_source": round(peer),
        "rate_c_client": round(_median(limit).rate),
    }


def _on_its_own(sizes: dict, folder: Path) -> dict[str, object]:
    """The fast recording sink, where the sender is the limit: rate, CPU, and memory by the length of the list."""
    sink, client = compile_part("recording_sink", folder), compile_part("pipelined_client", folder)
    message = folder / "message"
    with database("sqlite", folder) as store, recording_sink(sink, Path(os.devnull)) as port:
        fast, limit = [], []
        for _ in range(sizes["rounds"]):
            fast.append(measure(store.url, port, sizes["fast"], folder))
            limit.append(run_client(client, port, sizes["fast"], message))
        rsa = [measure(store.url, port, sizes["rsa"], folder, "--rsa") for _ in range(sizes["rounds"])]
        two = measure(store.url, port, sizes["rsa"] * 2, folder, "--rsa", senders=2)
        memory = {str(n): round(measure(store.url, port, n, folder).peak_rss_mb, 1) for n in sizes["lists"]}
    return {
        "rate_fast_sink": round(_median(fast).rate),
        "ratio_to_c_client_fast_sink": round(_median(fast).rate / _median(limit).rate, 3),
        "cpu_us_per_message": round(_median(fast).cpu_us, 1),
        "cpu_us_per_message_c_client": round(_median(limit).cpu_us, 1),
        "cpu_us_per_message_rsa": round(_median(rsa).cpu_us, 1),
        "rate_rsa": {"1": round(_median(rsa).rate), "2": round(two.rate)},
        "peak_rss_mb": memory,
    }


def _several(sizes: dict, folder: Path) -> dict[str, object]:
    """One and two senders on each engine."""
    sink = compile_part("recording_sink", folder)
    rates: dict[str, dict[str, int]] = {}
    for engine in ("sqlite", "postgresql"):
        with database(engine, folder) as store, recording_sink(sink, Path(os.devnull)) as port:
            rates[engine] = {
                str(n): round(
                    statistics.median(
                        measure(store.url, port, sizes["fast"], folder, senders=n).rate for _ in range(sizes["rounds"])
                    )
                )
                for n in (1, 2)
            }
    return {"senders": rates}


def _median(rounds: list[Measured]) -> Measured:
    return Measured(
        statistics.median(r.rate for r in rounds),
        statistics.median(r.cpu_us for r in rounds),
        max(r.peak_rss_mb for r in rounds),
    )


def _anybody() -> Delivery:
    return Delivery(
        mailing=1,
        idx=1,
        chunk=1,
        edition="e",
        subscriber="1",
        address="r@example.org",
        name="Reader",
        variant="",
        date=WHEN,
    )


if __name__ == "__main__":
    main()
