"""Templates escape, know every name they use, speak the reader's language, and are pinned by their hashes."""

import hashlib
from datetime import date
from importlib.resources import files

import pytest
from jinja2 import UndefinedError

from newsletter.templating import day, environment, page_direction, template_hashes


@pytest.mark.parametrize("name", ["email/x/body.html.jinja", "web/page.html.jinja", "feeds/entry.html.jinja", ""])
def test_markup_templates_escape(name: str) -> None:
    escape = environment().autoescape

    assert callable(escape)
    assert escape(name)
    assert not escape("email/x/body.txt.jinja")


def test_a_missing_name_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="nobody"):
        environment().from_string("{{ nobody }}").render()


def test_data_in_a_script_element_cannot_end_it() -> None:
    text = environment().from_string("{{ {'a': '</script><!--&'}|json }}").render()

    assert text == '{"a":"\\u003c/script\\u003e\\u003c!--\\u0026"}'


def test_hashes_name_every_file_that_a_mail_is_made_of() -> None:
    hashes = dict(template_hashes("email/digest"))

    assert {n.rsplit("/", 1)[1] for n in hashes if n.startswith("email/digest/")} == {
        "subject.txt.jinja",
        "body.txt.jinja",
        "body.html.jinja",
    }
    assert "email/shared/style.css.jinja" in hashes
    for name, digest in hashes.items():
        source = (files("templates") / name).read_text("utf-8")
        assert digest == hashlib.sha256(source.encode()).hexdigest()


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "November 25, 2026"),
        ("en-GB", "25 November 2026"),
        ("de-AT", "25. November 2026"),
        ("??", "November 25, 2026"),
    ],
)
def test_days_are_written_as_people_do(language: str, expected: str) -> None:
    assert day(date(2026, 11, 25), language) == expected


def test_arabic_and_hebrew_run_from_right_to_left() -> None:
    assert [page_direction(code) for code in ("ar", "he-IL", "de", "tlh")] == ["rtl", "rtl", "ltr", "ltr"]
