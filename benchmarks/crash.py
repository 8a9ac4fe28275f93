"""Kills senders at random moments and audits every recipient against what the receiving server saw.

The sink notes a message at the moment of acceptance, before it says 250: its log is the truth. After the kills senders
run until nothing is left to try (with the clock moved on for what is deferred). Then each recipient must have exactly
one end, nobody may have been accepted twice, nobody may count as accepted whom the sink never saw, and the uncertain
may not be more than the open connections of each kill.
"""

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.delivery_parts.harness import (
    CONNECTIONS,
    EDITION,
    compile_part,
    database,
    make_people,
    recording_sink,
    start_sender,
)
from newsletter.storage.engine import open_engine
from newsletter.storage.ledger import LEASE, Ledger
from subscribers.deliveries import Outcome

#: Thousandths of all messages that go wrong, in the scenarios with a bad server.
BAD_SERVER = ("defer=20", "refuse=10", "rcpt=10", "mid=2", "after=2", "garbage=1", "stall=1")


@dataclass(kw_only=True)
class Field:
    """Where one scenario takes place."""

    url: str
    restart: Callable[[], None]  #: of the database
    port: int
    folder: Path
    engine: str
    count: int
    kills: int
    draw: random.Random
    log: Path  #: of the sink: who was accepted, before anybody is told
    moment: float  #: seconds that a sender works at most before it is killed
    options: tuple[str, ...] = ()
    done_kills: int = 0
    bound: int = 0  #: how many may be uncertain
    notes: list[str] = field(default_factory=list)

    def start(self, host: str = "host", *options: str) -> "subprocess.Popen[str]":
        """Start a sender on one host: hosts are folders of journals."""
        return start_sender(self.url, self.port, self.folder / host, *self.options, *options)

    def kill(self, *processes: "subprocess.Popen[str]") -> None:
        """Kill senders where they stand."""
        for process in processes:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                self.done_kills += 1
                self.bound += CONNECTIONS
            process.communicate()

    def under_way(self, *processes: "subprocess.Popen[str]") -> None:
        """Wait until the sink has accepted something more, then a random moment."""
        before = self.log.stat().st_size
        while self.log.stat().st_size == before and any(process.poll() is None for process in processes):
            time.sleep(0.005)
        time.sleep(self.draw.uniform(0, self.moment))

    def progress(self) -> int:
        """Return how many have an outcome."""
        engine = open_engine(self.url)
        tally = Ledger(engine).tally(EDITION)
        engine.dispose()
        if not tally.adds_up:
            raise AssertionError(f"the sum does not add up: {tally}")
        return tally.candidates - tally.pending - tally.deferred


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What became of everybody."""

    scenario: str
    engine: str
    recipients: int
    kills: int
    accounted: int
    accepted: int
    refused: int
    uncertain: int
    uncertain_had_arrived: int
    uncertain_allowed: int
    accepted_twice: int
    accepted_unseen: int  #: counted as accepted, never seen by the sink
    seen_unaccounted: int  #: seen by the sink, neither accepted nor uncertain
    seconds: float
    notes: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Tell whether nobody was lost, and nobody got it twice."""
        exact = self.accounted == self.recipients and self.accepted + self.refused + self.uncertain == self.recipients
        return (
            exact
            and self.accepted_twice == self.accepted_unseen == self.seen_unaccounted == 0
            and self.uncertain <= self.uncertain_allowed
        )


def plain(where: Field) -> None:
    """Kill one sender after the other, at random moments."""
    while where.done_kills < where.kills and where.progress() < where.count:
        process = where.start()
        where.under_way(process)
        where.kill(process)


def two_senders(where: Field) -> None:
    """Two senders share the ledger; one of them is killed again and again."""
    while where.done_kills < where.kills and where.progress() < where.count:
        both = [where.start(), where.start()]
        where.under_way(*both)
        where.kill(*both)


def lost_host(where: Field) -> None:
    """Two hosts; one dies for good, its journals with it: its leased chunks, two at most, are uncertain."""
    lost = where.start("lost")
    where.under_way(lost)
    other = where.start("other")
    where.kill(lost)
    shutil.rmtree(where.folder / "lost")
    where.bound += 1_000
    other.communicate()
    # Its lease has to run out before anybody may judge it.
    where.start("other", "--shift", str(LEASE.total_seconds() + 5)).communicate()


def stopped_for_a_while(where: Field) -> None:
    """A sender sleeps (SIGSTOP) past its lease, another takes over by its journal, then it wakes up."""
    sleeper = where.start()
    where.under_way(sleeper)
    sleeper.send_signal(signal.SIGSTOP)
    where.start("host", "--shift", str(LEASE.total_seconds() + 5)).communicate()
    sleeper.send_signal(signal.SIGCONT)
    where.bound += CONNECTIONS
    sleeper.communicate()


def clock_set_back(where: Field) -> None:
    """Kills, and every second sender believes that it is an hour earlier."""
    for n in range(where.kills):
        process = where.start("host", *(("--shift", "-3600") if n % 2 else ()))
        where.under_way(process)
        where.kill(process)


def database_restarts(where: Field) -> None:
    """PostgreSQL is restarted at once, without waiting for anybody, in the middle."""
    sender = where.start()
    where.under_way(sender)
    for _ in range(3):
        time.sleep(where.draw.uniform(0.4, 0.9))
        where.restart()
    sender.communicate()
    where.bound += CONNECTIONS * 3


def full_disk(where: Field) -> None:
    """The volume of ledger and journal is full for a while; the journal has its room already."""
    sender = where.start()
    where.under_way(sender)
    ballast = where.folder / "ballast"
    with ballast.open("wb") as file:
        try:
            while True:
                file.write(bytes(1 << 16))
        except OSError:
            where.notes.append("the disk was full")
    time.sleep(1.5)
    ballast.unlink()
    said = json.loads(sender.communicate()[0])
    where.notes.append(said["trouble"] or "the sender waited it out")


def power_lost(where: Field) -> None:
    """The machine loses power: what had not reached the block device is gone, and it is another boot.

    The disk is an ext4 on a loop device. Its image is copied while the sender stands still: the copy holds what had
    been written to the device, and nothing of what only the page cache knew. Then the sender is killed, the copy is
    mounted in the place of the first disk, and the journals are given the mark of another boot.
    """
    disk, image = where.folder, where.folder.parent / "disk.image"
    for n in range(where.kills):
        process = where.start()
        where.under_way(process)
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.1)  # a flush that was under way ends; nothing begins another
        copy = image.with_suffix(f".{n}")
        shutil.copyfile(image, copy)
        where.kill(process)
        subprocess.run(["umount", "-l", str(disk)], check=True)
        copy.replace(image)
        subprocess.run(["mount", "-o", f"loop,{_MOUNT}", str(image), str(disk)], check=True)
        for journal in disk.glob("host/*.journal"):
            with journal.open("r+b") as file:
                file.seek(16)
                file.write(b"another boot".ljust(36))
        # Whatever was answered since the last commit: the results are not flushed, the intents are.
        where.bound += 1_000


def power_lost_with_journal_on_disk(where: Field) -> None:
    """The same with `fsync`: the journal is trusted after it."""
    where.options = ("--fsync",)
    power_lost(where)


#: Few writes of the kernel's own accord, so that a copy of the image is that of one moment.
_MOUNT = "commit=300"

#: Each scenario, the engines it is for, the faults of its server.
SCENARIOS: dict[str, tuple[Callable[[Field], None], tuple[str, ...], tuple[str, ...]]] = {
    "kills": (plain, ("sqlite", "postgresql"), ()),
    "kills, bad server": (plain, ("sqlite", "postgresql"), BAD_SERVER),
    "two senders": (two_senders, ("sqlite", "postgresql"), ()),
    "two hosts, one lost": (lost_host, ("postgresql",), ()),
    "stopped past the lease": (stopped_for_a_while, ("sqlite", "postgresql"), ()),
    "clock set back": (clock_set_back, ("sqlite", "postgresql"), ()),
    "database restarted": (database_restarts, ("postgresql",), ()),
    "full disk": (full_disk, ("sqlite",), ()),
    "power lost": (power_lost, ("sqlite",), ()),
    "power lost, fsync": (power_lost_with_journal_on_disk, ("sqlite",), ()),
}


def main() -> None:
    """Run scenarios; end with 1 if one of them fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipients", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=20, help="per scenario and engine")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--moment", type=float, default=0.8, help="seconds that a sender works at most before its kill")
    parser.add_argument("--only", help="a part of a scenario's name; =NAME: that one alone")
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), help="only on this one")
    parser.add_argument("--json", action="store_true")
    a = parser.parse_args()
    audits = []
    for name, (act, engines, faults) in SCENARIOS.items():
        if a.only and a.only not in name and a.only != f"={name}":
            continue
        for engine in engines:
            if a.engine not in {None, engine}:
                continue
            audits.append(_run(name, act, engine, faults, a.recipients, a.kills, a.seed, a.moment))
            _print(audits[-1])
    if a.json:
        print(json.dumps([asdict(audit) | {"passed": audit.passed} for audit in audits]))
    sys.exit(0 if all(audit.passed for audit in audits) else 1)


def _run(
    name: str,
    act: Callable[[Field], None],
    engine: str,
    faults: tuple[str, ...],
    count: int,
    kills: int,
    seed: int,
    moment: float,
) -> Audit:
    began = time.monotonic()
    with ExitStack() as stack:
        outside = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crash-")))
        folder = stack.enter_context(_VOLUMES[act](outside)) if act in _VOLUMES else outside
        base = stack.enter_context(database(engine, folder))
        store = open_engine(base.url)
        Ledger(store).freeze(EDITION, make_people(count))
        store.dispose()
        log = outside / "accepted"
        port = stack.enter_context(recording_sink(compile_part("recording_sink", outside), log, faults))
        draw = random.Random(seed)
        where = Field(
            url=base.url,
            restart=base.restart,
            port=port,
            folder=folder,
            engine=engine,
            count=count,
            kills=kills,
            draw=draw,
            log=log,
            moment=moment,
        )
        act(where)
        _finish(where)
        return _audit(name, where, log, bool(faults), time.monotonic() - began)


def _finish(where: Field) -> None:
    """Send until nothing is left to try, with the clock moved on for what is deferred."""
    for hours in (0, 0, 1, 2, 6, 12, 24, 49, 60, 72):
        where.start("host", "--shift", str(hours * 3600)).communicate()
        if where.progress() == where.count:
            return


def _audit(name: str, where: Field, log: Path, faulty: bool, seconds: float) -> Audit:
    seen = Counter(log.read_text().split())
    engine = open_engine(where.url)
    ledger = Ledger(engine)
    tally = ledger.tally(EDITION)
    accepted, uncertain = (
        {who.address for who, _ in ledger.who(EDITION, outcome)} for outcome in (Outcome.ACCEPTED, Outcome.UNCERTAIN)
    )
    engine.dispose()
    # A server that drops lines and talks nonsense leaves doubts of its own: those of its faults after the dot.
    allowed = where.bound + (sum(1 for _ in range(where.count)) // 100 if faulty else 0)
    return Audit(
        scenario=name,
        engine=where.engine,
        recipients=where.count,
        kills=where.done_kills,
        accounted=tally.accounted,
        accepted=tally.accepted,
        refused=tally.refused,
        uncertain=tally.uncertain,
        uncertain_had_arrived=len(uncertain & set(seen)),
        uncertain_allowed=allowed,
        accepted_twice=sum(n - 1 for n in seen.values()),
        accepted_unseen=len(accepted - set(seen)),
        seen_unaccounted=len(set(seen) - accepted - uncertain),
        seconds=round(seconds, 1),
        notes=tuple(where.notes),
    )


def _print(audit: Audit) -> None:
    print(
        f"{'ok  ' if audit.passed else 'FAIL'} {audit.scenario:24} {audit.engine:10} {audit.kills:4} kills  "
        f"{audit.accounted}/{audit.recipients} accounted = {audit.accepted} accepted + {audit.refused} refused + "
        f"{audit.uncertain} uncertain ({audit.uncertain_had_arrived} arrived, {audit.uncertain_allowed} allowed)  "
        f"twice {audit.accepted_twice}  unseen {audit.accepted_unseen}  unaccounted {audit.seen_unaccounted}  "
        f"{audit.seconds} s {'; '.join(audit.notes)}",
        flush=True,
    )


@contextmanager
def _small_disk(outside: Path) -> Iterator[Path]:
    """Yield a folder on a volume of its own, 96 MB large. It takes root."""
    yield from _mounted(outside, "mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs")


@contextmanager
def _loop_disk(outside: Path) -> Iterator[Path]:
    """Yield a folder on an ext4 of its own, in the file `disk.image` beside it. It takes root."""
    image = outside / "disk.image"
    with image.open("wb") as file:
        file.truncate(256 << 20)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    yield from _mounted(outside, "mount", "-o", f"loop,{_MOUNT}", str(image))


def _mounted(outside: Path, *mount: str) -> Iterator[Path]:
    folder = outside / "disk"
    folder.mkdir()
    subprocess.run([*mount, str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


#: The scenarios that need a volume of their own.
_VOLUMES = {full_disk: _small_disk, power_lost: _loop_disk, power_lost_with_journal_on_disk: _loop_disk}

if __name__ == "__main__":
    main()
