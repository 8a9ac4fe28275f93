"""Says what an approval of an edition covers, part by part, as it is now (`content.pins`)."""

import json
from typing import Protocol

from content import plain
from content.editions import Edition, fingerprint
from content.looks import Look
from content.pins import pin
from newsletter.ports import Rendering
from newsletter.settings import Settings
from newsletter.storage.articles import ArticleStore
from newsletter.storage.compositions import CompositionStore
from newsletter.storage.editions import EditionRecord, hash_of
from newsletter.storage.lists import ListStore
from newsletter.templating import template_hashes
from subscribers.preferences import MailingList, Rhythm


class Desk(Protocol):
    """What pinning works with; the house has it all."""

    @property
    def settings(self) -> Settings:
        """Return the settings."""

    @property
    def articles(self) -> ArticleStore:
        """Return where articles and approvals are."""

    @property
    def lists(self) -> ListStore:
        """Return where mailing lists are."""

    @property
    def compositions(self) -> CompositionStore:
        """Return what editors composed."""


def pins_now(desk: Desk, record: EditionRecord, look: Look, mail: Rendering | None) -> dict[str, str]:
    """Return each part that an approval of this edition covers, with its hash as it is now.

    Args:
        desk: The stores and settings.
        record: The edition.
        look: How the newsletter presents itself now.
        mail: The edition's as it is stored; None when it was changed by hand.
    """
    manifest = record.edition.manifest
    approved = {s.article.id: s.article.revision for s in desk.articles.approved([a for a, _ in manifest.revisions])}
    templates = dict(template_hashes("email/digest"))
    return {
        **{f"article {id_}": approved.get(id_, "") for id_, _ in manifest.revisions},
        **{f"template {name}": templates.get(name, "") for name, _ in manifest.templates},
        "mail": hash_of(mail) if mail else "",
        **_other_pins(desk, record, look),
    }


def first_pins(desk: Desk, record: EditionRecord, look: Look, mail: Rendering) -> dict[str, str]:
    """Return the pins of an edition that has just been made."""
    return {**content_pins(record.edition), "mail": hash_of(mail), **_other_pins(desk, record, look)}


def content_pins(edition: Edition) -> dict[str, str]:
    """Return the parts that the manifest names. Editions from before there were pins have these alone."""
    return {
        **{f"article {id_}": revision for id_, revision in edition.manifest.revisions},
        **{f"template {name}": hash_ for name, hash_ in edition.manifest.templates},
    }


def _other_pins(desk: Desk, record: EditionRecord, look: Look) -> dict[str, str]:
    audience = list_of(desk)
    rule = [sorted(audience.topic_slugs), audience.rhythms, audience.hour, audience.zone, desk.settings.local_hours]
    segment = desk.compositions.latest(record.edition.key).composition.audience
    return {
        "text": fingerprint(record.edition),
        "folding": pin(record.folding),
        "look": pin(plain.dump(look)),
        f"audience {audience.slug}": pin(json.dumps([*rule, segment] if segment else rule)),
    }


def list_of(desk: Desk) -> MailingList:
    """Return the list of the settings' newsletter; as it would be made, if staff have not made and shaped it."""
    settings = desk.settings
    return desk.lists.find(settings.newsletter) or MailingList(
        slug=settings.newsletter, title=settings.title, zone=settings.zone, rhythms=(Rhythm(settings.rhythm),)
    )
