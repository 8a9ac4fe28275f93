"""What is about to leave, and what was answered, is found again after any death; the living are left alone."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from newsletter.transports.journal import Findings, Journal, JournalError, dead_journals, read
from subscribers.deliveries import Cause, Outcome, Receipt

ACCEPTED = Receipt(Outcome.ACCEPTED, code=250, reply="queued as 4711")
SAID = "from the journal of a sender that died"


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path, records=16)
    yield journal
    with suppress(OSError, ValueError):
        journal.close()


def left_behind(folder: Path) -> Findings:
    [path] = dead_journals(folder)
    return read(path)


def test_intents_and_results_are_found_again(journal: Journal, tmp_path: Path) -> None:
    journal.intend(1, 7)
    journal.note(1, 7, ACCEPTED)
    journal.intend(1, 8)
    journal.abandon()

    assert left_behind(tmp_path) == Findings(
        journal.owner, {(1, 7): Receipt(Outcome.ACCEPTED, Cause.NONE, 250, "", SAID)}, frozenset({(1, 8)}), trusted=True
    )


def test_an_intent_that_came_to_nothing_is_taken_back(journal: Journal, tmp_path: Path) -> None:
    journal.intend(1, 7)
    journal.note(1, 7, Receipt(Outcome.PENDING))
    journal.abandon()

    assert left_behind(tmp_path) == Findings(journal.owner, {}, frozenset(), trusted=True)


def test_a_second_attempt_makes_the_first_result_old(journal: Journal, tmp_path: Path) -> None:
    journal.intend(1, 7)
    journal.note(1, 7, Receipt(Outcome.DEFERRED, code=451))
    journal.intend(1, 7)
    journal.abandon()

    assert left_behind(tmp_path).intents == {(1, 7)}
    assert left_behind(tmp_path).results == {}


def test_a_journal_that_turns_over_keeps_what_still_counts(journal: Journal, tmp_path: Path) -> None:
    journal.intend(9, 1)
    for n in range(100):
        journal.intend(1, n)
        journal.note(1, n, ACCEPTED)
        journal.forget([(1, n - 1)])
    journal.abandon()

    found = left_behind(tmp_path)

    assert found.intents == {(9, 1)}
    assert set(found.results) >= {(1, 99)}


def test_a_journal_whose_results_nobody_takes_says_that_it_is_full(journal: Journal) -> None:
    def fill() -> None:
        for n in range(100):
            journal.note(1, n, ACCEPTED)

    with pytest.raises(JournalError, match="wait for the ledger"):
        fill()


def test_a_living_senders_journal_is_left_alone(journal: Journal, tmp_path: Path) -> None:
    assert list(dead_journals(tmp_path)) == []
    assert not journal.is_fenced


def test_a_fence_stops_the_next_message_and_reads_what_had_begun(journal: Journal, tmp_path: Path) -> None:
    assert journal.intend(1, 1)

    found = read(tmp_path / f"{journal.owner}.journal", fence=True)

    assert found.intents == {(1, 1)}
    assert not journal.intend(1, 2)


def test_after_another_boot_only_a_journal_on_disk_is_trusted(tmp_path: Path) -> None:
    for fsync in (False, True):
        folder = tmp_path / str(fsync)
        journal = Journal(folder, fsync=fsync)
        journal.intend(1, 1)
        journal.abandon()
        path = folder / f"{journal.owner}.journal"
        content = bytearray(path.read_bytes())
        content[16:52] = b"another boot".ljust(36)
        path.write_bytes(content)

        assert left_behind(folder).trusted is fsync


def test_a_sender_that_died_before_it_began_left_nothing(tmp_path: Path) -> None:
    (tmp_path / "host-1-abc.journal").write_bytes(b"")

    assert left_behind(tmp_path) == Findings("host-1-abc", {}, frozenset(), trusted=True)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(JournalError, match=r"journal.*cannot be kept"):
        Journal(tmp_path / "file")


def test_what_a_killed_process_noted_is_there(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from newsletter.transports.journal import Journal\n"
        "journal = Journal(Path(sys.argv[1])); journal.intend(3, 4); print('noted', flush=True); time.sleep(60)"
    )
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(
        command, cwd=root, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(root)}
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"noted\n"
        assert list(dead_journals(tmp_path)) == []
        process.send_signal(signal.SIGKILL)

    assert left_behind(tmp_path).intents == {(3, 4)}


def test_a_journal_that_is_closed_is_gone(journal: Journal, tmp_path: Path) -> None:
    journal.close()

    assert list(tmp_path.iterdir()) == []
