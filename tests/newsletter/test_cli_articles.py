"""An editor sees what an edit did, what we took out of an article, and everything that was decided about it."""

import json
import mailbox
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from content.approvals import Decision
from newsletter.cli import app
from newsletter.publishing import draft
from newsletter.settings import Settings
from newsletter.wiring import open_house
from subscribers.people import SubscriptionState
from tests.builders import MONDAY, make_approval, make_article, make_subscriber, paragraph

FIRST = make_article("desk:scars.md", paragraph("Wait 24 hours before make-up."), paragraph("Drink water."))
SECOND = make_article("desk:scars.md", paragraph("Wait 72 hours before make-up."), paragraph("Drink water."))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A newsletter with one article that was approved, then edited."""
    with open_house(Settings(home=tmp_path)) as house:
        house.articles.record([FIRST], MONDAY)
        house.articles.decide([make_approval(FIRST)])
        removed = {SECOND.id: ("is read without: script (1)",)}
        house.articles.record([SECOND], MONDAY + timedelta(days=1), remarks=removed)
    monkeypatch.setenv("NEWSLETTER_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def run(*words: str) -> Result:
    result = CliRunner().invoke(app, words)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_an_edit_is_shown_against_what_was_approved_last() -> None:
    assert run("article", "diff", "scars.md").stdout == (
        f"desk:scars.md: {FIRST.revision[:12]} to {SECOND.revision[:12]}\nWait [-24-] {{+72+}} hours before make-up.\n"
    )


def test_two_named_revisions_are_compared_as_they_are_named() -> None:
    found = json.loads(run("article", "diff", "scars.md", SECOND.revision[:9], FIRST.revision[:9], "--json").stdout)

    assert (found["before"], found["after"]) == (SECOND.revision, FIRST.revision)
    assert [p["state"] for p in found["passages"][0]["pieces"]] == ["same", "gone", "new", "same"]


def test_a_page_marks_the_words_and_no_text_is_markup(home: Path) -> None:
    with open_house(Settings(home=home)) as house:
        house.articles.record(
            [make_article("desk:scars.md", paragraph("Wait <b> hours before make-up."))], MONDAY + timedelta(days=2)
        )

    page = run("article", "diff", "scars.md", "--html").stdout

    assert "Wait <del>24 </del><mark>&lt;b&gt; </mark>hours before make-up." in page


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nothing",), "no article 'nothing'"),
        (("scars.md", "zzz"), "'zzz' begins 0 revisions"),
        (("scars.md", "", "zzz"), "'zzz' begins 0 revisions"),
    ],
    ids=["article", "before", "after"],
)
def test_what_is_not_there_is_named(words: tuple[str, ...], says: str) -> None:
    result = CliRunner().invoke(app, ["article", "diff", *words])

    assert result.exit_code != 0
    assert says in str(result.exception)


def test_an_article_shows_what_we_removed_and_what_was_decided(home: Path) -> None:
    with open_house(Settings(home=home)) as house:
        house.articles.decide([make_approval(SECOND, Decision.REJECTED, MONDAY + timedelta(days=1, hours=1))])

    shown = run("article", "show", "scars.md").stdout

    assert f"rejected; revision {SECOND.revision[:12]}\n  it is read without: script (1)\n" in shown
    assert [line.split(maxsplit=4)[4] for line in shown.splitlines()[-4:]] == [
        f"came as {FIRST.revision[:12]}",
        f"came as {SECOND.revision[:12]}",
        f"approved {FIRST.revision[:12]} by Ines",
        f"rejected {SECOND.revision[:12]} by Ines",
    ]
    told = json.loads(run("article", "show", "scars.md", "--json").stdout)
    assert told["remarks"] == ["is read without: script (1)"]
    assert [d["decision"] for d in told["decisions"]] == ["approved", "rejected"]


def test_a_correction_travels_from_one_command_to_the_next(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSLETTER_TRANSPORT", "file")
    monkeypatch.setenv("NEWSLETTER_LOCAL_HOURS", "false")
    monkeypatch.setenv("NEWSLETTER_POSTAL_ADDRESS", "1 Example Street")
    with open_house(Settings()) as house:
        house.people.add([make_subscriber("ada")], "beauty", MONDAY, SubscriptionState.CONFIRMED)
        house.articles.record([FIRST], MONDAY + timedelta(days=2))  # its approved wording is back
        edition = draft(house, MONDAY)
        assert edition
        key = edition.edition.key
    assert run("edition", "send", "--by", "Ines").exit_code == 0
    with open_house(Settings()) as house:
        house.articles.record([SECOND], MONDAY + timedelta(days=3))

    done = run("article", "correct", "scars.md", "--by", "Ines", "--note", "It is 72 hours.").stdout.splitlines()
    notice = run("article", "notify", "scars.md", "--by", "Ines").stdout.split(":")[0]
    had = json.loads(run("edition", "recipients", key, "--had", FIRST.revision[:12], "--json").stdout)
    assert run("send").exit_code == 0

    assert done == [
        "corrected desk:scars.md",
        f"  {key} shows the note on the site and in feeds",
        f"  who has it: newsletter edition recipients KEY --had {FIRST.revision[:12]}",
        "  write to just them: newsletter article notify desk:scars.md",
    ]
    assert "It is 72 hours." in (home / "site" / "editions" / f"{key}.html").read_text()
    assert had == [{"address": "ada@example.org", "name": "Ada", "outcome": "accepted"}]
    subjects = [message["Subject"] for message in mailbox.Maildir(home / "outbox")]
    assert sorted(subjects) == ["Correction: Microneedling for Acne Scars", "Microneedling for Acne Scars"]
    assert json.loads(run("edition", "status", notice, "--json").stdout)["state"] == "sent"
    assert "ada@example.org" in run("edition", "recipients", key, "--had", FIRST.revision[:12]).stdout

    page = home / "site" / "editions" / f"{key}.html"
    run("article", "withdraw", "scars.md", "--by", "Ines", "--note", "wrong after all")
    assert "We have withdrawn this article." in page.read_text()
    run("article", "approve", "scars.md", "--by", "Ines")
    assert "We have withdrawn this article." not in page.read_text()
    assert "It is 72 hours." in page.read_text()


def test_a_withdrawal_says_what_it_did(home: Path) -> None:
    del home
    assert run("article", "withdraw", "scars.md", "--by", "Ines", "--note", "wrong").stdout == (
        "withdrawn desk:scars.md\n"
    )
