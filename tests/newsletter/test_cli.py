"""The command line does the whole job, teaches, speaks JSON, and ends with a code that scripts can trust."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from newsletter.settings import Settings
from newsletter.transports.capture import capture_server
from newsletter.wiring import open_house
from subscribers.people import SubscriptionState
from tests.builders import MONDAY, make_subscriber

NEWSLETTER = Path(sys.executable).parent / "newsletter"

Run = Callable[..., "subprocess.CompletedProcess[str]"]

NEEDLES = "Fine needles make tiny channels in the skin, and the skin answers with new collagen."
ARTICLE = """\
---
title: {title}
---
{opening}

## How Microneedling Works

{works}
"""


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    with capture_server(tmp_path / "mail") as port:
        yield tmp_path / "mail", port


@pytest.fixture
def run(tmp_path: Path, mail: tuple[Path, int]) -> Run:
    """Return a function that runs the command in an empty folder, with a mail server to send to."""
    environment = os.environ | {
        "NEWSLETTER_SMTP_HOST": "127.0.0.1",
        "NEWSLETTER_SMTP_PORT": str(mail[1]),
        "NEWSLETTER_LOCAL_HOURS": "false",
        "NEWSLETTER_POSTAL_ADDRESS": "1 Example Street, London",
        "USER": "ines",
        "COLUMNS": "200",
    }

    def command(*arguments: str, **changes: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [NEWSLETTER, *arguments],
            cwd=tmp_path,
            env=environment | changes,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return command


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    folder = tmp_path / "articles"
    folder.mkdir()
    (folder / "scars.md").write_text(
        ARTICLE.format(title="Microneedling for Scars", opening="Acne scars fade slowly.", works=NEEDLES)
    )
    (folder / "lines.md").write_text(
        ARTICLE.format(title="Microneedling for Lines", opening="Fine lines soften with time.", works=NEEDLES)
    )
    return folder


def _enrol(tmp_path: Path) -> None:
    with open_house(Settings(home=tmp_path / "var")) as house:
        people = [make_subscriber("ada"), make_subscriber("bea")]
        house.people.add(people, "beauty", MONDAY, SubscriptionState.CONFIRMED)


def test_from_articles_to_delivered_mail(run: Run, articles: Path, mail: tuple[Path, int], tmp_path: Path) -> None:
    _enrol(tmp_path)

    assert run("source", "add", "magazine", "articles").returncode == 0
    assert "2 new" in run("ingest").stdout
    assert run("article", "approve", "scars.md", "lines.md").returncode == 0
    drafted = json.loads(run("edition", "draft", "--json").stdout)
    assert run("edition", "send").returncode == 0
    again = run("edition", "send")
    checked = run("edition", "check")

    assert (drafted["state"], drafted["folded"]) == ("approved", 1)
    assert "2 candidates = 2 accepted" in again.stdout + run("edition", "status").stdout
    assert (checked.returncode, "0 blockers" in checked.stdout) == (0, True)
    assert len(list((mail[0] / "new").iterdir())) == 2
    shown = json.loads(run("edition", "show", "--json").stdout)
    assert shown["state"] == "sent"
    assert shown["folding"]["dropped"][0]["kept"]["sentence"] == NEEDLES
    assert (tmp_path / "var" / "site" / "feeds" / "all.rss").is_file()


def test_fold_prints_an_explainer_once(run: Run, articles: Path) -> None:
    for form in ("--text", "--html"):
        done = run("fold", "articles", form)
        assert (done.returncode, done.stdout.count("How Microneedling Works")) == (0, 1)

    folded = json.loads(run("fold", "articles", "--json").stdout)
    assert folded["summary"]["articles"] == 2
    assert [d["rule"] for d in folded["dropped"]] == ["same words"]


def test_duplicates_says_which_and_why(run: Run, articles: Path) -> None:
    done = run("duplicates", "articles", "--explain")

    assert "How Microneedling Works" in done.stdout
    assert "[1.00, same words]" in done.stdout


def test_a_contradiction_ends_with_3(run: Run, tmp_path: Path) -> None:
    for name, hours in (("a", 24), ("b", 72)):
        text = ARTICLE.format(
            title="Microneedling", opening=NEEDLES, works=f"Wait {hours} hours before you wear make-up again."
        )
        (tmp_path / f"{name}.md").write_text(text)

    assert run("fold", "a.md", "b.md").returncode == 3


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (("fold", "nowhere.md"), 1, "nowhere.md"),
        (("fold", "empty.md"), 1, "empty.md"),
        (("fold", "a.md", "--json", "--html"), 2, "name one"),
        (("ingest",), 1, "there is no source yet"),
        (("ingest", "nothing"), 1, "no source 'nothing'"),
        (("source", "add", "Bad Name", "."), 2, "small letters"),
        (("source", "add", "gone", "nowhere"), 1, "nowhere"),
        (("article", "approve", "nothing"), 1, "no article 'nothing'"),
        (("edition", "show"), 1, "no edition yet"),
        (("edition", "send", "nothing"), 1, "no edition 'nothing'"),
        (("--config", "gone.toml", "edition", "list"), 1, "gone.toml"),
        (("edition", "lst"), 2, "lst"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(
    run: Run, tmp_path: Path, command: tuple[str, ...], code: int, said: str
) -> None:
    (tmp_path / "empty.md").write_text("")

    done = run(*command)

    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_setting_is_one_clear_line(run: Run) -> None:
    done = run("edition", "list", NEWSLETTER_SMTP_TIMEOUT="soon")

    assert done.returncode == 1
    assert "smtp_timeout" in done.stderr
    assert "got 'soon'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_cannot_be_used_is_one_clear_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "var").write_text("not a folder")

    done = run("edition", "list")

    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_a_file_that_is_no_database_is_one_clear_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("hello " * 1000)

    done = run("edition", "list", NEWSLETTER_DATABASE_URL="sqlite:///text.db")

    assert done.returncode == 1
    assert "text.db" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_mail_server_that_is_down_loses_nobody(run: Run, articles: Path, tmp_path: Path) -> None:
    _enrol(tmp_path)
    run("source", "add", "magazine", "articles", "--trusted")
    run("ingest")
    run("edition", "draft")

    down = run("edition", "send", NEWSLETTER_SMTP_PORT="1")

    assert down.returncode == 1
    assert "goes on where it ended" in down.stderr
    status = json.loads(run("edition", "status", "--json").stdout)
    assert (status["tally"]["pending"], status["tally"]["candidates"]) == (2, 2)
    assert "2 accepted" in run("send").stdout


def test_one_failing_source_fails_none_of_the_others(run: Run, articles: Path, tmp_path: Path) -> None:
    run("source", "add", "magazine", "articles")
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "x.md").write_text("# X\n\nText.\n")
    run("source", "add", "gone", "later")
    (tmp_path / "later" / "x.md").unlink()
    (tmp_path / "later").rmdir()

    done = run("ingest", "--json")

    rows = {row["source"]: row for row in json.loads(done.stdout)}
    assert done.returncode == 1
    assert rows["magazine"]["new"] == 2
    assert "later" in rows["gone"]["error"]


def test_init_writes_settings_that_load_and_never_overwrites(run: Run, tmp_path: Path) -> None:
    assert run("init").returncode == 0
    written = (tmp_path / "newsletter.toml").read_text()

    assert "is there already" in run("init").stdout
    assert (tmp_path / "newsletter.toml").read_text() == written
    assert run("edition", "list").returncode == 0


def test_the_doctor_names_what_is_wrong(run: Run, articles: Path) -> None:
    run("source", "add", "magazine", "articles")

    well = run("doctor")
    ill = run("doctor", "--json", NEWSLETTER_SMTP_PORT="1", NEWSLETTER_POSTAL_ADDRESS="")

    assert well.returncode == 0, well.stdout
    assert ill.returncode == 1
    assert {f["check"] for f in json.loads(ill.stdout) if not f["well"]} == {"mail server", "postal address"}


@pytest.mark.parametrize("command", [(), ("fold",), ("edition",), ("edition", "send"), ("source", "add"), ("demo",)])
def test_help_teaches(run: Run, command: tuple[str, ...]) -> None:
    done = run(*command, "--help")

    assert done.returncode == 0
    assert "Usage" in done.stdout


def test_an_edition_pauses_and_goes_on(run: Run, articles: Path, tmp_path: Path) -> None:
    _enrol(tmp_path)
    run("source", "add", "magazine", "articles", "--trusted")
    run("ingest")
    run("edition", "draft")
    run("edition", "send", NEWSLETTER_SMTP_PORT="1")

    assert "is paused" in run("edition", "pause", "--note", "wrong week").stdout
    paused = run("send")
    assert "goes on" in run("edition", "resume").stdout
    sent = run("send")

    assert "2 pending" in paused.stdout
    assert "2 accepted" in sent.stdout


def test_dkim_keys_need_a_selector_each(run: Run) -> None:
    done = run("edition", "list", NEWSLETTER_DKIM_KEY_FILES='["a.pem"]')

    assert done.returncode == 1
    assert "dkim_selectors needs one for each of dkim_key_files, got 0 for 1" in done.stderr
