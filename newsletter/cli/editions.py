"""`newsletter edition ...`, `newsletter send` and the builds: from approved articles to delivered mail."""

import json
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from content.clusters import RulingKind
from content.editions import Edition, fingerprint
from newsletter.cli.console import (
    ByOption,
    Exit,
    JsonOption,
    now,
    out,
    print_json,
    print_table,
    settings,
)
from newsletter.correcting import remake
from newsletter.notifying import holders
from newsletter.proving import reproduce
from newsletter.publishing import draft, edition_key, examine, find, flags, is_partly_out
from newsletter.rendering.gates import Severity
from newsletter.ruling import Choice, choose, rule
from newsletter.scheduling import approve
from newsletter.storage.editions import EditionRecord, EditionState
from newsletter.wiring import House, open_house, publish_site

edition = typer.Typer(no_args_is_help=True, help="Draft, check, approve, send and follow editions.")


class SectionRuling(StrEnum):
    """What an editor may say about sections."""

    SAME = RulingKind.SAME.value
    DIFFERENT = RulingKind.DIFFERENT.value
    CANONICAL = RulingKind.CANONICAL.value


feeds = typer.Typer(no_args_is_help=True, help="Build the feeds.")
site = typer.Typer(no_args_is_help=True, help="Build the public site.")

Key = Annotated[str, typer.Argument(help="Key such as beauty-weekly-2026-W48; the newest edition if left out.")]


@edition.command("draft")
def draft_(
    context: typer.Context,
    again: Annotated[bool, typer.Option("--again", help="Make it anew if it is a draft or held.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Fold the approved articles that no edition has told yet into this period's edition.

    Ends with 3 when something holds it: the reason says what a person has to decide.
    """
    with open_house(settings(context)) as house:
        record = draft(house, now(), again=again)
        key = edition_key(house.settings, now())
    if record is None:
        print_json({"edition": key, "state": None}) if as_json else out.print(
            "Nothing to say: no approved article is left that no edition has told."
        )
        return
    _show(record, as_json)
    if record.state is EditionState.HELD:
        raise typer.Exit(Exit.HELD)


@edition.command("list")
def list_(context: typer.Context, as_json: JsonOption = False) -> None:
    """Show every edition, the newest first."""
    with open_house(settings(context)) as house:
        records = house.editions.all()
    if as_json:
        return print_json([record_as_json(r) for r in records])
    rows = [(r.edition.key, r.state.value, len(r.edition.stories), r.edition.subject) for r in records]
    print_table(
        ("Edition", "State", "Stories", "Subject"), rows, "No edition yet. 'newsletter edition draft' makes one."
    )
    return None


@edition.command()
def show(
    context: typer.Context,
    key: Key = "",
    as_json: JsonOption = False,
    manifest: Annotated[
        bool, typer.Option("--manifest", help="Print what it was made of, and prove that it renders the same again.")
    ] = False,
) -> None:
    """Show what an edition prints, what was folded and why (--json: every drop with pair, score and rule).

    With --manifest: revisions, templates and folds, and each mail as stored and as rendered again, by its SHA-256.
    Ends with 1 when one differs.
    """
    with open_house(settings(context)) as house:
        record = find(house, key)
        if manifest:
            return _print_manifest(house, record.edition)
        accepted = house.acceptances.of(record.edition.key)
        flagged = flags(house, record)
    if as_json:
        shown = {
            "flags": list(flagged),
            "folding": json.loads(record.folding),
            "accepted": [asdict(a) for a in accepted],
        }
        return print_json(record_as_json(record) | shown)
    _show(record, as_json=False)
    for flag in flagged:
        out.print(f"look: {flag}", style="yellow", markup=False)
    for warning in accepted:
        out.print(f"accepted by {warning.by}: {warning.rule}, {warning.message}", style="dim", markup=False)
    for number, clash in enumerate(json.loads(record.folding)["contradictions"], start=1):
        out.print(f"\nContradiction {number}: {clash['why']}", style="yellow", markup=False)
        for side in ("a", "b"):
            out.print(f"  {side}: {clash[side]['sentence']} ({clash[side]['article']})", markup=False)
        out.print(f"  Settle it: newsletter edition choose {number} a|b|both --by NAME", style="dim")
    for url, why in json.loads(record.folding).get("pictures", {}).items():
        out.print(f"\nIn place of a picture stand its words: {url} {why}", style="yellow", markup=False)
    for story in record.edition.stories:
        out.print(f"\n{story.title}", style="bold", markup=False)
        for section in story.sections:
            also = f"; also in {len(section.also_in)} more" if section.also_in else ""
            out.print(f"  {section.heading or '(opening)'}: {len(section.kept)} facts added{also}", markup=False)
        for reference in story.references:
            out.print(f"  {reference.heading}: folded, stands in “{reference.title}”", style="dim", markup=False)
    return None


_STYLES = {Severity.BLOCKER: "red", Severity.WARNING: "yellow", Severity.NOTE: "dim"}


@edition.command("check")
def check_(
    context: typer.Context,
    key: Key = "",
    as_json: JsonOption = False,
    links: Annotated[bool, typer.Option(help="Whether to fetch every link and image; it takes a while.")] = True,
) -> None:
    """Look for what would harm the mail: size, headings, dead links, contrast, parity of HTML and text, and more.

    Ends with 3 when a blocker is found: an edition with one is held. Without a network it says what nobody could see.
    """
    with open_house(settings(context).model_copy(update={"check_links": links})) as house:
        found = examine(house, find(house, key))
    blockers = [f for f in found if f.severity is Severity.BLOCKER]
    if as_json:
        print_json([{"rule": f.rule, "severity": f.severity.value, "message": f.message} for f in found])
    else:
        for finding in found:
            style = _STYLES[finding.severity]
            out.print(f"[{style}]{finding.severity.value:8}[/] {finding.rule:14} ", end="")
            out.print(finding.message, markup=False)
        warnings = [f for f in found if f.severity is Severity.WARNING]
        out.print(f"{len(blockers)} blockers, {len(warnings)} warnings")
    if blockers:
        raise typer.Exit(Exit.HELD)


@edition.command("choose")
def choose_(
    context: typer.Context,
    number: Annotated[int, typer.Argument(help="Of the contradiction, as 'edition show' counts them.")],
    choice: Annotated[Choice, typer.Argument(help="Which sentence stands: a, b or both.")],
    by: ByOption,
    key: Annotated[str, typer.Option("--edition", help="Key; the newest edition if left out.")] = "",
) -> None:
    """Settle a contradiction: print the first sentence, the second, or let both stand. Then fold anew.

    The choice is remembered: the same two sentences never hold an edition again.
    """
    with open_house(settings(context)) as house:
        record = find(house, key)
        first, second = choose(house.rulings, record, number, choice, by=by, now=now())
        for mark, sentence in (("a", first), ("b", second)):
            stands = choice in (Choice.BOTH, mark)
            out.print(f"{'stands ' if stands else 'dropped'} {mark}: {sentence}", markup=False)
        _draft_again(house, record)


@edition.command("rule")
def rule_(
    context: typer.Context,
    kind: Annotated[SectionRuling, typer.Argument(help="same, different, or canonical: print this one.")],
    sections: Annotated[list[str], typer.Argument(help="Section ids, as 'edition show --json' prints them.")],
    by: ByOption,
    key: Annotated[str, typer.Option("--edition", help="Key; the newest edition if left out.")] = "",
) -> None:
    """Say that sections explain the same or do not, or which one is printed. It wins over every score, for good."""
    with open_house(settings(context)) as house:
        record = find(house, key)
        rule(house.rulings, house.articles, record, RulingKind(kind.value), sections, by=by, now=now())
        _draft_again(house, record)


@edition.command("approve")
def approve_(
    context: typer.Context,
    by: ByOption,
    key: Key = "",
    accept: Annotated[
        list[str] | None, typer.Option("--accept", help="A rule whose warnings are accepted; may be given often.")
    ] = None,
) -> None:
    """Approve a held edition: with that an editor takes upon themselves whatever held it.

    What 'edition check' calls a blocker stops it all the same; a warning has to be accepted by the name of its rule.
    It is recorded who accepted what, and when: 'edition show' tells.
    """
    with open_house(settings(context)) as house:
        record = approve(house, find(house, key).edition.key, by=by, now=now(), accept=accept or ())
        for accepted in house.acceptances.of(record.edition.key):
            out.print(f"accepted by {accepted.by}: {accepted.rule}, {accepted.message}", style="dim", markup=False)
    out.print(f"{record.edition.key} is approved by {record.approved_by}. 'newsletter edition send' delivers it.")


@edition.command("remake")
def remake_(context: typer.Context, by: ByOption, key: Key = "") -> None:
    """End an edition that a correction holds on its way, and make it anew for just those who have not received it.

    Ends with 3: the new one waits for an approval.
    """
    with open_house(settings(context)) as house:
        record = remake(house, key, by=by, now=now())
    _show(record, as_json=False)
    raise typer.Exit(Exit.HELD)


@edition.command()
def recipients(
    context: typer.Context,
    had: Annotated[str, typer.Option("--had", help="A revision, or its beginning; 'edition show --json' names them.")],
    key: Key = "",
    as_json: JsonOption = False,
) -> None:
    """List exactly who received a wording of an article: accepted by their server, or uncertain.

    Example: newsletter edition recipients beauty-weekly-2026-W48 --had 3f1c9a
    """
    with open_house(settings(context)) as house:
        found = list(holders(house, key, had))
    if as_json:
        return print_json(
            [{"address": h.recipient.address, "name": h.recipient.name, "outcome": h.outcome.value} for h in found]
        )
    rows = [(h.recipient.address, h.recipient.name, h.outcome.value) for h in found]
    print_table(("Address", "Name", "Outcome"), rows, "Nobody received it.")
    return None


@feeds.command("build")
@site.command("build")
def build(context: typer.Context) -> None:
    """Write archive and feeds of every edition that is out. An unchanged page is left alone."""
    with open_house(settings(context)) as house:
        changed = publish_site(house)
        folder = house.settings.home / "site"
    out.print(f"{len(changed)} files changed below {folder}")


def _print_manifest(house: House, edition: Edition) -> None:
    mails = reproduce(house, edition.key)
    made_of = edition.manifest
    print_json(
        {
            "edition": edition.key,
            "fingerprint": fingerprint(edition),
            "revisions": dict(made_of.revisions),
            "templates": dict(made_of.templates),
            "folded": [asdict(decision) for decision in made_of.decisions],
            "mails": [asdict(mail) for mail in mails],
            "same": all(mail.is_same for mail in mails),
        }
    )
    if not all(mail.is_same for mail in mails):
        raise typer.Exit(Exit.FAILED)


def _draft_again(house: House, record: EditionRecord) -> None:
    """Fold an edition anew after a ruling; one that is out already stays, and the ruling counts from the next."""
    key = record.edition.key
    if record.state not in {EditionState.DRAFT, EditionState.HELD} or record.remakes or is_partly_out(house, record):
        out.print(f"Remembered for the next edition; {key} is {record.state.value} and stays as it is.")
        return
    again = draft(house, record.created_at, again=True)
    if again:
        _show(again, as_json=False)


def _show(record: EditionRecord, as_json: bool) -> None:
    if as_json:
        return print_json(record_as_json(record))
    e = record.edition
    out.print(f"{e.key}: {e.subject}", style="bold", markup=False)
    out.print(f"{record.state.value}: {record.reason}" if record.reason else record.state.value, markup=False)
    out.print(f"{len(e.stories)} stories, {len(e.manifest.decisions)} sections folded", markup=False)
    return None


def record_as_json(record: EditionRecord) -> dict[str, object]:
    """Return an edition's record as plain values, for `--json`."""
    e = record.edition
    return {
        "edition": e.key,
        "state": record.state.value,
        "reason": record.reason,
        "subject": e.subject,
        "stories": [{"article": s.article, "title": s.title, "revision": s.revision} for s in e.stories],
        "folded": len(e.manifest.decisions),
        "approved_by": record.approved_by,
    }
