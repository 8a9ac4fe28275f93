"""`newsletter article ...`: what came in, and which revisions may go out."""

import sys
from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from content.approvals import Approval, Decision
from content.articles import Article
from content.revisions import State, compare_revisions, readable
from newsletter.approving import ApprovingError, decide, two_revisions
from newsletter.cli.console import ByOption, JsonOption, NoteOption, now, out, print_json, print_table, settings
from newsletter.correcting import Travelled, correct, mark_again, withdraw
from newsletter.notifying import notify
from newsletter.rendering.revisions import revisions_html, revisions_text
from newsletter.storage.articles import Standing
from newsletter.wiring import House, announce, open_house, publish_site

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
    """Show one article as readers would get it, what we removed from it, and everything that was decided about it."""
    with open_house(settings(context)) as house:
        found = house.articles.find(wanted)
        if len(found) != 1:
            raise ApprovingError(f"{wanted!r} names {len(found)} articles; 'newsletter article list' shows their ids")
        standing = found[0]
        decisions = house.articles.record_of(standing.article.id)
        history = house.articles.history(standing.article.id)
    if as_json:
        more = {"text": _text(standing.article), "decisions": [_decision_as_json(d) for d in decisions]}
        return print_json(_as_json(standing) | more)
    out.print(f"{standing.article.title}\n", style="bold", markup=False)
    out.print(_text(standing.article), markup=False)
    out.print(f"\n{standing.word}; revision {standing.article.revision[:12]}", style="dim", markup=False)
    for remark in standing.remarks:
        out.print(f"  it {remark}", style="yellow", markup=False)
    for revision, at in history:
        out.print(f"  {at:%d %b %Y %H:%M} came as {revision[:12]}", style="dim", markup=False)
    for d in decisions:
        why = f": {d.note}" if d.note else ""
        line = f"  {d.at:%d %b %Y %H:%M} {d.decision.value} {d.revision[:12]} by {d.by}{why}"
        out.print(line, style="dim", markup=False)
    return None


#: How a terminal shows what went and what came.
_STYLES = {State.SAME: "", State.GONE: "red strike", State.NEW: "green"}


@article.command()
def diff(
    context: typer.Context,
    wanted: Annotated[str, typer.Argument(help="An id.")],
    before: Annotated[
        str, typer.Argument(help="Beginning of a revision; the last approved one before, if left out.")
    ] = "",
    after: Annotated[str, typer.Argument(help="Beginning of a revision; the current one, if left out.")] = "",
    as_html: Annotated[bool, typer.Option("--html", help="Print a page with the words marked.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what an edit did to an article: the words that went and those that came.

    Example: newsletter article diff needling.md --html > changes.html
    """
    with open_house(settings(context)) as house:
        old, new = two_revisions(house.articles, wanted, before, after)
    difference = compare_revisions(old, new)
    if as_html:
        sys.stdout.write(revisions_html(old, new, difference))
        return
    if as_json:
        print_json({"before": old.revision, "after": new.revision} | asdict(difference))
        return
    out.print(f"{new.id}: {old.revision[:12]} to {new.revision[:12]}", style="bold", markup=False)
    if difference.is_empty:
        out.print("The two say the same.")
    for line in revisions_text(difference):
        out.print(Text.assemble(*((piece.text, _STYLES[piece.state]) for piece in line)))


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


@article.command("withdraw")
def withdraw_(
    context: typer.Context,
    wanted: Articles,
    by: ByOption,
    note: NoteOption = "",
    public: Annotated[str, typer.Option(help="Why, in words that readers see on the site and in feeds.")] = "",
) -> None:
    """Take articles back, in every wording that an edition prints; --note says why, for the record.

    Unsent copies stop within a second, archive and feeds show that it was withdrawn. See docs/corrections.md.
    """
    with open_house(settings(context)) as house:
        for travelled in withdraw(house, wanted, by=by, note=note, public=public, now=now()):
            out.print(f"withdrawn {travelled.article}", markup=False)
            _say_travelled(house, travelled)


@article.command("correct")
def correct_(
    context: typer.Context,
    wanted: Annotated[str, typer.Argument(help="An id.")],
    by: ByOption,
    note: Annotated[str, typer.Option("--note", help="What was wrong, in words that readers see.")] = "",
) -> None:
    """Approve the present wording of an article in place of those that editions print, and tell readers what was wrong.

    Example: newsletter article correct needling.md --note "We wrote 24 hours; it is 72." --by "Ines Moreau"
    """
    with open_house(settings(context)) as house:
        travelled = correct(house, wanted, by=by, note=note, now=now())
        out.print(f"corrected {travelled.article}", markup=False)
        _say_travelled(house, travelled)


@article.command("notify")
def notify_(context: typer.Context, wanted: Annotated[str, typer.Argument(help="An id.")], by: ByOption) -> None:
    """Write to just those who received what was corrected or withdrawn last. Saying it again writes to nobody twice."""
    with open_house(settings(context)) as house:
        notice = notify(house, wanted, by=by, now=now())
    excluded = sum(notice.tally.excluded.values())
    out.print(f"{notice.key}: {notice.tally.candidates} received it, {excluded} of them may not be written to.")
    out.print("'newsletter send' delivers the notice; 'newsletter edition status KEY' follows it.")


def _say_travelled(house: House, travelled: Travelled) -> None:
    """Put the note on the site, and say how far the correction came and what can be done next."""
    if travelled.marked:
        announce(house, publish_site(house))
    for key in travelled.held:
        out.print(f"  {key} is held; nothing more of it leaves", style="yellow", markup=False)
    for key in travelled.marked:
        out.print(f"  {key} shows the note on the site and in feeds", markup=False)
    for revision in travelled.wrong if travelled.marked else ():
        out.print(f"  who has it: newsletter edition recipients KEY --had {revision[:12]}", style="dim", markup=False)
    if travelled.marked:
        out.print("  write to just them: newsletter article notify " + travelled.article, style="dim", markup=False)


def _decide(context: typer.Context, wanted: list[str], decision: Decision, by: str, note: str) -> None:
    with open_house(settings(context)) as house:
        new = decide(house.articles, wanted, decision, by=by, note=note, now=now())
        marked = [key for s in new for key in mark_again(house, s.article.id)]
        if marked:  # a withdrawal was taken back
            announce(house, publish_site(house))
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
        "remarks": list(standing.remarks),
        "decided_by": approval.by if approval else None,
        "decided_at": approval.at.isoformat() if approval else None,
        "note": approval.note if approval else None,
    }


def _decision_as_json(decision: Approval) -> dict[str, object]:
    return {
        "revision": decision.revision,
        "decision": decision.decision.value,
        "by": decision.by,
        "at": decision.at.isoformat(),
        "note": decision.note,
    }


def _text(article: Article) -> str:
    return "\n".join(("\n" if block.level else "") + readable(block) for block in article.blocks)
