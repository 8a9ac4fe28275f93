"""An edition is what one issue of a newsletter prints: an ordered, folded, immutable selection with its manifest."""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import chain

from content import plain
from content.articles import Block, BlockKind, Mark, MarkKind

#: Words a minute that adults read silently, for the reading times we print (Brysbaert 2019: 238 for English).
WORDS_PER_MINUTE = 238

#: What inboxes show beside a subject at most; a hidden text that is much longer looks like a spammer's to filters.
PREHEADER_CHARACTERS = 140


@dataclass(frozen=True, slots=True)
class Pointer:
    """An article named in passing."""

    article: str  #: the article's id
    title: str
    url: str = ""  #: where it stands at the source, "" if nowhere


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence, printed word for word, and the article it came from."""

    block: Block
    article: str
    title: str


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two statements that cannot both hold. Both are printed side by side, neither is believed."""

    one: Statement
    other: Statement
    reason: str = ""  #: what differs, in words of an editor


@dataclass(frozen=True, slots=True, kw_only=True)
class StorySection:
    """A heading and the prose under it as printed, with what its folded echoes add."""

    heading: str  #: "" for a passage
    level: int = 2
    position: int = 0  #: of the section in its article
    blocks: tuple[Block, ...]
    kept: tuple[Statement, ...] = ()  #: what echoes say beyond it: "New here"
    also_in: tuple[Pointer, ...] = ()  #: articles that explain the same
    contradictions: tuple[Contradiction, ...] = ()
    explainer: str = ""  #: what it explains, the same in every edition; "" for an opening or a conclusion


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Stands where a section was folded away, and says where the explainer is printed."""

    heading: str
    title: str  #: of the story that prints it
    anchor: str = ""  #: in this edition; "" when it was printed in an earlier one
    url: str = ""  #: of the earlier edition
    read_on: date | None = None  #: when this reader got it; None within this edition
    explainer: str = ""  #: as that of the section it leads to


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One article after folding: what the edition prints of it, and where the rest is."""

    article: str  #: the article's id
    revision: str
    title: str
    url: str = ""
    author: str = ""
    language: str = "en"
    topics: tuple[str, ...] = ()
    published_at: datetime | None = None
    updated_at: datetime | None = None  #: of a correction; None as long as there was none
    correction: str = ""  #: what was corrected, in the editor's words
    sections: tuple[StorySection, ...] = ()
    references: tuple[Reference, ...] = ()

    @property
    def anchor(self) -> str:
        """Return the anchor of the story on every page that prints it."""
        return story_anchor(self.article)

    @property
    def slug(self) -> str:
        """Return the name of the article's page. It hangs on the id alone, so a new title leaves links whole."""
        stem = re.sub(r"\.\w+$", "", self.article.rstrip("/").rsplit("/", 1)[-1])
        words = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")[:60].rstrip("-")
        return f"{words}-{_short_hash(self.article)}".lstrip("-")

    @property
    def blocks(self) -> Iterator[Block]:
        """Return every block of the story's own sections, in order."""
        return chain.from_iterable(s.blocks for s in self.sections)

    @property
    def image(self) -> Block | None:
        """Return the first image, which leads the story. None when it has none."""
        return next((b for b in self.blocks if b.kind is BlockKind.IMAGE), None)

    @property
    def words(self) -> int:
        """Return how many words the story prints."""
        kept = (k.block for s in self.sections for k in s.kept)
        return sum(len(b.text.split()) for b in chain(self.blocks, kept) if b.kind is not BlockKind.IMAGE)

    @property
    def minutes(self) -> int:
        """Return the reading time in whole minutes, at least one."""
        return max(1, round(self.words / WORDS_PER_MINUTE))

    @property
    def summary(self) -> str:
        """Return the opening as one plain line of at most 220 characters, cut between words."""
        opening = next((b.text for b in self.blocks if b.kind is BlockKind.PARAGRAPH and b.text.strip()), "")
        return shorten(opening)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldDecision:
    """Why one section is not printed: the pair, the score, the rule."""

    dropped: str  #: id of the section folded away
    kept: str  #: id of the section that is printed
    heading: str
    score: float  #: 0 to 1
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What the edition was made from: enough to render it again, byte for byte, and to notice any change."""

    revisions: tuple[tuple[str, str], ...] = ()  #: article id, revision
    decisions: tuple[FoldDecision, ...] = ()
    templates: tuple[tuple[str, str], ...] = ()  #: template name, SHA-256


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """One issue of a newsletter, ready to be rendered as mail, feed entries and pages."""

    newsletter: str  #: short name, as in keys and addresses
    rhythm: str
    period: str  #: such as 2026-W48
    title: str
    subject: str
    preheader: str = ""  #: "" lets the rendering name the stories
    intro: str = ""  #: an editor's words before the stories, paragraphs with an empty line between; "" for none
    label: str = ""  #: the period for people: "Week 48, 2026"
    published_at: datetime  #: aware
    language: str = "en"
    stories: tuple[Story, ...] = ()
    manifest: Manifest = Manifest()

    @property
    def key(self) -> str:
        """Return the identity: newsletter, rhythm and period."""
        return f"{self.newsletter}-{self.rhythm}-{self.period}"

    @property
    def updated_at(self) -> datetime:
        """Return when anything in the edition last changed for a reader."""
        return max([self.published_at, *(s.updated_at for s in self.stories if s.updated_at)])


def to_json(edition: Edition) -> str:
    """Return `edition` as canonical JSON: equal editions give equal text."""
    return plain.dump(edition)


def from_json(text: str) -> Edition:
    """Return the edition that `to_json` wrote down.

    Raises:
        content.plain.PlainError: The text is not the JSON of an edition.
    """
    return plain.load(Edition, text)


def fingerprint(edition: Edition) -> str:
    """Return the SHA-256 of the canonical JSON: another one, and something a reader sees may differ."""
    return hashlib.sha256(to_json(edition).encode()).hexdigest()


def printed_revisions(edition: Edition, revisions: Mapping[str, str]) -> tuple[str, ...]:
    """Return every revision of which `edition` prints something: of its stories, and of each sentence it keeps.

    Args:
        edition: As some readers get it.
        revisions: By article, the one that a sentence was taken from.
    """
    stories = {story.article: story.revision for story in edition.stories}
    quoted = {s.article for story in edition.stories for section in story.sections for s in _statements(section)}
    others = {revisions[article] for article in quoted - stories.keys() if article in revisions}
    return tuple(sorted({*stories.values(), *others}))


def without_pictures(edition: Edition, pictures: Collection[str]) -> Edition:
    """Return `edition` with the words for a picture in the place of each of these pictures, named by address."""

    def said(block: Block) -> Iterator[Block]:
        if block.kind is not BlockKind.IMAGE or block.src not in pictures:
            yield block
        elif block.text.strip():
            whole = Mark(0, len(block.text), MarkKind.EMPHASIS)
            yield Block(BlockKind.PARAGRAPH, block.text, (whole,))

    def retold(section: StorySection) -> StorySection:
        return replace(section, blocks=tuple(told for block in section.blocks for told in said(block)))

    stories = (replace(story, sections=tuple(map(retold, story.sections))) for story in edition.stories)
    return replace(edition, stories=tuple(stories)) if pictures else edition


def _statements(section: StorySection) -> Iterator[Statement]:
    yield from section.kept
    for clash in section.contradictions:
        yield from (clash.one, clash.other)


def story_anchor(article: str) -> str:
    """Return the anchor of the story made from the article with this id."""
    return f"a-{_short_hash(article)}"


def section_anchor(article: str, position: int) -> str:
    """Return the anchor of the section that stands at `position` in the article with this id."""
    return f"{story_anchor(article)}-{position}"


def shorten(text: str, limit: int = 220) -> str:
    """Return `text` on one line, cut between words to at most `limit` characters, an ellipsis included."""
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    cut = line[: limit - 1]
    return (cut.rsplit(" ", 1)[0] if " " in cut else cut).rstrip(" ,;:–—-") + "…"


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:10]
