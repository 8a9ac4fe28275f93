"""What a mail points to is looked at once, and only what is surely dead is called so."""

from datetime import UTC, datetime

from content.editions import StorySection
from newsletter.observing import observe
from newsletter.ports import FetchError, Response
from newsletter.rendering.email import render_email
from newsletter.rendering.gates import Observed, check
from tests.editions import LOOK, image, linked, make_edition, make_story, paragraph

GONE, SHY, BUSY, FINE = (f"https://www.example.org/{n}" for n in ("gone", "shy", "busy", "fine"))
BIG, LOST = "https://cdn.example.org/big.jpg", "https://cdn.example.org/lost.jpg"


class Web:
    """The web of this test: what stands where, and what was asked for."""

    def __init__(self, stands: dict[str, bytes | FetchError]) -> None:
        self.stands = stands
        self.asked: list[str] = []

    def get(self, url: str, **_: object) -> Response:
        self.asked.append(url)
        found = self.stands[url]
        if isinstance(found, FetchError):
            raise found
        return Response(url=url, status=200, headers={}, body=found, at=datetime(2026, 11, 25, tzinfo=UTC))


def test_links_and_images_are_looked_at_once_and_our_own_pages_not_at_all() -> None:
    web = Web(
        {
            GONE: FetchError(f"{GONE} does not exist", status=404),
            SHY: FetchError("does not let us in", status=403),
            BUSY: FetchError("come back later", status=503, transient=True),
            FINE: b"ok",
            BIG: b"x" * 2_000_000,
            LOST: FetchError(f"{LOST} does not exist", status=404),
        }
    )
    links = tuple(linked(f"Read {url[24:]} now.", url[24:], url) for url in (GONE, SHY, BUSY, FINE, FINE))
    images = (image("A big one", BIG), image("Lost", LOST))
    story = make_story(sections=(StorySection(heading="", blocks=(paragraph("Hello."), *links, *images)),))
    edition = make_edition(story)
    mail = render_email(edition, LOOK)

    observed = observe(mail, LOOK, web)

    assert observed == Observed(
        dead={GONE: f"{GONE} does not exist", LOST: f"{LOST} does not exist"}, image_bytes={BIG: 2_000_000}
    )
    assert sorted(web.asked) == sorted({GONE, SHY, BUSY, FINE, BIG, LOST})
    assert {(f.rule, f.message.split(":")[0]) for f in check(edition, mail, LOOK, observed)} == {
        ("links", "the link https"),
        ("images", "the image https"),
    }
    assert len(check(edition, mail, LOOK, observed)) == 3
