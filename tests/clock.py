"""A clock for tests of what has a clock of its own: import the fixture, and `NOW` is when each test begins."""

from datetime import UTC, datetime

import pytest


@pytest.fixture(autouse=True)
def now_of_each_test(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the module's `NOW` anew: its file may have been read many minutes before its last test."""
    monkeypatch.setattr(request.module, "NOW", datetime.now(UTC))
