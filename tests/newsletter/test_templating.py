"""Templates escape, know every name they use, speak the reader's language, and are pinned by their hashes."""

import hashlib
import io
from dataclasses import replace
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from jinja2 import UndefinedError

from newsletter.rendering.email import render_email
from newsletter.templating import day, environment, page_direction, template_hashes
from tests.editions import LOOK, full_edition, make_edition, make_story

ROOT = Path(__file__).parents[2]


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
    # An edition of one story is rendered by these.
    assert "email/article/body.html.jinja" in hashes
    for name, digest in hashes.items():
        source = (files("templates") / name).read_text("utf-8")
        assert digest == hashlib.sha256(source.encode()).hexdigest()


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "25 November 2026"),
        ("en-US", "November 25, 2026"),
        ("en-GB", "25 November 2026"),
        ("de-AT", "25. November 2026"),
        ("??", "25 November 2026"),
    ],
)
def test_days_are_written_as_people_do(language: str, expected: str) -> None:
    assert day(date(2026, 11, 25), language) == expected


@pytest.mark.parametrize(("language", "expected"), [("en", "25 November"), ("de", "25. November")])
def test_a_day_of_late_needs_no_year(language: str, expected: str) -> None:
    assert day(date(2026, 11, 25), language, year=False) == expected


def test_a_moment_falls_on_the_day_of_the_newsletter_s_zone() -> None:
    late = datetime(2026, 11, 25, 23, 30, tzinfo=UTC)

    assert day(late, "en") == "25 November 2026"
    assert day(late, "en", "Europe/Berlin") == "26 November 2026"
    assert (
        "26. November"
        in render_email(
            make_edition(make_story(), published_at=late, language="de"), replace(LOOK, zone="Europe/Berlin")
        ).text
    )


def test_arabic_and_hebrew_run_from_right_to_left() -> None:
    assert [page_direction(code) for code in ("ar", "he-IL", "de", "tlh")] == ["rtl", "rtl", "ltr", "ltr"]


def words_in_use(templates: str = "templates") -> set[tuple[str, ...]]:
    """Return every text that templates and code ask the catalogues for, singular and plural."""
    used: set[tuple[str, ...]] = set()
    for folder, method in ((templates, "jinja2.ext:babel_extract"), ("newsletter", "python")):
        found = extract_from_dir(
            str(ROOT / folder), method_map=[("**.jinja" if method != "python" else "**.py", method)]
        )
        used |= {m if isinstance(m, tuple) else (m,) for _, _, m, _, _ in found}
    return used


def test_the_german_catalogue_is_complete_and_holds_nothing_that_is_gone() -> None:
    catalogue = read_po(io.BytesIO((ROOT / "templates/locales/de/messages.po").read_bytes()))
    entries = [m for m in catalogue if m.id]

    assert {m.id if isinstance(m.id, tuple) else (m.id,) for m in entries} == words_in_use()
    assert [m.id for m in entries if m.fuzzy or not all(m.string if isinstance(m.string, tuple) else (m.string,))] == []
    assert [str(e) for m in entries for e in m.check()] == []


def test_a_mail_in_german_is_german_throughout() -> None:
    mail = render_email(replace(full_edition(), language="de"), LOOK)

    english = {"".join(w) for w in words_in_use("templates/email") if len(w) == 1 and "%" not in w[0]}
    assert [w for w in english if w in mail.text or w in mail.html] == []
    assert "Das haben Sie am 3. November gelesen" in mail.text


def test_a_language_without_a_catalogue_speaks_english_in_its_own_direction() -> None:
    mail = render_email(replace(full_edition(), language="ar"), LOOK)

    assert "In this edition" in mail.text
    assert '<html lang="ar" dir="rtl"' in mail.html


def test_plural_forms_follow_the_number() -> None:
    asked = environment("de").from_string("{{ ngettext('%(num)d-minute read', '%(num)d-minute read', n) }}")

    assert [asked.render(n=n) for n in (1, 3)] == ["1 Minute Lesezeit", "3 Minuten Lesezeit"]


def test_a_line_keeps_its_own_direction_within_a_page_of_the_other() -> None:
    within = environment().from_string("{{ text|within(around) }}")

    assert within.render(text="12 Rue, <Lyon>.", around="rtl") == '<span dir="ltr">12 Rue, &lt;Lyon&gt;.</span>'
    assert within.render(text="12 Rue, <Lyon>.", around="ltr") == "12 Rue, &lt;Lyon&gt;."
    assert within.render(text="العناية", around="ltr") == '<span dir="rtl">العناية</span>'


def test_what_gettext_has_filled_in_is_escaped_once() -> None:
    said = environment().from_string('{{ _("You get this because you asked for %(name)s.", name=name)|within("rtl") }}')

    assert said.render(name="R&D") == '<span dir="ltr">You get this because you asked for R&amp;D.</span>'
