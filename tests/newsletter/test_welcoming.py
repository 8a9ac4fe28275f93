"""Whoever confirms is welcomed once, in their language, with what they chose, and can leave by that very mail."""

import re
from dataclasses import replace
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

from newsletter.corresponding import Posted, post_letters
from newsletter.posting import LetterPost
from newsletter.rendering.headers import check_headers
from newsletter.transports.dkim import Signer, SigningKey
from newsletter.transports.smtp import SmtpTransport
from newsletter.transports.smtp_login import Server
from newsletter.welcoming import Welcomer
from subscribers.people import SubscriptionState
from tests.editions import LOOK
from tests.newsletter.site import ADA, KEYS, PUBLIC_URL, Town
from tests.sinks import sink

LATEST = f"{PUBLIC_URL}/editions/beauty-weekly-2026-W48.html"


@pytest.fixture
def town(engine: Engine, tmp_path: Path) -> Town:
    (tmp_path / "site").mkdir()
    town = Town(engine, tmp_path / "site")
    town.open_site(welcomes=True)
    town.writer = Welcomer(town.composer, town.people, LOOK, KEYS, lambda: LATEST)
    return town


def confirmed(town: Town, language: str = "en", **chosen: object) -> EmailMessage:
    """Sign up, confirm, and return the mail that comes after."""
    town.subscribe(ADA, headers={"Accept-Language": language}, **chosen)
    (letter,) = town.mail()
    town.browser.post(town.path_in(letter))
    (welcome,) = town.mail()
    return welcome


def text_of(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body
    return " ".join(body.get_content().split())


def test_a_welcome_says_what_was_chosen_and_where_the_latest_edition_is(town: Town) -> None:
    welcome = confirmed(town, topic=["skin", "hair"], rhythm="daily")

    assert (welcome["Subject"], welcome["To"]) == ("Welcome to The Quiet Shelf", ADA)
    text = text_of(welcome)
    assert "An edition comes every day on which there is something new. Your topics: Skin care and Hair." in text
    assert LATEST in text


def test_whoever_chose_every_topic_and_the_usual_rhythm_is_told_the_list_s(town: Town) -> None:
    welcome = confirmed(town)

    assert "An edition comes once a week." in text_of(welcome)


def test_a_german_is_welcomed_in_german(town: Town) -> None:
    assert confirmed(town, "de")["Subject"] == "Willkommen bei The Quiet Shelf"


def test_a_welcome_is_mail_to_a_list_and_opens_the_person_s_own_pages(town: Town) -> None:
    welcome = confirmed(town)
    octets = welcome.as_bytes(policy=SMTP.clone(max_line_length=998))
    leave, choose = (
        re.search(rf"{re.escape(PUBLIC_URL)}(/{page}/\S+)", text_of(welcome))[1]  # type: ignore[index]
        for page in ("u", "p")
    )

    assert check_headers(octets) == ()
    assert f"List-Unsubscribe: <{PUBLIC_URL}{leave}>\r\n".encode() in octets
    assert town.browser.get(choose).status_code == 200
    assert town.browser.post(leave, data={"List-Unsubscribe": "One-Click"}).text == "Unsubscribed.\n"
    assert town.state(ADA) is SubscriptionState.UNSUBSCRIBED


def test_whoever_confirms_twice_is_welcomed_once(town: Town) -> None:
    town.subscribe(ADA)
    (letter,) = town.mail()

    for _ in range(2):
        town.browser.post(town.path_in(letter))

    assert [mail["Subject"] for mail in town.mail()] == ["Welcome to The Quiet Shelf"]


def test_whoever_left_before_the_welcome_was_posted_gets_none(town: Town) -> None:
    town.subscribe(ADA)
    (letter,) = town.mail()
    town.browser.post(town.path_in(letter))
    with town.people.writing() as desk:
        stands = desk.subscription("beauty", town.id_of(ADA))
        assert stands
        desk.put(replace(stands, state=SubscriptionState.UNSUBSCRIBED))

    posted = post_letters(town.letters, town.people, town.writer, town.mailbox, lambda: town.now)

    assert posted == Posted(failed=1)


def test_nobody_is_welcomed_unless_the_setting_says_so(town: Town) -> None:
    town.open_site(welcomes=False)

    town.join(ADA)

    assert town.mail() == []


def test_letters_are_signed_as_editions_are(town: Town) -> None:
    key = SigningKey("news.example.org", "s2026", Ed25519PrivateKey.generate())
    welcome = confirmed(town)
    with sink() as server:
        LetterPost(lambda: SmtpTransport(Server(host="127.0.0.1", port=server.port)), Signer([key])).hand_over(
            welcome, "b@example.org", ADA
        )

    records = {f"{key.record_name}.".encode(): key.record.encode()}
    signed = server.contents[ADA]
    assert dkim.verify(signed, dnsfunc=lambda name, timeout=5: records[name])
    assert not dkim.verify(signed.replace(b"Welcome", b"Farewell"), dnsfunc=lambda name, timeout=5: records[name])
