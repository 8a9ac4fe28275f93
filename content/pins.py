"""What the approval of an edition covers, part by part: another hash, and the part is named."""

import hashlib
from collections.abc import Mapping

#: In words what is wrong when a part is not the approved one any more, by the first word of the part's name.
_WORDS = {
    "article": "{name!r} was withdrawn or edited since",
    "template": "the template {name} changed since",
    "text": "its text is not the one that was approved",
    "folding": "what was folded in it is not what was approved",
    "mail": "its mail is not the one that was approved",
    "look": "the newsletter's look, address or name changed since, in the settings",
    "audience": "whom it goes to changed since: the list {name!r}, its topics, rhythms or hour",
}

#: Parts in which nothing is printed: an approval may cover them as they are when it is given.
BESIDE_THE_TEXT = frozenset({"audience"})


def pin(text: str) -> str:
    """Return what stands for `text` in a pin: its SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()


def changed_parts(
    approved: Mapping[str, str], now: Mapping[str, str], *, but: frozenset[str] = frozenset()
) -> tuple[str, ...]:
    """Return in words which of the approved parts are not as they were; nothing when all are.

    Args:
        approved: Each part, "KIND" or "KIND NAME", with its hash.
        now: The same as they are now; a part that is missing is gone.
        but: Kinds that are not looked at.
    """
    return tuple(
        _WORDS[kind].format(name=name)
        for part, hash_ in approved.items()
        for kind, _, name in [part.partition(" ")]
        if kind not in but and now.get(part) != hash_
    )
