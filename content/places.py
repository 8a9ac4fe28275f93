"""Where the parts of an edition stand on the public site, and how they are laid out there."""

import re
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from itertools import groupby

from content.editions import Edition, Statement, Story, StorySection, section_anchor
from content.looks import Look


def edition_path(key: str) -> str:
    """Return where the page of the edition `key` stands, below the site's root."""
    return f"editions/{key}.html"


def article_path(slug: str) -> str:
    """Return where the page of the article `slug` stands, below the site's root."""
    return f"articles/{slug}.html"


def topic_path(topic: str) -> str:
    """Return where the page of a topic stands. Topics that differ in case, spacing or hyphens alone share one."""
    return f"topics/{_topic_slug(topic)}.html"


def topic_feed_path(topic: str) -> str:
    """Return where the feed of a topic stands, without its ending."""
    return f"feeds/topics/{_topic_slug(topic)}"


def _topic_slug(topic: str) -> str:
    name = re.sub(r"[\s_-]+", " ", topic).strip().casefold()
    readable = re.sub(r"[^a-z0-9]+", "-", name).strip("-")[:60].rstrip("-")
    # Another script leaves nothing readable, and an ampersand may make another topic: a hash keeps them apart.
    return readable if readable.replace("-", " ") == name else f"{readable}-{_digest(name)}".lstrip("-")


def _digest(name: str) -> str:
    return sha256(name.encode()).hexdigest()[:8]


class Places:
    """Addresses of what an edition prints. All are absolute: mails and feeds have no page of their own to jump in."""

    def __init__(self, edition: Edition, look: Look) -> None:
        self._look = look
        self._stories = {s.article: s for s in edition.stories}
        self.page = look.url(edition_path(edition.key))

    def story(self, story: Story) -> str:
        """Return where `story` begins on the edition's page."""
        return self.anchor(story.anchor)

    def section(self, story: Story, section: StorySection) -> str:
        """Return where a section of `story` begins on the edition's page."""
        return self.anchor(section_anchor(story.article, section.position))

    def anchor(self, anchor: str) -> str:
        """Return the address of an anchor on the edition's page."""
        return f"{self.page}#{anchor}"

    def article(self, article: str, url: str = "") -> str:
        """Return where the article with this id is read: in this edition, else at `url`, its source, else ""."""
        story = self._stories.get(article)
        return self.story(story) if story else url

    def permanent(self, story: Story) -> str:
        """Return the address of the story's own page, which no later edition changes."""
        return self._look.url(article_path(story.slug))


def heading_levels(sections: tuple[StorySection, ...], under: int) -> list[int]:
    """Return the heading level of each section of a story whose title has level `under`.

    No level is skipped and none exceeds 6, whatever the source did. A passage takes the level around it.
    """
    levels: list[int] = []
    top = min((s.level for s in sections if s.heading), default=2)
    for section in sections:
        before = levels[-1] if levels else under
        wanted = under + 1 + section.level - top
        levels.append(max(under + 1, min(wanted, before + 1, 6)) if section.heading else before)
    return levels


def runs(statements: Iterable[Statement]) -> list[list[Statement]]:
    """Return statements in runs of one origin, in their order: the origin is named once, below each run."""
    return [list(run) for _, run in groupby(statements, key=lambda s: (s.article, s.title))]


def without_lead(story: Story) -> Story:
    """Return `story` without its first image, for a layout that prints that one above the text."""
    lead = story.image
    sections: list[StorySection] = []
    for section in story.sections:
        blocks = list(section.blocks)
        if lead in blocks:
            blocks.remove(lead)
            lead = None
        sections.append(replace(section, blocks=tuple(blocks)))
    return replace(story, sections=tuple(sections))
