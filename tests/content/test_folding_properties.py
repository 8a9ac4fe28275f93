"""Whatever comes in: order does not matter, each drop has a printed witness, folding twice changes nothing."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.near_duplicates import read_sections
from content.articles import Block, BlockKind
from content.clusters import cluster
from content.embeddings import Vectors
from content.folding import Folding, fold
from content.sections import Section
from content.statements import statements_of
from newsletter.semantics import load_vectors

DATA = Path(__file__).parents[1] / "data"
SETS = sorted((*DATA.glob("beauty_*.txt"), *DATA.glob("magazine_*.txt")))
POOL = [x.section for name in ("beauty_tuning", "beauty_tuning_d") for x in read_sections(DATA / f"{name}.txt")]
SENTENCES = sorted({b.text for s in POOL for b in s.blocks})
HEADINGS = sorted({s.heading for s in POOL} | {"", "Conclusion", "💅"})

sections = st.lists(
    st.builds(
        lambda article, position, heading, texts: Section(
            article=f"article{article}",
            article_title="",
            revision=f"{article:016d}",
            position=position,
            heading=heading,
            blocks=tuple(Block(BlockKind.PARAGRAPH, t) for t in texts),
        ),
        st.integers(0, 4),
        st.integers(0, 5),
        st.sampled_from(HEADINGS),
        st.lists(st.sampled_from(SENTENCES), max_size=5),
    ),
    max_size=12,
    unique_by=lambda s: s.id,
)
subsets = st.lists(st.sampled_from(POOL), max_size=20, unique_by=lambda s: s.id)
some = sections | subsets


def folded(found: list[Section], vectors: Vectors | None = None) -> Folding:
    return fold(found, cluster(found, vectors=vectors), vectors=vectors)


@settings(max_examples=60, deadline=None)
@given(some, st.randoms(use_true_random=False))
def test_the_order_of_the_sections_does_not_matter(found: list[Section], drawn: random.Random) -> None:
    assert_any_order_is_the_same(found, drawn)


@settings(max_examples=15, deadline=None)
@given(subsets, st.randoms(use_true_random=False))
def test_by_meaning_the_order_does_not_matter_either(found: list[Section], drawn: random.Random) -> None:
    assert_any_order_is_the_same(found, drawn, load_vectors())


def assert_any_order_is_the_same(found: list[Section], drawn: random.Random, vectors: Vectors | None = None) -> None:
    shuffled = list(found)
    drawn.shuffle(shuffled)

    first, second = folded(found, vectors), folded(shuffled, vectors)

    assert first.clusters == second.clusters
    assert first.drops == second.drops
    assert first.contradictions == second.contradictions


@settings(max_examples=60, deadline=None)
@given(some)
def test_every_sentence_is_printed_or_dropped_for_one_that_is_printed(found: list[Section]) -> None:
    assert_each_drop_has_a_witness(found)


@settings(max_examples=15, deadline=None)
@given(subsets)
def test_by_meaning_too_every_drop_has_a_witness_in_print(found: list[Section]) -> None:
    assert_each_drop_has_a_witness(found, load_vectors())


@pytest.mark.parametrize("meaning", [False, True], ids=["words", "meaning"])
@pytest.mark.parametrize("path", SETS, ids=lambda p: p.stem)
def test_in_whole_articles_every_drop_has_a_witness_in_print(path: Path, meaning: bool) -> None:
    # Drawn sections seldom hold what is told three times; these do.
    assert_each_drop_has_a_witness([x.section for x in read_sections(path)], load_vectors() if meaning else None)


def assert_each_drop_has_a_witness(found: list[Section], vectors: Vectors | None = None) -> None:
    folding = folded(found, vectors)

    printed = {x for part in folding.printed for x in (*part.statements, *(k.statement for k in part.kept))}
    dropped = {d.statement for d in folding.drops}
    assert {d.kept for d in folding.drops} <= printed
    assert printed.isdisjoint(dropped)
    assert printed | dropped == {x for s in found for x in statements_of(s)}


@settings(max_examples=60, deadline=None)
@given(some)
def test_contradicting_sentences_are_never_dropped(found: list[Section]) -> None:
    folding = folded(found)

    clashing = {x.fingerprint for c in folding.contradictions for x in (c.a, c.b)}
    assert clashing.isdisjoint(d.statement.fingerprint for d in folding.drops if d.score < 1.0)


@settings(max_examples=60, deadline=None)
@given(some)
def test_folding_what_was_folded_drops_nothing_more(found: list[Section]) -> None:
    once = folded(found)

    # What a reader has in hand is one text, whatever articles it came from.
    parts = [(p.section, (*p.blocks, *(k.block for k in p.kept))) for p in once.printed]
    again = [
        replace(section, revision="f" * 16, position=position, blocks=blocks)
        for position, (section, blocks) in enumerate(parts)
        if blocks
    ]

    assert folded(again).drops == ()
