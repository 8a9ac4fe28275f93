"""Gathers the sections that explain the same thing; what an editor decided always wins."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from operator import attrgetter

from content.candidates import candidates
from content.embeddings import Vectors
from content.meaning import Meant, Reading
from content.sections import Section
from content.similarity import Affinity, Evidence, Profile, Profiles, affinity_of, compare, profiles


class RulingKind(StrEnum):
    """What an editor may decide, about sections (by `Section.fingerprint`) or sentences (`folding.fingerprint`)."""

    SAME = "same"  #: sections a and b explain the same, whatever the score
    DIFFERENT = "different"  #: sections a and b never share a cluster
    CANONICAL = "canonical"  #: print section a, whichever is the oldest
    KEEP = "keep"  #: sentence a is never dropped
    PREFER = "prefer"  #: of two contradicting sentences a is right and b is dropped
    STAND = "stand"  #: sentences a and b may both stand


@dataclass(frozen=True, slots=True)
class Ruling:
    """An editor's decision, named by fingerprints: it survives re-runs, and wins over every score."""

    kind: RulingKind
    a: str
    b: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Two sections of a cluster that were found to say the same: which, how surely, by what rule and why."""

    a: str  #: section id
    b: str
    score: float  #: 0.0 to 1.0
    rule: str
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Sections that explain the same thing. A section that stands alone is in no cluster."""

    canonical: Section
    members: tuple[Section, ...]  #: the canonical one first, then by seniority
    links: tuple[Link, ...] = ()

    @property
    def id(self) -> str:
        """Return the identity: the canonical section's fingerprint."""
        return self.canonical.fingerprint

    @property
    def echoes(self) -> tuple[Section, ...]:
        """Return the members that are not printed."""
        return self.members[1:]


#: The least score at which two sections of different articles are linked, by how sure the subject is, when their
#: headings give them the same role, and when they do not tell.
THRESHOLDS: Mapping[tuple[Affinity, bool], float] = {
    (Affinity.SAME, True): 0.12,
    (Affinity.SAME, False): 0.24,
    (Affinity.LIKELY, True): 0.14,
    (Affinity.LIKELY, False): 0.24,
    (Affinity.POSSIBLE, True): 0.26,
    (Affinity.POSSIBLE, False): 0.38,
}

#: What a clash of roles must be outweighed by when the subject is surely the same. Measured: no two sections of one
#: subject with clashing roles that explain different things came above 0.25.
CLASHING = 0.42

#: How well the sentences of near copies match: what two sections of one article must reach, and of unlike subjects.
NEAR_COPY = 0.62

#: Share of the threshold that all sections of a cluster must reach with each other: nothing chains through another.
CHAINED = 0.4

#: Members of two clusters that are compared before the clusters join. More than these change nothing but the time.
CHECKED_MEMBERS = 8

#: Up to so many sections every pair of articles is compared. Beyond, those that share rare words, or their subject.
ALL_PAIRS = 300

#: Pairs that share less of the lighter section's weight are not compared beyond `ALL_PAIRS`.
LEAST_SHARED = 0.25

#: Articles of one subject that are all compared with each other beyond `ALL_PAIRS`; of more, those that share rare
#: words. An archive holds thousands of articles about retinol: comparing all of them would be quadratic.
SAME_SUBJECT = 30

#: Pairs of articles that go to a worker at a time.
BATCH = 500

#: Applies a function to each of some batches, in order: `map`, or that of a pool of processes.
Mapper = Callable[[Callable[["_Batch"], list["Link"]], Iterable["_Batch"]], Iterable[list["Link"]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clustering:
    """The clusters, and what was not looked at to find them."""

    clusters: tuple[Cluster, ...]
    compared: int  #: pairs of articles
    passed_over: int  #: words of sections that too many others share to look all of them up (`candidates.BUDGET`)


def cluster(
    sections: Iterable[Section], rulings: Iterable[Ruling] = (), vectors: Vectors | None = None
) -> tuple[Cluster, ...]:
    """Return the clusters of two or more sections that explain the same thing.

    The order in which `sections` arrive makes no difference. Of two articles a section matches at most one of the
    other's, each the best of the other; near copies inside one article are found too. Rulings win over every score.
    With `vectors` of words, sections that say the same in other words are found as well.
    """
    return examine(sections, rulings, vectors=vectors).clusters


def examine(
    sections: Iterable[Section],
    rulings: Iterable[Ruling] = (),
    mapper: Mapper = map,
    vectors: Vectors | None = None,
) -> Clustering:
    """Return the clusters as `cluster` does, with what was passed over.

    Args:
        sections: Any number, from any articles.
        rulings: What editors have decided.
        mapper: Compares the batches; `multiprocessing.Pool.imap` gives the same clusters with several processes.
        vectors: Of words, where they are at hand; None compares by words alone.
    """
    ordered = sorted({s.id: s for s in sections}.values(), key=_seniority)
    decided = tuple(rulings)
    known = profiles(ordered)
    copies = _copies(known)
    originals = [p for p in known.each if p.section.id in copies]
    plan, passed_over = _plan(originals, known.weights)
    batches = (_Batch(known.weights, plan[i : i + BATCH]) for i in range(0, len(plan), BATCH))
    links = [link for found in mapper(_compare_batch, batches) for link in found]
    reading = Reading(known.each, known.weights, vectors) if vectors else None
    if reading:
        places = {p.section.id: n for n, p in enumerate(known.each)}
        links = [x for x in links if not reading.doubts(places[x.a], places[x.b])]
    groups = _Groups({p.section.id: p for p in known.each}, copies, known.weights, decided)
    for link in _ruled(ordered, decided):
        groups.join(link, forced=True)
    for link in sorted(links, key=lambda entry: (-entry.score, entry.a, entry.b)):
        groups.join(link)
    for link in _meant(known, groups, reading, vectors.name) if reading and vectors else ():
        groups.join(link, meant=True)
    preferred = {r.a for r in decided if r.kind is RulingKind.CANONICAL}
    found = [_cluster(members, links, preferred) for members, links in groups.parts() if len(members) > 1]
    return Clustering(
        clusters=tuple(sorted(found, key=lambda c: _seniority(c.canonical))),
        compared=len(plan),
        passed_over=passed_over,
    )


def _meant(known: Profiles, groups: "_Groups", reading: Reading, name: str) -> list[Link]:
    """Return the links of what is left over when words have been compared: sections that mean the same."""
    places = {p.section.id: n for n, p in enumerate(known.each)}
    parts = sorted(sorted(places[s.id] for s in members) for members, _ in groups.parts())
    return [_meant_link(known, found, name) for found in reading.match(parts)]


def _meant_link(known: Profiles, found: Meant, name: str) -> Link:
    a, b = sorted((known.each[found.a].section.id, known.each[found.b].section.id))
    subject = "the same subject" if found.subject >= 1.0 else f"prose about the same subject ({found.subject:.2f})"
    evidence = f"{subject}; their sentences mean the same to {found.likeness:.0%} ({name})"
    return Link(a=a, b=b, score=found.score, rule="same meaning", evidence=evidence)


def _copies(known: Profiles) -> dict[str, list[Section]]:
    """Return the sections by the oldest one with the very same words; page furniture has no copies."""
    oldest: dict[str, Section] = {}
    copies: dict[str, list[Section]] = {}
    for profile in known.each:
        section = profile.section
        first = oldest.setdefault(section.fingerprint, section) if profile.bag else section
        copies.setdefault(first.id, []).append(section)
    return copies


def _seniority(section: Section) -> tuple[object, ...]:
    # The approval date decides. Among equals the longer text leaves less to add; the rest only breaks ties.
    return section.approved_at, -len(section.text), section.article, section.revision, section.position


def _cluster(group: Sequence[Section], links: Sequence[Link], preferred: set[str]) -> Cluster:
    members = sorted(group, key=lambda s: (s.fingerprint not in preferred, _seniority(s)))
    return Cluster(canonical=members[0], members=tuple(members), links=tuple(links))


@dataclass(frozen=True, slots=True)
class _Match:
    """The sections of two articles that are to be matched; with one article, inside it."""

    left: tuple[Profile, ...]
    right: tuple[Profile, ...] = ()


@dataclass(frozen=True, slots=True)
class _Batch:
    """Matches that one worker makes."""

    weights: Mapping[str, int]
    matches: Sequence[_Match]


def _plan(found: Sequence[Profile], weights: Mapping[str, int]) -> tuple[list[_Match], int]:
    """Return which articles are to be matched, and how many words were passed over to choose them."""
    by_article: dict[str, list[int]] = defaultdict(list)
    for place, profile in enumerate(found):
        by_article[profile.section.revision].append(place)
    articles = list(by_article.values())
    everyone = [tuple(found[i] for i in places) for places in articles]
    inside = [_Match(parts) for parts in everyone if len(parts) > 1]
    if len(found) <= ALL_PAIRS:
        return inside + [_Match(a, b) for a, b in combinations(everyone, 2)], 0
    near = candidates([p.bag for p in found], weights, LEAST_SHARED)
    article_of = {place: number for number, places in enumerate(articles) for place in places}
    pairs: dict[tuple[int, int], set[int]] = {key: set() for key in _same_subject(everyone)}
    for i, j in near.pairs.tolist():
        a, b = article_of[i], article_of[j]
        if a != b:
            pairs.setdefault((a, b) if a < b else (b, a), set()).update((i, j))
    between = [_match(everyone[a], everyone[b], [found[i] for i in places]) for (a, b), places in sorted(pairs.items())]
    return inside + between, near.passed_over


def _same_subject(articles: Sequence[Sequence[Profile]]) -> Iterator[tuple[int, int]]:
    by_core: dict[frozenset[str], list[int]] = defaultdict(list)
    for number, parts in enumerate(articles):
        if parts[0].subject.core:
            by_core[parts[0].subject.core].append(number)
    for numbers in by_core.values():
        if len(numbers) <= SAME_SUBJECT:
            yield from combinations(numbers, 2)


def _match(left: tuple[Profile, ...], right: tuple[Profile, ...], near: Sequence[Profile]) -> _Match:
    """Match all sections of two articles on one subject; of others only those that share rare words."""
    if len(left) + len(right) > 2 and affinity_of(left[0].subject, right[0].subject) < Affinity.LIKELY:
        ids = {p.section.id for p in near}
        left, right = (tuple(p for p in parts if p.section.id in ids) for parts in (left, right))
    return _Match(left, right)


def _compare_batch(batch: _Batch) -> list[Link]:
    return [
        link
        for match in batch.matches
        for link in (
            _between(match.left, match.right, batch.weights) if match.right else _inside(match.left, batch.weights)
        )
    ]


def _inside(parts: Sequence[Profile], weights: Mapping[str, int]) -> list[Link]:
    pairs = ((a, b, compare(a, b, weights)) for a, b in combinations(parts, 2))
    return [_link(a, b, e, "near copy") for a, b, e in pairs if e.aligned >= NEAR_COPY]


def _between(left: Sequence[Profile], right: Sequence[Profile], weights: Mapping[str, int]) -> list[Link]:
    """Link the sections of two articles one to one: each must be the best match of the other."""
    table = [[compare(a, b, weights) for b in right] for a in left]
    scores = [[e.score if _eligible(e) else 0.0 for e in row] for row in table]
    links = []
    for i, a in enumerate(left):
        j = max(range(len(right)), key=lambda n: scores[i][n])
        if scores[i][j] > 0.0 and scores[i][j] >= max(row[j] for row in scores):
            links.append(_link(a, right[j], table[i][j], "best match of both"))
    return links


def _eligible(evidence: Evidence) -> bool:
    if evidence.clash and evidence.score < CLASHING:
        return False
    if evidence.affinity is Affinity.DIFFERENT or (evidence.clash and evidence.affinity is not Affinity.SAME):
        return evidence.aligned >= NEAR_COPY
    return evidence.score >= THRESHOLDS[evidence.affinity, evidence.role is not None]


def _link(a: Profile, b: Profile, evidence: Evidence, rule: str) -> Link:
    first, second = sorted((a, b), key=lambda p: p.section.id)
    return Link(
        a=first.section.id,
        b=second.section.id,
        score=round(evidence.score, 4),
        rule=rule,
        evidence=explain(a, b, evidence),
    )


def explain(a: Profile, b: Profile, evidence: Evidence) -> str:
    """Return in words why two sections are taken for the same explainer."""
    shared = sorted(a.subject.core & b.subject.core)
    reasons = [f"same subject: {' '.join(shared)}"] if shared else []
    if evidence.role:
        reasons.append(f"both explain {evidence.role.value}")
    reasons.append(f"their sentences match to {evidence.aligned:.0%}, their words to {evidence.overlap:.0%}")
    return "; ".join(reasons)


def _ruled(ordered: Sequence[Section], rulings: Sequence[Ruling]) -> list[Link]:
    by_print: dict[str, list[Section]] = defaultdict(list)
    for section in ordered:
        by_print[section.fingerprint].append(section)
    return [
        Link(a=a.id, b=b.id, score=1.0, rule="an editor's ruling", evidence="an editor said that they are the same")
        for ruling in rulings
        if ruling.kind is RulingKind.SAME
        for a in by_print.get(ruling.a, ())
        for b in by_print.get(ruling.b, ())
        if a.id != b.id
    ]


class _Groups:
    """Sections in groups that only ever join, best link first."""

    def __init__(
        self,
        found: Mapping[str, Profile],
        copies: Mapping[str, Sequence[Section]],
        weights: Mapping[str, int],
        rulings: Iterable[Ruling],
    ) -> None:
        self._found = found
        self._weights = weights
        self._apart = {frozenset((r.a, r.b)) for r in rulings if r.kind is RulingKind.DIFFERENT}
        self._group: dict[str, _Group] = {}
        for first, *others in copies.values():
            group = _Group([first, *others], [_copy_link(first, other) for other in others])
            self._group.update((s.id, group) for s in group.members)

    def join(self, link: Link, forced: bool = False, meant: bool = False) -> None:
        left, right = self._group[link.a], self._group[link.b]
        if left is not right:
            if meant and self._ruled_apart(left.members, right.members):
                return
            if not (forced or meant) and not self._may_join(left.members, right.members, link):
                return
            if len(left.members) < len(right.members):
                left, right = right, left
            left.members.extend(right.members)
            left.links.extend(right.links)
            for section in right.members:
                self._group[section.id] = left
        left.links.append(link)

    def _may_join(self, left: list[Section], right: list[Section], link: Link) -> bool:
        if self._ruled_apart(left, right):
            return False
        if link.rule != "near copy" and {s.revision for s in left} & {s.revision for s in right}:
            return False
        return not any(self._unlike(a, b) for a in _some(left) for b in _some(right))

    def _ruled_apart(self, left: list[Section], right: list[Section]) -> bool:
        if not self._apart:
            return False
        return any(frozenset((a.fingerprint, b.fingerprint)) in self._apart for a in left for b in right)

    def _unlike(self, a: Section, b: Section) -> bool:
        """Tell whether two sections are too unlike to share a cluster, whatever stands between them."""
        evidence = compare(self._found[a.id], self._found[b.id], self._weights)
        if evidence.affinity is Affinity.DIFFERENT:
            return evidence.aligned < NEAR_COPY
        if evidence.clash and evidence.score < CLASHING:
            return True
        return evidence.score < CHAINED * THRESHOLDS[evidence.affinity, evidence.role is not None]

    def parts(self) -> list[tuple[list[Section], list[Link]]]:
        groups = {id(group): group for group in self._group.values()}.values()
        return [(g.members, sorted(g.links, key=lambda x: (-x.score, x.a, x.b))) for g in groups]


@dataclass(slots=True)
class _Group:
    members: list[Section]
    links: list[Link]


def _copy_link(first: Section, other: Section) -> Link:
    a, b = sorted((first.id, other.id))
    return Link(a=a, b=b, score=1.0, rule="same words", evidence="heading and text are the same, word for word")


def _some(group: list[Section]) -> list[Section]:
    return sorted(group, key=attrgetter("id"))[:CHECKED_MEMBERS]
