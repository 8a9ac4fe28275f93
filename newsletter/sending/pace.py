"""How fast a sender may go: limits that are set, rests that servers ask for, and when to stop and ask a person."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from subscribers.deliveries import Cause, Delivery, Outcome, Receipt

T = TypeVar("T")

#: Asked for at each message; an enumeration's member is looked up slowly.
_ACCEPTED = Outcome.ACCEPTED

#: Longest rest of the whole sender; first and longest rest of one domain, in seconds. Each refusal in a row doubles it.
_LONGEST_REST = 60.0
_DOMAIN_REST, _LONGEST_DOMAIN_REST = 5.0, 300.0

#: What a new sending domain sends on its first day. Mailbox providers know nobody who begins with a hundred thousand.
_FIRST_DAY = 500

#: When a domain that has as many letters in hand as it may have is looked at again, in seconds.
_LOOK_AGAIN = 0.02

#: So many requests to slow down without one message accepted between them: the server has had enough of us for now.
_PATIENCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a sender keeps to. Rates in messages per second; 0 means no limit."""

    per_second: float = 0.0
    first_rest: float = 0.25  #: seconds, when the server asks us to slow down; doubled with each time in a row
    per_domain: Mapping[str, float] = field(default_factory=dict)  #: by receiving domain; "" stands for all others
    at_once: Mapping[str, int] = field(default_factory=dict)  #: letters in hand, by receiving domain; "" for all others
    #: Share of addresses that do not exist, among as many tried, at which the edition is paused: a list this bad was
    #: bought, or is ten years old, and our reputation pays for it. Among fewer, twice that share.
    bounce_share: float = 0.05
    bounce_sample: int = 500
    early_bounce_sample: int = 200
    #: Share of refusals for policy at which the edition is paused: they are about us.
    policy_share: float = 0.05
    policy_sample: int = 100


class Pace:
    """Keeps the time for one sender. Every `now` is of one monotonic clock, in seconds."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._is_unlimited = not (limits.per_second or limits.per_domain or limits.at_once)
        self._next = 0.0  # when the next message may begin
        self._refused = 0  # requests to slow down since the last acceptance
        self._domain_next: dict[str, float] = {}
        self._domain_refused: dict[str, int] = {}
        self._in_hand: Counter[str] = Counter()

    @property
    def is_exhausted(self) -> bool:
        """Tell whether the server has asked us to slow down once too often."""
        return self._refused >= _PATIENCE

    @property
    def is_free(self) -> bool:
        """Tell whether no domain has to be looked at: nothing is limited, nobody rests."""
        return self._is_unlimited and not self._domain_next

    def wait(self, now: float) -> float:
        """Return how long nothing may begin, in seconds; 0 or less: it may."""
        return self._next - now

    def domain_wait(self, domain: str, now: float) -> float:
        """Return how long nothing may begin for `domain`, in seconds; 0 or less: it may."""
        if self._limits.at_once:
            most = _of(self._limits.at_once, domain)
            if most and self._in_hand[domain] >= most:
                return _LOOK_AGAIN
        return self._domain_next.get(domain, 0.0) - now if self._domain_next else 0.0

    def begin(self, domain: str, now: float) -> None:
        """Note that a message begins."""
        limits = self._limits
        if limits.per_second:
            self._next = max(self._next, now) + 1 / limits.per_second
        if limits.per_domain:
            rate = _of(limits.per_domain, domain)
            if rate:
                self._domain_next[domain] = max(self._domain_next.get(domain, 0.0), now) + 1 / rate
        if limits.at_once:
            self._in_hand[domain] += 1

    def end(self, delivery: Delivery) -> None:
        """Note that a message that had begun is no longer in hand, however it went."""
        if self._limits.at_once:
            self._in_hand[delivery.domain] -= 1

    def note(self, delivery: Delivery, receipt: Receipt, now: float | None = None) -> None:
        """Learn from how an attempt ended; `now` is the present unless it is given."""
        if receipt.outcome is _ACCEPTED:
            self._refused = 0
            if self._domain_refused:
                self._domain_refused.pop(delivery.domain, None)
        elif receipt.cause is Cause.PACE:
            self._rest(delivery.domain, receipt.outcome, time.monotonic() if now is None else now)

    def _rest(self, domain: str, outcome: Outcome, now: float) -> None:
        if outcome is Outcome.PENDING:  # the server spoke for itself, not for a domain
            rest = min(self._limits.first_rest * 2**self._refused, _LONGEST_REST)
            self._refused += 1
            self._next = max(self._next, now + rest)
        else:
            refused = self._domain_refused.get(domain, 0)
            self._domain_refused[domain] = refused + 1
            self._domain_next[domain] = now + min(_DOMAIN_REST * 2**refused, _LONGEST_DOMAIN_REST)


def _of(limits: Mapping[str, T], domain: str) -> T | None:
    return limits[domain] if domain in limits else limits.get("")


def warm_up(day: int, first_day: int = _FIRST_DAY) -> int:
    """Return how many messages a domain may send on a day of its life (0: the first): each day twice as many.

    Raises:
        ValueError: The day is below 0.
    """
    if day < 0:
        raise ValueError(f"a domain's first day is 0, got {day}")
    return first_day << min(day, 20)


@dataclass(slots=True)
class Health:
    """How one edition fares in one sender's hands, so far."""

    tried: int = 0
    no_such_address: int = 0
    policy: int = 0

    def note(self, receipt: Receipt) -> None:
        """Count one attempt that came to an end."""
        self.tried += 1
        if receipt.cause is Cause.ADDRESS:
            self.no_such_address += 1
        elif receipt.cause is Cause.POLICY:
            self.policy += 1

    def alarm(self, limits: Limits) -> str:
        """Return why a person should look before more goes out; empty when all is well."""
        if too_many_bounces(self.no_such_address, self.tried, limits):
            return (
                f"{self.no_such_address} of the first {self.tried} addresses do not exist; "
                "look at where this list came from, then resume"
            )
        if self.tried >= limits.policy_sample and self.policy >= limits.policy_share * self.tried:
            return (
                f"{self.policy} of the first {self.tried} messages were refused by the receivers' policy; "
                "look at the replies and at SPF, DKIM and DMARC, then resume"
            )
        return ""


def too_many_bounces(no_such_address: int, tried: int, limits: Limits) -> bool:
    """Tell whether so many addresses that do not exist, among those tried, are a reason to ask a person."""
    samples = ((limits.bounce_sample, 1), (limits.early_bounce_sample, 2))
    return any(tried >= sample and no_such_address >= limits.bounce_share * times * tried for sample, times in samples)
