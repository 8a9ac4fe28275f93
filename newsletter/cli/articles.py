"""`newsletter article ...`: what came in, and which revisions may go out."""

from typing import Annotated

import typer

from content.approvals import Decision
from content.articles import Article, BlockKind
from newsletter.approving import decide
from newsletter.cli.console import ByOption, JsonOption, NoteOption, now, out, print_json, print_table, settings
from newsletter.storage.articles import Standing
from newsletter.wiring import open_house

article = typer.Typer(no_args_is_help=True, help="See what came in; approve, reject or withdraw.")

Articles = Annotated[list[str], typer.Argument(help="Ids, or the beginning of an id or of a revision.")]


@article.command("list")
def list_(
    context: typer.Context,
    state: Annotated[str, typer.Option(help="Only pending, approved, rejected or withdrawn ones.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Show every article and how its current revision stands."""
    with open_house(settings(context)) as house:
        standings = [s for s in house.articles.standings() if not state or s.word == state]
    if as_json:
        return print_json([_as_json(s) for s in standings])
    rows = [(s.word, s.article.id, s.article.title, s.article.revision[:12]) for s in standings]
    print_table(("State", "Article", "Title", "Revision"), rows, "No article here. 'newsletter ingest' pulls them.")
    return None


@article.command()
def show(
    context: typer.Context, wanted: Annotated[str, typer.Argument(help="An id.")], as_json: JsonOption = False
) -> None:
    """Show one article as readers would get it, and who decided what about it."""
    with open_house(settings(context)) as house:
        found = house.articles.find(wanted)
    if len(found) != 1:
        raise typer.BadParameter(f"{wanted!r} names {len(found)} articles; 'newsletter article list' shows their ids")
    standing = found[0]
    if as_json:
        return print_json(_as_json(standing) | {"text": _text(standing.article)})
    out.print(f"{standing.article.title}\n", style="bold", markup=False)
    out.print(_text(standing.article), markup=False)
    decision = standing.approval
    by = f" by {decision.by}, {decision.at:%d %B %Y} {decision.note}" if decision else ""
    out.print(f"\n{standing.word}{by}; revision {standing.article.revision[:12]}", style="dim", markup=False)
    return None


@article.command()
def approve(context: typer.Context, wanted: Articles, by: ByOption, note: NoteOption = "") -> None:
    """Approve the current revision of articles. An edit at the source needs another approval.

    Example: newsletter article approve needling.md peels.md --by "Ines Moreau"
    """
    _decide(context, wanted, Decision.APPROVED, by, note)


@article.command()
def reject(context: typer.Context, wanted: Articles, by: ByOption, note: NoteOption = "") -> None:
    """Reject the current revision of articles; --note says why."""
    _decide(context, wanted, Decision.REJECTED, by, note)


@article.command()
def withdraw(context: typer.Context, wanted: Articles, by: ByOption, note: NoteOption = "") -> None:
    """Take articles back that were approved; --note says why. Later editions leave them out."""
    _decide(context, wanted, Decision.WITHDRAWN, by, note)


def _decide(context: typer.Context, wanted: list[str], decision: Decision, by: str, note: str) -> None:
    with open_house(settings(context)) as house:
        new = decide(house.articles, wanted, decision, by=by, note=note, now=now())
    for standing in new:
        out.print(f"{decision.value} {standing.article.id} ({standing.article.revision[:12]})", markup=False)
    if not new:
        out.print(f"Nothing to do: {decision.value} already")


def _as_json(standing: Standing) -> dict[str, object]:
    approval = standing.approval
    return {
        "id": standing.article.id,
        "title": standing.article.title,
        "revision": standing.article.revision,
        "state": standing.word,
        "source": standing.article.source,
        "topics": list(standing.article.topics),
        "pulled_at": standing.pulled_at.isoformat(),
        "decided_by": approval.by if approval else None,
        "decided_at": approval.at.isoformat() if approval else None,
        "note": approval.note if approval else None,
    }


def _text(article: Article) -> str:
    marks = {BlockKind.HEADING: "\n## ", BlockKind.BULLET: "- ", BlockKind.NUMBERED: "1. ", BlockKind.QUOTE: "> "}
    return "\n".join(marks.get(block.kind, "") + block.text for block in article.blocks)
