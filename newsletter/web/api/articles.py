"""Articles over the API: list, show, and decide about exactly the wording that was read."""

from collections.abc import Callable
from functools import partial

from newsletter.approving import Choice, Seen, decide_seen
from newsletter.correcting import mark_again, withdraw
from newsletter.staffing import Permission
from newsletter.storage.articles import word_of
from newsletter.storage.tokens import Scope
from newsletter.web.api import shapes
from newsletter.web.api.calling import Answer, Call, Operation, ProblemError, read_cursor, read_moment, write_cursor
from newsletter.wiring import announce, publish_site

#: What each choice leads to.
_LEADS = {Choice.APPROVE: "approved", Choice.REJECT: "rejected"}


def list_articles(call: Call) -> Answer:
    """List articles as their sources show them now, the newest first."""
    wanted = call.wanted(shapes.ArticlesWanted)
    place = read_cursor(wanted.cursor, 2)
    beyond = (read_moment(place[0]), place[1]) if place else None
    rows = call.ask.console.overviews.articles(
        state=wanted.state, source=wanted.source, text=wanted.q, beyond=beyond, limit=wanted.limit + 1
    )
    page = rows[: wanted.limit]
    items = [
        shapes.ArticleRow(
            id=r.id,
            revision=r.revision,
            title=r.title,
            source=r.source,
            state=r.state,  # type: ignore[arg-type]
            pulled_at=r.pulled_at,
            decided_by=r.decided_by,
            note=r.note,
        )
        for r in page
    ]
    more = len(rows) > wanted.limit
    return Answer(shapes.Articles(items=items, next=write_cursor(page[-1].pulled_at, page[-1].id) if more else None))


def show_article(call: Call) -> Answer:
    """Show one wording of an article."""
    return Answer(article_of(call))


def decide(choice: Choice, call: Call) -> Answer:
    """Decide about a wording as it was read; what somebody else decided meanwhile stays."""
    before = call.stood(shapes.Article)
    if before.state == _LEADS[choice]:
        return Answer(before)
    note = call.body.note  # type: ignore[attr-defined]
    seen = Seen(before.revision, before.state)
    decided = decide_seen(call.house.articles, [seen], choice, by=call.by, note=note, now=call.now)
    if decided.refused:
        raise ProblemError(409, decided.refused[0])
    # The console undoes by this line, so it is written as the console writes it.
    call.did("", decided=[before.revision], choice=choice.value)
    if before.state == "withdrawn" and mark_again(call.house, before.id):
        announce(call.house, publish_site(call.house))
    return Answer(article_of(call))


def take_back(call: Call) -> Answer:
    """Withdraw an article: unsent copies stop first of all, archive and feeds show that it was."""
    said, before = call.said(shapes.Withdrawing), call.stood(shapes.Article)
    travelled = withdraw(call.house, [before.revision], by=call.by, note=said.note, public=said.public, now=call.now)
    call.did(before.id, held=[k for t in travelled for k in t.held], marked=[k for t in travelled for k in t.marked])
    if any(t.marked for t in travelled):
        announce(call.house, publish_site(call.house))
    return Answer(article_of(call))


def article_of(call: Call) -> shapes.Article:
    """Return the wording that the address names.

    Raises:
        ProblemError: There is none.
    """
    articles, revision = call.house.articles, call.ask.part("revision")
    article = articles.revision(revision)
    if article is None:
        raise ProblemError(404, "there is no such wording of an article")
    approval = articles.decisions([revision]).get(revision)
    standing = next((s for s in articles.find(article.id) if s.article.id == article.id), None)
    return shapes.Article(
        id=article.id,
        revision=revision,
        title=article.title,
        source=article.source,
        url=article.url,
        author=article.author,
        language=article.language,
        topics=list(article.topics),
        published_at=article.published_at,
        state=word_of(approval),  # type: ignore[arg-type]
        is_current=standing is not None and standing.article.revision == revision,
        decided_by=approval.by if approval else "",
        note=approval.note if approval else "",
        blocks=[shapes.ArticleBlock(kind=b.kind, text=b.text) for b in article.blocks],
    )


def _named(view: Callable[[Call], Answer], said: str) -> Callable[[Call], Answer]:
    view.__doc__ = said
    return view


_ONE = "/articles/{revision}"
OPERATIONS = (
    Operation(
        name="listArticles",
        path="/articles",
        view=list_articles,
        scope=Scope.ARTICLES_READ,
        may=Permission.SEE,
        query=shapes.ArticlesWanted,
        gives=shapes.Articles,
    ),
    Operation(
        name="showArticle",
        path=_ONE,
        view=show_article,
        scope=Scope.ARTICLES_READ,
        may=Permission.SEE,
        gives=shapes.Article,
    ),
    Operation(
        name="approveArticle",
        path=f"{_ONE}/approve",
        view=_named(
            partial(decide, Choice.APPROVE), "Approve a wording; an edit at the source needs another approval."
        ),
        scope=Scope.ARTICLES_WRITE,
        may=Permission.APPROVE,
        act="article.decide",
        method="POST",
        body=shapes.Approving,
        gives=shapes.Article,
        about=article_of,
    ),
    Operation(
        name="rejectArticle",
        path=f"{_ONE}/reject",
        view=_named(partial(decide, Choice.REJECT), "Reject a wording, with the reason."),
        scope=Scope.ARTICLES_WRITE,
        may=Permission.APPROVE,
        act="article.decide",
        method="POST",
        body=shapes.Refusing,
        gives=shapes.Article,
        about=article_of,
    ),
    Operation(
        name="withdrawArticle",
        path=f"{_ONE}/withdraw",
        view=take_back,
        scope=Scope.ARTICLES_WRITE,
        may=Permission.APPROVE,
        act="article.withdraw",
        method="POST",
        body=shapes.Withdrawing,
        gives=shapes.Article,
        about=article_of,
    ),
)
