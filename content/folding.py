"""Folds articles into one text: every explainer once, every fact kept, every drop explained."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from content.articles import Block
from content.claims import Claim, read
from content.clusters import Cluster, Ruling, RulingKind
from content.cutting import leans_back, without
from content.embeddings import Vectors
from content.furniture import Furniture, furniture
from content.guards import contradiction, differences
from content.meaning import Meanings
from content.repeats import ANCHORED, MEANS, REPEATS, Pool, covers, without_subject
from content.sections import Section
from content.similarity import subjects_of, weigh
from content.statements import Statement, statements_of

#: Below this likeness two sentences are not asked whether they contradict each other.
UNRELATED = 0.1


class Rule(StrEnum):
    """Why a sentence was dropped."""

    SAME_WORDS = "same words"
    SAME_STATEMENT = "same statement"
    SAME_MEANING = "same meaning"
    FURNITURE = "page furniture"
    EDITOR = "an editor's choice"


@dataclass(frozen=True, slots=True)
class Drop:
    """A sentence that is not printed, the printed one that says the same, how alike they are and by what rule."""

    statement: Statement
    kept: Statement
    score: float
    rule: Rule


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two printed sentences that cannot both be right, and why."""

    a: Statement
    b: Statement
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A sentence of an echo that says something new: printed with the canonical section, and attributed."""

    statement: Statement
    block: Block  #: cut out of the echo's block, marks included
    title: str  #: of the article it comes from
    after: int | None  #: the canonical sentence after which it reads best, by index; None at the end


@dataclass(frozen=True, slots=True)
class Reference:
    """An echo of a printed section: where the same explainer also stands."""

    article: str
    title: str
    section: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """A section that is printed: its own blocks, then what its echoes add."""

    section: Section
    blocks: tuple[Block, ...]  #: verbatim, less the sentences an editor or a repeat of furniture took out
    statements: tuple[Statement, ...]
    kept: tuple[Kept, ...] = ()
    also_in: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True)
class See:
    """An echo: in its place stands a reference to the canonical section."""

    section: Section
    canonical: Section


@dataclass(frozen=True, slots=True)
class Story:
    """What is printed for one article, in the order of its sections."""

    article: str
    title: str
    revision: str
    parts: tuple[Printed | See, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Folding:
    """Articles folded into one text."""

    sections: tuple[Section, ...]
    clusters: tuple[Cluster, ...]
    stories: tuple[Story, ...]
    drops: tuple[Drop, ...]
    contradictions: tuple[Contradiction, ...]  #: those that no editor has settled
    furniture: tuple[tuple[Statement, Furniture], ...]

    @property
    def held(self) -> bool:
        """Tell whether the text must wait for an editor: something contradicts something."""
        return bool(self.contradictions)

    @property
    def printed(self) -> tuple[Printed, ...]:
        """Return the printed sections in order."""
        return tuple(part for story in self.stories for part in story.parts if isinstance(part, Printed))


def fold(
    sections: Iterable[Section],
    clusters: Iterable[Cluster],
    rulings: Iterable[Ruling] = (),
    vectors: Vectors | None = None,
) -> Folding:
    """Fold `sections` into stories, in the order in which their articles come.

    The canonical section of a cluster is printed verbatim. A sentence of an echo is dropped when a printed sentence
    of the cluster says the same and no guard objects; else it is kept with the canonical one. Sentences that
    contradict each other all stand, and so does whoever agrees with one of them. With `vectors` of words a sentence
    may also be dropped for one that means the same in other words, under the same guards.
    """
    ordered = tuple({s.id: s for s in sections}.values())
    gathered = tuple(clusters)
    meanings = Meanings.of(vectors, (s for c in gathered for s in c.members)) if vectors else None
    folder = _Folder(ordered, _Decisions.of(rulings), meanings)
    for cluster in gathered:
        folder.fold(cluster)
    folder.thin_furniture({s.id for c in gathered for s in c.echoes})
    return folder.result(gathered)


@dataclass(frozen=True, slots=True)
class _Decisions:
    """Editors' rulings on sentences, by fingerprint."""

    keep: frozenset[str]
    settled: frozenset[frozenset[str]]
    instead: Mapping[str, str]  #: the sentence that is dropped: the one that stands for it

    @classmethod
    def of(cls, rulings: Iterable[Ruling]) -> "_Decisions":
        decided = tuple(rulings)
        preferred = [r for r in decided if r.kind is RulingKind.PREFER]
        return cls(
            keep=frozenset(r.a for r in decided if r.kind is RulingKind.KEEP),
            settled=frozenset(
                frozenset((r.a, r.b)) for r in decided if r.kind in (RulingKind.PREFER, RulingKind.STAND)
            ),
            instead={r.b: r.a for r in preferred},
        )


class _Folder:
    """Gathers the outcome cluster by cluster."""

    def __init__(self, sections: Sequence[Section], decisions: _Decisions, meanings: Meanings | None) -> None:
        self._sections = sections
        self._decisions = decisions
        self._meanings = meanings
        self._statements = {s.id: statements_of(s) for s in sections}
        self._claims = {
            key: [read(x.text, s.language) for x in self._statements[key]] for s in sections for key in [s.id]
        }
        self._weights = weigh([frozenset[str]().union(*(c.terms for c in found)) for found in self._claims.values()])
        self._about = {revision: s.core for revision, s in subjects_of(sections).items()}
        self._drops: dict[tuple[str, int], Drop] = {}
        self._kept: dict[str, list[Kept]] = defaultdict(list)
        self._echo_of: dict[str, Cluster] = {}
        self._contradictions: list[Contradiction] = []

    def fold(self, cluster: Cluster) -> None:
        """Decide about every sentence of the echoes of `cluster`."""
        entries = [
            (x, c) for s in cluster.members for x, c in zip(self._statements[s.id], self._claims[s.id], strict=True)
        ]
        about = self._about[cluster.canonical.revision]
        weights = without_subject(self._weights, about)
        pool = Pool(weights)
        standing = self._contradicted(entries, about, weights)
        for statement, claim in entries:
            key = statement.section, statement.index
            if statement.section == cluster.canonical.id:
                pool.add(statement, claim)
                continue
            drop = self._repeat(statement, claim, pool, about, key in standing)
            if drop:
                self._drops[key] = drop
            else:
                pool.add(statement, claim)
        self._tell_fully(entries, pool, about, standing, cluster.canonical.id)
        self._choose(entries, pool)
        for echo in cluster.echoes:
            self._echo_of[echo.id] = cluster
            self._kept[cluster.canonical.id].extend(self._novel(echo, cluster.canonical.id))

    def _contradicted(
        self, entries: Sequence[tuple[Statement, Claim]], about: frozenset[str], weights: Mapping[str, int]
    ) -> set[tuple[str, int]]:
        """Return the sentences that must stand: those in a contradiction, and those that agree with one of them."""
        every = Pool(weights)
        clashing: set[tuple[str, int]] = set()
        agreeing: list[tuple[tuple[str, int], tuple[str, int]]] = []
        for statement, claim in entries:
            key = statement.section, statement.index
            first = every.by_fingerprint(statement.fingerprint)
            if first:  # what the first one contradicts, this one does, word for word
                agreeing.append((key, (first.section, first.index)))
                continue
            for other, theirs, score in every.like(claim):
                if other.section == statement.section or score < UNRELATED:
                    continue
                their_key = other.section, other.index
                clash = contradiction(theirs, claim, about)
                if clash:
                    clashing |= {key, their_key}
                    pair = frozenset((statement.fingerprint, other.fingerprint))
                    if pair not in self._decisions.settled:
                        self._contradictions.append(Contradiction(other, statement, str(clash)))
                elif score >= REPEATS and not differences(claim, theirs, about):
                    agreeing.append((key, their_key))
            every.add(statement, claim)
        return clashing | {k for pair in agreeing for k in pair if not clashing.isdisjoint(pair)}

    def _repeat(
        self, statement: Statement, claim: Claim, pool: Pool, about: frozenset[str], stands: bool
    ) -> Drop | None:
        """Return the drop of a sentence that a printed one repeats; None when it must be kept."""
        if statement.fingerprint in self._decisions.keep:
            return None
        same_words = pool.by_fingerprint(statement.fingerprint)
        if same_words:
            return Drop(statement, same_words, 1.0, Rule.SAME_WORDS)
        return None if stands else self._reworded(statement, claim, pool, about)

    def _reworded(self, statement: Statement, claim: Claim, pool: Pool, about: frozenset[str]) -> Drop | None:
        """Return the drop of a sentence for another that says the same in other words."""
        alike = [found for found in pool.like(claim) if found[0] != statement]
        nearest = [theirs for _, theirs, _ in alike[:3]]
        for other, theirs, score in alike:
            if score < (ANCHORED if self._meanings else REPEATS):
                return None
            meant = self._meanings.alike(statement.text, other.text) if self._meanings and score < REPEATS else None
            if meant is not None and meant < MEANS:
                continue
            if covers([theirs, *nearest], claim) and not differences(claim, theirs, about):
                rule = Rule.SAME_STATEMENT if meant is None else Rule.SAME_MEANING
                return Drop(statement, other, round(score, 4) if meant is None else meant, rule)
        return None

    def _tell_fully(
        self,
        entries: Sequence[tuple[Statement, Claim]],
        pool: Pool,
        about: frozenset[str],
        standing: set[tuple[str, int]],
        canonical: str,
    ) -> None:
        """Drop kept sentences of echoes that a later one repeats and adds to, unless others were dropped for them."""
        needed = {(d.kept.section, d.kept.index) for d in self._drops.values()}
        wanted = self._decisions.keep.union(self._decisions.instead.values())
        for statement, claim in entries:
            key = statement.section, statement.index
            if statement.section == canonical or statement.fingerprint in wanted:
                continue
            if key in self._drops or key in needed or key in standing:
                continue
            drop = self._reworded(statement, claim, pool, about)
            if drop:
                self._drops[key] = drop
                needed.add((drop.kept.section, drop.kept.index))
                pool.remove(statement)

    def _choose(self, entries: Sequence[tuple[Statement, Claim]], pool: Pool) -> None:
        """Take out what an editor decided against, wherever the sentence preferred to it is printed."""
        for statement, _ in entries:
            wanted = self._decisions.instead.get(statement.fingerprint)
            kept = pool.by_fingerprint(wanted) if wanted else None
            if kept and kept != statement:
                self._drops[statement.section, statement.index] = Drop(statement, kept, 1.0, Rule.EDITOR)

    def _novel(self, echo: Section, canonical: str) -> Iterator[Kept]:
        before: Drop | None = None
        for statement in self._statements[echo.id]:
            drop = self._drops.get((echo.id, statement.index))
            if drop is None:
                leaning = before is not None and before.kept.section == canonical and leans_back(statement.text)
                yield Kept(
                    statement=statement,
                    block=echo.blocks[statement.block].slice(statement.start, statement.end),
                    title=echo.article_title,
                    after=before.kept.index if leaning and before else None,
                )
            before = drop

    def thin_furniture(self, echoes: set[str]) -> None:
        """Print each piece of furniture once: later ones with the same words are dropped, in any section."""
        first: dict[str, Statement] = {}
        for section in sorted(
            self._sections, key=lambda s: (s.id in echoes, s.approved_at, s.article, s.revision, s.position)
        ):
            for statement in self._statements[section.id]:
                if (statement.section, statement.index) in self._drops or not furniture(statement.text):
                    continue
                known = first.setdefault(statement.fingerprint, statement)
                if known is not statement and statement.fingerprint not in self._decisions.keep:
                    self._drops[statement.section, statement.index] = Drop(statement, known, 1.0, Rule.FURNITURE)

    def result(self, clusters: tuple[Cluster, ...]) -> Folding:
        """Return the folding of everything decided so far."""
        canonical = {c.canonical.id: c for c in clusters}
        by_article: dict[str, list[Section]] = defaultdict(list)
        for section in self._sections:
            by_article[section.revision].append(section)
        stories = tuple(
            Story(
                article=parts[0].article,
                title=parts[0].article_title,
                revision=revision,
                parts=tuple(self._part(s, canonical) for s in sorted(parts, key=lambda s: s.position)),
            )
            for revision, parts in by_article.items()
        )
        return Folding(
            sections=self._sections if isinstance(self._sections, tuple) else tuple(self._sections),
            clusters=clusters,
            stories=stories,
            drops=tuple(self._drops[key] for key in sorted(self._drops)),
            contradictions=tuple(
                sorted(self._contradictions, key=lambda c: (c.a.section, c.a.index, c.b.section, c.b.index))
            ),
            furniture=tuple(
                (x, kind) for s in self._sections for x in self._statements[s.id] if (kind := furniture(x.text))
            ),
        )

    def _of(self, section: Section, dropped: bool) -> list[Statement]:
        return [x for x in self._statements[section.id] if ((section.id, x.index) in self._drops) is dropped]

    def _part(self, section: Section, clusters: Mapping[str, Cluster]) -> Printed | See:
        cluster = self._echo_of.get(section.id)
        if cluster:
            return See(section, cluster.canonical)
        own = clusters.get(section.id)
        return Printed(
            section=section,
            blocks=without(section.blocks, self._of(section, dropped=True)),
            statements=tuple(self._of(section, dropped=False)),
            kept=tuple(
                k for k in self._kept.get(section.id, ()) if (k.statement.section, k.statement.index) not in self._drops
            ),
            also_in=tuple(Reference(e.article, e.article_title, e.id) for e in own.echoes) if own else (),
        )
