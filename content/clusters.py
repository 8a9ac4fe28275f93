"""Gathers the sections that explain the same thing; what an editor decided always wins."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from content.concordance import Numbers, join, read
from content.embeddings import Vectors
from content.grouping import NEAR_COPY_RULE, Group, Groups, Names, Tie
from content.judging import NEAR_COPY, Findings, Judge, shared_role
from content.mapping import Mapper
from content.matching import best_of_both, plan
from content.meaning import Meant, Reading
from content.sections import Section
from content.similarity import Profiles, in_parts


class RulingKind(StrEnum):
    """What an editor may decide, about sections (by `Section.fingerprint`) or sentences (`statements.fingerprint`)."""

    SAME = "same"  #: sections a and b explain the same, whatever the score
    DIFFERENT = "different"  #: sections a and b never share a cluster
    CANONICAL = "canonical"  #: print section a, whichever is the oldest
    KEEP = "keep"  #: sentence a is never dropped
    PREFER = "prefer"  #: of two contradicting sentences a is right and b is dropped
    STAND = "stand"  #: sentences a and b may both stand
    OPEN = "open"  #: a ruling about a and b was taken back: nothing is decided


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
        mapper: Reads and compares the parts; that of several processes (`Pool.imap`) gives the same clusters.
        vectors: Of words, where they are at hand; None compares by words alone.
    """
    ordered = sorted({s.id: s for s in sections}.values(), key=_seniority)
    decided = tuple(rulings)
    known = Profiles(ordered, join(mapper(read, in_parts(ordered))))
    names, judge = Names(ordered), Judge(known)
    copies = _copies(known, names)
    chosen = plan(judge, np.array(list(copies), np.int64))
    inside, between = judge.judge(*chosen.inside, mapper), judge.judge(chosen.between.a, chosen.between.b, mapper)
    copied, best = np.flatnonzero(inside.aligned >= NEAR_COPY), best_of_both(chosen.between, between)
    ties = _ties(
        judge,
        names,
        _Chosen(*chosen.inside, inside, copied, NEAR_COPY_RULE),
        _Chosen(chosen.between.a, chosen.between.b, between, best, "best match of both"),
    )
    reading = Reading(known.each, known.weights, vectors) if vectors else None
    if reading:
        ties = [t for t in ties if not reading.doubts(t.a, t.b)]
    apart = [(r.a, r.b) for r in decided if r.kind is RulingKind.DIFFERENT]
    groups = Groups(judge, names, copies, apart, mapper)
    for tie in _ruled(names, decided):
        groups.force(tie)
    groups.join_all(ties)
    for tie in _meant(groups, reading, vectors.name, names) if reading and vectors else ():
        groups.mean(tie)
    # Of two sections of one cluster that an editor chose, the later choice counts.
    preferred = {r.a: n for n, r in enumerate(decided) if r.kind is RulingKind.CANONICAL}
    found = [_cluster(group, known, names, preferred) for group in groups.parts() if len(group.members) > 1]
    return Clustering(
        clusters=tuple(cluster for _, cluster in sorted(found, key=itemgetter(0))),
        compared=chosen.compared,
        passed_over=chosen.passed_over,
    )


class _Chosen(NamedTuple):
    """Pairs of places, what was found of them, and the numbers of those that are linked by a rule."""

    a: Numbers
    b: Numbers
    findings: Findings
    numbers: Numbers
    rule: str


def _ties(judge: Judge, names: Names, *parts: _Chosen) -> list[Tie]:
    """Return the chosen pairs, the best first."""
    texts: dict[str, str] = {}
    found = [tie for part in parts for tie in _tied(judge, names, part, texts)]
    scores = np.array([tie.score for tie in found], np.float64)
    ranks = np.array([(names.ranks[tie.a], names.ranks[tie.b]) for tie in found], np.int64).reshape(-1, 2)
    return [found[n] for n in np.lexsort((ranks[:, 1], ranks[:, 0], -scores)).tolist()]


def _tied(judge: Judge, names: Names, part: _Chosen, texts: dict[str, str]) -> Iterator[Tie]:
    """Yield the chosen pairs of a part; `texts` keeps each evidence once, for many ties share it."""
    findings = part.findings
    columns = (part.a, part.b, findings.score, findings.told, findings.aligned, findings.whole)
    for a, b, score, told, aligned, whole in zip(*(c[part.numbers].tolist() for c in columns), strict=True):
        first, second = names.ordered(a, b)
        why = f"{_shared(judge, a, b, told)}their sentences match to {aligned:.0%}, their words to {whole:.0%}"
        yield Tie(first, second, round(score, 4), part.rule, texts.setdefault(why, why))


def _shared(judge: Judge, a: int, b: int, told: bool) -> str:
    """Return in words which subject and role two sections share, as far as they do."""
    known = judge.known
    left, right = (known.subjects[known.sections[n].revision].core for n in (a, b))
    role = shared_role(known.roles[a], known.roles[b]) if told else None
    if not left.isdisjoint(right):
        subject = f"same subject: {' '.join(sorted(left & right))}; "
    else:
        subject = "their articles share rare words; " if judge.kin(a, b) else ""
    return f"{subject}both explain {role.value}; " if role else subject


def _ruled(names: Names, rulings: Sequence[Ruling]) -> list[Tie]:
    same = [r for r in rulings if r.kind is RulingKind.SAME]
    by_print = names.by_fingerprint() if same else {}
    why = "an editor said that they are the same"
    return [
        Tie(a=a, b=b, score=1.0, rule="an editor's ruling", evidence=why)
        for ruling in same
        for a in by_print.get(ruling.a, ())
        for b in by_print.get(ruling.b, ())
        if a != b
    ]


def _meant(groups: Groups, reading: Reading, name: str, names: Names) -> list[Tie]:
    """Return the links of what is left over when words have been compared: sections that mean the same."""
    parts = sorted(sorted(group.members) for group in groups.parts())
    return [_meant_tie(found, name, names) for found in reading.match(parts)]


def _meant_tie(found: Meant, name: str, names: Names) -> Tie:
    a, b = names.ordered(found.a, found.b)
    subject = "the same subject" if found.subject >= 1.0 else f"prose about the same subject ({found.subject:.2f})"
    evidence = f"{subject}; their sentences mean the same to {found.likeness:.0%} ({name})"
    return Tie(a=a, b=b, score=found.score, rule="same meaning", evidence=evidence)


def _copies(known: Profiles, names: Names) -> dict[int, list[int]]:
    """Return the sections by the oldest one with the very same words; page furniture has no copies."""
    spoken = (np.diff(known.bags.starts) > 0).tolist()
    oldest: dict[str, int] = {}
    copies: dict[int, list[int]] = {}
    for place, fingerprint in enumerate(names.fingerprints):
        first = oldest.setdefault(fingerprint, place) if spoken[place] else place
        copies.setdefault(first, []).append(place)
    return copies


def _seniority(section: Section) -> tuple[object, ...]:
    # The approval date decides. Among equals the longer text leaves less to add; the rest only breaks ties.
    return section.approved_at, -len(section.text), section.article, section.revision, section.position


def _cluster(group: Group, known: Profiles, names: Names, preferred: Mapping[str, int]) -> tuple[int, Cluster]:
    """Return the cluster of a group, and the place of its canonical section; a lower place is older."""
    places = sorted(group.members, key=lambda n: (-preferred.get(names.fingerprints[n], -1), n))
    ranks = names.ranks
    ties = sorted(group.ties, key=lambda t: (-t.score, ranks[t.a], ranks[t.b]))
    members = tuple(known.sections[n] for n in places)
    links = tuple(_link(t, names) for t in ties)
    return places[0], Cluster(canonical=members[0], members=members, links=links)


def _link(tie: Tie, names: Names) -> Link:
    return Link(a=names.ids[tie.a], b=names.ids[tie.b], score=tie.score, rule=tie.rule, evidence=tie.evidence)
