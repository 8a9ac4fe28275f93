"""How a source does is known: what it brought, why it failed, and that one gone for good is pulled no more."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from newsletter.storage.errors import StoreError
from newsletter.storage.sources import Counts, Policy, SourceRecord, SourceStore
from tests.builders import MONDAY

BLOG = SourceRecord(name="blog", kind="feed", location="https://example.org/feed", added_at=MONDAY)
LATER = MONDAY + timedelta(hours=1)


@pytest.fixture
def store(engine: Engine) -> SourceStore:
    store = SourceStore(engine)
    store.add(BLOG)
    return store


def test_a_pull_that_went_well_says_what_it_brought(store: SourceStore) -> None:
    counts = Counts(new=3, changed=1, unchanged=7, skipped=25)
    store.failed("blog", "busy", MONDAY)

    store.succeeded("blog", {"etag": "a"}, LATER, counts, [f"reason {n}" for n in range(25)])

    assert store.find("blog") == replace(
        BLOG,
        pulled_at=LATER,
        succeeded_at=LATER,
        memory={"etag": "a"},
        counts=counts,
        left_out=tuple(f"reason {n}" for n in range(20)),
    )


def test_what_the_last_good_pull_brought_stays_known_when_the_next_one_fails(store: SourceStore) -> None:
    store.succeeded("blog", {"etag": "a"}, MONDAY, Counts(new=3))

    store.failed("blog", "no answer", LATER)

    record = store.find("blog")
    assert record == replace(
        BLOG, pulled_at=LATER, succeeded_at=MONDAY, error="no answer", memory={"etag": "a"}, counts=Counts(new=3)
    )
    assert record.is_failing


@pytest.mark.parametrize(
    ("answers", "disabled"),
    [
        ("G", ""),
        ("GG", "its site said 2 times that it is gone for good"),
        ("GFG", ""),
        ("GSG", ""),
    ],
    ids=["once", "twice", "not in a row", "came back"],
)
def test_a_source_that_is_gone_twice_in_a_row_is_pulled_no_more(
    store: SourceStore, answers: str, disabled: str
) -> None:
    for answer in answers:
        if answer == "S":
            store.succeeded("blog", {}, MONDAY)
        else:
            store.failed("blog", "it says so", MONDAY, is_gone=answer == "G")

    record = store.find("blog")
    assert record
    assert record.disabled == disabled


def test_staff_may_have_it_pulled_again(store: SourceStore) -> None:
    store.disable("blog", "Ines said so")
    assert store.enable("blog")

    record = store.find("blog")
    assert record
    assert (record.disabled, record.gone_in_a_row) == ("", 0)


def test_policy_and_holding_can_be_changed(store: SourceStore) -> None:
    assert store.set_policy("blog", Policy.TRUSTED)
    assert store.set_holds("blog", True)

    assert store.find("blog") == replace(BLOG, policy=Policy.TRUSTED, holds=True)
    assert not store.set_policy("nothing", Policy.TRUSTED)


def test_a_name_is_given_once(store: SourceStore) -> None:
    with pytest.raises(StoreError, match="blog"):
        store.add(BLOG)
