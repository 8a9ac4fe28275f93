"""Where the send of a digest stands, as pages show it: the state in one word, the sum, and what may be pressed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from content.sends import ENDED, Press, Send, SendState, presses
from newsletter.scheduling import standing
from newsletter.storage.editions import EditionRecord, EditionState
from newsletter.storage.overviews import EditionRow
from newsletter.web.console.asking import Ask
from subscribers.deliveries import Tally

#: How old the sum may be while a send moves, and when it is over.
WHILE_MOVING, WHEN_OVER = timedelta(seconds=2), timedelta(minutes=5)

#: What each press is called on a button, and whether it is a step back.
BUTTONS: dict[Press, str] = {
    Press.CANCEL: "Cancel and go back to draft",
    Press.PAUSE: "Pause",
    Press.RESUME: "Go on sending",
    Press.STOP: "Stop the rest for good",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """One send as pages show it."""

    send: Send
    tally: Tally | None  #: None before the audience is frozen

    @property
    def word(self) -> str:
        """Return the state in one word."""
        return self.send.state.value

    @property
    def is_over(self) -> bool:
        """Tell whether nothing happens any more."""
        return self.send.state in ENDED

    @property
    def is_moving(self) -> bool:
        """Tell whether the page should look again by itself."""
        return self.send.state in {SendState.HOLDING, SendState.SENDING, SendState.SCHEDULED}

    @property
    def due_at(self) -> datetime | None:
        """Return when it leaves, or could still be taken back until."""
        return self.send.hold_until or self.send.due_at

    @property
    def buttons(self) -> tuple[Press, ...]:
        """Return what a person may press now."""
        return tuple(p for p in presses(self.send.state) if p in BUTTONS)

    @property
    def done(self) -> int:
        """Return for how many people it has ended."""
        tally = self.tally
        return tally.candidates - tally.pending - tally.deferred if tally else 0

    @property
    def percent(self) -> int:
        """Return how far it is, from 0 to 100."""
        return 100 * self.done // self.tally.candidates if self.tally and self.tally.candidates else 0


def send_of(ask: Ask, edition: EditionRow | EditionRecord) -> Shown:
    """Return where the send of an edition stands."""
    key = edition.key if isinstance(edition, EditionRow) else edition.edition.key
    house, cache = ask.console.house, ask.console.cache
    is_over = edition.state in {EditionState.SENT, EditionState.CANCELLED}

    def look() -> Shown:
        tally = house.ledger.tally(key) if house.ledger.mailing(key) else None
        return Shown(standing(house, key), tally)

    if is_over:
        return cache.get(("send", key, edition.state), look, now=ask.now, kept=WHEN_OVER)
    send = standing(house, key)
    moving = send.state in {SendState.SENDING, SendState.PAUSED, SendState.STOPPED}
    tally = (
        cache.get(("tally", key), lambda: house.ledger.tally(key), now=ask.now, kept=WHILE_MOVING)
        if moving and house.ledger.mailing(key)
        else None
    )
    return Shown(send, tally)


def can_edit(ask: Ask, record: EditionRecord) -> bool:
    """Tell whether a digest may still be composed."""
    return (
        record.state in {EditionState.DRAFT, EditionState.HELD, EditionState.APPROVED}
        and ask.console.house.ledger.mailing(record.edition.key) is None
    )
