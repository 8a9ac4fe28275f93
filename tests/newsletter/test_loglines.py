"""Log lines tell machines the facts and people the words, and nobody's address, login or link."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from newsletter.loglines import begin, scrub, tell


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root, ours, uvicorn = (logging.getLogger(name) for name in ("", "newsletter", "uvicorn"))
    before = (root.handlers[:], root.level, ours.level, uvicorn.level)
    yield io.StringIO()
    root.handlers[:], root.level, ours.level, uvicorn.level = before


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("ada.lovelace+x@example.org is gone", "[address] is gone"),
        ("<ada@example.org>: 550", "<[address]>: 550"),
        ("postgresql://user:secret@db.example.org/x", "postgresql://[login]@db.example.org/x"),
        ("GET /u/abc.beauty.aaaaaaaaaaaaaaaaaaaa 200", "GET /u/[token] 200"),
        ("https://news.example.org/p/s1.beauty.00abcd.aaaaaaaaaaaaaaaaaaaa", "https://news.example.org/p/[token]"),
        ("beauty-weekly-2026-W48: start", "beauty-weekly-2026-W48: start"),
    ],
)
def test_what_is_personal_is_replaced_and_nothing_else(given: str, told: str) -> None:
    assert scrub(given) == told


def test_a_json_line_holds_the_facts_under_their_names(stream: io.StringIO) -> None:
    begin("json", stream)
    tell("beauty-weekly-2026-W48: pause: ada@example.org", loud=True, edition="beauty-weekly-2026-W48", press="pause")

    line = json.loads(stream.getvalue())
    at = line.pop("at")

    assert at.endswith("+00:00")
    assert line == {
        "level": "warning",
        "logger": "newsletter",
        "message": "beauty-weekly-2026-W48: pause: [address]",
        "edition": "beauty-weekly-2026-W48",
        "press": "pause",
    }


def test_an_exception_is_one_line_without_addresses(stream: io.StringIO) -> None:
    begin("json", stream)
    try:
        raise ValueError("ada@example.org")
    except ValueError:
        logging.getLogger("elsewhere").exception("the letter failed")

    assert len(stream.getvalue().splitlines()) == 1
    assert "ada" not in stream.getvalue()
    assert "ValueError: [address]" in json.loads(stream.getvalue())["exception"]


def test_people_read_the_words_alone(stream: io.StringIO) -> None:
    begin("words", stream)
    tell("beauty-weekly-2026-W48: start", press="start")

    assert stream.getvalue() == "beauty-weekly-2026-W48: start\n"
