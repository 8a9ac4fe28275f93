"""Two sections side by side: what both say is plain, what one says alone is marked, and no text is markup."""

from content.clusters import cluster
from content.sections import split
from newsletter.rendering.comparison import Piece, compare, comparison_html
from tests.builders import MONDAY, heading, make_article, paragraph


def test_words_of_one_side_alone_are_marked() -> None:
    left, right = compare("Wait 24 hours before make-up.", "wait 72 hours before makeup, please.")

    assert left == (Piece("Wait ", False), Piece("24 ", True), Piece("hours before make-up.", False))
    assert right == (
        Piece("wait ", False),
        Piece("72 ", True),
        Piece("hours before makeup, ", False),
        Piece("please.", True),
    )


def test_the_pieces_put_together_are_the_text() -> None:
    texts = ("One two  three.\nFour.", "One three, five!")

    assert tuple("".join(p.text for p in side) for side in compare(*texts)) == texts


def test_a_page_shows_each_echo_beside_its_canonical_section() -> None:
    body = "Fine needles make tiny channels in the skin, and the skin answers with new <collagen>."
    articles = [
        make_article(f"{n}.md", heading("How Microneedling Works"), paragraph(body), title="Microneedling")
        for n in ("a", "b")
    ]
    sections = [s for article in articles for s in split(article, MONDAY)]

    page = comparison_html(cluster(sections))

    assert page.count('class="pair"') == 1
    assert "new &lt;collagen&gt;." in page
    assert "<collagen>" not in page
    assert "a.md" in page
    assert "b.md" in page
