"""Takes the pulse of the whole: where editions stand, how soon mail arrives, how long it waits, who is at work."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from content.sends import SendState
from newsletter.delivering import limits_of
from newsletter.dispatching import CLOCK, asks
from newsletter.sending.pace import Limits
from newsletter.storage.measures import MeasureStore, Running
from newsletter.storage.outbox import OutboxStore
from newsletter.storage.returns import ReturnStore
from newsletter.storage.sends import MarkStore, SendStore
from newsletter.wiring import House
from subscribers.deliveries import Tally
from subscribers.windows import read_window

#: Bounds of the time to inbox. A digest of a million people takes minutes; greylisting adds five.
BOUNDS = tuple(timedelta(seconds=s) for s in (10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400))

#: Editions older than this are history: the console shows them, not the graphs.
RECENT = timedelta(days=8)

#: Over how long rates by domain are counted.
WINDOW = timedelta(minutes=5)

#: Domains that are named. A small one may be one person's own, so it is counted with the others.
MOST_DOMAINS, FEWEST_MESSAGES, OTHERS = 10, 20, "others"

#: How long the figures of an edition that nobody sends any more are believed.
_SETTLED = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionPulse:
    """How one edition's delivery stands."""

    running: Running
    tally: Tally
    within: tuple[int, ...]  #: accepted within each of BOUNDS, and in all
    no_such_address: int  #: told by bounces after the mail was accepted
    last_end: datetime | None  #: when the last message ended

    @property
    def tried(self) -> int:
        """Return how many attempts came to an end."""
        return self.tally.accepted + self.tally.refused

    @property
    def bounce_share(self) -> float:
        """Return the share of those tried who do not exist or refused us."""
        return (self.no_such_address + self.tally.refused) / self.tried if self.tried else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """How everything stands at one moment."""

    at: datetime
    editions: tuple[EditionPulse, ...]
    queue_age: timedelta  #: how long the message waits that has been due for longest; 0: none is due
    ends: Mapping[tuple[str, str], int]  #: in the last WINDOW, by domain and outcome
    sends: Mapping[str, int]  #: by state
    missed: Mapping[str, str]  #: editions whose time passed, and why
    senders: int
    looked_at: datetime | None  #: when a dispatcher last did its work
    may_begin: bool  #: whether the delivery window is open and no day's allowance can be used up
    asks: str  #: why nothing begins; empty when nothing is in the way
    sources: Mapping[str, timedelta]  #: how long ago each was last read, or added
    limits: Limits
    parked: Mapping[str, tuple[str, int]] = field(default_factory=dict)  #: webhooks by id: name, messages nobody took
    told: Mapping[str, int] = field(default_factory=dict)  #: messages to webhooks, by state


@dataclass(slots=True)
class Physician:
    """Takes the pulse again and again, and remembers what cannot have changed."""

    house: House
    _known: dict[int, tuple[datetime, EditionPulse]] = field(default_factory=dict)

    def take(self, now: datetime) -> Pulse:
        """Return how everything stands at `now`."""
        house, store = self.house, MeasureStore(self.house.engine)
        unfinished = frozenset(house.ledger.unfinished())
        oldest, clock = store.oldest_due(now), MarkStore(house.engine).find(CLOCK)
        return Pulse(
            at=now,
            editions=tuple(self._edition(store, m, m.edition in unfinished, now) for m in store.recent(now - RECENT)),
            queue_age=max(now - oldest, timedelta(0)) if oldest else timedelta(0),
            ends=without_small(store.recent_ends(now - WINDOW)),
            sends=store.send_states(),
            missed={s.edition: s.reason for s in SendStore(house.engine).open() if s.state is SendState.MISSED},
            senders=store.senders(),
            looked_at=clock.at if clock else None,
            may_begin=_may_begin(house, now),
            asks=asks(house, now),
            sources={s.name: now - (s.succeeded_at or s.added_at) for s in house.sources.all()},
            limits=limits_of(house.settings),
            parked=OutboxStore(house.engine).parked(),
            told={state.value: n for state, n in OutboxStore(house.engine).waiting().items()},
        )

    def _edition(self, store: MeasureStore, mailing: Running, is_open: bool, now: datetime) -> EditionPulse:
        known = self._known.get(mailing.number)
        if known and not is_open and known[1].tally.is_done and now - known[0] < _SETTLED:
            return known[1]
        pulse = EditionPulse(
            running=mailing,
            tally=self.house.ledger.tally(mailing.edition),
            within=store.accepted_within(mailing, BOUNDS),
            no_such_address=ReturnStore(self.house.engine).no_such_address(mailing.edition),
            last_end=store.last_end(mailing),
        )
        self._known[mailing.number] = (now, pulse)
        return pulse


def _may_begin(house: House, now: datetime) -> bool:
    window = read_window(house.settings.delivery_window, house.settings.zone)
    is_open = window is None or window.remaining(now) > timedelta(0)
    return is_open and house.settings.warm_up_from is None


def without_small(ends: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    """Return the same counts with only the largest domains named, and none that may be one person's."""
    by_domain: Counter[str] = Counter()
    for (domain, _), count in ends.items():
        by_domain[domain] += count
    named = {domain for domain, count in by_domain.most_common(MOST_DOMAINS) if count >= FEWEST_MESSAGES}
    told: Counter[tuple[str, str]] = Counter()
    for (domain, outcome), count in ends.items():
        told[domain if domain in named else OTHERS, outcome] += count
    return dict(told)
