"""Duplicates: sections that explain the same, side by side, and what editors rule about them."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.exceptions import HTTPException
from starlette.responses import Response

from content.clusters import Cluster, Ruling, RulingKind, cluster
from content.folding import Contradiction, fold
from content.sections import Section
from content.statements import fingerprint as sentence_print
from content.statements import statements_of
from newsletter.publishing import sections_of
from newsletter.rendering.comparison import compare
from newsletter.semantics import choose_vectors
from newsletter.staffing import Permission
from newsletter.storage.articles import Brief, Standing
from newsletter.storage.editions import TOLD, EditionState
from newsletter.web.console.asking import Ask, Door

#: Articles whose sections are compared: those that wait for a digest, the newest. More would make staff wait.
COMPARED = 150

#: A comparison holds as long as its articles and rulings do; this only bounds what is kept.
KEPT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Compared:
    """What comparing came to."""

    clusters: tuple[Cluster, ...]
    contradictions: tuple[Contradiction, ...]
    sections: int
    articles: dict[str, Standing]  #: by id
    names: Mapping[str, str]  #: what rulings are about, in words, by fingerprint of section or sentence

    def group(self, wanted: str) -> Cluster | None:
        """Return the group of this id."""
        return next((c for c in self.clusters if group_id(c) == wanted), None)


def group_id(found: Cluster) -> str:
    """Return a name that stays while the same sections are in the group, whichever is printed."""
    return hashlib.sha256("".join(sorted(s.fingerprint for s in found.members)).encode()).hexdigest()[:16]


def compared(ask: Ask) -> Compared:
    """Return the groups among the approved articles that no digest has told; computed once for the same articles."""
    console = ask.console
    told = told_articles(ask)
    newest = console.house.articles.approved_briefly(newest=COMPARED + len(told))
    chosen = [a for a in newest if a.id not in told][-COMPARED:]
    rulings = console.house.rulings.in_force()
    key = ("groups", tuple(a.revision for a in chosen), hash(rulings))
    return console.cache.get(key, lambda: _compare(ask, chosen, rulings), now=ask.now, kept=KEPT)


def open_groups(ask: Ask) -> int:
    """Return how many groups nobody has decided about."""
    ruled = _ruled(ask)
    return sum(not _is_decided(c, ruled) for c in compared(ask).clusters)


def show_groups(ask: Ask) -> Response:
    """Show every group: how many sections, how close, whether somebody decided."""
    found, ruled = compared(ask), _ruled(ask)
    tab = ask.query("tab", "open")
    rows = [
        {
            "id": group_id(c),
            "name": c.canonical.heading or _opening(c.canonical),
            "members": c.members,
            "low": min((x.score for x in c.links), default=1.0),
            "high": max((x.score for x in c.links), default=1.0),
            "is_decided": _is_decided(c, ruled),
            "clashes": _clashes(c, found),
        }
        for c in found.clusters
    ]
    shown = [r for r in rows if r["is_decided"] == (tab == "decided")]
    apart = [r for r in ask.console.house.rulings.in_force() if r.kind is RulingKind.DIFFERENT]
    return ask.show(
        "groups",
        rows=shown,
        tab=tab,
        open_count=sum(not r["is_decided"] for r in rows),
        decided_count=sum(bool(r["is_decided"]) for r in rows),
        compared=found,
        apart=len(apart),
        ruled=len(ask.console.house.rulings.in_force()),
        most=COMPARED,
    )


def show_group(ask: Ask) -> Response:
    """Show two members of a group side by side."""
    found = compared(ask)
    group = found.group(ask.part("group"))
    if group is None:
        return ask.go("/duplicates", "This group is not there any more: its articles or a ruling changed.")
    left = _member(group, ask.query("left")) or group.members[0]
    right = _member(group, ask.query("right")) or next(m for m in group.members if m.id != left.id)
    ids = [group_id(c) for c in found.clusters]
    at = ids.index(group_id(group))
    direct = [x for x in group.links if {x.a, x.b} == {left.id, right.id}]
    return ask.show(
        "group",
        group=group,
        id=group_id(group),
        name=group.canonical.heading or _opening(group.canonical),
        left=left,
        right=right,
        pieces=compare(left.text, right.text),
        link=max(direct, key=lambda x: x.score, default=None),
        members=[(m, found.articles[m.article].article) for m in group.members if m.article in found.articles],
        wordings=_wordings(group),
        article={a: s.article for a, s in found.articles.items()},
        is_decided=_is_decided(group, _ruled(ask)),
        clashes=_clashes(group, found),
        printed_in=_drafts_with(ask, {m.article for m in group.members}),
        before=ids[at - 1] if at else "",
        after=ids[at + 1] if at + 1 < len(ids) else "",
    )


def rule_group(ask: Ask) -> Response:
    """Take a ruling about a group: print this one, they are not the same, keep both; or reopen it."""
    group = compared(ask).group(ask.part("group"))
    if group is None:
        return ask.go(
            "/duplicates", "Nothing was decided: the articles or a ruling changed meanwhile.", is_problem=True
        )
    act = ask.form.one("do")
    rulings, said = _rulings(ask, act, group)
    if not rulings:
        return ask.go(f"/duplicates/{group_id(group)}", said, is_problem=True)
    ask.console.house.rulings.add(rulings, by=ask.me.name, now=ask.now)
    ask.did(group_id(group), ruling=act, pairs=len(rulings))
    ask.console.cache.forget()
    ruled = _ruled(ask)
    next_open = next((c for c in compared(ask).clusters if not _is_decided(c, ruled)), None)
    on = f"/duplicates/{group_id(next_open)}" if next_open else "/duplicates"
    return ask.go(on, f"{said} Drafts follow when they are folded again.")


def rule_sentences(ask: Ask) -> Response:
    """Settle two sentences that contradict each other."""
    one, other, choice = ask.form.one("a"), ask.form.one("b"), ask.form.one("do")
    known = {c.a.fingerprint: c for c in compared(ask).contradictions}
    clash = known.get(one)
    kinds = {
        "a": (RulingKind.PREFER, one, other),
        "b": (RulingKind.PREFER, other, one),
        "both": (RulingKind.STAND, one, other),
    }
    if clash is None or clash.b.fingerprint != other or choice not in kinds:
        return ask.go("/duplicates", "Nothing was decided: the sentences changed meanwhile.", is_problem=True)
    kind, first, second = kinds[choice]
    ask.console.house.rulings.add([Ruling(kind, first, second)], by=ask.me.name, now=ask.now)
    ask.did(sentence_print(clash.a.text), ruling=choice)
    ask.console.cache.forget()
    return ask.go("/duplicates", "Settled, and remembered: these two never hold a digest again.")


def _rulings(ask: Ask, act: str, group: Cluster) -> tuple[list[Ruling], str]:
    left, right = _member(group, ask.form.one("left")), _member(group, ask.form.one("right"))
    chosen = _member(group, ask.form.one("keep"))
    if act == "keep":
        if chosen is None:
            return [], "Choose first which one to print."
        same = [Ruling(RulingKind.SAME, chosen.fingerprint, m.fingerprint) for m in group.members]
        apart = [r for r in same if r.a != r.b]
        if not apart:
            return [Ruling(RulingKind.CANONICAL, chosen.fingerprint)], "Settled: the same words are printed once."
        said = f"The wording of “{chosen.article_title}” is printed; the others add what only they say."
        return [Ruling(RulingKind.CANONICAL, chosen.fingerprint), *apart], said
    if left is None or right is None or left.id == right.id:
        return [], "Choose two different sections to compare."
    pairs = {
        "split": [(left, right)],
        "both": [(a, b) for a in group.members for b in group.members if a.id < b.id],
    }
    if act not in pairs:
        raise HTTPException(400)
    different = [Ruling(RulingKind.DIFFERENT, a.fingerprint, b.fingerprint) for a, b in pairs[act]]
    said = "These two are not the same." if act == "split" else "Every one of them is printed."
    return [r for r in different if r.a != r.b], said


def _compare(ask: Ask, newest: Sequence[Brief], rulings: Sequence[Ruling]) -> Compared:
    chosen = ask.console.house.articles.approved([a.id for a in newest])
    sections = sections_of(chosen)
    vectors = choose_vectors(ask.console.house.settings.similarity)
    found = cluster(sections, rulings, vectors)
    folding = fold(sections, found, rulings, vectors)
    known = {s.article.id: s for s in chosen}
    return Compared(tuple(found), folding.contradictions, len(sections), known, _names(sections))


def _names(sections: Sequence[Section]) -> dict[str, str]:
    """Return how sections and sentences are called, by the fingerprint that rulings have of them."""
    sentences = {x.fingerprint: x.text for s in sections for x in statements_of(s)}
    return sentences | {s.fingerprint: f"{s.heading or _opening(s)}, in {s.article_title}" for s in sections}


def _drafts_with(ask: Ask, articles: Collection[str]) -> list[str]:
    """Return the keys of digests that have not left and tell one of these articles: a ruling changes them."""
    house = ask.console.house
    ahead = [e for e in ask.console.overviews.editions(house.settings.newsletter, limit=20) if e.mailing is None]
    open_ = [e for e in ahead if e.state in {EditionState.DRAFT, EditionState.HELD, EditionState.APPROVED}]
    records = [(e.key, house.editions.find(e.key)) for e in open_]
    return [k for k, r in records if r and any(a in articles for a, _ in r.edition.manifest.revisions)]


def told_articles(ask: Ask) -> Mapping[str, str]:
    """Return the key of the first edition that told an article, by id; an edition that is out never changes."""
    found: dict[str, str] = {}
    house = ask.console.house
    for row in ask.console.overviews.editions(house.settings.newsletter, limit=2000):
        if row.state in TOLD:
            found |= dict.fromkeys(_articles_of(ask, row.key, row.approved_at), row.key)
    return found


def _articles_of(ask: Ask, key: str, approved_at: datetime | None) -> frozenset[str]:
    def load() -> frozenset[str]:
        record = ask.console.house.editions.find(key)
        return frozenset(a for a, _ in record.edition.manifest.revisions) if record else frozenset()

    return ask.console.lasting.get(("told", key, approved_at), load, now=ask.now, kept=timedelta(days=7))


def _ruled(ask: Ask) -> frozenset[str]:
    kinds = {RulingKind.CANONICAL, RulingKind.SAME}
    return frozenset(r.a for r in ask.console.house.rulings.in_force() if r.kind in kinds)


def _is_decided(found: Cluster, ruled: frozenset[str]) -> bool:
    return any(m.fingerprint in ruled for m in found.members)


def _clashes(group: Cluster, found: Compared) -> list[Contradiction]:
    ids = {m.id for m in group.members}
    return [c for c in found.contradictions if c.a.section in ids or c.b.section in ids]


def _member(group: Cluster, wanted: str) -> Section | None:
    return next((m for m in group.members if m.id == wanted), None)


def _wordings(group: Cluster) -> list[list[Section]]:
    """Return the members by what they say: between the very same words there is nothing to choose."""
    found: dict[str, list[Section]] = {}
    for member in group.members:
        found.setdefault(member.fingerprint, []).append(member)
    return list(found.values())


def _opening(section: Section) -> str:
    """Return a name for sections without a heading: how they begin."""
    return f"“{section.text[:60].rsplit(' ', 1)[0]} …”"


DOORS = (
    Door(path="/duplicates", view=show_groups, may=Permission.SEE),
    Door(path="/duplicates/sentences", view=rule_sentences, may=Permission.APPROVE, act="sentences.rule"),
    Door(path="/duplicates/{group}", view=show_group, may=Permission.SEE),
    Door(path="/duplicates/{group}", view=rule_group, may=Permission.APPROVE, act="group.rule"),
)
