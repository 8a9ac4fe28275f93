"""Everything about people works from the command line: add, import, show, export, suppress, erase, lists, segments."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from newsletter.cli.people import lists, subscriber
from newsletter.settings import load
from newsletter.storage.errors import StoreError
from newsletter.wiring import open_house
from subscribers.people import SubscriptionState

Run = Callable[..., Result]

PEOPLE = "email,name,kind\nada@example.org,Ada,reader\nnobody,,\ninfo@example.org,=1+1,office\n"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    app = typer.Typer()

    @app.callback()
    def _common(config: Path | None = None) -> None:
        """Read the settings, as the real command does."""

    app.add_typer(subscriber, name="subscriber")
    app.add_typer(lists, name="list")
    (tmp_path / "people.csv").write_text(PEOPLE)
    return lambda *words, **more: CliRunner().invoke(app, [str(w) for w in words], **more)


def done(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout


def state(who: str) -> SubscriptionState | None:
    from newsletter.storage.enrolments import EnrolmentStore

    with open_house(load()) as house, EnrolmentStore(house.engine).reading() as desk:
        person = desk.person_at(f"{who}@example.org")
        stands = desk.subscription("beauty", person.id) if person else None
    return stands.state if stands else None


def test_an_import_is_shown_first_then_done_then_undone(run: Run) -> None:
    dry = done(run("subscriber", "import", "people.csv", "--basis", "At our shop"))
    assert "Left alone: kind" in dry
    assert "1 x An email address has an @ in it. (line 3)" in dry
    assert "Nothing was changed" in dry
    assert state("ada") is None

    assert "undo-import 1" in done(run("subscriber", "import", "people.csv", "--basis", "At our shop", "--apply"))
    assert state("ada") is SubscriptionState.CONFIRMED
    assert "people.csv" in done(run("subscriber", "imports"))
    assert done(run("subscriber", "undo-import", 1)).startswith("2 people are gone again; 0 stay")
    assert state("ada") is None


def test_an_import_speaks_json(run: Run) -> None:
    report = json.loads(done(run("subscriber", "import", "people.csv", "--json")))

    assert (report["rows"], report["verdicts"], report["pending"]) == (3, {"added": 2, "refused": 1}, 2)


def test_a_file_without_addresses_fails_with_what_would_do(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("Kontakt\nada@example.org\n")

    result = run("subscriber", "import", "x.csv")

    assert result.exit_code == 1
    assert "--column address=HEADING" in result.stderr
    assert "rows" not in result.stdout
    named = done(run("subscriber", "import", "x.csv", "--column", "address=Kontakt", "--json"))
    assert json.loads(named)["rows"] == 1


def test_a_person_is_added_shown_exported_and_erased(run: Run, tmp_path: Path) -> None:
    assert "A letter that asks to confirm is due" in done(run("subscriber", "add", "ada@example.org", "--name", "Ada"))
    assert state("ada") is SubscriptionState.PENDING

    shown = done(run("subscriber", "show", "ADA@example.org"))
    assert "beauty  pending" in shown
    assert "asked  staff" in shown
    assert json.loads(done(run("subscriber", "show", "ada@example.org", "--json")))["consents"][0]["act"] == "asked"
    assert "ada@example.org,Ada,pending" in done(run("subscriber", "export"))
    done(run("subscriber", "export", "out.csv"))
    assert (tmp_path / "out.csv").stat().st_mode & 0o077 == 0

    assert run("subscriber", "erase", "ada@example.org", input="n\n").exit_code == 1
    done(run("subscriber", "erase", "ada@example.org", "--yes"))
    assert state("ada") is None
    assert isinstance(run("subscriber", "show", "ada@example.org").exception, StoreError)


def test_a_person_is_unsubscribed_and_suppressed(run: Run) -> None:
    done(run("subscriber", "import", "people.csv", "--basis", "At our shop", "--apply"))

    assert "done" in done(run("subscriber", "unsubscribe", "ada@example.org"))
    assert "already" in done(run("subscriber", "unsubscribe", "ada@example.org", "--everything"))
    done(run("subscriber", "suppress", "info@example.org", "--reason", "complained"))

    assert state("ada") is SubscriptionState.UNSUBSCRIBED
    assert "must not be written to: complained" in done(run("subscriber", "show", "info@example.org"))


def test_lists_are_made_counted_and_cut_into_segments(run: Run) -> None:
    done(run("list", "add", "beauty", "Beauty", "--topic", "skin=Skin care", "--rhythm", "weekly", "--rhythm", "daily"))
    done(run("subscriber", "import", "people.csv", "--basis", "At our shop", "--apply"))

    counts = json.loads(done(run("list", "list", "--json")))
    assert counts == [{"list": "beauty", "pending": 0, "confirmed": 2, "paused": 0, "unsubscribed": 0}]
    assert "Skin" not in done(run("list", "list"))
    assert done(run("list", "segment", '{"all": [{"topic": ["skin"]}]}')).startswith("2 people")
    assert run("list", "segment", '{"sql": 1}').exit_code == 2
    assert run("list", "add", "Beauty!", "x").exit_code == 2


def test_what_is_old_is_forgotten(run: Run) -> None:
    assert json.loads(done(run("subscriber", "forget", "--json"))) == {
        "networks": 0,
        "attempts": 0,
        "letters": 0,
        "pending": 0,
        "clicks": 0,
    }
