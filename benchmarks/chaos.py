"""Kills every part of a running installation, again and again, in the middle of one edition; then audits every reader.

Senders on hosts of their own (processes with their own home and journals), a dispatcher, Prefect's server and its
workers (each a process), and a PostgreSQL server stand behind the same store. Each is killed where it stands
(SIGKILL; PostgreSQL: an immediate stop and start) at random moments while mail flows, and started again as `newsletter
up` or systemd would. Nobody helps. The sink notes each message at the moment of acceptance: its log is the truth.

    python -m benchmarks.chaos                       50,000 readers, each part killed 10 times
    python -m benchmarks.chaos --quick               within a minute, without Prefect
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from benchmarks.delivery_parts.harness import ROOT, Database, compile_part, database, recording_sink
from content.approvals import Approval, Decision
from content.articles import Article, Block, BlockKind
from content.sends import SendState
from newsletter.cli.up import Part
from newsletter.dispatching import accept
from newsletter.publishing import draft
from newsletter.scheduling import send_now, standing
from newsletter.settings import Settings
from newsletter.storage.people import subscribers, subscriptions, take_numbers
from newsletter.wiring import House, open_house
from subscribers.deliveries import Outcome
from subscribers.people import Subscriber, SubscriptionState

#: How long nobody may get anything, and how long the edition may take after the last kill, in seconds: a killed part
#: starts in a few seconds, on a busy machine in a minute.
NOTICED_WITHIN, FINISHED_WITHIN = 120, 300

#: Connections of each sender: as many may be uncertain after it was killed.
CONNECTIONS = 10

#: How often a run of the flow `send` is begun, as a schedule would.
RUN_EVERY = 20.0


@dataclass(kw_only=True)
class Town:
    """Everything that runs, and what may be done to it."""

    base: Database
    folder: Path
    log: Path  #: of the sink
    environment: Mapping[str, str]
    draw: random.Random
    parts: dict[str, list[Part]] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)
    api: str = ""  #: of Prefect's server; empty: there is none
    silence: float = 0.0  #: the longest time in which nobody got anything
    _seen: int = 0
    _moved_at: float = 0.0
    _begun_at: float = 0.0

    def part(self, kind: str, name: str, command: list[str], home: str = "") -> None:
        """Start one part, on a host of its own if it has a home."""
        own = {"NEWSLETTER_HOME": str(self.folder / home)} if home else {}
        new = Part(name, command, {**self.environment, **own}, self.folder / f"{name}.log")
        new.start()
        self.parts.setdefault(kind, []).append(new)

    def kill(self, kind: str) -> None:
        """Kill one part of this kind where it stands, as soon as one lives; it is started again."""
        if kind == "database":
            self.base.restart()
        else:
            while not (living := [p for p in self.parts[kind] if p.process and p.process.poll() is None]):
                self.tend()
                time.sleep(0.1)
            victim = self.draw.choice(living)
            assert victim.process
            victim.process.send_signal(signal.SIGKILL)
            victim.process.wait()
        self.kills[kind] += 1

    def tend(self) -> int:
        """Start again what has died, begin a run when it is time; return how many messages the sink has accepted."""
        for parts in self.parts.values():
            for part in parts:
                part.deaths = 0  # killed by us, not by its own fault
                part.tend()
        now = time.monotonic()
        if self.api and now - self._begun_at > RUN_EVERY:
            self._begun_at = now
            self._begin_run()
        seen = self.log.read_bytes().count(b"\n") if self.log.exists() else 0
        if seen > self._seen:
            if self._seen:
                self.silence = max(self.silence, now - self._moved_at)
            self._seen, self._moved_at = seen, now
        return seen

    def _begin_run(self) -> None:
        with suppress(requests.RequestException):  # the server may be dead just now; the next time it is not
            found = requests.post(f"{self.api}/deployments/filter", json={}, timeout=5).json()
            send = next((d["id"] for d in found if d["name"] == "send"), None)
            body: dict[str, Any] = {"state": {"type": "SCHEDULED"}}
            if send:
                requests.post(f"{self.api}/deployments/{send}/create_flow_run", json=body, timeout=5)

    def stop(self) -> None:
        """End everything."""
        for parts in self.parts.values():
            for part in parts:
                part.stop(5)


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What became of everybody."""

    recipients: int
    kills: Mapping[str, int]
    accounted: int
    accepted: int
    refused: int
    uncertain: int
    uncertain_had_arrived: int
    uncertain_allowed: int
    accepted_twice: int
    accepted_unseen: int
    seen_unaccounted: int
    longest_silence: float
    finished_after: float  #: seconds after the last kill; -1: it never did
    seconds: float

    @property
    def passed(self) -> bool:
        """Tell whether nobody was lost or got it twice, and no person was needed."""
        ends = self.accepted + self.refused + self.uncertain
        return (
            self.accounted == self.recipients == ends
            and self.accepted_twice == self.accepted_unseen == self.seen_unaccounted == 0
            and self.uncertain <= self.uncertain_allowed
            and self.longest_silence <= NOTICED_WITHIN
            and 0 <= self.finished_after <= FINISHED_WITHIN
        )


def run(recipients: int, kills: int, rate: float, seed: int, *, with_prefect: bool) -> Audit:
    """Run one edition through `kills` kills of every part; return what became of everybody."""
    began = time.monotonic()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-")))
        base = stack.enter_context(database("postgresql", folder))
        log = folder / "accepted"
        port = stack.enter_context(recording_sink(compile_part("recording_sink", folder), log))
        (folder / "key").write_text("k" * 64)
        town = Town(
            base=base,
            folder=folder,
            log=log,
            environment=_environment(folder, base.url, port, rate),
            draw=random.Random(seed),
        )
        key = _prepare(town, recipients)
        stack.callback(town.stop)
        kinds = _start(town, with_prefect=with_prefect)
        ended = _go_through(town, recipients, [kind for kind in kinds for _ in range(kills)])
        with open_house(_settings(town)) as house:
            after = _wait_for_the_end(town, house, key, ended)
            town.stop()
            return _audit(town, house, key, after, time.monotonic() - began)


def _environment(folder: Path, url: str, port: int, rate: float) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("NEWSLETTER_", "PREFECT_"))},
        "PYTHONPATH": str(ROOT),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "NEWSLETTER_DATABASE_URL": url,
        "NEWSLETTER_HOME": str(folder / "desk"),
        "NEWSLETTER_KEY_FILE": str(folder / "key"),
        "NEWSLETTER_POSTAL_ADDRESS": "1 Example Street",
        "NEWSLETTER_SMTP_HOST": "127.0.0.1",
        "NEWSLETTER_SMTP_PORT": str(port),
        "NEWSLETTER_SMTP_CONNECTIONS": str(CONNECTIONS),
        "NEWSLETTER_SEND_RATE": str(rate),
        "NEWSLETTER_LOCAL_HOURS": "false",
        "NEWSLETTER_LOG_FORMAT": "json",
        "NEWSLETTER_CHECKOUT": str(ROOT),
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }


def _settings(town: Town) -> Settings:
    given = town.environment
    return Settings(
        home=Path(given["NEWSLETTER_HOME"]),
        database_url=given["NEWSLETTER_DATABASE_URL"],
        key_file=Path(given["NEWSLETTER_KEY_FILE"]),
        postal_address=given["NEWSLETTER_POSTAL_ADDRESS"],
        local_hours=False,
    )


def _prepare(town: Town, recipients: int) -> str:
    """Fill the store with readers and one approved edition that may leave; return its key."""
    now = datetime.now(UTC)
    text = Block(BlockKind.PARAGRAPH, "Acne scars fade slowly, and no cream hurries them.")
    article = Article(id="scars.md", title="Scars", blocks=(text,))
    with open_house(_settings(town)) as house:
        first = Subscriber(id="r0", address="reader0@d0.example.org", name="Reader")
        house.people.add([first], "beauty", now - timedelta(days=1), SubscriptionState.CONFIRMED)
        _multiply(house, recipients)
        house.articles.record([article], now)
        house.articles.decide(
            [Approval(revision=article.revision, decision=Decision.APPROVED, by="chaos", at=now, note="")]
        )
        record = draft(house, now)
        assert record
        accept(house, now)
        send_now(house, record.edition.key, by="chaos", now=now)
        return record.edition.key


def _multiply(house: House, recipients: int) -> None:
    """Put people like the first beside them, in one statement each: one by one takes minutes."""
    address = "'reader' || n || '@d' || n % 997 || '.example.org'"
    own = {"id": "'r' || n", "subscriber": "'r' || n", "address": address, "key": address, "number": 't."number" + n'}
    with house.engine.begin() as connection:
        for table, column in ((subscribers, "id"), (subscriptions, "subscriber")):
            columns = [c.name for c in table.columns]
            values = ", ".join(own.get(name, f't."{name}"') for name in columns)
            names = ", ".join(f'"{name}"' for name in columns)
            people = f"generate_series(1, {recipients - 1}) n"
            connection.exec_driver_sql(
                f"INSERT INTO {table.name} ({names}) SELECT {values.replace('%', '%%')} "
                f"FROM {table.name} t, {people} WHERE t.{column} = 'r0'"
            )
        take_numbers(connection, "people", recipients - 1)


def _start(town: Town, *, with_prefect: bool) -> list[str]:
    """Start every part; return which kinds there are to kill."""
    newsletter = [sys.executable, "-m", "newsletter"]
    town.part("dispatcher", "dispatcher", [*newsletter, "dispatch"])
    for host in ("host-a", "host-b"):
        town.part("sender", host, [*newsletter, "send"], home=host)
    kinds = ["sender", "database", "dispatcher"]
    return [*kinds, *_start_prefect(town)] if with_prefect else kinds


def _start_prefect(town: Town) -> list[str]:
    from tests.flows.server import free_port, running, wait_for

    port = free_port()
    api = f"http://127.0.0.1:{port}/api"
    town.environment = {**town.environment, "PREFECT_API_URL": api, "PREFECT_HOME": str(town.folder / "prefect")}
    town.part("server", "server", ["prefect", "server", "start", "--no-ui", "--port", str(port)])
    wait_for(lambda: requests.get(f"{api}/health", timeout=5).ok, 300)
    log = town.folder / "deploy.log"
    with running([sys.executable, "-m", "newsletter", "deploy"], dict(town.environment), log) as deploying:
        if deploying.wait(300) != 0:
            raise RuntimeError(log.read_text())
    for host in ("host-c", "host-d"):
        town.part("worker", host, ["prefect", "worker", "start", "--pool", "newsletter", "--name", host], home=host)
    town.api = api
    return ["server", "worker"]


def _go_through(town: Town, recipients: int, kills: list[str]) -> float:
    """Kill one part after the other, spread over the edition; return when the last was killed."""
    town.draw.shuffle(kills)
    for n, kind in enumerate(kills, start=1):
        # Within the first nine tenths, so that there is something left to lose.
        moment = int(recipients * 0.9 * (n - town.draw.random() * 0.8) / len(kills))
        end = time.monotonic() + NOTICED_WITHIN * 2
        while town.tend() < moment and time.monotonic() < end:
            time.sleep(0.05)
        town.kill(kind)
        print(f"{town.tend():7} accepted, killed: {kind}", file=sys.stderr, flush=True)
    return time.monotonic()


def _wait_for_the_end(town: Town, house: House, key: str, ended: float) -> float:
    """Return how long after the last kill the edition was noted as sent; -1 when it was not."""
    while time.monotonic() - ended < FINISHED_WITHIN * 2:
        town.tend()
        with suppress(Exception):  # the database may have been killed a moment ago
            if standing(house, key).state is SendState.SENT:
                return time.monotonic() - ended
        time.sleep(0.5)
    return -1.0


def _audit(town: Town, house: House, key: str, after: float, seconds: float) -> Audit:
    seen = Counter(town.log.read_text().split())
    tally = house.ledger.tally(key)
    accepted, uncertain = (
        {who.address for who, _ in house.ledger.who(key, outcome)} for outcome in (Outcome.ACCEPTED, Outcome.UNCERTAIN)
    )
    return Audit(
        recipients=tally.candidates,
        kills=dict(town.kills),
        accounted=tally.accounted,
        accepted=tally.accepted,
        refused=tally.refused,
        uncertain=tally.uncertain,
        uncertain_had_arrived=len(uncertain & set(seen)),
        # The database's stop may break every sender's connection to the ledger for longer than it tries.
        uncertain_allowed=CONNECTIONS * (town.kills["sender"] + town.kills["worker"] + 4 * town.kills["database"]),
        accepted_twice=sum(n - 1 for n in seen.values()),
        accepted_unseen=len(accepted - set(seen)),
        seen_unaccounted=len(set(seen) - accepted - uncertain),
        longest_silence=round(town.silence, 1),
        finished_after=round(after, 1),
        seconds=round(seconds, 1),
    )


def main() -> None:
    """Run it; end with 1 if somebody was lost, or got it twice, or a person would have been needed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipients", type=int, default=50_000)
    parser.add_argument("--kills", type=int, default=10, help="of each part")
    parser.add_argument("--rate", type=float, default=250, help="messages a second, all senders together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="3,000 readers, one kill of each, without Prefect")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    a = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that everything that was started ends with it
    audit = run(3_000, 1, 150, a.seed, with_prefect=False) if a.quick else _full(a)
    print(f"{'ok' if audit.passed else 'FAILED'}", *(f"{k} {v}" for k, v in asdict(audit).items()), sep="\n  ")
    if a.json:
        print(json.dumps(asdict(audit) | {"passed": audit.passed}))
    sys.exit(0 if audit.passed else 1)


def _full(a: argparse.Namespace) -> Audit:
    return run(a.recipients, a.kills, a.rate, a.seed, with_prefect=True)


if __name__ == "__main__":
    main()
