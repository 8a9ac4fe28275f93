"""Sections nobody would write: they fold to something sensible, and many look-alikes cost no square."""

import random

import numpy as np
import pytest

from content.articles import Block, BlockKind
from content.candidates import BUDGET, NEIGHBOURS, partners_of
from content.claims import terms
from content.clusters import cluster, examine
from content.concordance import Bags, Numbers, starts_of
from content.folding import Rule, fold
from content.sections import Section
from content.similarity import weigh
from tests.content.builders import make_article, make_sections


def section(number: int, text: str, heading: str = "How it works", language: str = "en") -> Section:
    return Section(
        article=f"article {number}",
        article_title="",
        revision=f"{number:016d}",
        position=0,
        heading=heading,
        blocks=(Block(BlockKind.PARAGRAPH, text),),
        language=language,
    )


def laid_out(bags: list[frozenset[str]]) -> tuple[Bags, Numbers]:
    """Return the concepts of some sections as arrays, and what each weighs."""
    weights = weigh(bags)
    numbers = {term: n for n, term in enumerate(weights)}
    terms = [n for bag in bags for n in sorted(numbers[term] for term in bag)]
    starts = starts_of(np.array([len(bag) for bag in bags], np.int64))
    return Bags(terms=np.array(terms, np.int32), starts=starts), np.array(list(weights.values()), np.int64)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n ",
        "Skin",
        "12 34 5,6",
        "💅✨👩‍🔬",
        "​‍",
        "...",
        "肌を洗う。水で流す。",
        "Кожа skin 肌 جلد",
        "Z" + 50 * "\u0301",
    ],
)
def test_the_same_odd_section_twice_is_printed_once_or_has_nothing_to_print(text: str) -> None:
    sections = [section(1, text), section(2, text)]

    folding = fold(sections, cluster(sections))

    printed = [x.text for p in folding.printed for x in (*p.statements, *(k.statement for k in p.kept))]
    assert sorted(set(printed)) == sorted({x.text for s in folding.printed for x in s.statements})


def test_a_section_of_a_hundred_thousand_words_is_compared_as_a_whole() -> None:
    drawn = random.Random(7)
    words = [f"word{n}" for n in range(3000)]
    long = " ".join(" ".join(drawn.choices(words, k=14)).capitalize() + "." for _ in range(7_150))
    sections = [section(1, long), section(2, long.replace("Word1 ", "Thing "))]

    (found,) = cluster(sections)

    assert len(found.members) == 2


def test_the_same_article_a_thousand_times_is_printed_once() -> None:
    parts = ("How Waxing Works", "Warm wax is spread on the skin."), ("Waxing Aftercare", "Wear loose cotton clothes.")
    sections = make_sections(*(make_article(f"copy{n}", *parts) for n in range(1000)))

    clustering = examine(sections)
    folding = fold(sections, clustering.clusters)

    assert [len(c.members) for c in clustering.clusters] == [1000, 1000]
    assert sum(len(p.statements) + len(p.kept) for p in folding.printed) == 2
    assert {d.rule for d in folding.drops} == {Rule.SAME_WORDS}


def test_look_alikes_cost_no_square_and_what_was_passed_over_is_reported() -> None:
    bags = [terms(f"Warm wax is spread on smooth skin, batch mark{n}.") for n in range(15_000)]

    found = partners_of(*laid_out(bags))

    assert len(found.pairs) <= len(bags) * NEIGHBOURS
    assert found.passed_over > 0
    assert len(bags) > BUDGET


def test_look_alikes_are_one_cluster_though_each_meets_but_a_few() -> None:
    text = "Warm wax is spread on smooth skin with a wooden spatula, batch mark{}. It is pulled off against the hair."
    sections = [section(n, text.format(n)) for n in range(1500)]

    clustering = examine(sections)

    assert [len(c.members) for c in clustering.clusters] == [1500]
    assert clustering.compared <= len(sections) * NEIGHBOURS
    assert clustering.passed_over > 0


def test_no_more_sections_than_a_place_has_bits_for() -> None:
    class Endless(list[frozenset[str]]):
        def __len__(self) -> int:
            return 1 << 24

    with pytest.raises(ValueError, match="at most 16,777,215"):
        partners_of(Endless(), np.empty(0, np.int64))


def test_nothing_has_no_candidates() -> None:
    assert partners_of(*laid_out([])).pairs.tolist() == []
    assert partners_of(*laid_out([frozenset(), frozenset()])).pairs.tolist() == []


def test_calls_to_action_that_repeat_everywhere_make_no_cluster_and_are_counted_apart() -> None:
    call = "Book your appointment today!"
    sections = [section(n, call, heading="Book Your Appointment") for n in range(3)]

    folding = fold(sections, cluster(sections))

    assert folding.clusters == ()
    assert [s.text for s, _ in folding.furniture] == [call] * 3
    assert [(d.statement.article, d.kept.article, d.rule) for d in folding.drops] == [
        ("article 1", "article 0", Rule.FURNITURE),
        ("article 2", "article 0", Rule.FURNITURE),
    ]


@pytest.mark.parametrize(
    ("language", "a", "b"),
    [
        ("de", "Die Haut wird gründlich gereinigt. Danach trägt man die Maske auf.",
         "Zuerst reinigt man die Haut gründlich. Die Maske wird danach aufgetragen."),
        ("fr", "La peau est nettoyée avec soin. On applique ensuite le masque.",
         "On nettoie la peau avec soin. Le masque est ensuite appliqué."),
        ("fi", "Iho puhdistetaan huolellisesti. Sitten levitetään naamio.",
         "Iho puhdistetaan ensin huolellisesti. Naamio levitetään sitten."),
    ],
)  # fmt: skip
def test_other_languages_are_compared_too(language: str, a: str, b: str) -> None:
    heading = {"de": "Gesichtsmaske", "fr": "Masque", "fi": "Naamio"}[language]

    assert len(cluster([section(1, a, heading, language), section(2, b, heading, language)])) == 1
