"""An amount is read as what it means: words, ranges, rates and units compare with digits."""

import pytest

from content.quantities import quantities

SAME = [
    ("for 24 hours", "for one full day"),
    ("for two weeks", "for 14 days"),
    ("about twelve weeks", "around three months"),
    ("twice a week", "two nights per week"),
    ("5-7 days", "five to seven days"),
    ("1.5 cm", "15 mm"),
    ("1,5 cm", "1.5 cm"),
    ("half an hour", "30 minutes"),
    ("twenty-five minutes", "25 min"),
    ("97%", "97 percent"),
    ("SPF50", "SPF 50"),
    ("within a few minutes", "for several minutes"),
    ("three hundred and twenty-three people", "323 people"),
]
DIFFERENT = [
    ("for 24 hours", "for 72 hours"),
    ("0.5 mm", "1.5 mm"),
    ("0.5 mm", "0.5 cm"),
    ("twice a week", "twice a day"),
    ("5-7 days", "7 days"),
    ("28 days", "30 days"),
    ("SPF 30", "SPF 50"),
    ("20%", "20 ml"),
]


@pytest.mark.parametrize(("a", "b"), SAME)
def test_the_same_amount_in_other_words_agrees(a: str, b: str) -> None:
    ((left,), (right,)) = quantities(a), quantities(b)

    assert left.agrees(right)
    assert right.agrees(left)


@pytest.mark.parametrize(("a", "b"), DIFFERENT)
def test_another_amount_or_unit_does_not_agree(a: str, b: str) -> None:
    ((left,), (right,)) = quantities(a), quantities(b)

    assert not left.agrees(right)


@pytest.mark.parametrize("text", ["one of the benefits", "no one", "the other one", "make-up", ""])
def test_a_text_without_an_amount_has_none(text: str) -> None:
    assert quantities(text) == ()
