"""A spam filter is asked where there is one; what it says is a warning, or a blocker where it says spam."""

import shutil
from pathlib import Path

import pytest

from newsletter.rendering.gates import Finding, Severity
from newsletter.rendering.spam import check_spam, judge
from tests.builders import IN_CI
from tests.newsletter.test_rendering_gates import GOOD

REPORT = """Content analysis details:   ({} points, 5.0 required)

 pts rule name              description
---- ---------------------- --------------------------------------------------
-0.0 NO_RELAYS              Informational: message was not relayed via SMTP
 2.2 LONGWORDS              Long string of long words
 0.1 MIME_HTML_ONLY         BODY: Message only has text/html MIME parts
"""


@pytest.mark.parametrize(
    ("points", "severity"),
    [("-1.0", None), ("1.0", None), ("2.3", Severity.WARNING), ("5.0", Severity.BLOCKER)],
)
def test_the_score_decides(points: str, severity: Severity | None) -> None:
    message = f"a spam filter gives it {float(points)} points (LONGWORDS 2.2, MIME_HTML_ONLY 0.1); 5.0 is spam"

    assert judge(REPORT.format(points)) == ((Finding("spam", severity, message),) if severity else ())


def test_a_report_without_a_score_is_a_warning() -> None:
    assert judge("") == (Finding("spam", Severity.WARNING, "spamassassin gave no score"),)


def test_without_a_spam_filter_nothing_is_held_against_a_message() -> None:
    assert check_spam(GOOD, program="no-such-filter") == ()


def test_a_spam_filter_that_breaks_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "filter"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    (found,) = check_spam(GOOD, program="filter")

    assert found.severity is Severity.WARNING
    assert "exit status 3" in found.message


@pytest.mark.skipif(shutil.which("spamassassin") is None and not IN_CI, reason="SpamAssassin is not installed")
def test_the_real_filter_tells_good_from_bad() -> None:
    body = b"<html><img src=x><font size=7>FREE VIAGRA</font>"
    bad = b"Subject: MAKE MONEY FAST!!!\r\nContent-Type: text/html\r\n\r\n" + body

    assert check_spam(GOOD) == ()
    assert check_spam(bad) != ()
