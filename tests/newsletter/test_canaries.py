"""No message, page or feed holds anything of another person: each has a canary, and no canary sings elsewhere."""

import email
import email.policy
import re
from pathlib import Path

from sqlalchemy import Engine

from newsletter.rendering.composing import Composer, Printed
from newsletter.rendering.email import render_email
from newsletter.rendering.mime import Identity
from subscribers.deliveries import Delivery
from subscribers.tokens import Purpose, issue, link
from tests.editions import LOOK, full_edition
from tests.newsletter.site import KEYS, PUBLIC_URL, Town, pages_of

CANARY = re.compile(r"canary\d{4}")
PEOPLE = 1000


def everything_in(octets: bytes) -> str:
    """Return a message as its reader's mail program has it: headers decoded, bodies decoded."""
    message = email.message_from_bytes(octets, policy=email.policy.default)
    parts = [part.get_content() for part in message.walk() if not part.is_multipart()]
    return "\n".join([*(f"{name}: {value}" for name, value in message.items()), *parts])


def links(delivery: Delivery) -> dict[str, str]:
    return {
        f"{name}_url": link(PUBLIC_URL, purpose, issue(KEYS, purpose, delivery.subscriber, "beauty", now=LATER))
        for name, purpose in (("unsubscribe", Purpose.UNSUBSCRIBE), ("preferences", Purpose.MANAGE))
    }


EDITION = full_edition()
LATER = EDITION.published_at


def test_a_thousand_messages_hold_each_their_own_canary_and_no_other() -> None:
    identity = Identity(
        from_name="Beauty News",
        from_address="hello@news.example.org",
        list_id="beauty.news.example.org",
        list_name="Beauty News",
        feedback_id="1:beauty:weekly:newsletter",
    )
    rendering = render_email(EDITION, LOOK)
    assert CANARY.search(rendering.html + rendering.text + rendering.subject) is None
    compose = Composer(
        lambda *_: Printed(rendering, identity), links, b"k" * 32, "news.example.org", "bounces.example.org"
    )
    for n in range(PEOPLE):
        canary = f"canary{n:04}"
        delivery = Delivery(
            mailing=1,
            idx=n,
            chunk=1,
            edition=EDITION.key,
            subscriber=f"id-{canary}",
            address=f"{canary}@example.org",
            name=f"Name {canary}",
            variant="v",
            date=LATER,
        )

        letter = compose(delivery)

        text = everything_in(b"".join(letter.content()))
        assert set(CANARY.findall(text)) == {canary}
        assert len(CANARY.findall(text)) >= 5  # To, greeting, both links in both bodies, List-Unsubscribe
        assert set(CANARY.findall(letter.sender)) == set()


def test_a_page_holds_the_canary_of_the_person_whose_link_it_is_and_public_pages_none(
    engine: Engine, tmp_path: Path
) -> None:
    town = Town(engine, tmp_path)
    for n in range(3):
        town.join(f"canary{n:04}@example.org")
    (tmp_path / "index.html").write_text("archive")
    for path in ("/", "/subscribe", "/subscribe/sent", "/link", "/privacy", "/nowhere"):
        assert CANARY.findall(town.browser.get(path).text) == []
    town.join("ada@example.org")

    for name, path in pages_of(town).items():
        assert CANARY.findall(town.browser.get(path).text) == [], name
    data = town.browser.get(f"/d/{town.token(Purpose.DATA, 'canary0001@example.org')}").text
    mine = town.browser.post(f"/d/{town.token(Purpose.DATA, 'canary0001@example.org')}", data={"do": "export"}).text
    assert set(CANARY.findall(data + mine)) == {"canary0001"}


def test_letters_hold_the_canary_of_their_recipient_only(engine: Engine, tmp_path: Path) -> None:
    town = Town(engine, tmp_path)
    for n in range(8):
        town.subscribe(f"canary{n:04}@example.org", name=f"Name canary{n:04}")

    for n, letter in enumerate(town.mail()):
        assert set(CANARY.findall(everything_in(letter.as_bytes()))) == {f"canary{n:04}"}
