"""Pages and letters speak the reader's language: what the browser asks for, and on their own page their own."""

import ast
from pathlib import Path

import pytest
from sqlalchemy import Engine

from newsletter.web.tongues import SAID, preferred
from subscribers.tokens import Purpose
from tests.newsletter.site import ADA, Town, pages_of

ROOT = Path(__file__).parents[2]


@pytest.fixture
def town(engine: Engine, tmp_path: Path) -> Town:
    return Town(engine, tmp_path)


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fr,en;q=0.5,de;q=0.7", "de"),
        ("en-GB,de;q=0.9", "en"),
        ("de;q=0", "en"),
        ("fr, tlh", "en"),
        ("de;q=x", "en"),
        ("*", "en"),
        ("," * 5000, "en"),
    ],
)
def test_the_language_a_browser_asks_for(accepted: str, expected: str) -> None:
    assert preferred(accepted, "en") == expected


def test_every_page_is_german_for_a_german_browser(town: Town) -> None:
    town.join(ADA)
    headers = {"accept-language": "de-DE,de;q=0.9"}
    personal = {Purpose.MANAGE.value, Purpose.DATA.value}

    for name, path in pages_of(town).items():
        if path.split("/")[1] in personal or path == "/":
            continue
        page = town.browser.get(path, headers=headers)
        assert page.headers["content-language"] == "de", name
        assert '<html lang="de" dir="ltr">' in page.text, name
        for english in ("Privacy and contact", "My choices", "Press the button", "Your email", "Unsubscribe<"):
            assert english not in page.text, name


def test_what_is_wrong_with_a_form_is_said_in_german(town: Town) -> None:
    page = town.browser.post("/link", data={"address": "Ada <ada@example.org>"}, headers={"accept-language": "de"})

    assert "Geben Sie nur die Adresse ein, ohne Namen: ada@example.org" in page.text


def test_whoever_signs_up_on_a_german_page_gets_german_letters_and_agreed_to_german_words(town: Town) -> None:
    town.subscribe(ADA, headers={"accept-language": "de"})

    (letter,) = town.mail()
    assert letter["Subject"] == "Bestätigen Sie Ihr Abonnement von Beauty News"
    with town.people.reading() as desk:
        (asked,) = desk.record_of(town.id_of(ADA))
    assert asked.wording.startswith("Ja, ich möchte Beauty News per E-Mail")


def test_a_persons_own_page_speaks_their_language_whatever_the_browser_asks_for(town: Town) -> None:
    town.subscribe(ADA, headers={"accept-language": "de"})
    town.mail()

    page = town.browser.get(f"/p/{town.token(Purpose.MANAGE, ADA)}", headers={"accept-language": "en"})

    assert page.headers["content-language"] == "de"
    assert "Meine Auswahl speichern" in page.text


def test_all_that_the_pure_rooms_say_to_people_stands_in_the_catalogues() -> None:
    said = set()
    for name, error in (("preferences", "ChoiceError"), ("addresses", "AddressError")):
        for node in ast.walk(ast.parse((ROOT / "subscribers" / f"{name}.py").read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == error:
                text = node.args[-1]
                if isinstance(text, ast.Constant):
                    said.add(text.value)
                elif isinstance(text, ast.JoinedStr) and isinstance(text.values[0], ast.Constant):
                    said.add(text.values[0].value.removesuffix(": "))

    assert said <= set(SAID)
    assert len(said) >= 7
