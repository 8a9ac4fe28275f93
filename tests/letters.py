"""A composer for tests and for senders that a test starts as a process of their own."""

from collections.abc import Callable, Mapping

from content.articles import SLOT_CLOSE, SLOT_OPEN
from newsletter.ports import Rendering
from newsletter.rendering.composing import Composer, Printed, Seal
from newsletter.rendering.mime import Identity
from subscribers.deliveries import Delivery

KEY = b"k" * 32

IDENTITY = Identity(
    from_name="Beauty News",
    from_address="hello@news.example.org",
    list_id="beauty.news.example.org",
    list_name="Beauty News",
)


def make_rendering(size: int = 300) -> Rendering:
    name, link = f"{SLOT_OPEN}name{SLOT_CLOSE}", f"{SLOT_OPEN}unsubscribe_url{SLOT_CLOSE}"
    filler = "\n".join(["Fine needles make tiny channels in the skin."] * (size // 45))
    return Rendering(
        "One digest",
        f"<p>Hello {name}</p><p>{filler}</p><a href='{link}'>leave</a>",
        f"Hello {name}\n{filler}\n{link}\n",
    )


def make_links(delivery: Delivery) -> Mapping[str, str]:
    return {"unsubscribe_url": f"https://news.example.org/u/{delivery.subscriber}"}


def make_composer(
    size: int = 300, links: Callable[[Delivery], Mapping[str, str]] = make_links, seal: Seal | None = None
) -> Composer:
    printed = Printed(make_rendering(size), IDENTITY)
    return Composer(lambda _edition, _variant: printed, links, KEY, "news.example.org", "bounces.example.org", seal)
