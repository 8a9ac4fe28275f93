"""Every explainer is printed once; no fact is lost; what contradicts stands side by side until an editor chooses."""

from dataclasses import replace
from datetime import timedelta

import pytest

from content.articles import Block, BlockKind, Mark, MarkKind
from content.clusters import Ruling, RulingKind, cluster
from content.folding import Folding, Printed, Rule, See, fold
from content.repeats import says_the_same
from content.reports import as_json
from content.sections import Section
from content.statements import fingerprint
from tests.content.builders import APPROVED, make_article, make_sections

A = make_article(
    "a",
    ("How Lash Tinting Works", "A vegetable dye is painted on the lashes. It is wiped off after ten minutes."),
    ("Lash Tint Aftercare", "Keep your lashes dry for 24 hours. Do not rub your eyes."),
    title="Lash tinting",
)
B = make_article(
    "b",
    ("How Does a Lash Tint Work?", "The lashes are painted with a vegetable dye. A patch test is done first."),
    ("Caring for Your Lash Tint", "Keep your lashes dry for 48 hours. You should not rub your eyes."),
    title="All about lash tints",
)
KEEP_24, KEEP_48 = "Keep your lashes dry for 24 hours.", "Keep your lashes dry for 48 hours."


SECTIONS = make_sections(A) + make_sections(B, approved_at=APPROVED + timedelta(days=1))


def folded(*rulings: Ruling) -> Folding:
    sections = SECTIONS
    return fold(sections, cluster(sections, rulings), rulings)


def test_a_repeated_sentence_is_dropped_for_the_one_that_says_the_same() -> None:
    drop = folded().drops[0]

    assert drop.statement.text == "The lashes are painted with a vegetable dye."
    assert drop.kept.text == "A vegetable dye is painted on the lashes."
    assert drop.rule is Rule.SAME_STATEMENT


def test_a_new_sentence_is_kept_with_the_canonical_section_and_attributed() -> None:
    how, _ = folded().printed

    assert [(k.statement.text, k.statement.article, k.title) for k in how.kept] == [
        ("A patch test is done first.", "b", "All about lash tints")
    ]
    assert [(r.article, r.title) for r in how.also_in] == [("b", "All about lash tints")]


C = make_article(
    "c",
    (
        "How Lash Tinting Is Done",
        "The lashes are painted with a vegetable dye. A patch test is done first, 48 hours ahead. It is wiped off.",
    ),
    title="Tinted lashes",
)
SHORT, FULL = "A patch test is done first.", "A patch test is done first, 48 hours ahead."


def test_a_kept_sentence_gives_way_to_a_later_one_that_says_it_and_more() -> None:
    folding = folded_with_c()

    (how, _) = folding.printed
    assert [k.statement.text for k in how.kept] == [FULL]
    assert [(d.kept.text, d.rule) for d in folding.drops if d.statement.text == SHORT] == [(FULL, Rule.SAME_STATEMENT)]


def test_a_kept_sentence_that_others_were_dropped_for_stays() -> None:
    again = make_article(
        "again",
        ("How a Lash Tint Is Applied", "A vegetable dye is painted on the lashes. First, a patch test is done."),
    )
    folding = folded_with_c(more=make_sections(again, approved_at=APPROVED + timedelta(days=1, hours=1)))

    (how, _) = folding.printed
    assert [k.statement.text for k in how.kept] == [SHORT, FULL]
    assert [d.kept.text for d in folding.drops if d.statement.text == "First, a patch test is done."] == [SHORT]


def test_what_an_editor_keeps_or_prefers_gives_way_to_nothing() -> None:
    for ruling in (
        Ruling(RulingKind.KEEP, fingerprint(SHORT)),
        Ruling(RulingKind.PREFER, fingerprint(SHORT), fingerprint("It is wiped off.")),
    ):
        (how, _) = folded_with_c(ruling).printed
        assert SHORT in [k.statement.text for k in how.kept]


def folded_with_c(*rulings: Ruling, more: tuple[Section, ...] = ()) -> Folding:
    sections = (*SECTIONS, *more, *make_sections(C, approved_at=APPROVED + timedelta(days=2)))
    return fold(sections, cluster(sections, rulings), rulings)


def test_in_place_of_an_echo_stands_a_reference() -> None:
    first, second = folded().stories

    assert [type(p) for p in first.parts] == [Printed, Printed]
    assert [(type(p), p.canonical.heading) for p in second.parts if isinstance(p, See)] == [
        (See, "How Lash Tinting Works"),
        (See, "Lash Tint Aftercare"),
    ]


def test_contradicting_sentences_both_stand_and_the_edition_is_held() -> None:
    folding = folded()

    (clash,) = folding.contradictions
    assert (clash.a.text, clash.b.text) == (KEEP_24, KEEP_48)
    assert clash.why == "number: 24 hours against 48 hours"
    assert folding.held
    assert {KEEP_24, KEEP_48}.isdisjoint(d.statement.text for d in folding.drops)


def test_an_editor_settles_a_contradiction() -> None:
    folding = folded(Ruling(RulingKind.PREFER, fingerprint(KEEP_48), fingerprint(KEEP_24)))

    care = folding.printed[1]
    assert not folding.held
    assert [(d.statement.text, d.kept.text) for d in folding.drops if d.rule is Rule.EDITOR] == [(KEEP_24, KEEP_48)]
    assert [b.text for b in care.blocks] == ["Do not rub your eyes."]
    assert [k.statement.text for k in care.kept] == [KEEP_48]


def test_an_editor_lets_both_stand() -> None:
    folding = folded(Ruling(RulingKind.STAND, fingerprint(KEEP_48), fingerprint(KEEP_24)))

    assert not folding.held
    assert [k.statement.text for k in folding.printed[1].kept] == [KEEP_48]


def test_an_editor_brings_a_dropped_sentence_back() -> None:
    dropped = "The lashes are painted with a vegetable dye."

    folding = folded(Ruling(RulingKind.KEEP, fingerprint(dropped)))

    assert dropped in [k.statement.text for k in folding.printed[0].kept]


def test_a_kept_sentence_keeps_its_links() -> None:
    text = "The lashes are painted with a vegetable dye. A patch test is done first."
    linked = Block(BlockKind.PARAGRAPH, text, (Mark(47, 57, MarkKind.LINK, "https://x.example/"),))
    sections = list(SECTIONS)
    sections[2] = replace(sections[2], blocks=(linked,))

    (kept,) = fold(sections, cluster(sections)).printed[0].kept

    assert kept.block == Block(
        BlockKind.PARAGRAPH, "A patch test is done first.", (Mark(2, 12, MarkKind.LINK, "https://x.example/"),)
    )


def test_the_summary_counts_every_sentence() -> None:
    report = as_json(folded())

    assert report["summary"] == {
        "articles": 2, "sections": 4, "clusters": 2, "sentences": 8,
        "printed": 6, "dropped": 2, "kept": 2, "contradictions": 1,
    }  # fmt: skip
    assert report["held"] is True


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("Most people see results after about twelve weeks.",
         "Patience matters, because visible change takes around three months.", True),
        ("Most people see results after about four weeks.",
         "Patience matters, because visible change takes around three months.", False),
        ("Most people see results after about twelve weeks, and the skin keeps firming for a year.",
         "Patience matters, because visible change takes around three months.", False),
        ("Begin with two nights a week and build up slowly over a month.",
         "Ease in: use it twice weekly at first, adding nights as your skin adjusts.", True),
        ("Begin with two nights a week and build up slowly over a month.",
         "Ease in: use it four times weekly at first, adding nights as your skin adjusts.", False),
        ("Tell us if you get cold sores, because you may need antiviral tablets.",
         "If cold sores are a problem for you, let the clinic know, since you may need preventive medication.", True),
        ("Tell us if you get cold sores, because you may need antiviral tablets.",
         "If migraines are a problem for you, let the clinic know, since you may need preventive medication.", False),
    ],
    ids=["same amount", "another amount", "new clause", "same rate", "another rate", "let know", "another illness"],
)  # fmt: skip
def test_rewordings_of_a_sentence_repeat_it_and_changed_facts_do_not(a: str, b: str, same: bool) -> None:
    assert says_the_same(a, b) is same


def test_nothing_gives_nothing() -> None:
    assert fold([], []) == Folding(sections=(), clusters=(), stories=(), drops=(), contradictions=(), furniture=())
