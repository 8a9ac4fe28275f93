"""Judges a mail before it is approved: what it prints, the message as it would leave, and what a spam filter says."""

from collections.abc import Collection, Iterable
from datetime import datetime

from content.editions import Edition
from content.looks import Look
from newsletter.ports import Rendering
from newsletter.rendering import gates
from newsletter.rendering.counting import CLICK, count_links
from newsletter.rendering.email import SLOTS
from newsletter.rendering.gates import NOTHING, Finding, Observed, Severity
from newsletter.rendering.headers import check_headers
from newsletter.rendering.mime import Identity, Template
from newsletter.rendering.spam import check_spam
from subscribers.tokens import Purpose, link

#: Names of all rules, for those who accept warnings by name.
RULES = (*gates.RULES, "headers", "spam")

#: Nobody's token, as long as everybody's.
_TOKEN = f"{'x' * 12}.{'x' * 12}.{'x' * 20}"


def vet(
    edition: Edition,
    rendering: Rendering,
    look: Look,
    sender: Identity,
    spam_filter: str = "",
    observed: Observed = NOTHING,
    *,
    count_clicks: bool = False,
) -> tuple[Finding, ...]:
    """Return everything wrong with a mail, blockers first. Empty means that it may go out.

    Args:
        edition: What is printed.
        rendering: The mail, personal places still open.
        look: The newsletter's.
        sender: Who it comes from.
        spam_filter: Name of SpamAssassin's program; "" asks nobody, and neither does one that is not installed.
        observed: What a look outside has found.
        count_clicks: Whether it leaves with personal links, which are longer.
    """
    sent = count_links(rendering, look.site_url, edition.key) if count_clicks else rendering
    found = gates.check(edition, rendering, look, observed, gates.size_of(sent) - gates.size_of(rendering))
    template = Template(sent, sender)
    if template.slots <= {*SLOTS, CLICK}:  # else no message can be made, and the rule `slots` has said so
        message = sample(template, look, edition.published_at)
        found += check_headers(message) + (check_spam(message, spam_filter) if spam_filter else ())
    return tuple(sorted(found, key=lambda f: tuple(Severity).index(f.severity)))


def sample(template: Template, look: Look, date: datetime) -> bytes:
    """Return the message that a reader of nobody's name would get, as it would leave."""
    slots = {
        "name": "Ada",
        "unsubscribe_url": link(look.site_url, Purpose.UNSUBSCRIBE, _TOKEN),
        "preferences_url": link(look.site_url, Purpose.MANAGE, _TOKEN),
        CLICK: link(look.site_url, Purpose.CLICK, _TOKEN),
    }
    domain = look.contact.rpartition("@")[2] or "example.org"
    return b"".join(template.merge("Ada", "ada@example.org", f"sample@{domain}", date, slots))


def blockers(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return what no acceptance helps against."""
    return tuple(f for f in found if f.severity is Severity.BLOCKER)


def unaccepted(found: Iterable[Finding], accepted: Collection[str]) -> tuple[Finding, ...]:
    """Return the warnings whose rules are not among those accepted."""
    return tuple(f for f in found if f.severity is Severity.WARNING and f.rule not in accepted)
