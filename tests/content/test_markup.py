"""Text from outside becomes markup in one place, and nothing a source wrote can become markup of its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content.articles import SLOT_CLOSE, SLOT_OPEN, Block, BlockKind, Mark, MarkKind
from content.markup import clean, clean_line, direction, inline, safe_link, to_html
from tests.editions import image, linked, paragraph


def test_blocks_become_paragraphs_lists_quotes_and_images() -> None:
    blocks = [
        paragraph("One."),
        Block(BlockKind.BULLET, "a"),
        Block(BlockKind.BULLET, "b"),
        Block(BlockKind.NUMBERED, "first"),
        Block(BlockKind.QUOTE, "Said."),
        image("Alt", "https://cdn.example.org/a.png"),
    ]

    assert to_html(blocks).split("\n") == [
        "<p>One.</p>",
        "<ul><li>a</li><li>b</li></ul>",
        "<ol><li>first</li></ol>",
        "<blockquote><p>Said.</p></blockquote>",
        '<p class="figure"><img src="https://cdn.example.org/a.png" alt="Alt"></p>',
    ]


def test_an_image_for_mail_carries_its_width() -> None:
    assert to_html([image("", "https://cdn.example.org/a.png")], 520) == (
        '<p class="figure"><img src="https://cdn.example.org/a.png" alt="" width="520"></p>'
    )


def test_marks_that_overlap_become_elements_that_do_not() -> None:
    block = paragraph("abcdef", Mark(0, 4, MarkKind.STRONG), Mark(2, 6, MarkKind.LINK, "https://example.org/?a=1&b=2"))

    assert inline(block) == ('<strong>ab</strong><a href="https://example.org/?a=1&amp;b=2"><strong>cd</strong>ef</a>')


def test_everything_else_is_text() -> None:
    block = paragraph('<img src=x onerror=alert(1)> & {{7*7}} "q"', Mark(0, 99, MarkKind.EMPHASIS))

    assert inline(block) == '<em>&lt;img src=x onerror=alert(1)&gt; &amp; {{7*7}} "q"</em>'


def test_marks_outside_the_text_are_harmless() -> None:
    assert inline(paragraph("abc", Mark(-4, 1, MarkKind.STRONG), Mark(2, 90, MarkKind.EMPHASIS))) == (
        "<strong>a</strong>b<em>c</em>"
    )


@pytest.mark.parametrize(
    "href",
    ["javascript:alert(1)", " JavaScript:x", "data:text/html,x", "/relative", "page.html", "//host/x", "#here", "",
     "https://", "https://exa mple.org", "http://[bad", "java\x00script:x", "vbscript:x"],
)  # fmt: skip
def test_a_link_that_is_not_absolute_and_harmless_keeps_only_its_text(href: str) -> None:
    assert safe_link(href) == ""
    assert inline(linked("read this now", "this", href)) == "read this now"


@pytest.mark.parametrize("href", ["https://example.org/a", "http://example.org", "mailto:a@example.org", "tel:+49123"])
def test_a_harmless_link_stays_as_it_is(href: str) -> None:
    assert safe_link(f" {href}\n") == href


def test_an_image_without_an_absolute_address_is_left_out() -> None:
    assert to_html([image("x", "/local.png"), image("x", "data:image/png;base64,AA"), image("x", "mailto:a@b.c")]) == ""


def test_characters_that_no_output_may_hold_are_gone() -> None:
    assert clean(f"a\x00b\x0bc\x1bd\ud800e\ufffff{SLOT_OPEN}name{SLOT_CLOSE}\tg\n😀") == "abcdefname\tg\n😀"


def test_a_title_is_one_line_without_what_turns_or_hides() -> None:
    assert clean_line("  a\n\u202eevil\u2066 \x07b ") == "a evil b"
    assert clean_line("soft\u00adly \u200bze\ufeffro\U000e0041") == "softly zero"


def test_emoji_keep_their_joiners_and_flags() -> None:
    emoji = "👩🏽\u200d🔬 1\ufe0f\u20e3 \U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"

    assert clean_line(emoji) == emoji


def test_letters_carry_at_most_four_marks() -> None:
    assert clean("Z" + "\u0301" * 5000 + "a\u0301") == "Z" + "\u0301" * 4 + "a\u0301"


@pytest.mark.parametrize(
    ("text", "expected"), [("abc", "ltr"), ("123 العناية", "rtl"), ("“שלום”", "rtl"), ("", "ltr"), ("42", "ltr")]
)
def test_the_first_letter_decides_the_direction(text: str, expected: str) -> None:
    assert direction(text) == expected


def marks() -> st.SearchStrategy[Mark]:
    ends = st.integers(0, 30)
    return st.builds(Mark, ends, ends, st.sampled_from(MarkKind), st.sampled_from(["https://example.org", "x:y", ""]))


@given(st.text(max_size=24), st.lists(marks(), max_size=5))
def test_markup_is_always_well_formed_and_says_what_the_text_says(text: str, some: list[Mark]) -> None:
    from lxml import etree

    root = etree.fromstring(f"<r>{inline(paragraph(text, *some))}</r>")

    assert "".join(root.itertext()) == clean(text).replace("\r\n", "\n").replace("\r", "\n")
    assert {e.tag for e in root.iter()} <= {"r", "a", "strong", "em"}
    assert not root.xpath("//a//a")
