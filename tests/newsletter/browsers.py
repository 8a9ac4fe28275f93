"""A real browser for tests: Debian's Chromium."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.builders import IN_CI

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

#: On tests that need it: a person's machine may have none, CI has to.
needs_chromium = pytest.mark.skipif(CHROMIUM is None and not IN_CI, reason="there is no Chromium on this machine")


@contextmanager
def chromium() -> Iterator[Any]:
    """Start the browser; end it with the block. No other event loop can be started in this thread meanwhile."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
