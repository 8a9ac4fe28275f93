"""`edition status` says why somebody is left out, and names the uncertain without pushing the sum off the screen."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from newsletter.cli import app
from newsletter.releasing import release
from subscribers.people import SubscriptionState
from tests.builders import MONDAY, make_subscriber
from tests.newsletter.scheduled import KEY, edition_house


@pytest.fixture
def _uncertain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An edition of which everybody is uncertain but one, who joined too late."""
    with edition_house(f"sqlite:///{tmp_path}/store.db", tmp_path) as house:
        people = [make_subscriber(f"reader{n}") for n in range(25)]
        house.people.add(people, "beauty", MONDAY.replace(day=20), SubscriptionState.CONFIRMED)
        late = MONDAY.replace(hour=12)
        house.people.add([make_subscriber("late")], "beauty", late, SubscriptionState.CONFIRMED)
        release(house, KEY, late)
        assert house.ledger.turn("one").chunk
        house.ledger.recover("one", {}, frozenset(), trusted=False)
    monkeypatch.setenv("NEWSLETTER_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_uncertain")
def test_the_reasons_stand_under_the_sum_and_twenty_are_named() -> None:
    said = CliRunner().invoke(app, ["edition", "status", KEY]).output.splitlines()

    assert said[0].startswith(f"{KEY}: 28 candidates = 0 accepted + 0 refused + 1 excluded")
    assert said[1] == "  1 excluded: joined after it was due"
    assert sum(line.startswith("  uncertain: ") for line in said) == 20
    assert said[-1] == "  and 7 more; --json names all"


@pytest.mark.usefixtures("_uncertain")
def test_machines_are_told_of_all() -> None:
    said = CliRunner().invoke(app, ["edition", "status", KEY, "--json"]).output

    assert len(json.loads(said)["uncertain"]) == 27
