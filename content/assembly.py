"""Turns a folding into an edition: what readers see, and the manifest of what it was made from."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from content.articles import Article, Block
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
    shorten,
)
from content.folding import Folding, Printed, See
from content.markup import clean_line
from content.periods import Period
from content.sections import Section
from content.statements import Statement as Sentence

#: Longest subject line: what phones show of one (about 60 characters) and a little for desktops.
SUBJECT_CHARACTERS = 78


def assemble(
    folding: Folding,
    articles: Iterable[Article],
    *,
    newsletter: str,
    period: Period,
    title: str,
    language: str,
    published_at: datetime,
    templates: tuple[tuple[str, str], ...],
    explained: Mapping[str, str] | None = None,
) -> Edition:
    """Return the edition that prints `folding`.

    An article of which nothing is left to print has no story of its own: the sections that tell what it tells name
    it as another place to read. It stands in the manifest like every other.

    Args:
        folding: The folded sections of `articles`.
        articles: The approved revisions, in the order in which their stories stand.
        newsletter: Short name, for the key.
        period: What the edition stands for, for the key and the label.
        title: What an edition without stories is called.
        language: Of the edition's own words.
        published_at: When; aware.
        templates: Name and SHA-256 of each template, for the manifest.
        explained: By section id, the explainer of an earlier edition that says the same; None for none.
    """
    by_revision = {article.revision: article for article in articles}
    printer = _Printer(folding, by_revision, explained or {})
    stories = tuple(story for story in map(printer.story, by_revision.values()) if story.sections)
    subject = subject_of([s.title for s in stories]) or title
    return Edition(
        newsletter=newsletter,
        rhythm=period.rhythm.value,
        period=period.name,
        title=subject,
        subject=subject,
        label=period.label,
        published_at=published_at,
        language=language,
        stories=stories,
        manifest=Manifest(
            revisions=tuple((a.id, a.revision) for a in by_revision.values()),
            decisions=_decisions(folding),
            templates=templates,
        ),
    )


def subject_of(titles: Sequence[str]) -> str:
    """Return a subject line that names the first story and says how many more there are."""
    distinct = list(dict.fromkeys(titles))
    more = f", and {len(distinct) - 1} more" if len(distinct) > 1 else ""
    return shorten(distinct[0], SUBJECT_CHARACTERS - len(more)) + more if distinct else ""


def name_of(article: Article) -> str:
    """Return the title of `article`; for one without, the beginning of its text, else its id: a link needs words."""
    texts = [article.title, *(shorten(block.text, SUBJECT_CHARACTERS) for block in article.blocks)]
    return next((text for text in texts if clean_line(text)), article.id)


class _Printer:
    """Writes stories of one folding."""

    def __init__(self, folding: Folding, articles: Mapping[str, Article], explained: Mapping[str, str]) -> None:
        self._explained = explained
        self._articles = articles
        self._urls = {a.id: a.url for a in articles.values()}
        self._titles = {a.id: name_of(a) for a in articles.values()}
        self._blocks = {s.id: s.blocks for s in folding.sections}
        self._parts = {story.revision: story.parts for story in folding.stories}
        self._printed_in = {e.id: c.canonical.id for c in folding.clusters for e in c.members}
        self._clashes: dict[str, list[Contradiction]] = defaultdict(list)
        self._clashing: set[tuple[str, int]] = set()
        for clash in folding.contradictions:
            place = self._printed_in.get(clash.a.section, clash.a.section)
            self._clashes[place].append(Contradiction(self._statement(clash.a), self._statement(clash.b), clash.why))
            self._clashing |= {(s.section, s.index) for s in (clash.a, clash.b)}

    def story(self, article: Article) -> Story:
        """Return what is printed of `article`."""
        parts = self._parts.get(article.revision, ())
        return Story(
            article=article.id,
            revision=article.revision,
            title=self._titles[article.id],
            url=article.url,
            author=article.author,
            language=article.language,
            topics=article.topics,
            published_at=article.published_at,
            sections=tuple(self._section(part) for part in parts if isinstance(part, Printed)),
            references=tuple(self._reference(part) for part in parts if isinstance(part, See) and part.section.heading),
        )

    def _section(self, part: Printed) -> StorySection:
        also = dict.fromkeys(
            Pointer(r.article, self._title(r.article, r.title), self._urls.get(r.article, "")) for r in part.also_in
        )
        return StorySection(
            heading=part.section.heading,
            level=part.section.level,
            position=part.section.position,
            blocks=part.blocks,
            kept=tuple(
                Statement(k.block, k.statement.article, self._title(k.statement.article, k.title))
                for k in part.kept
                # What contradicts something stands beside it, once.
                if (k.statement.section, k.statement.index) not in self._clashing
            ),
            also_in=tuple(also),
            contradictions=tuple(self._clashes.get(part.section.id, ())),
            explainer=self._explainer(part.section),
        )

    def _reference(self, part: See) -> Reference:
        canonical = part.canonical
        return Reference(
            heading=part.section.heading,
            title=self._title(canonical.article, canonical.article_title),
            anchor=section_anchor(canonical.article, canonical.position),
            explainer=self._explainer(canonical),
        )

    def _explainer(self, section: Section) -> str:
        # An opening or a conclusion belongs to its article; nobody has "read it already".
        return self._explained.get(section.id, section.fingerprint) if section.heading else ""

    def _statement(self, sentence: Sentence) -> Statement:
        block: Block = self._blocks[sentence.section][sentence.block]
        title = self._title(sentence.article, sentence.article)
        return Statement(block.slice(sentence.start, sentence.end), sentence.article, title)

    def _title(self, article: str, otherwise: str) -> str:
        return self._titles.get(article, otherwise)


def _decisions(folding: Folding) -> tuple[FoldDecision, ...]:
    found = []
    for cluster in folding.clusters:
        for echo in cluster.echoes:
            best = max((x for x in cluster.links if echo.id in (x.a, x.b)), key=lambda x: x.score)
            found.append(
                FoldDecision(
                    dropped=echo.id,
                    kept=cluster.canonical.id,
                    heading=echo.heading,
                    score=best.score,
                    rule=best.rule,
                )
            )
    return tuple(found)
