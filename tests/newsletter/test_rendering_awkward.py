"""Content nobody wishes for goes through mail, pages and feeds without harm."""

import re
from pathlib import Path

import feedparser
import pytest
from bs4 import BeautifulSoup
from lxml import etree

from content.articles import Block, BlockKind
from content.editions import Edition, Story, StorySection
from newsletter.rendering.email import render_email
from newsletter.rendering.gates import Severity, check
from newsletter.syndicating import write_site
from tests.editions import LOOK, image, linked, make_edition, make_story, paragraph

LONG = "Everything we have learned about retinol, peptides and patience in eleven years of writing about skin " * 3


def told(*blocks: Block, heading: str = "") -> tuple[StorySection, ...]:
    return (StorySection(heading=heading, blocks=blocks),)


AWKWARD = {
    "very long title": make_story("1", LONG, sections=told(paragraph(LONG * 9), heading=LONG)),
    "no space anywhere": make_story("2", "Un" + "break" * 60, sections=told(paragraph("word" * 500))),
    "right to left": make_story(
        "3",
        "العناية بالبشرة",
        language="ar",
        sections=told(paragraph("الماء أولا."), Block(BlockKind.BULLET, "واقي الشمس")),
    ),
    "emoji and rare letters": make_story(
        "4", "👩🏽‍🔬👨‍👩‍👧‍👦🇫🇷 1️⃣ 𝒷𝑒𝒶𝓊𝓉𝓎 𠜎", sections=told(paragraph("𝒷𝑒𝒶𝓊𝓉𝓎 𠜎 👩🏽‍🔬"))
    ),
    "end of CDATA": make_story("5", "a ]]> b", sections=told(paragraph("x ]]> <![CDATA[ y"), heading="]]>")),
    "control characters": make_story("6", "a\x00b\x0bc\x1b", sections=told(paragraph("x\x00\ud83d\ufffey\x7f"))),
    "direction controls": make_story("7", "\u202eevil\u2066", author="\u202eeve", topics=("\u202etopic",)),
    "relative addresses": make_story("8", sections=told(linked("see this", "this", "/rel"), image("a cat", "cat.png"))),
    "nothing to read": make_story("9", sections=told(image("", ""), paragraph(" "))),
    "no section at all": make_story("10", sections=()),
    "template language": make_story("11", "{{7*7}} {% if %} *|FNAME|* ${x}", sections=told(paragraph("{{ 1 }}"))),
    "piled up marks": make_story("12", "Z" + "\u0301" * 5000, sections=told(paragraph("Z" + "\u0301" * 5000))),
    "chinese": make_story("13", "维生素" * 40, language="zh", sections=told(paragraph("肌" * 400))),
    "markup as text": make_story("14", "<b>x</b> & &amp; \"'", sections=told(paragraph("<script>alert(1)</script>"))),
}  # fmt: skip


@pytest.fixture(params=AWKWARD, ids=lambda name: name.replace(" ", "-"))
def story(request: pytest.FixtureRequest) -> Story:
    return AWKWARD[request.param]


def blockers(edition: Edition) -> list[str]:
    mail = render_email(edition, LOOK)
    return [f"{f.rule}: {f.message}" for f in check(edition, mail, LOOK) if f.severity is Severity.BLOCKER]


def test_a_mail_of_it_may_go_out(story: Story) -> None:
    assert blockers(make_edition(story)) == []
    assert blockers(make_edition(story, title=story.title, subject=story.title[:200], preheader=story.title)) == []


def test_all_of_it_at_once_may_go_out() -> None:
    assert blockers(make_edition(*AWKWARD.values())) == []


def test_feeds_of_it_are_well_formed_and_pages_are_whole(story: Story, tmp_path: Path) -> None:
    write_site(tmp_path, [make_edition(story)], LOOK)

    for ending in ("rss", "atom"):
        document = (tmp_path / f"feeds/all.{ending}").read_bytes()
        etree.fromstring(document)
        parsed = feedparser.parse(document)
        assert not parsed.bozo
        assert [e.link for e in parsed.entries] == [f"https://news.example.org/articles/{story.slug}.html"]
        assert parsed.entries[0].title
    page = BeautifulSoup((tmp_path / f"articles/{story.slug}.html").read_text(), "html5lib")
    assert len(page.find_all("h1")) == 1
    assert [s.get("type") for s in page.find_all("script")] == ["application/ld+json"]
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ue000\ue001\u202a-\u202e\ufffe]", page.get_text())


def test_an_entry_without_a_title_of_its_own_still_has_one(tmp_path: Path) -> None:
    write_site(tmp_path, [make_edition(make_story(title="\u202e"))], LOOK)

    for ending in ("rss", "atom"):
        parsed = feedparser.parse((tmp_path / f"feeds/all.{ending}").read_bytes())
        assert parsed.entries[0].title == "Fine needles make tiny channels in the skin."
