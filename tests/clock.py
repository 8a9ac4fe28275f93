"""Clocks for tests: one that a test sets, and for what has a clock of its own a `NOW` that is when each test begins."""

from datetime import UTC, datetime

import pytest

from tests.builders import MONDAY


class Clock:
    """A clock that stands until a test moves it."""

    def __init__(self) -> None:
        self.now = MONDAY

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(autouse=True)
def now_of_each_test(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the module's `NOW` anew: its file may have been read many minutes before its last test."""
    monkeypatch.setattr(request.module, "NOW", datetime.now(UTC))
