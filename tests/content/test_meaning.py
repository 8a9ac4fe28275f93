from itertools import permutations

import pytest

from content import meaning
from content.clusters import Ruling, RulingKind, cluster
from content.text import sentences
from tests.content.builders import make_article, make_sections, texts
from tests.content.vectors import HandMade

PLAIN = make_article(
    "plain",
    ("How cryolipolysis works", "Cold kills fat cells. Applicators chill tissue. Dead cells leave through the liver."),
    ("Side effects of cryolipolysis", "Numbness is usual. Tingling lasts days. Bruises appear."),
)
ODD = make_article(
    "odd",
    ("A deep freeze", "Frost destroys flab. Cups ice the flesh. The body flushes what died."),
    ("The not so nice bits", "Expect deadness. Prickling goes on for ages. Black marks show."),
)
OTHER = make_article(
    "other",
    ("A perm for hair", "Lotion breaks bonds. Rods bend strands. Neutraliser locks curls."),
    ("The awkward questions", "Dye runs. Split ends grow. Breakage happens."),
)
VECTORS = HandMade(
    {
        "cold": "cold", "frost": "cold", "chill": "cold", "ice": "cold", "freeze": "cold", "cryolipolysis": "cold",
        "kills": "kill", "destroys": "kill", "dead": "kill", "died": "kill", "fat": "fat", "flab": "fat",
        "applicators": "cup", "cups": "cup", "tissue": "flesh", "flesh": "flesh", "liver": "body", "body": "body",
        "leave": "leave", "flushes": "leave", "numbness": "numb", "deadness": "numb", "tingling": "tingle",
        "prickling": "tingle", "bruises": "bruise", "marks": "bruise", "days": "long", "ages": "long",
        "lotion": "perm", "rods": "perm", "strands": "perm", "curls": "perm", "bonds": "perm", "neutraliser": "perm",
        "dye": "dye", "split": "split", "breakage": "split",
    }
)  # fmt: skip


def test_sections_that_share_no_word_are_found_by_what_they_mean() -> None:
    sections = make_sections(PLAIN, ODD, OTHER)
    assert cluster(sections) == ()
    assert [texts(c.members) for c in cluster(sections, vectors=VECTORS)] == [
        {"plain: How cryolipolysis works", "odd: A deep freeze"},
        {"plain: Side effects of cryolipolysis", "odd: The not so nice bits"},
    ]


def test_the_link_says_what_it_was_found_by() -> None:
    (found, _) = cluster(make_sections(PLAIN, ODD, OTHER), vectors=VECTORS)
    (link,) = found.links
    assert link.rule == "same meaning"
    assert "their sentences mean the same to" in link.evidence
    assert "(made by hand)" in link.evidence


def test_the_order_in_which_sections_come_makes_no_difference() -> None:
    outcomes = {cluster(order, vectors=VECTORS) for order in permutations(make_sections(PLAIN, ODD, OTHER))}
    assert len(outcomes) == 1


def test_an_editor_keeps_apart_what_means_the_same() -> None:
    sections = make_sections(PLAIN, ODD, OTHER)
    apart = Ruling(RulingKind.DIFFERENT, sections[0].fingerprint, sections[2].fingerprint)
    (found,) = cluster(sections, [apart], VECTORS)
    assert texts(found.members) == {"plain: Side effects of cryolipolysis", "odd: The not so nice bits"}


def test_articles_that_plainly_name_two_subjects_are_not_joined_by_meaning() -> None:
    other = make_article(
        "other",
        ("How waxing works", "Frost destroys flab. Cups ice the flesh. The body flushes what died."),
        ("Side effects of waxing", "Expect deadness. Prickling goes on for ages. Black marks show."),
    )
    assert cluster(make_sections(PLAIN, other), vectors=VECTORS) == ()


def test_sections_without_words_are_left_alone() -> None:
    assert cluster(make_sections(make_article("e", ("", "💅"), ("", "12 34"))), vectors=VECTORS) == ()
    assert cluster([], vectors=VECTORS) == ()


@pytest.mark.parametrize("cap", ["MOST", "MOST_SENTENCES"])
def test_more_than_the_table_has_room_for_are_compared_by_words_alone(
    monkeypatch: pytest.MonkeyPatch, cap: str
) -> None:
    sections = make_sections(PLAIN, ODD, OTHER)
    number = len(sections) if cap == "MOST" else sum(len(list(sentences(s.blocks))) for s in sections)

    monkeypatch.setattr(meaning, cap, number)
    assert len(cluster(sections, vectors=VECTORS)) == 2
    monkeypatch.setattr(meaning, cap, number - 1)
    assert cluster(sections, vectors=VECTORS) == ()
