"""Staff see how each source does, and say what its articles need and whether editions wait for it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from newsletter.cli import app

#: Long enough to be no teaser, which even a trusted source brings for a person to look at.
CLAY = (
    "Clay dries the skin while it dries itself, so rinse it off after ten minutes, when the edges turn pale and tight."
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEWSLETTER_HOME", str(tmp_path / "var"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "articles").mkdir()
    (tmp_path / "articles" / "masks.md").write_text(f"# Masks\n\n{CLAY}")
    (tmp_path / "articles" / "empty.md").write_text("")
    return tmp_path


def run(*words: str) -> Result:
    result = CliRunner().invoke(app, words)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def _source(name: str = "desk") -> dict[str, object]:
    found: list[dict[str, object]] = json.loads(run("source", "list", "--json").stdout)
    return next(source for source in found if source["name"] == name)


def test_the_list_says_how_each_source_does(home: Path) -> None:
    run("source", "add", "desk", "articles")
    before = _source()
    run("ingest")
    well = _source()
    (home / "articles").rename(home / "moved")
    failed = run("ingest")
    failing = _source()

    assert (before["now"], before["policy"], before["holds"]) == ("not pulled yet", "flag", False)
    assert (well["now"], well["counts"]) == ("well", {"new": 1, "changed": 0, "unchanged": 0, "skipped": 1})
    assert well["left_out"] == ["empty.md is empty: write the article or remove the file"]
    assert failed.exit_code == 1
    # By its whole name: workers pull it too, from another working directory.
    gone = str(home / "articles")
    assert failing["now"] == f"fails: There is no file or folder {gone!r}: check the path, or create it"
    assert failing["succeeded_at"] == well["succeeded_at"]
    assert "1 new, 1 skipped" in run("source", "list").stdout


def test_a_source_is_shown_with_what_it_left_out(home: Path) -> None:
    run("source", "add", "desk", "articles", "--policy", "review", "--holds")
    run("ingest")

    lines = run("source", "show", "desk").stdout.splitlines()

    assert lines[:2] == [f"desk: folder at {home / 'articles'}", "policy review; editions wait while it fails"]
    assert lines[2].endswith(": 1 new, 1 skipped")
    assert lines[3] == "well"


def test_what_articles_need_can_be_changed() -> None:
    run("source", "add", "desk", "articles")

    assert run("source", "set", "desk", "--policy", "trusted", "--holds").stdout == (
        "desk: policy trusted; editions wait for it\n"
    )
    run("ingest")

    assert [a["decided_by"] for a in json.loads(run("article", "list", "--json").stdout)] == ["rule: desk is trusted"]
    assert run("source", "set", "desk").exit_code == 2


def test_a_disabled_source_is_left_alone_and_fails_nothing() -> None:
    run("source", "add", "desk", "articles")
    run("source", "disable", "desk", "--note", "Zoe is on leave")

    skipped = run("ingest")
    state = _source()["now"]
    run("source", "enable", "desk")
    pulled = run("ingest", "--json")

    assert (skipped.exit_code, state) == (0, "disabled: Zoe is on leave")
    assert json.loads(pulled.stdout)[0]["new"] == 1
