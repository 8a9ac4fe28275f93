"""A preview is the message that leaves, an edition renders the same on every machine, and a test reaches its tester."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from typer.testing import CliRunner

from content.articles import Article
from newsletter.cli import app
from newsletter.delivering import deliver
from newsletter.proving import preview_for, reproduce, send_greeting, send_test
from newsletter.publishing import PublishingError, draft
from newsletter.releasing import release
from newsletter.rendering.headers import check_headers
from newsletter.sending import run
from newsletter.settings import Settings
from newsletter.storage.clicks import ClickStore
from newsletter.storage.ledger import Ledger
from newsletter.wiring import House, open_house
from subscribers.deliveries import Outcome
from subscribers.people import Reason, SubscriptionState, Suppression
from subscribers.tokens import Claims, Keyring, Purpose, read
from tests.builders import MONDAY, heading, make_approval, make_article, make_subscriber, paragraph
from tests.editions import linked
from tests.newsletter.hostile import serve
from tests.sinks import sink

ROOT = Path(__file__).parents[2]
KEY, NEXT_KEY = "beauty-weekly-2026-W48", "beauty-weekly-2026-W49"
WEEK = timedelta(weeks=1)
JOINED = MONDAY - timedelta(days=1)
WORKS = heading("How Microneedling Works")
NEEDLES = "Fine needles make tiny channels in the skin, and the skin answers the channels with new collagen."
ADA = "ada@example.org"


def article(name: str, opening: str) -> Article:
    title = f"Microneedling for {name.title()}"
    return make_article(f"{name}.md", paragraph(opening), WORKS, paragraph(NEEDLES), title=title)


SCARS = article("scars", "Acne scars fade slowly, and patience is the better part of any treatment.")
LINES = article("lines", "Around the mouth it is dryness that draws the first creases.")


NAMED = make_article(
    "named.md", linked("A serum from the shop.", "serum", "https://shop.example.com/serum"), title="A serum"
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        home=tmp_path / "home",
        transport="file",
        mail_folder=tmp_path / "mail",
        postal_address="1 Example Street",
        local_hours=False,
    )


@pytest.fixture
def house(settings: Settings) -> Iterator[House]:
    with open_house(settings) as house:
        people = [make_subscriber("ada"), make_subscriber("bea")]
        house.people.add(people, "beauty", JOINED, SubscriptionState.CONFIRMED)
        yield house


def drafted(house: House, told: Article, now: datetime = MONDAY) -> str:
    house.articles.record([told], now)
    house.articles.decide([make_approval(told, at=now)])
    record = draft(house, now)
    assert record
    return record.edition.key


def sent(house: House, told: Article, now: datetime = MONDAY) -> None:
    key = drafted(house, told, now)
    then = replace(house, ledger=Ledger(house.engine, clock=lambda: now))
    release(then, key, now)
    assert run(deliver(then, now)).trouble == ""


def inbox(house: House) -> dict[str, bytes]:
    """Return the latest mail to each address, as it left."""
    assert house.settings.mail_folder
    files = sorted((house.settings.mail_folder / "new").iterdir(), key=lambda p: p.stat().st_mtime_ns)
    found = [path.read_bytes().replace(b"\n", b"\r\n") for path in files]
    return {parsed(mail)["To"].addresses[0].addr_spec: mail for mail in found}


def parsed(mail: bytes) -> EmailMessage:
    message = message_from_bytes(mail, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def body_of(mail: bytes) -> str:
    """Return both parts of a mail, decoded."""
    parts = parsed(mail).walk()
    return "".join(part.get_content() for part in parts if part.get_content_maintype() == "text")


def test_a_preview_for_a_person_is_the_message_that_leaves(house: House) -> None:
    sent(house, SCARS)
    key = drafted(house, LINES, MONDAY + WEEK)
    then = replace(house, ledger=Ledger(house.engine, clock=lambda: MONDAY + WEEK))
    release(then, key, MONDAY + WEEK)

    preview = preview_for(then, key, ADA, MONDAY + WEEK)
    run(deliver(then, MONDAY + WEEK))

    assert preview.message == inbox(house)[ADA]
    assert "You read this on" in preview.rendering.text


def test_with_counted_links_a_preview_is_what_leaves_and_what_is_stored_is_the_same(house: House) -> None:
    key = drafted(house, NAMED)
    then = replace(house, ledger=Ledger(house.engine, clock=lambda: MONDAY))
    release(then, key, MONDAY)
    plain = preview_for(then, key, ADA, MONDAY)
    counting = replace(then, settings=then.settings.model_copy(update={"count_clicks": True}))
    stored = [house.editions.rendering(key, v.variant) for v in reproduce(house, key)]

    counted = preview_for(counting, key, ADA, MONDAY)
    run(deliver(counting, MONDAY))

    assert counted.message == inbox(house)[ADA]
    assert [house.editions.rendering(key, v.variant) for v in reproduce(counting, key)] == stored
    assert all(again.is_same for again in reproduce(counting, key))
    found = set(re.findall(r"https://news\.example\.org/g/([^/\s]+)/(\w+)", body_of(counted.message)))
    person = house.people.find(ADA)
    assert person
    claims = {read(Keyring.parse(house.settings.key()), Purpose.CLICK, token, MONDAY) for token, _ in found}
    assert claims == {Claims(person.id, key)}
    leads = {ClickStore(house.engine).target(key, name) for _, name in found}
    assert "https://shop.example.com/serum" in leads
    assert all(url in body_of(plain.message) for url in leads if url)
    assert None not in leads
    assert "/g/" not in body_of(plain.message)


def test_a_mail_bears_the_date_at_which_its_audience_was_frozen(house: House) -> None:
    key, later = drafted(house, SCARS), MONDAY + timedelta(days=2)
    then = replace(house, ledger=Ledger(house.engine, clock=lambda: later))
    release(then, key, later)

    first, again = (preview_for(then, key, ADA, at).message for at in (later, later + timedelta(hours=5)))

    assert first == again
    assert b"Date: Wed, 25 Nov 2026 09:00:00 +0000" in first


def test_before_the_audience_is_frozen_the_same_mail_is_foreseen(house: House) -> None:
    sent(house, SCARS)
    key = drafted(house, LINES, MONDAY + WEEK)

    before = preview_for(house, key, ADA, MONDAY + WEEK)
    release(replace(house, ledger=Ledger(house.engine, clock=lambda: MONDAY + WEEK)), key, MONDAY + WEEK)
    after = preview_for(house, key, ADA, MONDAY + WEEK)

    assert before.message == b""
    assert before.rendering == after.rendering
    assert before.hash != after.hash


def test_looking_ahead_leaves_no_trace(house: House) -> None:
    key = drafted(house, SCARS)

    preview_for(house, key, ADA, MONDAY)

    assert [variant.variant for variant in reproduce(house, key)] == ["everybody"]
    assert house.ledger.mailing(key) is None


def test_whoever_gets_nothing_is_told_why(house: House) -> None:
    key = drafted(house, SCARS)
    house.people.add([make_subscriber("late")], "beauty", MONDAY + timedelta(days=2), SubscriptionState.CONFIRMED)
    house.people.suppress(Suppression("bea@example.org", Reason.COMPLAINED, since=MONDAY))
    suppressed = r"bea@example\.org gets nothing of .*: complained"

    with pytest.raises(PublishingError, match=r"nobody here has the address 'eve@example\.org'"):
        preview_for(house, key, "eve@example.org", MONDAY)
    with pytest.raises(PublishingError, match=r"late@example\.org gets nothing of .*: joined after it was due"):
        preview_for(house, key, "late@example.org", MONDAY)
    with pytest.raises(PublishingError, match=suppressed):
        preview_for(house, key, "bea@example.org", MONDAY)
    release(house, key, MONDAY)
    with pytest.raises(PublishingError, match=suppressed):
        preview_for(house, key, "bea@example.org", MONDAY)


def test_every_mail_of_an_edition_renders_the_same_again_also_when_others_followed(house: House) -> None:
    sent(house, SCARS)
    sent(house, LINES, MONDAY + WEEK)

    earlier, later = reproduce(house, KEY), reproduce(house, NEXT_KEY)

    assert len(earlier) == len(later) == 2
    assert all(mail.is_same for mail in (*earlier, *later))


def test_another_look_is_another_mail(house: House) -> None:
    key = drafted(house, SCARS)
    dressed = replace(house, settings=house.settings.model_copy(update={"tagline": "Beauty, read once"}))

    assert [mail.is_same for mail in reproduce(dressed, key)] == [False]


@pytest.mark.parametrize("language", ["en", "de"])
def test_two_clean_machines_print_one_manifest(settings: Settings, language: str, tmp_path: Path) -> None:
    with open_house(settings.model_copy(update={"language": language})) as house:
        house.people.add([make_subscriber("ada")], "beauty", JOINED, SubscriptionState.CONFIRMED)
        sent(house, SCARS)
        sent(house, LINES, MONDAY + WEEK)
    machines = (
        {"PYTHONHASHSEED": "1", "TZ": "UTC", "LC_ALL": "C.UTF-8"},
        {"PYTHONHASHSEED": "2", "TZ": "Pacific/Kiritimati", "LC_ALL": "C", "LANGUAGE": "de", "PYTHONUTF8": "1"},
    )

    printed = []
    for n, machine in enumerate(machines):
        folder = tmp_path / f"machine {n}"
        shutil.copytree(settings.home, folder / "var")
        done = subprocess.run(
            [sys.executable, "-m", "newsletter", "edition", "show", NEXT_KEY, "--manifest"],
            cwd=folder,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(ROOT),
                "NEWSLETTER_POSTAL_ADDRESS": "1 Example Street",
                "NEWSLETTER_LANGUAGE": language,
                **machine,
            },
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        printed.append(done.stdout)

    one, other = printed
    assert one == other
    manifest = json.loads(one)
    assert manifest["same"] is True
    assert [mail["stored"] == mail["again"] for mail in manifest["mails"]] == [True, True]
    assert manifest["revisions"] == {"lines.md": LINES.revision}


def test_a_test_of_an_edition_goes_to_its_tester_and_to_nobody_else(house: House) -> None:
    key = drafted(house, SCARS)

    receipt = send_test(house, key, "ines@example.org", MONDAY)

    assert receipt.outcome is Outcome.ACCEPTED
    assert list(inbox(house)) == ["ines@example.org"]
    message = inbox(house)["ines@example.org"]
    assert parsed(message)["Subject"] == "[TEST] Microneedling for Scars"
    assert NEEDLES in " ".join(parsed(message).get_body(("plain",)).get_content().split())  # type: ignore[union-attr]
    assert check_headers(message) == ()
    assert house.ledger.mailing(key) is None


def test_a_short_mail_proves_the_way_out_and_offers_nothing_to_leave(house: House) -> None:
    receipt = send_greeting(house, "ines@example.org", MONDAY)

    assert receipt.outcome is Outcome.ACCEPTED
    message = inbox(house)["ines@example.org"]
    assert parsed(message)["Subject"] == f"Test from {house.settings.title}"
    assert check_headers(message, marketing=False) == ()
    assert parsed(message)["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("250 2.0.0 taken", Outcome.ACCEPTED),
        ("550 5.1.1 unknown", Outcome.REFUSED),
        ("451 later", Outcome.DEFERRED),
    ],
)
def test_what_a_server_says_to_a_test_is_shown(settings: Settings, answer: str, outcome: Outcome) -> None:
    with sink(lambda _to, _n: answer) as server:
        smtp = {"transport": "smtp", "smtp_host": "127.0.0.1", "smtp_port": server.port}
        with open_house(settings.model_copy(update=smtp)) as house:
            receipt = send_test(house, drafted(house, SCARS), "ines@example.org", MONDAY)

    assert receipt.outcome is outcome
    assert answer[4:].split()[-1] in receipt.reply
    assert server.accepted == ({"ines@example.org": 1} if outcome is Outcome.ACCEPTED else {})


def test_a_server_that_is_not_there_ends_a_test_at_once(settings: Settings) -> None:
    nowhere = {"transport": "smtp", "smtp_host": "127.0.0.1", "smtp_port": 1}
    with open_house(settings.model_copy(update=nowhere)) as house:
        receipt = send_greeting(house, "ines@example.org", MONDAY)

    assert receipt.outcome is not Outcome.ACCEPTED
    assert receipt.reply


@pytest.fixture
def typed(house: House, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """A terminal beside a house in which an edition is out."""
    sent(house, SCARS)
    for name in ("home", "transport", "mail_folder", "postal_address"):
        monkeypatch.setenv(f"NEWSLETTER_{name.upper()}", str(getattr(settings, name)))
    return CliRunner()


def test_a_person_s_message_and_its_hash_are_printed_for_who_asks(typed: CliRunner, house: House) -> None:
    done = typed.invoke(app, ["edition", "preview", KEY, "--as", ADA, "--raw"])

    assert done.stdout_bytes == inbox(house)[ADA]
    assert f"SHA-256 of the message to {ADA}: {preview_for(house, KEY, ADA, MONDAY).hash}" in done.stderr


def test_tests_are_sent_from_the_command_line(typed: CliRunner, house: House) -> None:
    done = [
        typed.invoke(app, ["edition", "test", KEY, "--to", "ines@example.org"]),
        typed.invoke(app, ["doctor", "--to", "leo@example.org"]),
        typed.invoke(app, ["edition", "test", KEY, "--to", "nobody"]),
    ]

    assert [d.exit_code for d in done] == [0, 0, 2]
    assert done[0].output.startswith("Sent to ines@example.org")
    assert {"ines@example.org", "leo@example.org"} <= set(inbox(house))


def test_who_asks_for_a_check_is_told_of_dead_links_unless_they_say_no(
    typed: CliRunner, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWSLETTER_FETCH_LOOPBACK", "1")
    with serve({}) as site:
        lost = make_article("lost.md", linked("Read the lost study.", "lost study", f"{site.url}/lost"), title="Lost")
        key = drafted(house, lost, MONDAY + WEEK)

        done = [typed.invoke(app, ["edition", "check", key, *more]) for more in ((), ("--no-links",))]

    assert [d.exit_code for d in done] == [0, 0]
    assert [f"the link {site.url}/lost is dead" in " ".join(d.output.split()) for d in done] == [True, False]
