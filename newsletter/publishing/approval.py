"""Approve an edition, tell whether what was approved still stands, and let it go."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from content.editions import Edition
from content.pins import BESIDE_THE_TEXT, changed_parts
from newsletter.pinning import content_pins, pins_now
from newsletter.ports import Rendering
from newsletter.publishing.desk import EVERYBODY, Desk, PublishingError, find, identity_of, is_partly_out, look_of, move
from newsletter.rendering.gates import Finding
from newsletter.rendering.vetting import RULES, blockers, unaccepted, vet
from newsletter.settings import Settings
from newsletter.storage.acceptances import Acceptance
from newsletter.storage.articles import GONE
from newsletter.storage.editions import TOLD, EditionRecord, EditionState
from newsletter.storage.errors import StoreError
from subscribers.deliveries import Recipient, Tally

#: Who approves an edition that nothing holds, when `edition_approval` is automatic.
BY_RULE = "rule: every article approved, nothing held"

#: Objections that a reason spells out; more of them nobody reads.
SAID = 5


def approve(desk: Desk, key: str, *, by: str, now: datetime, accept: Collection[str] = ()) -> EditionRecord:
    """Approve a draft or held edition, which an editor may do although something held it, unless it is a blocker.

    Args:
        desk: The stores and settings.
        key: Of the edition.
        by: Who approves; recorded, also as whoever accepts the warnings.
        now: When.
        accept: Rules whose warnings are accepted, beside those that `accepted_warnings` names.

    Raises:
        PublishingError: There is no such edition, it has moved on, what it was made of has changed, a blocker stands
            against it, or a warning that nobody has accepted.
    """
    record = find(desk, key)
    if record.state is EditionState.APPROVED:
        return record
    changed = what_changed(desk, record, but=BESIDE_THE_TEXT)
    if changed:
        raise PublishingError(f"{key} needs 'newsletter edition {_anew(desk, record)}' first: {'; '.join(changed)}")
    if not by.strip():
        raise PublishingError("an approval needs the name of who gives it: --by NAME")
    if desk.settings.four_eyes and (own := _approved_by(desk, record, by)):
        raise PublishingError(f"{by.strip()} has approved {own!r} in it; with four_eyes somebody else approves {key}")
    if unknown := sorted(set(accept) - set(RULES)):
        raise PublishingError(f"there is no rule {unknown[0]!r}; 'newsletter edition check' names those that warn")
    found = examine(desk, record)
    if reasons := objections(desk.settings, found, accept):
        raise PublishingError(f"{key} cannot be approved: {'; '.join(reasons)}")
    move(desk, key, EditionState.APPROVED, by=by.strip(), now=now, pins=_pins_now(desk, record))
    desk.acceptances.add(key, acceptances_of(found, by.strip(), now))
    return find(desk, key)


def is_own_work(desk: Desk, record: EditionRecord, *, by: str, audience: int) -> bool:
    """Tell whether somebody else has to approve an edition, for this person edited it last and many would get it.

    Args:
        desk: The stores and settings.
        record: The edition.
        by: Who wants to approve it.
        audience: How many people would get it; `second_person_above` says how many are many.
    """
    above = desk.settings.second_person_above
    return 0 < above < audience and desk.compositions.latest(record.edition.key).by == by


def ready(desk: Desk, key: str) -> EditionRecord:
    """Return an edition that may go out now.

    Raises:
        PublishingError: It is not approved, or what was approved has changed since; it is held then.
    """
    record = find(desk, key)
    if record.state not in TOLD:
        raise PublishingError(f"{key} is {record.state.value}, not approved. {record.reason}".strip())
    if desk.ledger.mailing(key) is None:
        changed = what_changed(desk, record)
        if changed:
            move(desk, key, EditionState.HELD, reason="; ".join(changed))
            raise PublishingError(f"{key} is held: {'; '.join(changed)}")
    return record


def freeze(desk: Desk, key: str, recipients: Iterable[Recipient], hold: timedelta | None = None) -> Tally:
    """Freeze the audience of an edition that is ready; return the sum. The second time changes nothing.

    Nothing leaves before `hold` has passed; None: before `hold_minutes` have.
    """
    hold = timedelta(minutes=desk.settings.hold_minutes) if hold is None else hold
    tally = desk.ledger.freeze(key, recipients, mailing_list=desk.settings.newsletter, hold=hold)
    record = find(desk, key)
    if record.state is EditionState.CANCELLED:  # while its audience was being written down
        desk.ledger.stop(key, "cancelled")
        return desk.ledger.tally(key)
    if record.state is EditionState.HELD:
        desk.ledger.pause(key, record.reason)
    return tally


def examine(desk: Desk, record: EditionRecord) -> tuple[Finding, ...]:
    """Return everything wrong with an edition's mail as it would leave, blockers first."""
    rendering = desk.editions.rendering(record.edition.key, EVERYBODY)
    return vet_mail(desk, record.edition, rendering) if rendering else ()


def what_changed(desk: Desk, record: EditionRecord, but: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """Return in words what is no longer as it was pinned when the edition was approved; nothing when all is.

    Args:
        desk: The stores and settings.
        record: The edition.
        but: Kinds of parts that are not looked at.
    """
    return changed_parts(record.pins or content_pins(record.edition), _pins_now(desk, record), but=but)


def flags(desk: Desk, record: EditionRecord) -> tuple[str, ...]:
    """Return in words what somebody who looks at an edition should know of its articles, though nothing stops it yet.

    What changed since the approval is among it, before anything has left.
    """
    manifest = record.edition.manifest
    disabled = {s.name: s.disabled for s in desk.sources.all() if s.disabled}
    standing = {id_: desk.articles.find(id_) for id_, _ in manifest.revisions}
    found = {id_: next((s for s in all_ if s.article.id == id_), None) for id_, all_ in standing.items()}
    gone = [f"{id_!r} {r}" for id_, s in found.items() if s for r in s.remarks if r.startswith(GONE)]
    off = [
        f"the source {s.article.source!r} of {id_!r} is disabled: {disabled[s.article.source]}"
        for id_, s in found.items()
        if s and s.article.source in disabled
    ]
    is_open = record.state not in {EditionState.SENT, EditionState.CANCELLED}
    changed = what_changed(desk, record) if is_open and desk.ledger.mailing(record.edition.key) is None else ()
    return (*changed, *gone, *off)


def vet_mail(desk: Desk, edition: Edition, rendering: Rendering) -> tuple[Finding, ...]:
    """Return everything wrong with a mail of this edition, blockers first."""
    settings = desk.settings
    sender, observed = identity_of(settings, edition), desk.observe(rendering)
    return vet(
        edition,
        rendering,
        look_of(settings),
        sender,
        settings.spam_filter,
        observed,
        count_clicks=settings.count_clicks,
    )


def objections(settings: Settings, found: Sequence[Finding], accept: Collection[str]) -> list[str]:
    """Return in words what stands against an approval: blockers, and warnings that nobody has accepted."""
    open_ = unaccepted(found, {*settings.accepted_warnings, *accept})
    names = " ".join(f"--accept {rule}" for rule in dict.fromkeys(f.rule for f in open_))
    said = [*(f.message for f in blockers(found)), *(f"{f.rule} warns: {f.message}" for f in open_)]
    more = [f"and {len(said) - SAID} more, which 'newsletter edition check' names"] if len(said) > SAID else []
    return said[:SAID] + more + ([f"to accept what warns: {names}"] if open_ else [])


def acceptances_of(found: Sequence[Finding], by: str, now: datetime) -> tuple[Acceptance, ...]:
    """Return the record of who accepts what warns."""
    return tuple(Acceptance(rule=f.rule, message=f.message, by=by, at=now) for f in found)


def _anew(desk: Desk, record: EditionRecord) -> str:
    """Return the command that makes an edition anew."""
    return "remake" if record.remakes or is_partly_out(desk, record) else "draft --again"


def _approved_by(desk: Desk, record: EditionRecord, by: str) -> str:
    """Return the first article of an edition that this person has approved; "" for none."""
    decided = desk.articles.decisions(revision for _, revision in record.edition.manifest.revisions)
    who = by.strip().casefold()
    own = (id_ for id_, r in record.edition.manifest.revisions if r in decided and decided[r].by.casefold() == who)
    return next(own, "")


def _pins_now(desk: Desk, record: EditionRecord) -> dict[str, str]:
    try:
        mail = desk.editions.rendering(record.edition.key, EVERYBODY)
    except StoreError:  # its row was changed by hand
        mail = None
    return pins_now(desk, record, look_of(desk.settings), mail)
