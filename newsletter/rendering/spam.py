"""What SpamAssassin thinks of a finished message, where it is installed."""

import re
import shutil
import subprocess

from newsletter.rendering.gates import Finding, Severity

#: SpamAssassin itself calls a message spam from here on.
SPAM_SCORE = 5.0

#: A newsletter that is in order stays below.
WARN_SCORE = 1.0

#: Offline it takes a second or two; without -L it would ask name servers and hang on those.
TIMEOUT_SECONDS = 60.0

_SCORE = re.compile(r"^Content analysis details:\s+\((-?[\d.]+) points", re.MULTILINE)
_RULE = re.compile(r"^\s*(-?\d+\.\d+)\s+([A-Z][A-Z0-9_]+)", re.MULTILINE)


def check_spam(message: bytes, program: str = "spamassassin") -> tuple[Finding, ...]:
    """Return what a spam filter holds against `message`; empty when that is nothing, or nobody is there to ask."""
    path = shutil.which(program)
    if path is None:
        return ()
    try:
        report = _ask(path, message)
    except (OSError, subprocess.SubprocessError) as error:
        return (Finding("spam", Severity.WARNING, f"{program} could not judge the message: {error}"),)
    return judge(report)


def score_of(message: bytes, program: str = "spamassassin") -> tuple[float, tuple[str, ...]]:
    """Return the points that a spam filter gives `message`, and the names of what it found for and against it.

    Raises:
        ValueError: It gave none.
    """
    report = _ask(program, message)
    if (found := _SCORE.search(report)) is None:
        raise ValueError(f"{program} gave no score")
    return float(found[1]), tuple(rule for _, rule in _RULE.findall(report))


def judge(report: str) -> tuple[Finding, ...]:
    """Return what follows from SpamAssassin's report."""
    found = _SCORE.search(report)
    if found is None:
        return (Finding("spam", Severity.WARNING, "spamassassin gave no score"),)
    score = float(found[1])
    if score <= WARN_SCORE:
        return ()
    against = ", ".join(f"{rule} {points}" for points, rule in _RULE.findall(report) if float(points) > 0)
    severity = Severity.BLOCKER if score >= SPAM_SCORE else Severity.WARNING
    return (Finding("spam", severity, f"a spam filter gives it {score} points ({against}); {SPAM_SCORE} is spam"),)


def _ask(program: str, message: bytes) -> str:
    asking = [program, "-L", "-x", "-t"]
    done = subprocess.run(asking, input=message, capture_output=True, check=True, timeout=TIMEOUT_SECONDS)
    return done.stdout.decode("utf-8", "replace")
