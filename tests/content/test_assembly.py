"""An edition prints what the folding decided, once, and its manifest says what it was made of."""

from content.articles import Article
from content.assembly import assemble, name_of, subject_of
from content.clusters import cluster
from content.editions import Edition
from content.folding import fold
from content.periods import Rhythm, period_of
from content.sections import split
from tests.builders import MONDAY, heading, make_article, paragraph

WORKS = heading("How Microneedling Works")
FIRST = make_article(
    "first.md",
    paragraph("Acne scars fade slowly, and patience is the better part of any treatment."),
    WORKS,
    paragraph("Fine needles make tiny channels in the skin. The skin answers the channels with new collagen."),
    title="Microneedling for Scars",
)
SECOND = make_article(
    "second.md",
    paragraph("Fine lines around the mouth soften when the skin is firm."),
    WORKS,
    paragraph("Fine needles make tiny channels in the skin. The needles are between 0.5 and 2.5 mm long."),
    title="Microneedling for Lines",
    url="https://example.org/second",
)
ECHO_ONLY = make_article("third.md", WORKS, FIRST.blocks[2], title="What Needles Do")


def _assemble(*articles: Article) -> Edition:
    sections = [s for n, a in enumerate(articles) for s in split(a, MONDAY.replace(hour=10 + n))]
    return assemble(
        fold(sections, cluster(sections)),
        articles,
        newsletter="beauty",
        period=period_of(Rhythm.WEEKLY, MONDAY.date()),
        title="Beauty",
        language="en",
        published_at=MONDAY,
        templates=(("email/digest/body.html.jinja", "abc"),),
    )


def test_an_explainer_stands_once_with_what_its_echo_adds() -> None:
    edition = _assemble(FIRST, SECOND)

    explainer = edition.stories[0].sections[1]
    assert explainer.blocks == (FIRST.blocks[2],)
    assert [(k.block.text, k.article) for k in explainer.kept] == [
        ("The needles are between 0.5 and 2.5 mm long.", "second.md")
    ]
    assert [(p.title, p.url) for p in explainer.also_in] == [("Microneedling for Lines", "https://example.org/second")]
    assert [s.heading for s in edition.stories[1].sections] == [""]


def test_where_an_echo_stood_a_reference_leads_to_the_explainer() -> None:
    edition = _assemble(FIRST, SECOND)

    (reference,) = edition.stories[1].references
    assert (reference.heading, reference.title) == ("How Microneedling Works", "Microneedling for Scars")
    assert reference.anchor == f"{edition.stories[0].anchor}-1"


def test_an_article_that_only_repeats_has_no_story_but_stands_in_the_manifest() -> None:
    edition = _assemble(FIRST, ECHO_ONLY)

    assert [s.article for s in edition.stories] == ["first.md"]
    assert edition.stories[0].sections[1].also_in[0].title == "What Needles Do"
    assert edition.manifest.revisions == (("first.md", FIRST.revision), ("third.md", ECHO_ONLY.revision))


def test_every_folded_section_is_in_the_manifest_with_score_and_rule() -> None:
    (decision,) = _assemble(FIRST, SECOND).manifest.decisions

    assert decision.heading == "How Microneedling Works"
    assert 0 < decision.score <= 1
    assert decision.rule


def test_contradicting_sentences_stand_beside_each_other_and_nowhere_else() -> None:
    long, short = (
        make_article(
            f"{name}.md",
            WORKS,
            paragraph(
                f"Fine needles make tiny channels in the skin. Wait {hours} hours before you wear make-up again."
            ),
            title=name,
        )
        for name, hours in (("long", 72), ("short", 24))
    )

    section = _assemble(long, short).stories[0].sections[0]

    (clash,) = section.contradictions
    assert [clash.one.block.text, clash.other.block.text] == [
        "Wait 72 hours before you wear make-up again.",
        "Wait 24 hours before you wear make-up again.",
    ]
    assert section.kept == ()


def test_the_key_names_newsletter_rhythm_and_period() -> None:
    assert _assemble(FIRST).key == "beauty-weekly-2026-W48"


def test_a_subject_names_the_first_story_and_counts_the_others() -> None:
    assert subject_of([]) == ""
    assert subject_of(["Scars", "Scars"]) == "Scars"
    assert subject_of(["Scars", "Lines", "Sun"]) == "Scars, and 2 more"
    assert len(subject_of(["long " * 40, "Lines"])) <= 78


def test_an_article_without_a_title_is_called_by_its_first_words_and_without_words_by_its_id() -> None:
    untitled = make_article("u.md", paragraph("Dew settles on the skin at night, and nobody asks why."), title="")
    mute = make_article("mute.md", heading("\u202e"), paragraph("-"), title="\u202e")

    first, other = (
        _assemble(untitled).stories[0].title,
        name_of(make_article("mute.md", paragraph("\u200b"), title=" ")),
    )

    assert first == "Dew settles on the skin at night, and nobody asks why."
    assert (name_of(mute), other) == ("-", "mute.md")
    assert _assemble(untitled).subject == first
