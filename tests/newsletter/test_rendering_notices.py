"""Short mails say one thing and carry the personal places of their kind and no others."""

import re

import pytest
from bs4 import BeautifulSoup

from content.articles import SLOT_CLOSE, SLOT_OPEN
from newsletter.ports import Rendering
from newsletter.rendering import clients
from newsletter.rendering.email import render_article
from newsletter.rendering.gates import check
from newsletter.rendering.notices import (
    Rhythm,
    render_correction,
    render_test,
    render_welcome,
)
from tests.editions import LOOK, full_edition, make_edition, make_story

LIST = {"unsubscribe_url", "preferences_url"}


def mails(language: str = "en") -> dict[str, tuple[Rendering, set[str]]]:
    edition = make_edition(full_edition().stories[0], language=language)
    corrected = make_edition(full_edition().stories[1], language=language)
    return {
        "welcome": (render_welcome(LOOK, language, Rhythm.WEEKLY, ("Skin care", "R&D")), LIST),
        "correction": (render_correction(corrected.stories[0], corrected, LOOK), LIST),
        "test": (render_test(LOOK, language, (("Server", "mx.example.org"),)), set()),
        "article": (render_article(edition, LOOK), LIST),
    }


@pytest.fixture(params=["en", "de"])
def language(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=list(mails()))
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


def test_it_has_its_own_personal_places_and_no_others(kind: str, language: str) -> None:
    mail, wanted = mails(language)[kind]

    for part in (mail.html, mail.text):
        assert set(re.findall(f"{SLOT_OPEN}(.*?){SLOT_CLOSE}", part)) == wanted
    assert SLOT_OPEN not in mail.subject


def test_whoever_looks_for_the_english_word_finds_the_way_out(kind: str, language: str) -> None:
    mail, personal = mails(language)[kind]

    links = [a.string for a in BeautifulSoup(mail.html, "html5lib").find_all("a") if "unsubscribe_url" in a["href"]]

    words = {"en": "Unsubscribe", "de": "Abbestellen (unsubscribe)"}[language]
    assert links == [words] * bool(personal)
    assert (f"{words}:\n" in mail.text) is bool(personal)


def test_it_reads_well_by_screen_reader_and_in_every_client(kind: str, language: str) -> None:
    page = BeautifulSoup(mails(language)[kind][0].html, "html5lib")

    levels = [int(h.name[1]) for h in page.find_all(re.compile("^h[1-6]$"))]
    assert page.html["lang"] == language
    assert page.title.get_text(strip=True)
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(table["role"] == "presentation" for table in page.find_all("table"))
    assert list(clients.unsupported(page)) == []


def test_both_parts_say_the_same_and_lead_to_the_same_places(kind: str, language: str) -> None:
    mail = mails(language)[kind][0]
    page = BeautifulSoup(mail.html, "html5lib")

    in_html = {a["href"] for a in page.find_all("a")}
    in_text = set(re.findall(rf"(?:https?://|{SLOT_OPEN})[^\s]+", mail.text))
    assert in_html == in_text
    assert "".join(page.h1.get_text().split()) in "".join(mail.text.split())
    assert LOOK.postal_address in mail.text
    assert LOOK.postal_address in page.get_text()
    assert not re.search(r"&(amp|lt|gt|#\d+);|</?\w+>", mail.text)


def test_a_welcome_names_what_was_asked_for() -> None:
    assert "Your topics: Skin care and R&D." in render_welcome(LOOK, "en", Rhythm.WEEKLY, ("Skin care", "R&D")).text
    assert "Your topics" not in render_welcome(LOOK, "en", Rhythm.WEEKLY).text


def test_a_welcome_leads_to_the_latest_edition_or_to_the_site() -> None:
    latest = "https://news.example.org/editions/x.html"

    assert latest in render_welcome(LOOK, "en", Rhythm.DAILY, latest_url=latest).text
    assert "https://news.example.org\n" in render_welcome(LOOK, "en", Rhythm.MONTHLY).text


def test_a_correction_needs_something_to_correct() -> None:
    edition = make_edition(make_story())

    with pytest.raises(ValueError, match="has no correction"):
        render_correction(edition.stories[0], edition, LOOK)


def test_a_mail_of_one_article_takes_one_story_and_passes_the_gates() -> None:
    edition = make_edition(make_story())

    assert check(edition, render_article(edition, LOOK), LOOK) == ()
    with pytest.raises(ValueError, match="got 2"):
        render_article(full_edition(), LOOK)


@pytest.mark.parametrize("language", ["ar", "he"])
def test_in_a_language_from_right_to_left_the_whole_mail_is_set_so(language: str) -> None:
    page = BeautifulSoup(render_welcome(LOOK, language, Rhythm.WEEKLY).html, "html5lib")

    assert (page.html["dir"], page.html["lang"]) == ("rtl", language)
