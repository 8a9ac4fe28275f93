"""Before approving, an editor learns what is odd about an article."""

import pytest

from content.articles import Block, BlockKind, Mark, MarkKind
from newsletter.sources.notes import notes_on
from tests.builders import make_article, paragraph

LONG = paragraph("Wear sunscreen every morning. " * 5)


def _link(text: str, href: str) -> Block:
    return Block(BlockKind.PARAGRAPH, text, (Mark(0, len(text), MarkKind.LINK, href),))


def test_a_plain_article_needs_no_note() -> None:
    assert notes_on(make_article("a", LONG)) == ()


def test_what_was_taken_out_is_listed() -> None:
    notes = notes_on(make_article("a", LONG), [("script", 2), ("form", 1)])

    assert notes == ("is read without: script (2), form (1)",)


@pytest.mark.parametrize("text", ["cafÃ© au lait", "donâ€™t", "5Â\u00a0ml"])
def test_a_garbled_text_is_recognised(text: str) -> None:
    assert notes_on(make_article("a", LONG, paragraph(text))) == (
        "looks garbled (Ã, â€): it was saved in one encoding and read in another",
    )


@pytest.mark.parametrize("text", ["café au lait", "SÃO PAULO", "Ângela", "don’t"])
def test_an_accent_is_not_garbled(text: str) -> None:
    assert notes_on(make_article("a", LONG, paragraph(text))) == ()


def test_a_teaser_is_recognised() -> None:
    assert notes_on(make_article("a", paragraph("Read more on our site."))) == (
        "has fewer than 20 words: is that all of it?",
    )


def test_a_link_that_shows_one_site_and_leads_to_another_is_named() -> None:
    article = make_article("a", LONG, _link("https://bank.example/login", "https://evil.example/"))

    assert notes_on(article) == ("shows bank.example and leads to evil.example: check the link",)


@pytest.mark.parametrize("text", ["our shop", "www.shop.example", "shop.example/lips", "Dr. Best"])
def test_an_honest_link_needs_no_note(text: str) -> None:
    assert notes_on(make_article("a", LONG, _link(text, "https://shop.example/lips"))) == ()
