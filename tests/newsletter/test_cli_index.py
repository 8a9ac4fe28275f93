"""Staff see what is indexed, make the index anew, and compare the whole archive, on one process or several."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from newsletter.cli import app
from newsletter.publishing import draft
from newsletter.remembering import remember
from newsletter.settings import Settings
from newsletter.wiring import open_house
from tests.builders import MONDAY, heading, make_approval, make_article, paragraph

HOW = "A vegetable dye is painted on the lashes and wiped off with damp cotton after ten minutes."
RETOLD = "The lashes are painted with a vegetable dye, and damp cotton wipes it off ten minutes later."
ARTICLES = [
    make_article(f"{name}.md", heading("How a Lash Tint Works"), paragraph(text), title=title)
    for name, text, title in (("tint", HOW, "Lash Tint"), ("again", RETOLD, "Lash Tint Again"))
]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A newsletter with one told edition, and a second article that is approved and not told."""
    settings = Settings(home=tmp_path, postal_address="1 Example Street")
    with open_house(settings) as house:
        for n, article in enumerate(ARTICLES):
            house.articles.record([article], MONDAY + n * timedelta(days=1))
            house.articles.decide([make_approval(article)])
            if not n:
                draft(house, MONDAY)
    monkeypatch.setenv("NEWSLETTER_HOME", str(tmp_path))
    return tmp_path


def run(*words: str) -> Result:
    result = CliRunner().invoke(app, words)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_the_index_is_made_anew_and_counted(home: Path) -> None:
    with open_house(Settings(home=home)) as house:
        assert remember(house) == 1
        house.explained.clear()

    assert run("index", "rebuild").stdout == "1 explainers are indexed.\n"
    assert json.loads(run("index", "status", "--json").stdout) == {"editions": 1, "sections": 1}
    assert run("index", "status").stdout == "1 explainers of 1 editions are indexed.\n"


@pytest.mark.parametrize("number", ["1", "2"])
def test_all_approved_articles_are_compared(home: Path, number: str) -> None:
    del home
    result = run("duplicates", "--all", "--processes", number, "--json")

    (found,) = json.loads(result.stdout)
    assert {s["article"] for s in found["sections"]} == {"tint.md", "again.md"}


@pytest.mark.parametrize("words", [[], ["--all", "README.md"]], ids=["neither", "both"])
def test_files_or_the_store_are_compared_never_both(home: Path, words: list[str]) -> None:
    del home

    assert run("duplicates", *words).exit_code == 2
