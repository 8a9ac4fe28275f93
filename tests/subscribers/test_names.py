"""A name is kept as given, made harmless, and greets a person only when it reads like one."""

import pytest

from subscribers.names import clean_name, greeting_name

FAMILY = "👩‍👩‍👧"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("  Ada \t Lovelace\r\n", "Ada Lovelace"),
        ("Zoë", "Zoë"),
        ("Ada\r\nBcc: eve@example.org", "Ada Bcc: eve@example.org"),
        ("a\x00b\x1bc\x7fd\x85e\u2028f", "abcd e f"),
        ("\u202eevil\u2066", "evil"),
        ("a\u200bb\ufeffc\u00add", "abcd"),
        ("\ud800x", "x"),
        ("Z" + 5000 * "\u0301", "Z" + 4 * "\u0301"),
        (100 * "é", 80 * "é"),
        (100 * FAMILY, 80 * FAMILY),
        (90 * "🇩🇪", 80 * "🇩🇪"),
        ("=HYPERLINK(1)", "=HYPERLINK(1)"),
        ("", ""),
        (10_000 * "x", 80 * "x"),
    ],
)
def test_a_name_is_kept_on_one_line_and_harmless(text: str, kept: str) -> None:
    assert clean_name(text) == kept


@pytest.mark.parametrize("name", ["Ada", "Zoë Müller-Lüdenscheidt", "O'Neill", "陽子", "J. R. R. Tolkien"])
def test_a_name_greets(name: str) -> None:
    assert greeting_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        *("", FAMILY, "0", "null", "NaN", "true", "{{name}}", "<script>", "<a href=//evil>Win</a>", "=1+1", "$x"),
        *("https://evil.example win", "evil.example click", "www.evil", "a@b.example", "Robert'); DROP TABLE"),
    ],
)
def test_what_does_not_read_like_a_name_greets_nobody(name: str) -> None:
    assert greeting_name(name) == ""
