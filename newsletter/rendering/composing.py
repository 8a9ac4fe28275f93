"""Makes each delivery's letter out of its variant's template."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

from newsletter.ports import Letter, Rendering
from newsletter.rendering.counting import CLICK, can_count
from newsletter.rendering.mime import UNSUBSCRIBE, Identity, Template
from subscribers.bounces import delivery_number, envelope_sender
from subscribers.deliveries import Delivery, sign
from subscribers.tokens import Keyring, Purpose, issuer, link

#: Returns the signatures to stand in front of each of several messages, given in pieces as `Template.merge` makes them.
Seal = Callable[[Sequence[list[bytes]]], list[bytes]]

#: One delivery: number of the mailing, index in its audience.
Place = tuple[int, int]

#: So many letters under way are sealed together at most, and so many sealed ones wait: a few for each connection. Some
#: are never asked for, because the server refused them before it had read them.
_TOGETHER, _WAITING = 32, 256


@dataclass(frozen=True, slots=True)
class Printed:
    """One variant of an edition as it goes out: what it says, and from whom."""

    rendering: Rendering
    identity: Identity


class Composer:
    """Makes letters. Each variant is encoded once, when its first letter is asked for."""

    def __init__(
        self,
        printed: Callable[[str, str], Printed],
        links: Callable[[Delivery], Mapping[str, str]],
        key: bytes,
        domain: str,
        bounce_domain: str,
        seal: Seal | None = None,
    ) -> None:
        """Take what letters are made of.

        Args:
            printed: Returns what a variant of an edition says, by their keys.
            links: Returns one person's personal values by slot name, `unsubscribe_url` among them; the name is added.
            key: Signs delivery numbers.
            domain: Of Message-IDs.
            bounce_domain: Of envelope senders.
            seal: Signs a message (DKIM); None: the relay does.
        """
        self._printed = printed
        self._links = links
        self._key = key
        self._domain = domain
        self._bounce_domain = bounce_domain
        self._seal = seal
        self._templates: dict[tuple[str, str], Template] = {}
        self._unsealed: dict[Place, tuple[Delivery, str]] = {}  # letters that are under way, and their signatures
        self._sealed: dict[Place, list[bytes]] = {}

    def __call__(self, delivery: Delivery) -> Letter:
        """Return the letter of one delivery, the same whenever it is asked for."""
        signature = sign(delivery.edition, delivery.subscriber, self._key)
        sender = envelope_sender(delivery.mailing, delivery.idx, signature, self._bounce_domain)
        if self._seal is None:
            return Letter(delivery, sender, partial(self._merge, delivery, signature))
        _forget(self._unsealed, _TOGETHER - 1)
        self._unsealed[delivery.mailing, delivery.idx] = delivery, signature
        return Letter(delivery, sender, partial(self._sealed_content, self._seal, delivery, signature))

    def _merge(self, delivery: Delivery, signature: str) -> list[bytes]:
        template = self._template(delivery.edition, delivery.variant)
        slots = {"name": delivery.name, **self._links(delivery)}
        message_id = f"{delivery_number(delivery.mailing, delivery.idx, signature)}@{self._domain}"
        return template.merge(delivery.name, delivery.address, message_id, delivery.date, slots)

    def _sealed_content(self, seal: Seal, delivery: Delivery, signature: str) -> list[bytes]:
        """Return a sealed message; with it all are sealed that are under way, since sealing many at once is cheaper."""
        place = (delivery.mailing, delivery.idx)
        content = self._sealed.pop(place, None)
        if content is None:
            unsealed, self._unsealed = self._unsealed, {}
            unsealed.pop(place, None)
            merged = {place: self._merge(delivery, signature)}
            for other, letter in unsealed.items():
                with suppress(Exception):  # what is wrong with another is said when that one is asked for
                    merged[other] = self._merge(*letter)
            for at, seals in zip(merged, seal(tuple(merged.values())), strict=True):
                self._sealed[at] = [seals, *merged[at]]
            content = self._sealed.pop(place)
            _forget(self._sealed, _WAITING)
        return content

    def _template(self, edition: str, variant: str) -> Template:
        template = self._templates.get((edition, variant))
        if template is None:
            printed = self._printed(edition, variant)
            template = Template(printed.rendering, printed.identity)
            self._templates[edition, variant] = template
        return template


def _forget(letters: dict[Place, Any], most: int) -> None:
    """Let go of the oldest letters, so that as many remain."""
    while len(letters) > most:
        del letters[next(iter(letters))]


def personal_links(
    keys: Keyring, public_url: str, mailing_list: str, *, count_clicks: bool = False
) -> Callable[[Delivery], Mapping[str, str]]:
    """Return what makes a person's own links: to leave with one click, and to their preferences.

    They are valid from the date of the message, not from the present: a second attempt is the same, byte for byte.

    Args:
        keys: Their newest signs.
        public_url: Where the public site is.
        mailing_list: The list that one leaves.
        count_clicks: Whether the links of `count_links` are to be made as well.
    """
    leave_at, manage_at = link(public_url, Purpose.UNSUBSCRIBE, ""), link(public_url, Purpose.MANAGE, "")
    leave = issuer(keys, Purpose.UNSUBSCRIBE, mailing_list)

    @lru_cache(maxsize=64)
    def manage(day: datetime) -> Callable[[str], str]:
        return issuer(keys, Purpose.MANAGE, mailing_list, now=day)

    def links(delivery: Delivery) -> Mapping[str, str]:
        person = delivery.subscriber
        return {UNSUBSCRIBE: leave_at + leave(person), "preferences_url": manage_at + manage(delivery.date)(person)}

    click_at = link(public_url, Purpose.CLICK, "")

    @lru_cache(maxsize=64)
    def click(edition: str) -> Callable[[str], str]:
        return issuer(keys, Purpose.CLICK, edition)

    def counted_links(delivery: Delivery) -> Mapping[str, str]:
        made = links(delivery)
        if not can_count(delivery.edition):
            return made
        return {**made, CLICK: click_at + click(delivery.edition)(delivery.subscriber)}

    return counted_links if count_clicks else links
