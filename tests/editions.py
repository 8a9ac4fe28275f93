"""Editions for tests, with one of everything an edition can print. The articles are our own."""

from dataclasses import replace
from datetime import UTC, date, datetime

from content.articles import Block, BlockKind, Mark, MarkKind
from content.editions import (
    Contradiction,
    Edition,
    FoldDecision,
    Manifest,
    Pointer,
    Reference,
    Statement,
    Story,
    StorySection,
    section_anchor,
)
from content.looks import Look

PUBLISHED = datetime(2026, 11, 25, 7, 0, tzinfo=UTC)

LOOK = Look(
    name="The Quiet Shelf",
    site_url="https://news.example.org",
    postal_address="12 Rue des Fleurs, 69002 Lyon, France",
    tagline="Beauty, read once",
)

NEEDLING = "https://www.example.org/needling"
ROLLERS = "rollers.md"


def paragraph(text: str, *marks: Mark) -> Block:
    return Block(BlockKind.PARAGRAPH, text, marks)


def linked(text: str, words: str, href: str) -> Block:
    start = text.index(words)
    return paragraph(text, Mark(start, start + len(words), MarkKind.LINK, href))


def image(alt: str = "A glass bottle on linen", src: str = "https://cdn.example.org/serum.jpg") -> Block:
    return Block(BlockKind.IMAGE, alt, src=src)


def make_story(article: str = NEEDLING, title: str = "Needles, explained", **more: object) -> Story:
    values: dict[str, object] = {
        "revision": f"revision of {article}",
        "sections": (StorySection(heading="", blocks=(paragraph("Fine needles make tiny channels in the skin."),)),),
    }
    return Story(article=article, title=title, **(values | more))  # type: ignore[arg-type]


def make_edition(*stories: Story, **more: object) -> Edition:
    values: dict[str, object] = {
        "newsletter": "beauty",
        "rhythm": "weekly",
        "period": "2026-W48",
        "title": "Less, but on time",
        "subject": "Less, but on time: the routine that survives winter",
        "preheader": "Three steps, and one honest word on needles.",
        "label": "Week 48, 2026",
        "published_at": PUBLISHED,
    }
    return Edition(stories=stories, **(values | more))  # type: ignore[arg-type]


def full_edition() -> Edition:
    """One of everything: image, list, quote, link, kept sentence, echo, contradiction, references, correction."""
    needling = make_story(
        url=NEEDLING,
        author="Inès Moreau",
        topics=("Skin care", "Treatments"),
        published_at=datetime(2026, 11, 20, 9, 0, tzinfo=UTC),
        sections=(
            StorySection(
                heading="",
                blocks=(
                    image(),
                    linked(
                        "Which step can go? See the full study first.",
                        "full study",
                        "https://example.org/study?a=1&b=2",
                    ),
                ),
            ),
            StorySection(
                heading="How microneedling works",
                position=1,
                blocks=(
                    paragraph("The body answers with collagen.", Mark(4, 8, MarkKind.STRONG)),
                    Block(BlockKind.BULLET, "Expect redness for a day."),
                    Block(BlockKind.BULLET, "Leave four weeks between sessions."),
                    Block(BlockKind.QUOTE, "Patience is the active ingredient."),
                ),
                kept=(Statement(paragraph("At home, keep needles at 0.25 mm."), ROLLERS, "Rollers at home"),),
                also_in=(
                    Pointer(ROLLERS, "Rollers at home"),
                    Pointer("x", "A short history", "https://www.example.org/history"),
                ),
            ),
            StorySection(
                heading="Who should wait",
                level=3,
                position=2,
                blocks=(paragraph("After isotretinoin: wait, and ask."),),
                contradictions=(
                    Contradiction(
                        Statement(paragraph("Wait six months."), NEEDLING, "Needles, explained"),
                        Statement(paragraph("Wait twelve months."), ROLLERS, "Rollers at home"),
                        "6 and 12",
                    ),
                ),
            ),
        ),
    )
    rollers = make_story(
        ROLLERS,
        "Rollers at home",
        sections=(
            StorySection(
                heading="What to buy", position=1, blocks=(Block(BlockKind.NUMBERED, "Nothing longer than 0.25 mm."),)
            ),
        ),
        references=(
            Reference(
                heading="How microneedling works", title="Needles, explained", anchor=section_anchor(NEEDLING, 1)
            ),
            Reference(
                heading="What retinol does",
                title="Retinol, slowly",
                url="https://news.example.org/editions/beauty-weekly-2026-W45.html",
                read_on=date(2026, 11, 3),
            ),
        ),
        correction="An earlier version gave the length in centimetres.",
        updated_at=datetime(2026, 11, 26, 8, 0, tzinfo=UTC),
    )
    manifest = Manifest(
        revisions=((NEEDLING, needling.revision), (ROLLERS, rollers.revision)),
        decisions=(
            FoldDecision(dropped="r.0", kept="n.1", heading="How microneedling works", score=0.93, rule="near"),
        ),
        templates=(("email/digest/body.html.jinja", "0" * 64),),
    )
    return make_edition(needling, rollers, manifest=manifest)


def many_stories(count: int, paragraphs: int = 1) -> Edition:
    body = tuple(paragraph(f"Sentence {n} says something of its own about skin. " * 12) for n in range(paragraphs))
    sections = (StorySection(heading="", blocks=body),)
    return make_edition(*(make_story(f"{n}.md", f"Story number {n}", sections=sections) for n in range(count)))


def at_week(edition: Edition, week: int, day: int) -> Edition:
    return replace(
        edition, period=f"2026-W{week}", label=f"Week {week}, 2026", published_at=datetime(2026, 11, day, 7, tzinfo=UTC)
    )
