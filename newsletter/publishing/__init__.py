"""Makes one edition of the approved articles, has it approved, and lets it go to feeds, archive and ledger."""

from newsletter.publishing.approval import BY_RULE, approve, examine, flags, freeze, is_own_work, ready, what_changed
from newsletter.publishing.desk import (
    EVERYBODY,
    ComposedElsewhereError,
    Desk,
    PublishingError,
    edition_key,
    find,
    identity_of,
    is_partly_out,
    look_of,
    told,
)
from newsletter.publishing.making import available, compose, draft, retell, sections_of

__all__ = [
    "BY_RULE",
    "EVERYBODY",
    "ComposedElsewhereError",
    "Desk",
    "PublishingError",
    "approve",
    "available",
    "compose",
    "draft",
    "edition_key",
    "examine",
    "find",
    "flags",
    "freeze",
    "identity_of",
    "is_own_work",
    "is_partly_out",
    "look_of",
    "ready",
    "retell",
    "sections_of",
    "told",
    "what_changed",
]
