"""Every letter is whole in each language: a text twin, a preheader, one link, the colours of the house."""

import re
from email.message import EmailMessage
from typing import Any

import pytest
from bs4 import BeautifulSoup

from content.looks import LIGHT, Palette
from newsletter.letters.compose import PURPOSE, Composer, House
from newsletter.rendering import clients
from newsletter.rendering.headers import check_headers
from newsletter.templating import languages
from subscribers.letters import Letter, LetterKind
from subscribers.preferences import MailingList
from tests.builders import MONDAY
from tests.newsletter.site import KEYS, PUBLIC_URL

BEAUTY = MailingList(slug="beauty", title='R&D "Beauty"')
GREEN = Palette(
    ink="#102010", soft="#405040", accent="#006030", paper="#ffffff", tint="#f0f8f0", page="#e0f0e0", line="#c0d0c0"
)


def write(kind: LetterKind, language: str, **more: Any) -> EmailMessage:
    house = House(
        public_url=PUBLIC_URL,
        title="The Quiet Shelf",
        sender_name="The Quiet Shelf",
        sender_address="hello@news.example.org",
        postal_address="1 Rose Lane, London",
        **more,
    )
    letter = Letter(
        kind=kind,
        subscriber="abcdefghijkl",
        address="ada@example.org",
        language=language,
        at=MONDAY,
        mailing_list="beauty",
        detail="1",
        number=7,
    )
    return Composer(house, KEYS).compose(letter, BEAUTY, MONDAY)


def parts(message: EmailMessage) -> tuple[str, BeautifulSoup]:
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text
    assert html
    return text.get_content(), BeautifulSoup(html.get_content(), "html5lib")


@pytest.fixture(params=[*PURPOSE, LetterKind.ERASED])
def kind(request: pytest.FixtureRequest) -> LetterKind:
    return request.param


@pytest.fixture(params=sorted(languages()))
def language(request: pytest.FixtureRequest) -> str:
    return request.param


def test_both_parts_say_the_same_with_one_link(kind: LetterKind, language: str) -> None:
    text, page = parts(write(kind, language))

    in_html = [a["href"] for a in page.find_all("a")]
    assert in_html == re.findall(r"https://\S+", text)
    assert len(in_html) == (kind in PURPOSE)
    for shown in (*page.find_all("h1"), *page.select(".text p")):
        words = " ".join(shown.get_text().split())
        assert shown.find("a") or words in " ".join(text.split())
    assert page.html["lang"] == language
    assert "1 Rose Lane, London" in page.get_text()
    assert "1 Rose Lane, London" in text


def test_inboxes_have_a_line_to_show_and_every_client_can_show_the_rest(kind: LetterKind, language: str) -> None:
    message = write(kind, language)
    _, page = parts(message)

    assert 30 <= len(page.body.find("div").get_text(strip=True)) <= 140
    assert list(clients.unsupported(page)) == []
    assert check_headers(message.as_bytes(policy=message.policy.clone(max_line_length=998)), marketing=False) == ()


@pytest.mark.parametrize(
    ("about", "named"), [("beauty", "<beauty.news.example.org>"), ("", "<shelf.news.example.org>")]
)
def test_every_letter_names_its_list_and_one_about_none_the_house_s(about: str, named: str) -> None:
    house = House(
        public_url=PUBLIC_URL,
        title="The Quiet Shelf",
        sender_name="The Quiet Shelf",
        sender_address="hello@news.example.org",
        newsletter="shelf",
    )
    letter = Letter(
        kind=LetterKind.ERASED, subscriber="", address="ada@example.org", language="en", at=MONDAY, mailing_list=about
    )

    message = Composer(house, KEYS).compose(letter, BEAUTY if about else None, MONDAY)

    assert [message[name] for name in ("List-Id", "List-Post", "Precedence", "List-Unsubscribe")] == [
        named, "NO", "list", None
    ]  # fmt: skip


def test_a_letter_in_german_is_german_throughout(kind: LetterKind) -> None:
    english, german = (set(parts(write(kind, code))[0].splitlines()) for code in ("en", "de"))

    assert {
        line for line in english & german if line.strip(" -") and "Rose Lane" not in line and "://" not in line
    } == set()
    assert write(kind, "de")["Subject"] != write(kind, "en")["Subject"]


def test_a_letter_wears_the_colours_and_fonts_of_the_house(kind: LetterKind) -> None:
    html = str(parts(write(kind, "en", light=GREEN, text_font="'Open Sans',sans-serif"))[1])

    assert LIGHT.ink not in html
    assert GREEN.ink in html
    assert "'Open Sans',sans-serif" in html
