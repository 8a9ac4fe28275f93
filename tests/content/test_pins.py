"""An approval names what it covers: whichever part is not as it was, its name is said, and no other."""

import pytest

from content.pins import BESIDE_THE_TEXT, changed_parts, pin

APPROVED = {
    "article desk:scars.md": "r1",
    "template email/digest/body.html.jinja": "t1",
    "text": "e1",
    "folding": "f1",
    "mail": "m1",
    "look": "l1",
    "audience beauty": "a1",
}


def test_nothing_is_said_when_all_is_as_it_was() -> None:
    assert changed_parts(APPROVED, APPROVED) == ()


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("article desk:scars.md", "'desk:scars.md' was withdrawn or edited since"),
        ("template email/digest/body.html.jinja", "the template email/digest/body.html.jinja changed since"),
        ("text", "its text is not the one that was approved"),
        ("folding", "what was folded in it is not what was approved"),
        ("mail", "its mail is not the one that was approved"),
        ("look", "the newsletter's look, address or name changed since, in the settings"),
        ("audience beauty", "whom it goes to changed since: the list 'beauty', its topics, rhythms or hour"),
    ],
    ids=lambda value: value.split()[0],
)
def test_each_part_is_named(part: str, words: str) -> None:
    assert changed_parts(APPROVED, APPROVED | {part: "other"}) == (words,)
    assert changed_parts(APPROVED, {name: hash_ for name, hash_ in APPROVED.items() if name != part}) == (words,)


def test_what_is_beside_the_text_can_be_left_out() -> None:
    now = APPROVED | {"audience beauty": "other", "look": "other"}

    assert changed_parts(APPROVED, now, but=BESIDE_THE_TEXT) == (
        "the newsletter's look, address or name changed since, in the settings",
    )


def test_one_byte_makes_another_pin() -> None:
    assert pin("Wait 24 hours.") != pin("Wait 24 hours!")
