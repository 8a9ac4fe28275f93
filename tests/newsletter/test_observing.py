"""What a mail points to is looked at once, and only what is surely dead is called so."""

from datetime import UTC, datetime

from content.articles import BlockKind
from content.editions import StorySection, without_pictures
from newsletter.observing import PATIENCE, look_at_pictures, observe
from newsletter.ports import FetchError, Response
from newsletter.rendering.email import render_email
from newsletter.rendering.gates import Observed, Severity, check
from newsletter.rendering.vetting import blockers, unaccepted
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
        dead={LOST: f"{LOST} does not exist", GONE: f"{GONE} does not exist"},
        image_bytes={BIG: 2_000_000},
        unseen={BUSY: "come back later"},
    )
    assert sorted(web.asked) == sorted({GONE, SHY, BUSY, FINE, BIG, LOST})
    assert {(f.rule, f.message.split(":")[0]) for f in check(edition, mail, LOOK, observed)} == {
        ("links", "the link https"),
        ("images", "the image https"),
        ("links", "nobody could look at 1 address, such as https"),
    }
    assert len(check(edition, mail, LOOK, observed)) == 4


def test_without_a_network_a_note_says_so_and_nothing_is_held_or_asked_for_long() -> None:
    links = [f"https://www.example.org/{n}" for n in range(10)]
    web = Web({url: FetchError("the name www.example.org is not known", transient=True) for url in links})
    blocks = tuple(linked(f"Read part {n} of it.", f"part {n}", url) for n, url in enumerate(links))
    edition = make_edition(make_story(sections=(StorySection(heading="", blocks=blocks),)))
    mail = render_email(edition, LOOK)

    observed = observe(mail, LOOK, web)
    found = [f for f in check(edition, mail, LOOK, observed) if f.rule == "links"]

    assert len(web.asked) == PATIENCE
    assert set(observed.unseen) == set(links)
    assert [(f.severity, f.message) for f in found] == [
        (
            Severity.NOTE,
            "nobody could look at 10 addresses, such as https://www.example.org/0 (the name www.example.org is not "
            "known); look again later",
        )
    ]
    assert (blockers(found), unaccepted(found, ())) == ((), ())


def test_a_busy_server_is_no_dead_network() -> None:
    links = [f"https://www.example.org/{n}" for n in range(10)]
    web = Web({url: FetchError("come back later", status=503, transient=True) for url in links})
    blocks = tuple(linked(f"Read part {n} of it.", f"part {n}", url) for n, url in enumerate(links))
    edition = make_edition(make_story(sections=(StorySection(heading="", blocks=blocks),)))

    observe(render_email(edition, LOOK), LOOK, web)

    assert web.asked == links


def test_pictures_that_no_mail_can_show_are_named_and_busy_servers_are_not() -> None:
    names = ("good", "vector", "sign-in", "gone", "busy")
    urls = {name: f"https://cdn.example.org/{name}.png" for name in names}
    web = Web(
        {
            urls["good"]: b"GIF89a\x0a\0\x0a\0\0\0\0",
            urls["vector"]: b"<svg/>",
            urls["sign-in"]: b"<!doctype html>",
            urls["gone"]: FetchError("does not exist", status=404),
            urls["busy"]: FetchError("come back later", status=503, transient=True),
        }
    )
    pictures = tuple(image(f"A {name} one", url) for name, url in urls.items())
    edition = make_edition(make_story(sections=(StorySection(heading="", blocks=pictures),)))

    problems = look_at_pictures(edition, web)
    (story,) = without_pictures(edition, problems).stories

    assert {url.rpartition("/")[2]: words.split(":")[0] for url, words in problems.items()} == {
        "vector.png": "is SVG, which mail programs do not show",
        "sign-in.png": "is a page, not a picture",
        "gone.png": "cannot be loaded",
    }
    assert [(b.kind, b.text) for b in story.blocks] == [
        (BlockKind.IMAGE, "A good one"),
        (BlockKind.PARAGRAPH, "A vector one"),
        (BlockKind.PARAGRAPH, "A sign-in one"),
        (BlockKind.PARAGRAPH, "A gone one"),
        (BlockKind.IMAGE, "A busy one"),
    ]
    mail = render_email(without_pictures(edition, problems), LOOK)
    assert "<em>A vector one</em>" in mail.html
    assert "A vector one" in mail.text
    assert mail.html.count("<img") == 2
