"""A sentence that speaks of what stood before it is known by its first two words."""

import pytest

from content.cutting import leans_back


@pytest.mark.parametrize(
    ("text", "leans"),
    [
        ("It fades within a day.", True),
        ("Until it has, whatever lands on the skin goes in.", True),
        ("Use them twice a week.", True),
        ("For that reason, mornings are better.", True),
        ("Sunscreen is part of it.", False),
        ("If you are pregnant, ask first.", False),
        ("Clean.", False),
        ("", False),
    ],
)
def test_what_leans_on_the_sentence_before(text: str, leans: bool) -> None:
    assert leans_back(text) is leans
