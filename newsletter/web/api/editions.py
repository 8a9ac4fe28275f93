"""Editions over the API: list, show, make, compose, look at the mail, check, approve."""

from dataclasses import replace

from starlette.responses import HTMLResponse, PlainTextResponse, Response

from content.compositions import Composition
from newsletter.ports import Rendering
from newsletter.publishing import EVERYBODY, available, compose, draft, edition_key, is_own_work, what_changed
from newsletter.scheduling import approve
from newsletter.staffing import Permission
from newsletter.storage.editions import EditionRecord, EditionState
from newsletter.storage.tokens import Scope
from newsletter.web.api import shapes
from newsletter.web.api.calling import (
    Answer,
    Call,
    Operation,
    ProblemError,
    read_cursor,
    read_moment,
    write_cursor,
    wrong,
)
from newsletter.web.console.digests import edition_of, findings_of
from newsletter.web.console.guards import MAIL_POLICY
from newsletter.web.console.previewing import filled
from newsletter.web.console.sends import send_of
from newsletter.web.console.today import people_counts
from subscribers.people import SubscriptionState

#: In whose place a preview is shown.
SAMPLE = "Ada"


def list_editions(call: Call) -> Answer:
    """List editions, the newest first."""
    wanted = call.wanted(shapes.Paged)
    place = read_cursor(wanted.cursor, 2)
    beyond = (read_moment(place[0]), place[1]) if place else None
    newsletter = call.house.settings.newsletter
    rows = call.ask.console.overviews.editions(newsletter, limit=wanted.limit + 1, beyond=beyond)
    page = rows[: wanted.limit]
    items = [
        shapes.EditionRow(
            key=r.key,
            state=r.state,
            reason=r.reason,
            subject=r.subject,
            created_at=r.created_at,
            approved_by=r.approved_by,
            approved_at=r.approved_at,
            send=send_of(call.ask, r, with_sum=False).send.state,
        )
        for r in page
    ]
    more = len(rows) > wanted.limit
    return Answer(shapes.Editions(items=items, next=write_cursor(page[-1].created_at, page[-1].key) if more else None))


def show_edition(call: Call) -> Answer:
    """Show one edition: its words, its stories in their order, and where it stands."""
    return Answer(shape_of(call))


def make_edition(call: Call) -> Answer:
    """Make this period's edition of the approved articles; 200 when it is there already. A person approves it."""
    is_new = call.house.editions.find(edition_key(call.house.settings, call.now)) is None
    record = draft(call.house, call.now, by_hand=True)
    if record is None:
        raise ProblemError(409, "there is no approved article that no edition has told; approve one first")
    if is_new:
        call.did(record.edition.key)
    return Answer(_shape(call, record), 201 if is_new else 200)


def compose_edition(call: Call) -> Answer:
    """Compose an edition: which stories in which order, and the words around them. It needs another approval then."""
    said, before, house = call.said(shapes.Composing), call.stood(shapes.Edition), call.house
    latest = house.compositions.latest(before.key)
    given = {name: getattr(said, name) for name in said.model_fields_set - {"version", "order"}}
    if "order" in said.model_fields_set:
        given["order"] = _order(call, before.key, said.order)
    wish: Composition = replace(latest.composition, **given)
    after = before.version if said.version is None else said.version
    compose(house, before.key, wish, after=after, by=call.by, now=call.now)
    call.did(before.key, step="compose", version=after + 1)
    return Answer(shape_of(call))


def show_html(call: Call) -> Response:
    """Return the HTML part of the mail as a sample reader would get it, with links of theirs that lead nowhere."""
    headers = {"Content-Security-Policy": MAIL_POLICY}
    return HTMLResponse(filled(_mail(call).html, SAMPLE, html=True), headers=headers)


def show_text(call: Call) -> Response:
    """Return the plain text part of the mail."""
    return PlainTextResponse(filled(_mail(call).text, SAMPLE, html=False))


def check_edition(call: Call) -> Answer:
    """Say everything that is wrong with the mail as it would leave, blockers first."""
    record = edition_of(call.ask)
    is_open = record.state in {EditionState.DRAFT, EditionState.HELD, EditionState.APPROVED}
    found = findings_of(call.ask, record)
    return Answer(
        shapes.Checked(
            findings=[shapes.Finding(rule=f.rule, severity=f.severity, message=f.message) for f in found],
            changed=list(what_changed(call.house, record)) if is_open else [],
        )
    )


def approve_edition(call: Call) -> Answer:
    """Approve an edition; a time that was wished for counts from now on. A warning is accepted by its rule's name."""
    record, house = edition_of(call.ask), call.house
    audience = people_counts(call.ask).get(SubscriptionState.CONFIRMED, 0)
    if is_own_work(house, record, by=call.by, audience=audience):
        raise ProblemError(403, f"{call.by} edited it last, so somebody else has to approve it")
    accept = call.said(shapes.Accepting).accept
    approve(house, record.edition.key, by=call.by, now=call.now, accept=accept)
    call.did(record.edition.key, accepted=accept, held_for=record.reason)
    return Answer(shape_of(call))


def shape_of(call: Call) -> shapes.Edition:
    """Return the edition that the address names."""
    return _shape(call, edition_of(call.ask))


def _shape(call: Call, record: EditionRecord) -> shapes.Edition:
    edition = record.edition
    return shapes.Edition(
        key=edition.key,
        state=record.state,
        reason=record.reason,
        subject=edition.subject,
        preheader=edition.preheader,
        intro=edition.intro,
        label=edition.label,
        created_at=record.created_at,
        approved_by=record.approved_by,
        approved_at=record.approved_at,
        version=call.house.compositions.latest(edition.key).number,
        stories=[shapes.Story(article=s.article, revision=s.revision, title=s.title) for s in edition.stories],
    )


def _order(call: Call, key: str, wanted: list[str]) -> tuple[str, ...]:
    known = {a.id for a in available(call.house, key)}
    for article in wanted:
        if article not in known:
            raise wrong("order", "names an article that is not approved, or that another edition tells", article)
    return tuple(dict.fromkeys(wanted))


def _mail(call: Call) -> Rendering:
    record = edition_of(call.ask)
    mail = call.house.editions.rendering(record.edition.key, EVERYBODY)
    if mail is None:
        raise ProblemError(404, f"{record.edition.key} has no mail")
    return mail


_ONE = "/editions/{key}"
OPERATIONS = (
    Operation(
        name="listEditions",
        path="/editions",
        view=list_editions,
        scope=Scope.EDITIONS_READ,
        may=Permission.SEE,
        query=shapes.Paged,
        gives=shapes.Editions,
    ),
    Operation(
        name="makeEdition",
        path="/editions",
        view=make_edition,
        scope=Scope.EDITIONS_WRITE,
        may=Permission.COMPOSE,
        act="digest.make",
        method="POST",
        body=shapes.Nothing,
        gives=shapes.Edition,
        status=201,
    ),
    Operation(
        name="showEdition",
        path=_ONE,
        view=show_edition,
        scope=Scope.EDITIONS_READ,
        may=Permission.SEE,
        gives=shapes.Edition,
    ),
    Operation(
        name="composeEdition",
        path=f"{_ONE}/compose",
        view=compose_edition,
        scope=Scope.EDITIONS_WRITE,
        may=Permission.COMPOSE,
        act="digest.compose",
        method="POST",
        body=shapes.Composing,
        gives=shapes.Edition,
        about=shape_of,
    ),
    Operation(
        name="previewHtml",
        path=f"{_ONE}/html",
        view=show_html,
        scope=Scope.EDITIONS_READ,
        may=Permission.SEE,
        gives="text/html",
    ),
    Operation(
        name="previewText",
        path=f"{_ONE}/text",
        view=show_text,
        scope=Scope.EDITIONS_READ,
        may=Permission.SEE,
        gives="text/plain",
    ),
    Operation(
        name="checkEdition",
        path=f"{_ONE}/check",
        view=check_edition,
        scope=Scope.EDITIONS_READ,
        may=Permission.SEE,
        gives=shapes.Checked,
    ),
    Operation(
        name="approveEdition",
        path=f"{_ONE}/approve",
        view=approve_edition,
        scope=Scope.EDITIONS_WRITE,
        may=Permission.APPROVE,
        act="digest.approve",
        method="POST",
        body=shapes.Accepting,
        gives=shapes.Edition,
        about=shape_of,
    ),
)
