"""Shows what one person gets to the last byte, renders an edition again to prove it the same, and tries the way out."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from html import escape

from newsletter.delivering import Desk, as_sent, composer_for, composer_of, way_out
from newsletter.ports import Rendering
from newsletter.publishing import EVERYBODY, PublishingError, find, identity_of, look_of
from newsletter.releasing import foresee_for, render_variants
from newsletter.rendering.composing import Printed, personal_links
from newsletter.rendering.email import render_email
from newsletter.rendering.mime import Identity, fill
from newsletter.rendering.notices import render_test
from newsletter.sending.single import hand_over
from newsletter.settings import Settings
from newsletter.storage.editions import hash_of
from newsletter.storage.history import HistoryStore
from subscribers.deliveries import Delivery, Receipt
from subscribers.tokens import Keyring

#: Whoever gets a test is no subscriber: the links of a test lead to pages that know nobody.
NOBODY = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What one person gets of an edition."""

    address: str
    rendering: Rendering  #: with their own places filled
    message: bytes = b""  #: as it leaves; empty as long as the audience is not frozen, for it has no number before

    @property
    def hash(self) -> str:
        """Return the SHA-256 of the message, or of the mail as long as there is no message."""
        r = self.rendering
        return sha256(self.message or json.dumps([r.subject, r.html, r.text]).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """One variant's mail, as stored and as rendered again, each by its SHA-256."""

    variant: str
    stored: str
    again: str

    @property
    def is_same(self) -> bool:
        """Tell whether it is the same, byte for byte."""
        return self.stored == self.again


def preview_for(desk: Desk, key: str, address: str, now: datetime) -> Preview:
    """Return what the person at `address` gets of an edition: once the audience is frozen the message as it leaves.

    Raises:
        PublishingError: There is no such edition or person, or they get nothing of it; the message says why.
    """
    record = find(desk, key)
    person = desk.people.find(address)
    if person is None:
        raise PublishingError(f"nobody here has the address {address!r}; 'newsletter subscriber show' looks for people")
    row = desk.ledger.delivery(record.edition.key, person.id)
    if row is None and desk.ledger.mailing(record.edition.key) is not None:
        raise PublishingError(f"{address} gets nothing of {record.edition.key}: not on its list when it was frozen")
    if row is not None:
        delivery, why_not = row
        rendering = desk.editions.rendering(delivery.edition, delivery.variant)
        if why_not or rendering is None:
            raise PublishingError(f"{address} gets nothing of {record.edition.key}: {why_not or 'no mail is kept'}")
        message = b"".join(composer_of(desk)(delivery).content())
        return Preview(address=address, rendering=_filled(desk, rendering, delivery), message=message)
    foreseen, why_not = foresee_for(desk, record.edition, person.id, now)
    if foreseen is None:
        raise PublishingError(f"{address} gets nothing of {record.edition.key}: {why_not}")
    delivery = Delivery(0, 0, 0, record.edition.key, person.id, person.address, person.name, "", now)
    return Preview(address=address, rendering=_filled(desk, foreseen, delivery))


def reproduce(desk: Desk, key: str) -> tuple[Reproduction, ...]:
    """Render every mail of an edition again, from what is stored of it alone; return how each compares.

    Raises:
        PublishingError: There is no such edition.
    """
    edition = find(desk, key).edition
    again = {EVERYBODY: render_email(edition, look_of(desk.settings))}
    again |= render_variants(desk, edition, HistoryStore(desk.engine).variants(edition.key))[0]
    return tuple(
        Reproduction(variant=variant, stored=hash_of(stored), again=hash_of(fresh))
        for variant, fresh in sorted(again.items())
        if (stored := desk.editions.rendering(edition.key, variant))
    )


def send_test(desk: Desk, key: str, address: str, now: datetime, name: str = "") -> Receipt:
    """Send an edition to one address, as everybody would get it, by the way out that the settings name.

    The subject says that it is a test. The ledger knows nothing of it.

    Raises:
        PublishingError: There is no such edition.
        SettingsError: A password, a token or a signing key cannot be read.
    """
    record = find(desk, key)
    rendering = desk.editions.rendering(record.edition.key, EVERYBODY)
    if rendering is None:
        raise PublishingError(f"no mail is kept of {record.edition.key}; 'newsletter edition draft --again' renders it")
    marked = replace(rendering, subject=f"[TEST] {rendering.subject}")
    sender = identity_of(desk.settings, record.edition)
    return _send(desk, marked, sender, Delivery(0, 0, 0, record.edition.key, NOBODY, address, name, EVERYBODY, now))


def send_greeting(desk: Desk, address: str, now: datetime) -> Receipt:
    """Send a mail that names the way it took, by the way out that the settings name; the receipt says what came of it.

    Raises:
        SettingsError: A password, a token or a signing key cannot be read.
    """
    settings = desk.settings
    servers = {"smtp": f"{settings.smtp_host}:{settings.smtp_port}", "file": str(settings.mail_folder or "outbox")}
    facts = (("From", settings.from_address), (settings.transport, servers.get(settings.transport, "")))
    rendering = render_test(look_of(settings), settings.language, facts)
    sender = Identity(
        from_name=settings.from_name,
        from_address=settings.from_address,
        list_id=f"{settings.newsletter}.{settings.sending_domain}",
        list_name=settings.title,
        to_one=True,
    )
    return _send(desk, rendering, sender, Delivery(0, 0, 0, "", NOBODY, address, "", EVERYBODY, now))


def _send(desk: Desk, rendering: Rendering, sender: Identity, to: Delivery) -> Receipt:
    # The links of a trial lead straight on: trying one counts nobody.
    settings = desk.settings.model_copy(update={"count_clicks": False})
    trial = f"{to.edition}\0{to.address}\0{to.date.isoformat()}"
    # Another trial is another message: no receiver takes it for one that it has.
    number = int.from_bytes(sha256(trial.encode()).digest()[:4], "big")
    compose = composer_for(settings, lambda *_: Printed(rendering, sender))
    letter = compose(to._replace(idx=number, edition=trial))
    return hand_over(way_out(settings), letter._replace(delivery=to._replace(idx=number)))


def _filled(desk: Desk, rendering: Rendering, delivery: Delivery) -> Rendering:
    slots = {"name": delivery.name, **_links(desk.settings, delivery)}
    rendering = as_sent(desk.settings, delivery.edition, rendering)
    return Rendering(
        subject=fill(rendering.subject, slots),
        html=fill(rendering.html, slots, escape),
        text=fill(rendering.text, slots),
    )


def _links(settings: Settings, delivery: Delivery) -> Mapping[str, str]:
    keys = Keyring.parse(settings.key())
    return personal_links(keys, settings.public_url, settings.newsletter, count_clicks=settings.count_clicks)(delivery)
