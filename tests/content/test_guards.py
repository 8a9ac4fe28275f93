"""What changes a fact forbids dropping a sentence; what cannot both be right is named a contradiction."""

import pytest

from content.claims import read
from content.guards import Guard, contradiction, differences

CHANGED = [
    (Guard.NUMBER, "Leave the mask on for ten minutes.", "Leave the mask on for twenty minutes."),
    (Guard.NUMBER, "The needles are 0.5 mm long.", "The needles are 0.5 cm long."),
    (Guard.NEGATION, "The balm is suitable for children.", "The balm is not suitable for children."),
    (Guard.NEGATION, "Rinse the toner off.", "Do not rinse the toner off."),
    (Guard.NEGATION, "Lashes fall out when glue is removed.", "Lashes do not fall out when glue is removed."),
    (Guard.NEGATION, "Most insurers cover it.", "Hardly any insurer covers it."),
    (Guard.NEGATION, "The dye works on grey hair.", "The dye fails to work on grey hair."),
    (Guard.OPPOSITE, "Apply the oil to damp hair.", "Apply the oil to dry hair."),
    (Guard.OPPOSITE, "Use the cream in the morning.", "Use the cream in the evening."),
    (Guard.NAMED, "Massage jojoba oil in.", "Massage almond oil in."),
    (Guard.SAFETY, "Peels are postponed during pregnancy.", "Peels are postponed."),
    (Guard.CONDITION, "Stop if the skin blisters.", "Stop."),
    (Guard.WORD, "The gel is peeled off with tweezers.", "The gel is peeled off with scissors."),
]
REWORDED = [
    ("Avoid hot showers for two days.", "For 48 hours, stay away from hot showers."),
    ("The treatment does not hurt.", "The treatment is painless."),
    ("Use a shampoo without sulphates.", "Use only sulphate-free shampoo."),
    ("Oil-based removers weaken the curl, so avoid them.", "Stay away from oil-based removers, which weaken the curl."),
    ("Leave make-up off for the first day.", "Do not use make-up for 24 hours."),
    ("It lasts six to eight weeks.", "It lasts up to eight weeks."),
    ("Use it twice weekly.", "Use it two nights a week."),
    ("Gel is filed off, because acetone barely dissolves it.", "Since acetone hardly dissolves it, file the gel off."),
    ("Pregnant women should ask first.", "If you are pregnant, ask first."),
    ("A strip is pressed on and pulled off fast.", "She presses a strip onto it and pulls it off fast."),
]


@pytest.mark.parametrize(("guard", "a", "b"), CHANGED)
def test_a_changed_fact_is_a_difference(guard: Guard, a: str, b: str) -> None:
    assert guard in {d.guard for d in differences(read(a), read(b))}


@pytest.mark.parametrize(("a", "b"), REWORDED)
def test_the_same_fact_in_other_words_is_none(a: str, b: str) -> None:
    assert differences(read(a), read(b)) == ()


@pytest.mark.parametrize(
    ("a", "b", "why"),
    [
        ("Keep it dry for 24 hours.", "Keep it dry for 48 hours.", "number: 24 hours against 48 hours"),
        ("A lift costs about £50.", "A lift costs about £70.", "number: £ 50 against £ 70"),
        ("Rinse the toner off.", "Do not rinse the toner off.", "negation: rinse against not rinse"),
    ],
)
def test_what_cannot_both_be_right_is_a_contradiction(a: str, b: str, why: str) -> None:
    assert str(contradiction(read(a), read(b))) == why


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Avoid make-up for 24 hours.", "Avoid saunas for 48 hours."),
        ("It lasts six to eight weeks.", "It lasts eight weeks."),
        ("Redness fades within a few hours.", "Redness fades within a couple of days."),
        ("Retinol is not for pregnancy.", "Wear sunscreen with retinol."),
    ],
)
def test_different_matters_and_overlapping_amounts_are_no_contradiction(a: str, b: str) -> None:
    assert contradiction(read(a), read(b)) is None


def test_a_sentence_that_says_less_differs_in_one_direction_only() -> None:
    less, more = read("Peels are postponed."), read("Peels are postponed during pregnancy.")

    assert differences(less, more) == ()
    assert differences(more, less) != ()


def test_naming_the_subject_is_no_difference() -> None:
    a, b = read("The wax takes the root out."), read("It takes the root out.")

    assert differences(a, b) != ()
    assert differences(a, b, frozenset({"wax"})) == ()
