"""A person is one mailbox; a list never takes back who left it; a suppression is kept once."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from newsletter.storage import people
from newsletter.storage.people import PeopleStore
from subscribers.people import Reason, SubscriptionState, Suppression
from tests.builders import MONDAY, make_subscriber

CONFIRMED, LEFT = SubscriptionState.CONFIRMED, SubscriptionState.UNSUBSCRIBED


@pytest.fixture
def store(engine: Engine) -> PeopleStore:
    return PeopleStore(engine)


def test_people_come_back_as_they_came(store: PeopleStore) -> None:
    ada, zoe = make_subscriber("ada", name='Ada, "the first"'), make_subscriber("zoe", name="Zoë", zone="Asia/Tokyo")

    assert store.add([zoe, ada], "beauty", MONDAY, CONFIRMED) == (2, 0)

    assert list(store.confirmed("beauty")) == [ada, zoe]
    assert store.find("ADA@example.org ") == ada
    assert store.find("id-zoe") == zoe
    assert store.find("nobody@example.org") is None


def test_two_spellings_of_one_mailbox_are_one_person(store: PeopleStore) -> None:
    store.add([make_subscriber("ada")], "beauty", MONDAY, CONFIRMED)

    again = make_subscriber("ada", id="another", address="Ada@Example.org")

    assert store.add([again], "beauty", MONDAY, CONFIRMED) == (0, 1)
    assert [p.id for p in store.confirmed("beauty")] == ["id-ada"]


def test_adding_never_brings_back_who_left(store: PeopleStore) -> None:
    store.add([make_subscriber("ada")], "beauty", MONDAY, CONFIRMED)
    assert store.set_state("beauty", "id-ada", LEFT, MONDAY)

    store.add([make_subscriber("ada")], "beauty", MONDAY, CONFIRMED)

    assert list(store.confirmed("beauty")) == []
    assert store.count("beauty")[LEFT] == 1


def test_a_list_is_read_whole_whatever_the_page(store: PeopleStore, monkeypatch: pytest.MonkeyPatch) -> None:
    everyone = [make_subscriber(f"p{n}") for n in range(7)]
    store.add(everyone, "beauty", MONDAY, CONFIRMED)

    for page in (1, 3, 7, 8):
        monkeypatch.setattr(people, "PAGE", page)
        assert list(store.confirmed("beauty")) == everyone


def test_nobody_is_unsubscribed_from_a_list_they_are_not_on(store: PeopleStore) -> None:
    assert not store.set_state("beauty", "id-ada", LEFT, MONDAY)


def test_a_suppression_keeps_its_first_date(store: PeopleStore) -> None:
    first = Suppression("ada@example.org", Reason.COMPLAINED, MONDAY)
    store.suppress(first)
    store.suppress(Suppression("ada@example.org", Reason.COMPLAINED, MONDAY + timedelta(days=3)))

    assert store.suppressions() == (first,)
