"""An address we were asked to leave alone stays alone; a tired mailbox gets another chance."""

from datetime import timedelta

from subscribers.people import Reason, Suppression, address_key
from tests.builders import MONDAY

FORTNIGHT = timedelta(days=14)


def test_two_spellings_of_one_mailbox_are_one() -> None:
    assert address_key(" Ada@Example.ORG ") == address_key("ada@example.org") == "ada@example.org"
    assert address_key("ada@straße.example") != address_key("ada@strasse.example")


def test_a_suppression_holds_from_when_it_was_asked_for() -> None:
    gone = Suppression("ada@example.org", Reason.UNSUBSCRIBED, since=MONDAY)

    assert (gone.holds_at(MONDAY - timedelta(seconds=1)), gone.holds_at(MONDAY)) == (False, True)


def test_soft_bounces_rest_an_address_for_a_fortnight() -> None:
    resting = Suppression("ada@example.org", Reason.SOFT_BOUNCES, since=MONDAY, until=MONDAY + FORTNIGHT)

    assert resting.holds_at(MONDAY + FORTNIGHT - timedelta(seconds=1))
    assert not resting.holds_at(MONDAY + FORTNIGHT)
