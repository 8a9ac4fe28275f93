"""Makes each delivery's letter out of its variant's template."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial

from newsletter.ports import Letter, Rendering
from newsletter.rendering.mime import UNSUBSCRIBE, Identity, Template
from subscribers.bounces import delivery_number, envelope_sender
from subscribers.deliveries import Delivery, sign
from subscribers.tokens import Keyring, Purpose, issuer, link

#: Returns the signatures to stand in front of a message, given its header and the pieces of its body.
Seal = Callable[[bytes, list[bytes]], bytes]


@dataclass(frozen=True, slots=True)
class Printed:
    """One variant of an edition as it goes out: what it says, from whom, and the date it bears."""

    rendering: Rendering
    identity: Identity
    date: datetime


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

    def __call__(self, delivery: Delivery) -> Letter:
        """Return the letter of one delivery, the same whenever it is asked for."""
        signature = sign(delivery.edition, delivery.subscriber, self._key)
        sender = envelope_sender(delivery.mailing, delivery.idx, signature, self._bounce_domain)
        return Letter(delivery, sender, partial(self._content, delivery, signature))

    def _content(self, delivery: Delivery, signature: str) -> list[bytes]:
        template = self._template(delivery.edition, delivery.variant)
        slots = {"name": delivery.name, **self._links(delivery)}
        message_id = f"{delivery_number(delivery.mailing, delivery.idx, signature)}@{self._domain}"
        pieces = template.merge(delivery.name, delivery.address, message_id, slots)
        return [self._seal(pieces[0], pieces[1:]), *pieces] if self._seal else pieces

    def _template(self, edition: str, variant: str) -> Template:
        template = self._templates.get((edition, variant))
        if template is None:
            printed = self._printed(edition, variant)
            template = Template(printed.rendering, printed.identity, printed.date)
            self._templates[edition, variant] = template
        return template


def personal_links(
    keys: Keyring, public_url: str, mailing_list: str, date: Callable[[Delivery], datetime]
) -> Callable[[Delivery], Mapping[str, str]]:
    """Return what makes a person's own links: to leave with one click, and to their preferences.

    Args:
        keys: Their newest signs.
        public_url: Where the public site is.
        mailing_list: The list that one leaves.
        date: Returns the date of the edition that a delivery is of. Not the present: a second attempt is the same
            message, byte for byte.
    """
    leave_at, manage_at = link(public_url, Purpose.UNSUBSCRIBE, ""), link(public_url, Purpose.MANAGE, "")
    leave = issuer(keys, Purpose.UNSUBSCRIBE, mailing_list)

    @cache
    def manage(day: datetime) -> Callable[[str], str]:
        return issuer(keys, Purpose.MANAGE, mailing_list, now=day)

    def links(delivery: Delivery) -> Mapping[str, str]:
        person = delivery.subscriber
        return {UNSUBSCRIBE: leave_at + leave(person), "preferences_url": manage_at + manage(date(delivery))(person)}

    return links
