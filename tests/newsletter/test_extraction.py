"""On saved pages of our own the article is found no worse than trafilatura alone finds it, and stands there once."""

from pathlib import Path

import pytest

from benchmarks.extraction import alone, mean, measure, ours, pages, score
from newsletter.sources.pages import without_copies
from tests.builders import heading, paragraph


def test_no_worse_than_trafilatura_alone() -> None:
    found, peer = mean(measure(ours)), mean(measure(alone))

    assert found.precision >= peer.precision
    assert found.recall >= peer.recall - 0.005
    assert found.f1 >= peer.f1


@pytest.mark.parametrize("name", sorted(pages()))
def test_hardly_a_word_of_an_article_is_lost(name: str) -> None:
    page, wanted = pages()[name]

    assert score(ours(name, page), wanted).recall > 0.9


@pytest.mark.parametrize("name", ["lip-liner", "held-micellar"], ids=["articles", "boxes"])
def test_an_article_that_stands_on_a_page_twice_is_read_once(name: str) -> None:
    """Row A38: for phones and for desktops, with comments, related links and a box to sign up around it."""
    page, wanted = pages()[name]
    found = ours(name, page)

    assert [found.count(line) for line in wanted.splitlines()[1:]] == [1] * (len(wanted.splitlines()) - 1)
    for around in ("9,000 readers", "Nine red lipsticks", "tissue trick", "commission"):
        assert around not in found


def test_each_page_has_its_text_beside_it() -> None:
    assert set(pages()) == {f.stem for f in (Path(__file__).parents[1] / "data" / "pages").glob("*.html")}


def test_a_second_copy_is_left_out_and_a_refrain_stays() -> None:
    once = (heading("Wait"), paragraph("One."), paragraph("Two."))
    refrain = (paragraph("Drink water."), paragraph("Three."), paragraph("Drink water."), paragraph("Four."))
    long = paragraph("Nobody writes a sentence of twelve words and more a second time by accident.")

    assert without_copies((*once, *once)) == once
    assert without_copies(refrain) == refrain
    assert without_copies((long, paragraph("One."), long)) == (long, paragraph("One."))
    assert without_copies(()) == ()
