"""A backup taken in mid-send and restored elsewhere writes to nobody twice, and names whom it is not sure of."""

import asyncio
import io
import subprocess
import sys
import tarfile
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from content.sends import SendState
from newsletter.delivering import deliver
from newsletter.dispatching import accept, advance
from newsletter.preserving import PreservingError, Restored, back_up, restore
from newsletter.scheduling import resume, schedule, send_now, standing
from newsletter.sending import run
from newsletter.settings import Settings
from newsletter.storage.errors import StoreError
from newsletter.wiring import House, open_house
from subscribers.deliveries import Outcome
from subscribers.people import SubscriptionState
from tests.builders import MONDAY, make_subscriber
from tests.newsletter.disks import full_disk
from tests.newsletter.scheduled import KEY, edition_house
from tests.sinks import Recording, sink

LATER = MONDAY + timedelta(minutes=10)
PEOPLE = 60


class Switch:
    """A mail server's answer that, after some messages, tells the sender to stop."""

    def __init__(self) -> None:
        self.messages = 0
        self.stop: asyncio.Event | None = None
        self.loop: asyncio.AbstractEventLoop | None = None

    def answer(self, _who: str, _n: int) -> str:
        """Accept; at the tenth message of all say stop."""
        self.messages += 1
        if self.messages == 10 and self.loop and self.stop:
            self.loop.call_soon_threadsafe(self.stop.set)
        return "250 2.0.0 Ok"


@pytest.fixture
def switch() -> Switch:
    return Switch()


@pytest.fixture
def seen(switch: Switch) -> Iterator[Recording]:
    with sink(switch.answer, delay=0.02) as seen:  # slow enough for a stop to find something left
        yield seen


@pytest.fixture
def house(database_url: str, tmp_path: Path, seen: Recording) -> Iterator[House]:
    server = {"smtp_host": "127.0.0.1", "smtp_port": seen.port, "smtp_connections": 2}
    with edition_house(database_url, tmp_path / "here", **server) as house:
        people = [make_subscriber(f"p{n}") for n in range(PEOPLE - 2)]
        house.people.add(people, "beauty", MONDAY - timedelta(days=1), SubscriptionState.CONFIRMED)
        yield house


@pytest.fixture(params=["sqlite", "postgresql"])
def elsewhere(request: pytest.FixtureRequest, house: House, tmp_path: Path) -> Settings:
    """An empty house of the same newsletter on each engine."""
    url = f"sqlite:///{tmp_path}/there/store.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql_database")
    return house.settings.model_copy(update={"home": tmp_path / "there", "database_url": url})


async def _send_until_told(house: House, switch: Switch) -> None:
    switch.stop, switch.loop = asyncio.Event(), asyncio.get_running_loop()
    await deliver(house, MONDAY, switch.stop)


def _send_some(house: House, switch: Switch) -> int:
    """Begin to deliver and stop on the way, as a sender does whose host is told to; return how many have got it."""
    send_now(house, KEY, by="ines", now=MONDAY)
    advance(house, MONDAY)
    run(_send_until_told(house, switch))
    accepted = house.ledger.tally(KEY).accepted
    assert 0 < accepted < PEOPLE
    return accepted


def _in_mid_send(house: House, switch: Switch, file: Path) -> int:
    """Send to some, back up, let the original go on to the end; return how many had it when the backup was taken."""
    accepted = _send_some(house, switch)
    back_up(house.settings, file, MONDAY)
    assert run(deliver(house, MONDAY)).trouble == ""
    assert house.ledger.tally(KEY).accepted == PEOPLE
    return accepted


def test_a_backup_of_mid_send_restored_elsewhere_writes_to_nobody_and_names_the_uncertain(
    house: House, elsewhere: Settings, tmp_path: Path, seen: Recording, switch: Switch
) -> None:
    accepted = _in_mid_send(house, switch, tmp_path / "b.tar.gz")

    done = restore(elsewhere, tmp_path / "b.tar.gz", LATER)

    unsure = PEOPLE - accepted
    assert done.uncertain == {KEY: unsure}
    with open_house(elsewhere) as there:
        for _ in range(2):
            advance(there, LATER)
            run(deliver(there, LATER))
            accept(there, LATER)
        tally = there.ledger.tally(KEY)
        named = {r.address for r, _ in there.ledger.who(KEY, Outcome.UNCERTAIN)}
    assert (tally.candidates, tally.accepted, tally.uncertain, tally.is_done) == (PEOPLE, accepted, unsure, True)
    assert len(named) == unsure
    assert set(seen.accepted.values()) == {1}
    assert len(seen.accepted) == PEOPLE


def test_whom_a_person_has_sent_again_get_it_from_the_restored_one(
    house: House, elsewhere: Settings, tmp_path: Path, seen: Recording, switch: Switch
) -> None:
    _send_some(house, switch)
    back_up(house.settings, tmp_path / "b.tar.gz", MONDAY)  # and here the original is lost

    restore(elsewhere, tmp_path / "b.tar.gz", LATER)

    with open_house(elsewhere) as there:
        accept(there, LATER)
        there.ledger.resolve(KEY, arrived=False)
        resume(there, KEY, by="olga", now=LATER)
        run(deliver(there, LATER))
        assert there.ledger.tally(KEY).accepted == PEOPLE
    assert (len(seen.accepted), set(seen.accepted.values())) == (PEOPLE, {1})


def test_what_was_scheduled_is_missed_and_what_was_due_meanwhile_is_not_made(
    house: House, elsewhere: Settings, tmp_path: Path
) -> None:
    schedule(house, KEY, (MONDAY + timedelta(hours=2)).replace(tzinfo=None), by="ines", now=MONDAY, zone="UTC")
    advance(house, MONDAY)
    back_up(house.settings, tmp_path / "b.tar.gz", MONDAY)

    restore(elsewhere, tmp_path / "b.tar.gz", MONDAY + timedelta(hours=1))

    with open_house(elsewhere) as there:
        advance(there, MONDAY + timedelta(hours=3))
        accept(there, MONDAY + timedelta(days=8))
        advance(there, MONDAY + timedelta(days=8))
        assert (standing(there, KEY).state, there.ledger.mailing(KEY)) == (SendState.MISSED, None)
        assert [r.edition.key for r in there.editions.all()] == [KEY]


def test_a_restored_store_says_the_same_and_goes_on_numbering(
    house: House, elsewhere: Settings, tmp_path: Path, switch: Switch
) -> None:
    _in_mid_send(house, switch, tmp_path / "b.tar.gz")

    restore(elsewhere, tmp_path / "b.tar.gz", LATER)

    with open_house(elsewhere) as there:
        assert there.editions.all() == house.editions.all()
        assert there.settings.key() == house.settings.key()
        there.ledger.freeze("another", [], "beauty")
        assert {m.number for k in (KEY, "another") if (m := there.ledger.mailing(k))} == {1, 2}


def test_a_house_that_holds_something_is_not_restored_into(house: House, tmp_path: Path) -> None:
    back_up(house.settings, tmp_path / "b.tar.gz", MONDAY)

    with pytest.raises(StoreError, match="is not empty"):
        restore(house.settings, tmp_path / "b.tar.gz", LATER)


def test_a_backup_is_not_overwritten_and_nobody_else_may_read_it(house: House, tmp_path: Path) -> None:
    file = tmp_path / "b.tar.gz"
    back_up(house.settings, file, MONDAY)

    with pytest.raises(PreservingError, match="is there already"):
        back_up(house.settings, file, MONDAY)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".backup-")] == []


@pytest.mark.parametrize("harm", ["cut", "changed", "no backup"])
def test_a_damaged_backup_is_refused_and_nothing_is_written(
    house: House, elsewhere: Settings, tmp_path: Path, harm: str
) -> None:
    file = tmp_path / "b.tar.gz"
    back_up(house.settings, file, MONDAY)
    _harm(file, harm)

    with pytest.raises(PreservingError, match=r"damaged|cannot be read"):
        restore(elsewhere, file, LATER)

    assert not elsewhere.home.exists()


def _harm(file: Path, harm: str) -> None:
    whole: Any = file.read_bytes()
    if harm == "changed":
        parts = {}
        with tarfile.open(file) as archive:
            for member in archive.getmembers():
                stream = archive.extractfile(member)
                assert stream
                parts[member.name] = stream.read()
        parts["key"] = b"0" * 64
        with tarfile.open(file, "w:gz") as archive:
            for name, part in parts.items():
                info = tarfile.TarInfo(name)
                info.size = len(part)
                archive.addfile(info, io.BytesIO(part))
    else:
        file.write_bytes(whole[: len(whole) // 2] if harm == "cut" else b"a letter")


def test_what_is_restored_is_what_was_asked(house: House, elsewhere: Settings, tmp_path: Path) -> None:
    made = back_up(house.settings, tmp_path / "b.tar.gz", MONDAY)

    assert restore(elsewhere, tmp_path / "b.tar.gz", LATER) == Restored(made, {})


def test_a_large_store_passes_in_bounded_memory(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "large")
    size = 64 << 20
    with open_house(settings) as house, house.engine.begin() as connection:
        # Random, so that it stays as large on the disk.
        connection.exec_driver_sql(
            "INSERT INTO marks WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 64) "
            "SELECT 'filler ' || i, hex(randomblob(524288)), '2026-01-01' FROM n"
        )
    assert (settings.home / "store.db").stat().st_size > size

    tracemalloc.start()
    back_up(settings, tmp_path / "backup.tar.gz", MONDAY)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < size / 4


def test_a_backup_for_which_there_is_no_room_leaves_nothing_and_says_so(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "var")
    back_up(settings, tmp_path / "first", MONDAY)

    with full_disk(100_000), pytest.raises(PreservingError, match=r"cannot be written: .*Nothing of it is left"):
        back_up(settings, tmp_path / "second", MONDAY)
    with full_disk(100_000), pytest.raises(PreservingError, match="cannot be restored: File too large"):
        restore(Settings(home=tmp_path / "new"), tmp_path / "first", MONDAY)

    assert {path.name for path in tmp_path.iterdir()} == {"var", "first"}


ROWS, OCTETS = 100_000, 600

#: Backs a store up and restores it; says by how many octets each raised this process's peak of memory, and the rows.
MEASURE = f"""
import sys
from datetime import UTC, datetime
from pathlib import Path
from newsletter.preserving import back_up, restore
from newsletter.settings import Settings
from newsletter.storage.engine import open_engine

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) * 1024

def fill(low, high):
    with engine.begin() as connection:
        text = "repeat(md5(n::text), {OCTETS // 32})"
        numbers = f"generate_series({{low}}, {{high}}) n"
        connection.exec_driver_sql(f"INSERT INTO marks SELECT 'filler ' || n, {{text}}, '2026-01-01' FROM {{numbers}}")

folder, source, target = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
engine, now = open_engine(source), datetime.now(UTC)
house = Settings(home=folder / "home", database_url=source)
fill(1, {ROWS} // 10)
back_up(house, folder / "small", now)  # loads what it needs, and has its pages in hand
restore(Settings(home=folder / "warmed"), folder / "small", now)
fill({ROWS} // 10 + 1, {ROWS})
before = peak()
back_up(house, folder / "backup", now)
between = peak()
done = restore(Settings(home=folder / "new", database_url=target), folder / "backup", now)
print(between - before, peak() - between, done.backup.rows)
"""


def test_a_large_store_on_a_server_passes_in_bounded_memory(
    migrated_postgresql_database: str, postgresql_database: str, tmp_path: Path
) -> None:
    arguments = [str(tmp_path), migrated_postgresql_database, postgresql_database]
    done = subprocess.run([sys.executable, "-c", MEASURE, *arguments], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    backing_up, restoring, restored = map(int, done.stdout.split())
    assert restored > ROWS
    assert max(backing_up, restoring) < ROWS * OCTETS / 8
