"""Whatever comes in: order does not matter, each drop has a printed witness, folding twice changes nothing."""

from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.near_duplicates import read_sections
from content.articles import Block, BlockKind
from content.clusters import cluster
from content.folding import Folding, fold
from content.sections import Section

DATA = Path(__file__).parents[1] / "data"
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


def folded(found: list[Section]) -> Folding:
    return fold(found, cluster(found))


@settings(max_examples=60, deadline=None)
@given(some, st.randoms(use_true_random=False))
def test_the_order_of_the_sections_does_not_matter(found: list[Section], drawn: object) -> None:
    shuffled = list(found)
    drawn.shuffle(shuffled)  # type: ignore[attr-defined]

    first, second = folded(found), folded(shuffled)

    assert first.clusters == second.clusters
    assert first.drops == second.drops
    assert first.contradictions == second.contradictions


@settings(max_examples=60, deadline=None)
@given(some)
def test_every_sentence_is_printed_or_dropped_for_one_that_is_printed(found: list[Section]) -> None:
    folding = folded(found)

    printed = {x for part in folding.printed for x in (*part.statements, *(k.statement for k in part.kept))}
    dropped = {d.statement for d in folding.drops}
    assert {d.kept for d in folding.drops} <= printed
    assert printed.isdisjoint(dropped)
    assert {x.text for x in printed | dropped} == {b.text for s in found for b in s.blocks}
    assert len(printed) + len(dropped) == sum(len(s.blocks) for s in found)


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
