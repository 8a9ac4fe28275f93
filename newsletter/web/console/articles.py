"""Articles: what came in, what was decided about each wording, and what changed between two of them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.exceptions import HTTPException
from starlette.responses import Response

from content.articles import Article, BlockKind
from content.sections import split
from newsletter.approving import Choice, Seen, decide_seen
from newsletter.rendering.comparison import compare
from newsletter.staffing import Permission
from newsletter.storage.articles import word_of
from newsletter.web.console.asking import Ask, Door, with_query
from newsletter.web.console.groups import told_articles
from newsletter.web.console.mending import spread_of, unmark
from newsletter.web.console.today import article_counts
from newsletter.web.console.words import count

#: Articles on one page of the list.
ON_A_PAGE = 50

#: What the tabs show, in their order.
STATES = ("pending", "approved", "rejected", "withdrawn")

_DONE = {Choice.APPROVE: "approved", Choice.REJECT: "rejected", Choice.REOPEN: "open again"}


#: How long the facts of a wording are kept in memory.
FACTS_KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What lists say of one wording."""

    published: datetime | None
    sections: int
    words: int
    notes: tuple[str, ...]


def show_articles(ask: Ask) -> Response:
    """Show the articles that a filter leaves."""
    state = ask.query("state", "pending")
    state = "" if state == "all" else state if state in STATES else "pending"
    source, text, page = ask.query("source"), ask.query("q").strip(), ask.number("page", most=10_000)
    overviews = ask.console.overviews
    found = overviews.articles(state=state, source=source, text=text, after=page * ON_A_PAGE, limit=ON_A_PAGE + 1)
    rows = found[:ON_A_PAGE]
    counts = article_counts(ask, source, text)
    sources = ask.console.house.sources.all()
    checked = max((s.pulled_at for s in sources if s.pulled_at), default=None)
    return ask.show(
        "articles",
        told=told_articles(ask),
        rows=list(zip(rows, _facts(ask, [row.revision for row in rows]), strict=True)),
        more=len(found) > ON_A_PAGE,
        page=page,
        state=state or "all",
        source=source,
        text=text,
        counts=counts,
        total=sum(counts.values()),
        states=STATES,
        sources=sources,
        checked=checked,
        focus=ask.query("row"),
        here_is=with_query("/articles", {"state": state or "all", "source": source, "q": text, "page": page}),
    )


def decide(ask: Ask) -> Response:
    """Take a decision about ticked articles, or about one, each as the editor saw it."""
    # A row's button names its article; the buttons below the list take what is ticked.
    act, _, one = ask.form.one("do").partition(" ")
    choice = _choice(act)
    wanted = [one] if one else ask.form.all("one") or ask.form.all("chosen")
    back = _back(ask)
    if not wanted:
        return ask.go(back, "Nothing was ticked, so nothing was done.", is_problem=True)
    note = ask.form.one("note").strip()[:500]
    if choice is Choice.REJECT and not note:
        note = "not for this newsletter"
    house = ask.console.house
    seen = [Seen.parse(text) for text in wanted[:500]]
    decided = decide_seen(house.articles, seen, choice, by=ask.me.name, note=note, now=ask.now)
    if choice is not Choice.REJECT:
        unmark(ask, decided.new)
    line = ask.did(decided=[s.revision for s in decided.new], choice=choice.value)
    ask.console.cache.forget()
    said = f"{count(len(decided.new), 'article')} {_DONE[choice]}."
    for problem in decided.refused[:5]:
        said += f" {problem}"
    return ask.go(back, said, undo=line if decided.new else 0, is_problem=not decided.new and bool(decided.refused))


def show_article(ask: Ask) -> Response:
    """Show one wording of an article: as readers would get it, its sections, what changed, who decided what."""
    articles = ask.console.house.articles
    revision = ask.part("revision")
    article = articles.revision(revision) if len(revision) == 64 else None
    if article is None:
        raise HTTPException(404)
    standing = next((s for s in articles.find(article.id) if s.article.id == article.id), None)
    history = articles.history(article.id)
    decisions = articles.decisions([r for r, _ in history])
    approval = decisions.get(revision)
    earlier = ask.query("against") or next((r for r, at in reversed(history) if r != revision), "")
    other = articles.revision(earlier) if earlier in {r for r, _ in history} and earlier != revision else None
    after = ask.console.overviews.articles(state="pending", limit=2)
    return ask.show(
        "article",
        article=article,
        revision=revision,
        is_current=standing is not None and standing.article.revision == revision,
        current=standing.article.revision if standing else "",
        state=word_of(approval),
        approval=approval,
        history=[(r, at, decisions.get(r)) for r, at in reversed(history)],
        sections=split(article),
        words_in=sum(len(b.text.split()) for b in article.blocks if b.kind is not BlockKind.IMAGE),
        images=[b for b in article.blocks if b.kind is BlockKind.IMAGE],
        other=other,
        other_revision=earlier,
        difference=compare(_text(other), _text(article)) if other else None,
        blocks=[b for b in article.blocks if b.kind is not BlockKind.IMAGE],
        seen=Seen(revision, word_of(approval)).text,
        spread=spread_of(ask, article),
        next_one=next((row for row in after if row.revision != revision), None),
        notes=_notes(article),
        remarks=standing.remarks if standing and standing.article.revision == revision else (),
    )


def undo(ask: Ask) -> Response:
    """Take back a decision about articles: as if nobody had decided yet."""
    text = ask.form.one("line")
    line = ask.console.staffing.audit.find(int(text)) if text.isascii() and text.isdigit() and len(text) < 10 else None
    if line is None or line.act != "article.decide" or not isinstance(line.detail.get("decided"), list):
        return ask.go("/articles", "That cannot be taken back any more.", is_problem=True)
    taken = str(line.detail["choice"])
    word = {"approve": "approved", "reject": "rejected", "reopen": "pending"}[taken]
    seen = [Seen(str(revision), word) for revision in _listed(line.detail["decided"])]
    decided = decide_seen(
        ask.console.house.articles, seen, Choice.REOPEN, by=ask.me.name, note="taken back", now=ask.now
    )
    ask.did(str(line.number), decided=[s.revision for s in decided.new], choice=Choice.REOPEN.value)
    ask.console.cache.forget()
    return ask.go("/articles", f"Taken back: {count(len(decided.new), 'article')} waiting again.")


def _facts(ask: Ask, wanted: Sequence[str]) -> list[Facts]:
    """Return what lists say of each of these revisions; a revision never changes, so each is read once."""
    lasting = ask.console.lasting
    known = {r: f for r in wanted if isinstance(f := lasting.find(("facts", r), ask.now), Facts)}
    read = ask.console.house.articles.wordings([r for r in wanted if r not in known])
    for revision, article in read.items():
        known[revision] = _facts_of(article)
        lasting.put(("facts", revision), known[revision], now=ask.now, kept=FACTS_KEPT)
    return [known[revision] for revision in wanted]


def _facts_of(article: Article) -> Facts:
    return Facts(
        published=article.published_at,
        sections=len(split(article)),
        words=sum(len(b.text.split()) for b in article.blocks if b.kind is not BlockKind.IMAGE),
        notes=tuple(_notes(article)),
    )


def _notes(article: Article) -> list[str]:
    """Return what an editor should look at."""
    words_in = sum(len(b.text.split()) for b in article.blocks if b.kind is not BlockKind.IMAGE)
    checks = (
        (article.published_at is None, "no date"),
        (words_in > 3000, "very long"),
        (words_in < 60, "very short"),
        (any(b.kind is BlockKind.IMAGE and not b.text.strip() for b in article.blocks), "image without a description"),
        (not article.url, "no address of its own"),
    )
    return [note for holds, note in checks if holds]


def _text(article: Article) -> str:
    return "\n".join([article.title, *(b.text for b in article.blocks if b.kind is not BlockKind.IMAGE)])


def _choice(text: str) -> Choice:
    try:
        return Choice(text)
    except ValueError as error:
        raise HTTPException(400) from error


def _back(ask: Ask) -> str:
    back = ask.form.one("back")
    return back if back.startswith("/articles") and len(back) < 500 and back.isprintable() else "/articles"


def _listed(value: object) -> Iterable[object]:
    return value if isinstance(value, list) else json.loads("[]")


DOORS = (
    Door(path="/articles", view=show_articles, may=Permission.SEE),
    Door(path="/articles", view=decide, may=Permission.APPROVE, act="article.decide"),
    Door(path="/articles/{revision}", view=show_article, may=Permission.SEE),
    Door(path="/undo", view=undo, may=Permission.APPROVE, act="article.undo"),
)
