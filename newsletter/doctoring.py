"""Finds what dead processes have left lying about, says what each means, and mends it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from content.sends import AHEAD, Send, SendState
from newsletter.dispatching import LOCK, advance, asks, overdue_rhythm
from newsletter.orchestration import Server
from newsletter.publishing import told
from newsletter.scheduling import finish
from newsletter.sending import recover
from newsletter.storage.ledger_freezing import clear_away_the_dead
from newsletter.storage.locks import hold_lock
from newsletter.storage.orphans import OrphanStore
from newsletter.storage.sends import SendStore
from newsletter.syndicating.files import leftovers, remove
from newsletter.syndicating.site import MEMORY, behind
from newsletter.transports.journal import dead_journals
from newsletter.wiring import House, announce, publish_site

#: The dispatcher looks twice a minute; what is due for longer has nobody who begins it.
PATIENCE = timedelta(minutes=2)


class Kind(StrEnum):
    """What has been left behind."""

    RUN = "stuck run"
    JOURNAL = "left-over journal"
    LEASE = "expired lease"
    AUDIENCE = "half-written audience"
    MAILING = "mailing that nobody lets go"
    SEND = "due and not begun"
    END = "delivered and not closed"
    SITE = "half-built site"


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """One thing left behind: what it means, and what mending does."""

    kind: Kind
    name: str
    said: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Ward:
    """Where the doctor looks, and when."""

    house: House
    now: datetime
    server: Server | None = None  #: None: no Prefect server is known

    @property
    def store(self) -> OrphanStore:
        """Return what looks for orphans in the database."""
        return OrphanStore(self.house.engine)


def examine(ward: Ward) -> tuple[Orphan, ...]:
    """Return everything that has been left behind, and change nothing.

    What somebody living is busy with is no orphan: while another process has the dispatcher's lock, nothing that the
    dispatcher looks after is reported.

    Raises:
        OrchestrationError: A Prefect server is known and does not answer.
    """
    return tuple(orphan for illness in _ILLNESSES for orphan in illness.find(ward))


def mend(ward: Ward, orphans: Iterable[Orphan]) -> dict[Kind, str]:
    """Mend what `examine` has found; return in words what was done, by kind. The second time does nothing more.

    Raises:
        OrchestrationError: A Prefect server does not answer.
    """
    found = {orphan.kind for orphan in orphans}
    return {illness.kind: illness.mend(ward) for illness in _ILLNESSES if illness.kind in found}


@dataclass(frozen=True, slots=True)
class _Illness:
    kind: Kind
    find: Callable[[Ward], Iterable[Orphan]]
    mend: Callable[[Ward], str]


def _find_runs(ward: Ward) -> Iterator[Orphan]:
    for run in ward.server.stuck_runs(ward.now) if ward.server else ():
        yield Orphan(
            kind=Kind.RUN,
            name=run.name,
            said=f"Prefect holds it for {run.state}, silent since {_at(run.since)}: its process is gone",
            remedy="marks the run as crashed; the next scheduled run goes on, and the ledger lets nobody get it twice",
        )


def _mend_runs(ward: Ward) -> str:
    runs = ward.server.stuck_runs(ward.now) if ward.server else ()
    for run in runs:
        assert ward.server
        ward.server.end(run, f"silent since {_at(run.since)}; ended by newsletter doctor")
    return f"{len(runs)} runs marked as crashed"


def _find_journals(ward: Ward) -> Iterator[Orphan]:
    for path in dead_journals(ward.house.settings.home / "journals"):
        yield Orphan(
            kind=Kind.JOURNAL,
            name=path.name,
            said="its sender died on this machine; it knows which of its messages left",
            remedy="takes its answers into the ledger, gives its people back, removes it; "
            "whose message left without an answer becomes uncertain",
        )


def _find_leases(ward: Ward) -> Iterator[Orphan]:
    dead_here = {path.stem for path in dead_journals(ward.house.settings.home / "journals")}
    for silent in ward.store.silent_senders():
        if silent.owner not in dead_here:  # the journal says more, and its mending frees the lease
            yield Orphan(
                kind=Kind.LEASE,
                name=silent.owner,
                said=f"holds {silent.chunks} chunks of people and has been silent since {_at(silent.since)}: "
                "its host is lost, or it sleeps",
                remedy="gives them back; without its journal here, whom it may have begun with becomes uncertain",
            )


def _recover(ward: Ward) -> str:
    settings = ward.house.settings
    uncertain = recover(ward.house.ledger, settings.home / "journals", settings.on_uncertain == "resend")
    return f"given back; {uncertain} people are {'tried again' if settings.on_uncertain == 'resend' else 'uncertain'}"


def _find_audiences(ward: Ward) -> Iterator[Orphan]:
    for left in ward.store.half_frozen():
        yield Orphan(
            kind=Kind.AUDIENCE,
            name=f"number {left.mailing}",
            said=f"{left.people} people written down until {_at(left.since)}, then its writer died; nothing was sent",
            remedy="removes these rows; the edition is frozen anew when it is due",
        )


def _mend_audiences(ward: Ward) -> str:
    return f"{clear_away_the_dead(ward.house.engine)} removed"


def _find_mailings(ward: Ward) -> Iterator[Orphan]:
    for edition in ward.store.held_for_nobody(ward.now):
        yield Orphan(
            kind=Kind.MAILING,
            name=edition,
            said="its audience is frozen and held, and no send of it is under way: it would wait for years",
            remedy="pauses it: 'newsletter edition resume' sends it, 'newsletter edition stop' ends it",
        )


def _mend_mailings(ward: Ward) -> str:
    paused = ward.store.let_a_person_decide(ward.now, "frozen, and nobody had said that it may leave")
    return f"{paused} paused: each needs 'edition resume' or 'edition stop'"


def _find_sends(ward: Ward) -> Iterator[Orphan]:
    # A copy, or a clock set back, is a person's matter: `asks` says so, and nothing is to be begun.
    if asks(ward.house, ward.now) or not _is_idle(ward):
        return
    for send in SendStore(ward.house.engine).open():
        if why := _why_unbegun(ward, send):
            yield Orphan(
                kind=Kind.SEND,
                name=send.edition,
                said=f"{why}: no dispatcher is at work",
                remedy="does what the dispatcher would: sends it, or marks it as missed when that is too late",
            )
    due = overdue_rhythm(ward.house, ward.now)
    if due is not None and ward.now - due > PATIENCE:
        yield Orphan(
            kind=Kind.SEND,
            name=f"{ward.house.settings.newsletter}, {ward.house.settings.rhythm}",
            said=f"an edition was due at {_at(due)} and nobody has made it: no dispatcher is at work",
            remedy="does what the dispatcher would: makes it, or leaves its articles to the next if it is too late",
        )


def _why_unbegun(ward: Ward, send: Send) -> str:
    if send.state in AHEAD - {SendState.WAITING, SendState.MISSED} and send.due_at:
        return f"was due at {_at(send.due_at)}" if ward.now - send.due_at > PATIENCE else ""
    if send.state is not SendState.SENDING or send.at is None or ward.now - send.at <= PATIENCE:
        return ""
    mailing = ward.house.ledger.mailing(send.edition)
    if mailing is None:
        return f"was begun at {_at(send.at)}, and its audience is not frozen"
    return f"was begun at {_at(send.at)}, and its audience is still held" if mailing.hold_until else ""


def _advance(ward: Ward) -> str:
    moved = advance(ward.house, ward.now)
    return "; ".join(f"{m.edition}: {m.press.value}" for m in moved) or "nothing was left to begin"


def _find_ends(ward: Ward) -> Iterator[Orphan]:
    if not _is_idle(ward):
        return
    for send in SendStore(ward.house.engine).open():
        if _is_over(ward, send.edition):
            yield Orphan(
                kind=Kind.END,
                name=send.edition,
                said="everybody is accounted for, and nobody has noted that it is sent: its sender died at the end",
                remedy="notes that it is sent",
            )


def _is_over(ward: Ward, edition: str) -> bool:
    ledger = ward.house.ledger
    if ledger.mailing(edition) is None or not ledger.tally(edition).is_done:
        return False
    last = ward.store.last_outcome(edition)
    return last is None or ward.now - last > PATIENCE


def _mend_ends(ward: Ward) -> str:
    over = [s.edition for s in SendStore(ward.house.engine).open() if _is_over(ward, s.edition)]
    return f"{sum(finish(ward.house, edition, ward.now) for edition in over)} noted as sent"


def _find_site(ward: Ward) -> Iterator[Orphan]:
    folder = ward.house.settings.home / "site"
    if not (folder / MEMORY).is_dir() or not _is_idle(ward):  # no site on this machine, or somebody is at it
        return
    parts = len(list(leftovers(folder, ward.now)))
    late = behind(folder, [e for e in told(ward.house) if _is_out(ward, e.key)])
    if parts or late:
        words = [f"{parts} files without a name" if parts else "", f"not as it is: {', '.join(late)}" if late else ""]
        yield Orphan(
            kind=Kind.SITE,
            name="site",
            said=f"a build died half-way: {'; '.join(w for w in words if w)}",
            remedy="builds what lacks, removes the rest",
        )


def _is_out(ward: Ward, edition: str) -> bool:
    mailing = ward.house.ledger.mailing(edition)
    return mailing is not None and mailing.hold_until is None


def _mend_site(ward: Ward) -> str:
    removed = sum(remove(path) for path in leftovers(ward.house.settings.home / "site", ward.now))
    changed = publish_site(ward.house, anew=True)  # pages may lack that the last build remembers
    announce(ward.house, changed)
    return f"{len(changed)} files written, {removed} removed"


def _is_idle(ward: Ward) -> bool:
    """Tell whether nobody is at the dispatcher's work now."""
    with hold_lock(ward.house.engine, LOCK) as ours:
        return ours


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


#: In the order of mending: first what frees people, then what begins, then what shows it.
_ILLNESSES = (
    _Illness(Kind.RUN, _find_runs, _mend_runs),
    _Illness(Kind.JOURNAL, _find_journals, _recover),
    _Illness(Kind.LEASE, _find_leases, _recover),
    _Illness(Kind.AUDIENCE, _find_audiences, _mend_audiences),
    _Illness(Kind.MAILING, _find_mailings, _mend_mailings),
    _Illness(Kind.SEND, _find_sends, _advance),
    _Illness(Kind.END, _find_ends, _mend_ends),
    _Illness(Kind.SITE, _find_site, _mend_site),
)
