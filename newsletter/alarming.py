"""Decides what a person is told of: only what a reader would notice, once when it begins, once when it ends."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import blake2b

from newsletter.measuring import EditionPulse, Pulse
from newsletter.storage.ledger_queries import MailingState
from newsletter.storage.sends import MarkStore
from newsletter.wiring import House

#: A message that is due for longer than this, while nothing else ends, is one that a reader waits for.
STUCK = timedelta(minutes=15)

#: A source that nobody could read for so long has news that readers do not get.
DEAD = timedelta(days=1)

#: Below so many attempts a share says little.
FEWEST_TRIED = 200

#: What the store remembers a raised alarm under.
_MARK = "alarm "


class Kind(StrEnum):
    """What a person is told of."""

    MISSED = "edition-missed"
    STUCK = "send-stuck"
    BOUNCES = "bounces-high"
    SOURCE = "source-dead"
    NOTHING = "nothing-begins"
    WEBHOOK = "webhook-parked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One thing that a person has to look at."""

    kind: Kind
    about: str  #: the resource, such as edition.beauty-weekly-2026-W48
    said: str

    @property
    def mark(self) -> str:
        """Return the name under which the store remembers it: the same thing is the same name."""
        return f"{_MARK}{self.kind.value} {blake2b(self.about.encode(), digest_size=16).hexdigest()}"


@dataclass(frozen=True, slots=True)
class News:
    """What has changed since the last look."""

    raised: tuple[Alarm, ...] = ()
    calmed: tuple[str, ...] = ()  #: the words of alarms that are over


def judge(pulse: Pulse) -> tuple[Alarm, ...]:
    """Return everything that a person has to look at now."""
    return tuple(alarm for rule in _RULES for alarm in rule(pulse))


def note(house: House, alarms: Iterable[Alarm], now: datetime) -> News:
    """Remember which alarms stand; return those that are new and those that are over. Each is told once."""
    store = MarkStore(house.engine)
    standing, known = {alarm.mark: alarm for alarm in alarms}, store.named(_MARK)
    raised = tuple(alarm for mark, alarm in standing.items() if mark not in known)
    for alarm in raised:
        store.put(alarm.mark, alarm.said, now)
    over = {mark: kept.text for mark, kept in known.items() if mark not in standing}
    for mark in over:
        store.forget(mark)
    return News(raised, tuple(over.values()))


def _missed(pulse: Pulse) -> Iterator[Alarm]:
    for edition, reason in pulse.missed.items():
        yield Alarm(kind=Kind.MISSED, about=f"edition.{edition}", said=f"{edition} was missed: {reason}")


def _stuck(pulse: Pulse) -> Iterator[Alarm]:
    if not pulse.may_begin or pulse.queue_age <= STUCK:
        return
    for edition in pulse.editions:
        if _waits(edition) and not _moves(edition, pulse.at):
            said = f"{edition.running.edition} has waited for {pulse.queue_age.seconds // 60} minutes"
            who = "nobody sends" if pulse.senders == 0 else "nothing ends"
            yield Alarm(kind=Kind.STUCK, about=f"edition.{edition.running.edition}", said=f"{said} and {who}")


def _waits(edition: EditionPulse) -> bool:
    return edition.running.state is MailingState.SENDING and not edition.tally.is_done


def _moves(edition: EditionPulse, now: datetime) -> bool:
    return edition.last_end is not None and now - edition.last_end <= STUCK


def _bounces(pulse: Pulse) -> Iterator[Alarm]:
    for edition in pulse.editions:
        if edition.tried >= FEWEST_TRIED and edition.bounce_share >= pulse.limits.bounce_share / 2:
            share = f"{edition.bounce_share:.1%} of {edition.tried}"
            name = edition.running.edition
            yield Alarm(kind=Kind.BOUNCES, about=f"edition.{name}", said=f"{name}: {share} bounced or refused us")


def _sources(pulse: Pulse) -> Iterator[Alarm]:
    for name, age in pulse.sources.items():
        if age > DEAD:
            hours = int(age.total_seconds() // 3600)
            yield Alarm(kind=Kind.SOURCE, about=f"source.{name}", said=f"{name} could not be read for {hours} hours")


def _nothing(pulse: Pulse) -> Iterator[Alarm]:
    if pulse.asks:
        yield Alarm(kind=Kind.NOTHING, about="store", said=f"nothing begins: {pulse.asks}")


def _webhooks(pulse: Pulse) -> Iterator[Alarm]:
    for hook, (name, parked) in pulse.parked.items():
        messages = "1 message was" if parked == 1 else f"{parked} messages were"
        said = f"{messages} not taken by {name} in more than a day"
        yield Alarm(kind=Kind.WEBHOOK, about=f"webhook.{hook}", said=said)


_RULES: tuple[Callable[[Pulse], Iterator[Alarm]], ...] = (_missed, _stuck, _bounces, _sources, _nothing, _webhooks)
