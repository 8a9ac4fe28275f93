"""A digest of about 60 KB as mail, personalised in six places, as a large edition has it."""

from datetime import UTC, datetime

from content.articles import SLOT_CLOSE, SLOT_OPEN
from newsletter.ports import Rendering
from newsletter.rendering.composing import Composer, Printed, Seal, personal_links
from newsletter.rendering.mime import Identity
from subscribers.tokens import Keyring

KEY = b"a-key-for-the-benchmark-32-octets-long"

#: The date of every message.
WHEN = datetime(2026, 11, 23, 9, tzinfo=UTC)

#: Items of the digest; each is 580 octets of HTML and 50 of text, so that a message has 61 KB.
ITEMS = 96

_ITEM = """\
<tr><td style="padding:12px 24px;font:16px/1.5 Georgia,serif;color:#222222">
<h2 style="margin:0 0 4px;font-size:20px"><a href="https://news.example.org/a/{n}" style="color:#7a1f4b">
Retinol, Schritt {n}: ein ruhiger Abend</a></h2><p>A pea-sized amount on dry skin, two evenings a week at first;
rest when it stings. Fine needles make tiny channels in the skin – the plumpness of the first days is swelling.</p>
<p style="margin:0"><a href="https://news.example.org/a/{n}#how" style="color:#7a1f4b">How it works</a></p></td></tr>
"""


def make_rendering() -> Rendering:
    """Return the digest, its personal slots open."""
    items = "".join(_ITEM.format(n=n) for n in range(ITEMS))
    name, leave, change = (f"{SLOT_OPEN}{slot}{SLOT_CLOSE}" for slot in ("name", "unsubscribe_url", "preferences_url"))
    end = f'<p><a href="{leave}">Leave</a> <a href="{change}">Change</a></p>'
    html = f"<html><body><p>Good morning {name}</p><table>{items}</table>{end}</body></html>"
    lines = "".join(f"* Retinol, Schritt {n}: https://news.example.org/a/{n}\n" for n in range(ITEMS))
    text = f"Good morning {name}\n\n{lines}\nLeave: {leave}\nChange: {change}\n"
    return Rendering("Beauty News – this week", html, text)


def make_composer(seal: Seal | None = None) -> Composer:
    """Return what makes the digest's letters."""
    identity = Identity(
        from_name="Beauty News",
        from_address="hello@news.example.org",
        list_id="beauty.news.example.org",
        list_name="Beauty News",
        feedback_id="2026-W48:beauty:weekly:news",
    )
    printed = Printed(make_rendering(), identity)
    links = personal_links(Keyring.parse(KEY), "https://news.example.org", "beauty")
    return Composer(lambda _e, _v: printed, links, KEY, "news.example.org", "bounces.example.org", seal)
