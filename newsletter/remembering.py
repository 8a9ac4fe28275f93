"""Knows what earlier editions have explained: keeps the index of it up to date, and looks an edition's sections up."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from content.approvals import Decision
from content.clusters import Ruling, cluster
from content.editions import Edition
from content.embeddings import Vectors
from content.mapping import Mapper
from content.sections import Section, split
from newsletter.settings import Settings
from newsletter.storage.articles import ArticleStore
from newsletter.storage.editions import TOLD, EditionState, EditionStore
from newsletter.storage.ledger import Ledger
from newsletter.storage.similarity import SimilarityIndex, Told

#: After so long an explainer is printed again as if it were new, and is not looked for any more.
REMEMBERED = timedelta(days=180)


class Desk(Protocol):
    """What remembering works with; the house has it all."""

    @property
    def settings(self) -> Settings:
        """Return the settings."""

    @property
    def articles(self) -> ArticleStore:
        """Return where articles and approvals are."""

    @property
    def editions(self) -> EditionStore:
        """Return where editions are."""

    @property
    def explained(self) -> SimilarityIndex:
        """Return the index of what editions have explained."""

    @property
    def ledger(self) -> Ledger:
        """Return where deliveries are."""


def explained_before(
    desk: Desk, sections: Sequence[Section], rulings: Sequence[Ruling], vectors: Vectors | None, now: datetime
) -> dict[str, str]:
    """Return, by section id, the explainer of an earlier edition that says the same as a section of this one."""
    remember(desk)
    earlier: dict[str, str] = {}
    texts: list[Section] = []
    for revision, named in _looked_back(desk, sections, since=now - REMEMBERED).items():
        article = desk.articles.revision(revision)
        for section in split(article, approved_at=named.told_at) if article else ():
            explainer = named.explainers.get(section.position)
            if explainer:
                earlier[section.id] = explainer
                texts.append(section)
    found: dict[str, str] = {}
    fresh = {section.id for section in sections}
    # An explainer of an earlier edition names the cluster, whichever of its sections is the canonical one here.
    for group in cluster([*texts, *sections], rulings, vectors) if texts else ():
        known = next((earlier[m.id] for m in group.members if m.id in earlier), None)
        if known:
            found |= {m.id: known for m in group.members if m.id in fresh}
    return found


@dataclass(frozen=True, slots=True)
class _Earlier:
    """What an edition has told of one revision of an article."""

    told_at: datetime
    explainers: dict[int, str]  #: by the positions of its sections


def _looked_back(desk: Desk, sections: Sequence[Section], since: datetime) -> dict[str, _Earlier]:
    """Return what was told since, by revision, of articles that are near to some of `sections`: all of each.

    The sections around one that is near tell its subject.
    """
    near = desk.explained.near(sections, since=since)
    decided = desk.articles.decisions({n.revision for n in near})
    editions = {key: desk.editions.find(key) for key in sorted({n.edition for n in near})}
    found: dict[str, _Earlier] = {}
    for n in sorted(near, key=lambda n: (n.told_at, n.edition)):
        decision, record = decided.get(n.revision), editions[n.edition]
        if decision and decision.decision is Decision.WITHDRAWN:
            desk.explained.forget(n.article)  # nobody is sent there any more
        elif record:
            explainers = {x.position: x.explainer for s in record.edition.stories if s.revision == n.revision
                          for x in s.sections if x.explainer}  # fmt: skip
            found[n.revision] = _Earlier(n.told_at, explainers)
    return found


def remember(
    desk: Desk, mapper: Mapper = map, watch: Callable[[Sequence[str]], Iterable[str]] = lambda keys: keys
) -> int:
    """Index what editions have told since the last time, forget those that told nothing after all; count what is new.

    It looks at the keys of all editions, and reads only those that changed. An edition is noted last: who stops in
    between loses nothing.

    Args:
        desk: The stores and settings.
        mapper: Reads the sections; that of several processes indexes the same.
        watch: Sees the keys of the editions go by: a progress bar.
    """
    newsletter = desk.settings.newsletter
    states = desk.editions.states(newsletter).items()
    # One that is held on its way has told some people already.
    telling = {
        key for key, state in states if state in TOLD or (state is EditionState.HELD and desk.ledger.mailing(key))
    }
    known = desk.explained.editions(newsletter)
    for key in sorted(known - telling):
        desk.explained.forget_edition(key)
    new = sorted(telling - known)
    records = (record for key in watch(new) if (record := desk.editions.find(key)))
    added = desk.explained.add((told for r in records for told in _told_in(desk, r.edition)), mapper)
    for key in new:
        desk.explained.note(key, newsletter)
    return added


def _told_in(desk: Desk, edition: Edition) -> Iterator[Told]:
    """Yield the sections of an edition that explain something."""
    for story in edition.stories:
        names = {x.position: x.explainer for x in story.sections if x.explainer}
        article = desk.articles.revision(story.revision) if names else None
        for section in split(article, approved_at=edition.published_at) if article else ():
            if section.position in names:
                yield Told(
                    section=section,
                    edition=edition.key,
                    explainer=names[section.position],
                    told_at=edition.published_at,
                )
