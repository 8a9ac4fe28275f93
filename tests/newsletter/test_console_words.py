"""Pages speak as people do: of periods, browsers and deeds, not of keys, agents and dictionaries."""

import pytest

from newsletter.web.console.words import browser, detail, digest, opened, size

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("beauty-weekly-2026-W48", "Week 48, 2026"),
        ("beauty-weekly-2026-W04-2", "Week 4, 2026 (2)"),
        ("beauty-daily-2026-12-01", "1 Dec 2026"),
        ("beauty-daily-2026-12-01-3", "1 Dec 2026 (3)"),
        ("beauty-monthly-2026-11", "November 2026"),
        ("beauty-monthly-2026-11-2", "November 2026 (2)"),
        ("beauty-correction-a1b2c3d4e5f6", "A correction"),
        ("something else", "something else"),
    ],
)
def test_a_digest_is_named_after_its_period(key: str, said: str) -> None:
    assert digest(key) == said


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        (CHROME, "Chrome on Linux"),
        (f"{CHROME} Edg/140.0", "Edge on Linux"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1", "Safari on iPhone"),
        ("curl/8.9", "curl/8.9"),
        ("", "unknown"),
    ],
)
def test_a_browser_is_named_by_what_it_is(agent: str, said: str) -> None:
    assert browser(agent) == said


def test_the_log_says_in_words_what_was_done() -> None:
    deed = {"choice": "approve", "decided": ["a" * 64, "b", "c", "d", "e"], "held_for": "", "invited": True}

    assert detail(deed) == f"choice: approve; decided: {'a' * 12}…, b, c and 2 more; held for: ; invited: yes"


def test_sizes_are_said_in_what_fits() -> None:
    assert [size(n) for n in (0, 65_536, 1024**2 - 1, 3_355_443, 5 * 1024**3)] == [
        "0 KB",
        "64 KB",
        "1024 KB",
        "3.2 MB",
        "5\u202f120.0 MB",
    ]


def test_a_reason_begins_as_a_sentence_does() -> None:
    assert (opened("it waits for Ines"), opened("")) == ("It waits for Ines", "")
