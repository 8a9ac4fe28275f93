"""What is read into arrays is what each sentence says, however many sections are read at a time."""

import random

import numpy as np
import pytest

from content.claims import terms
from content.concordance import Concordance, bag_entries, bags, join, only, read
from content.sections import Section
from content.similarity import stated
from tests.content.builders import make_article, make_sections

#: Phrases, apostrophes, typography, soft hyphens, numbers, page furniture, bylines, other languages and scripts.
PROSE = (
    "Fine lines and crow's feet fade. The patient's skin isn't dry; it’s “dewy” – at least for two weeks…",
    "Book now! Leave us a comment. Written by Ada Byron.",
    "By Ada Byron. Skin is cleansed with lukewarm water. Book your appointment today!",
    "By Ada Byron. Skin is cleansed with lukewarm water.",
    "A soft\u00adhyphen and SPF50+ on the T-zone. Dr. Ada says so. No. 5 is best.",
    "ﬁne lines of the ﬁrst order. Ｂｏｏｋ now!",
    "肌を洗う。水で流す。",
    "The bio-oil; read more. % off the price. 20% off today.",
    "",
    "12 34 5,6",
    "She reads books about design policy in the office. Results may vary.",
    "Numbing cream before. Numbing, cream after. Numb. Cream.",
)


def sections(language: str = "en") -> tuple[Section, ...]:
    return make_sections(*(make_article(f"{language}{n}", ("Heading", text or " ")) for n, text in enumerate(PROSE)))


def statements(found: Concordance, number: int) -> list[frozenset[str]]:
    first, last = found.sections[number : number + 2].tolist()
    rows = (found.terms[found.starts[n] : found.starts[n + 1]].tolist() for n in range(first, last))
    return [frozenset(found.vocabulary[t] for t in row) for row in rows]


@pytest.mark.parametrize("number", range(len(PROSE)))
def test_each_statement_holds_the_concepts_of_its_sentence(number: int) -> None:
    section = sections()[number]

    found = join([read([section])])

    assert statements(found, 0) == [terms(text) for text in stated(section)]


def test_odd_texts_are_read_as_their_sentences_are() -> None:
    drawn = random.Random(7)
    parts = (
        *"aB7 .!?…\n。」”'’)",
        "e.g.",
        "No. ",
        " Dr.",
        "\u00ad",
        "é",
        "-",
        "don't",
        "'s ",
        "book ",
        "by ",
        "fine lines ",
    )
    texts = ["".join(drawn.choices(parts, k=drawn.randint(1, 40))) for _ in range(400)]
    many = make_sections(*(make_article(f"odd{n}", ("Heading", text)) for n, text in enumerate(texts)))

    found = join([read(many)])

    assert [statements(found, n) for n in range(len(many))] == [[terms(t) for t in stated(s)] for s in many]


@pytest.mark.parametrize("size", [1, 3, 5])
def test_how_many_are_read_at_a_time_makes_no_difference(size: int) -> None:
    many = sections()

    whole = join([read(many)])
    parted = join(read(many[i : i + size]) for i in range(0, len(many), size))

    assert parted.vocabulary == whole.vocabulary
    assert parted.terms.tolist() == whole.terms.tolist()
    assert parted.starts.tolist() == whole.starts.tolist()
    assert parted.sections.tolist() == whole.sections.tolist()


def test_concepts_are_numbered_as_they_come_those_of_one_section_by_the_alphabet() -> None:
    a, b = make_sections(
        make_article("a", ("Heading", "Wax warms skin.")), make_article("b", ("Heading", "Amber wax cools."))
    )

    assert join([read([a, b])]).vocabulary == ("heat", "skin", "wax", "amber", "cool")


def test_a_bag_holds_each_concept_once_and_knows_which_statements_hold_it() -> None:
    (section,) = make_sections(make_article("a", ("Heading", "Wax warms skin. Wax cools. Skin cools.")))
    found = join([read([section])])

    entries = bag_entries(found)

    bag = [found.vocabulary[n] for n in entries.bags.terms.tolist()]
    holders = [entries.holders[a:b].tolist() for a, b in zip(entries.starts[:-1], entries.starts[1:], strict=True)]
    assert dict(zip(bag, holders, strict=True)) == {"wax": [0, 1], "heat": [0], "skin": [0, 2], "cool": [1, 2]}
    assert bags(found).terms.tolist() == entries.bags.terms.tolist()


def test_some_sections_are_taken_out_in_the_order_asked_for() -> None:
    many = sections()
    found = join([read(many)])

    taken = only(found, np.array([4, 0]))

    of_taken = Concordance(vocabulary=found.vocabulary, terms=taken.terms, starts=taken.starts, sections=taken.sections)
    assert [statements(of_taken, n) for n in range(2)] == [statements(found, 4), statements(found, 0)]
