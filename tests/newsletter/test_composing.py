"""A letter is the same whenever it is asked for, alone or together with others, and nobody's spoils another's."""

from collections.abc import Mapping, Sequence

import dkim
import pytest

from newsletter.ports import Letter
from newsletter.rendering.composing import personal_links
from newsletter.transports.dkim import Signer
from subscribers.deliveries import Delivery
from subscribers.tokens import Claims, Keyring, Purpose, read
from tests.builders import MONDAY
from tests.letters import make_composer, make_links
from tests.newsletter.test_dkim import ED25519, RSA, look_up


def to(n: int) -> Delivery:
    return Delivery(1, n, 1, "e", f"s{n}", f"s{n}@example.org", f"N{n}", "", MONDAY)


def say(letter: Letter) -> bytes:
    return b"".join(letter.content())


class Counting:
    """Seals with a line of its own, and keeps count of how many messages it is given at once."""

    def __init__(self) -> None:
        self.counts: list[int] = []

    def __call__(self, messages: Sequence[list[bytes]]) -> list[bytes]:
        self.counts.append(len(messages))
        return [b"Seal: %d\r\n" % len(pieces[0]) for pieces in messages]


def test_letters_under_way_are_sealed_together_and_each_verifies() -> None:
    compose = make_composer(seal=Signer([RSA, ED25519]))
    letters = [compose(to(n)) for n in range(5)]

    said = [say(letter) for letter in letters]

    assert all(dkim.verify(content, dnsfunc=look_up) for content in said)
    assert all(f"<s{n}@example.org>".encode() in content for n, content in enumerate(said))


def test_a_letter_is_the_same_alone_and_together_and_when_asked_for_again() -> None:
    together = make_composer(seal=Signer([RSA]))
    letters = [together(to(n)) for n in range(3)]
    alone = [say(make_composer(seal=Signer([RSA]))(to(n))) for n in range(3)]

    assert [say(letter) for letter in reversed(letters)][::-1] == alone
    assert [say(letter) for letter in letters] == alone


def test_many_are_sealed_at_once_and_none_twice() -> None:
    seal = Counting()
    compose = make_composer(seal=seal)
    letters = [compose(to(n)) for n in range(20)]

    for letter in letters:
        letter.content()

    assert seal.counts == [20]


def test_letters_that_are_never_asked_for_do_not_pile_up() -> None:
    seal = Counting()
    compose = make_composer(seal=seal)
    refused = [compose(to(n)) for n in range(10_000)]

    compose(to(10_000)).content()
    before = list(seal.counts)
    for n in range(20_000, 21_000):
        compose(to(n)).content() if n % 20 == 0 else compose(to(n))
    refused[-1].content()

    assert before == [32]
    assert max(seal.counts) <= 32
    assert seal.counts[-1] >= 1  # what had been sealed for it was let go of


def test_a_letter_that_cannot_be_made_says_so_itself_and_spoils_no_other() -> None:
    def links(delivery: Delivery) -> Mapping[str, str]:
        if delivery.idx == 1:
            raise ValueError("no link for s1")
        return make_links(delivery)

    compose = make_composer(links=links, seal=Counting())
    letters = [compose(to(n)) for n in range(3)]

    assert b"N0" in say(letters[0])
    assert b"N2" in say(letters[2])
    with pytest.raises(ValueError, match="no link for s1"):
        letters[1].content()


def test_personal_links_open_ones_own_pages_and_are_valid_from_the_date_of_the_message() -> None:
    keys = Keyring((b"k" * 32,))
    links = personal_links(keys, "https://news.example.org", "beauty")

    made = links(to(7))

    def claims(slot: str, purpose: Purpose) -> object:
        start = f"https://news.example.org/{purpose.value}/"
        assert made[slot].startswith(start)
        return read(keys, purpose, made[slot].removeprefix(start), MONDAY)

    assert set(made) == {"unsubscribe_url", "preferences_url"}
    assert claims("unsubscribe_url", Purpose.UNSUBSCRIBE) == Claims("s7", "beauty")
    assert claims("preferences_url", Purpose.MANAGE) == Claims("s7", "beauty", MONDAY)
