"""What takes too long, takes too much or breaks, ends in a line of words; the next task is done all the same."""

from collections.abc import Iterator

import pytest

from newsletter.sources.confining import MEMORY_BYTES, ConfinedError, Worker


@pytest.fixture
def length() -> Iterator[Worker]:
    with Worker("builtins:len") as worker:
        yield worker


@pytest.mark.parametrize("size", [0, 1, 70_000, 3_000_000])
def test_a_task_is_done_whatever_its_size(length: Worker, size: int) -> None:
    assert [length.do(size * "é"), length.do([])] == [size, 0]


def test_a_long_answer_comes_whole() -> None:
    with Worker("builtins:sorted") as worker:
        assert worker.do(500_000 * "a") == ["a"] * 500_000


def test_a_task_that_takes_too_long_is_stopped() -> None:
    with Worker("time:sleep", seconds=0.3) as worker, pytest.raises(ConfinedError, match=r"takes longer than 0\.3 s"):
        worker.do(60)


def test_a_task_that_takes_too_much_memory_is_stopped() -> None:
    with Worker("builtins:bytearray") as worker, pytest.raises(ConfinedError, match="MemoryError"):
        worker.do(MEMORY_BYTES)


def test_a_task_that_ends_the_process_is_told_and_the_next_is_done() -> None:
    with Worker("os:_exit") as worker:
        for _ in range(2):
            with pytest.raises(ConfinedError, match="takes more memory than it may"):
                worker.do(3)


def test_a_task_that_fails_is_told_and_the_next_is_done(length: Worker) -> None:
    with pytest.raises(ConfinedError, match="cannot be understood \\(TypeError\\)"):
        length.do(7)
    assert length.do("abc") == 3


def test_what_a_library_prints_is_no_answer() -> None:
    with Worker("builtins:print") as worker:
        assert worker.do('{"made": 1}') is None


def test_our_secrets_stay_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSLETTER_SMTP_PASSWORD", "secret")
    monkeypatch.setenv("OF_NO_CONCERN", "seen")

    with Worker("os:getenv") as worker:
        assert [worker.do("NEWSLETTER_SMTP_PASSWORD"), worker.do("OF_NO_CONCERN")] == [None, "seen"]
