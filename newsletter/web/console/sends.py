"""Where the send of a digest stands, as pages show it: the state in one word, the sum, and what may be pressed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from content.sends import ENDED, Press, Send, SendState, presses
from newsletter.scheduling import seen_together, standing
from newsletter.storage.editions import EditionRecord, EditionState
from newsletter.storage.overviews import EditionRow
from newsletter.web.console.asking import Ask
from subscribers.deliveries import Tally

#: How old the sum may be: while a send moves, and when it is over. Of one that was stopped some are still in flight.
WHILE_MOVING = timedelta(seconds=2)
#: Counting a million takes a second of one core: the more people, the more seldom.
LONGER_FOR_EACH = timedelta(microseconds=10)
#: For so long the last sum is shown while the next is counted, so that nobody waits for it.
LENIENT = timedelta(minutes=1)
WHEN_OVER = {SendState.SENT: timedelta(minutes=5), SendState.STOPPED: timedelta(seconds=30)}

#: From when on there is an audience whose sum says something.
COUNTED = frozenset({SendState.SENDING, SendState.PAUSED, SendState.STOPPED, SendState.SENT})

#: What each press is called on a button.
BUTTONS: dict[Press, str] = {
    Press.CANCEL: "Cancel and go back to draft",
    Press.PAUSE: "Pause",
    Press.RESUME: "Go on sending",
    Press.STOP: "Stop the rest for good",
}

#: What is called otherwise while nobody has anything of it.
NOTHING_LEFT: dict[Press, str] = {Press.STOP: "Drop this digest for good"}


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
    def buttons(self) -> tuple[tuple[Press, str], ...]:
        """Return what a person may press now, and what each is called."""
        labels = BUTTONS if self.tally else BUTTONS | NOTHING_LEFT
        wanted = [p for p in presses(self.send.state) if p in labels]
        # Without a time there is nothing to cancel: it is a draft already.
        return tuple((p, labels[p]) for p in wanted if p is not Press.CANCEL or self.due_at)

    @property
    def done(self) -> int:
        """Return for how many people it has ended."""
        tally = self.tally
        return tally.candidates - tally.pending - tally.deferred if tally else 0

    @property
    def percent(self) -> int:
        """Return how far it is, from 0 to 100."""
        return 100 * self.done // self.tally.candidates if self.tally and self.tally.candidates else 0


def send_of(ask: Ask, edition: EditionRow | EditionRecord, *, with_sum: bool = True) -> Shown:
    """Return where the send of an edition stands; `with_sum` tells whether the page shows numbers."""
    house, cache = ask.console.house, ask.console.cache
    if isinstance(edition, EditionRow):
        key, mailing = edition.key, edition.mailing
        send = seen_together(edition.send, edition.state, mailing, edition.reason)
    else:
        key = edition.edition.key
        mailing, send = house.ledger.mailing(key), standing(house, key)
    if mailing is None or send.state not in COUNTED or not with_sum:
        return Shown(send, None)
    kept = WHEN_OVER.get(send.state, WHILE_MOVING + mailing.candidates * LONGER_FOR_EACH)
    name = ("tally", key, send.state, send.version)
    count = partial(house.ledger.tally, key)
    return Shown(send, cache.get(name, count, now=ask.now, kept=kept, lenient=LENIENT))


def can_edit(ask: Ask, record: EditionRecord) -> bool:
    """Tell whether a digest may still be composed."""
    return (
        record.state in {EditionState.DRAFT, EditionState.HELD, EditionState.APPROVED}
        and ask.console.house.ledger.mailing(record.edition.key) is None
    )
