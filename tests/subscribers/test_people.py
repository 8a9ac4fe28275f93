"""An address we were asked to leave alone stays alone; a tired mailbox gets another chance."""

from datetime import timedelta

from subscribers.people import Reason, Suppression, may_send
from tests.builders import MONDAY

FORTNIGHT = timedelta(days=14)


def test_a_suppression_holds_whatever_the_case() -> None:
    gone = Suppression("ada@example.org", Reason.UNSUBSCRIBED, since=MONDAY)

    assert not may_send("Ada@Example.org", [gone], now=MONDAY)
    assert may_send("bea@example.org", [gone], now=MONDAY)
    assert may_send("ada@example.org", [gone], now=MONDAY - timedelta(seconds=1))


def test_soft_bounces_rest_an_address_for_a_fortnight() -> None:
    resting = Suppression("ada@example.org", Reason.SOFT_BOUNCES, since=MONDAY, until=MONDAY + FORTNIGHT)

    assert not may_send("ada@example.org", [resting], now=MONDAY + FORTNIGHT - timedelta(seconds=1))
    assert may_send("ada@example.org", [resting], now=MONDAY + FORTNIGHT)
