"""Words for operators: plain lines for people, or one JSON object a line for machines, never with anybody's address."""

import json
import logging
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

#: What may identify a person, or open their page, and what stands in its place.
_PERSONAL = (
    (re.compile(r"(?<=://)[^/\s@]+@"), "[login]@"),
    (re.compile(r"[^\s@<>\"'(),;:\[\]]+@[\w.-]+\w"), "[address]"),
    (re.compile(r"(/[a-z]/)[\w-]{1,64}(?:\.[\w-]{0,64}){1,3}"), r"\1[token]"),
)

#: The logger of everything that is ours; libraries have their own.
OURS = "newsletter"


def scrub(text: str) -> str:
    """Return `text` without mail addresses, logins and personal links."""
    for pattern, instead in _PERSONAL:
        text = pattern.sub(instead, text)
    return text


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and the facts of the event under their own names."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without anything personal."""
        facts: Mapping[str, Any] = getattr(record, "facts", {})
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": scrub(record.getMessage()),
        }
        line |= {name: scrub(value) if isinstance(value, str) else value for name, value in facts.items()}
        if record.exc_info:
            line["exception"] = scrub(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False, default=str)


class PlainLines(logging.Formatter):
    """The message and nothing else, as a command prints it, without anything personal."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        text = scrub(record.getMessage())
        return f"{text}\n{scrub(self.formatException(record.exc_info))}" if record.exc_info else text


def begin(form: str, stream: TextIO | None = None) -> None:
    """Let every logger of this process write to `stream` (standard error) in one form, `words` or `json`."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else PlainLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(OURS).setLevel(logging.INFO)
    logging.getLogger("uvicorn").setLevel(logging.INFO if form == "json" else logging.WARNING)


def tell(message: str, *, loud: bool = False, **facts: object) -> None:
    """Log one event. `loud`: a person should look. The facts are for machines; the message says it all for people."""
    logging.getLogger(OURS).log(logging.WARNING if loud else logging.INFO, message, extra={"facts": facts})
