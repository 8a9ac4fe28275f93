"""A decision is taken by a named person about the revision they saw, or not at all."""

import pytest
from sqlalchemy import Engine

from content.approvals import Approval, Decision
from newsletter.approving import ApprovingError, decide
from newsletter.storage.articles import ArticleStore
from tests.builders import MONDAY, make_article


@pytest.fixture
def store(engine: Engine) -> ArticleStore:
    store = ArticleStore(engine)
    store.record([make_article("a.md"), make_article("b.md"), make_article("b.md#2")], MONDAY)
    return store


def test_a_decision_records_who_when_and_why(store: ArticleStore) -> None:
    decide(store, ["a.md"], Decision.REJECTED, by="Ines", note="off topic", now=MONDAY)

    revision = make_article("a.md").revision
    assert store.find("a.md")[0].approval == Approval(
        revision=revision, decision=Decision.REJECTED, by="Ines", at=MONDAY, note="off topic"
    )


def test_deciding_the_same_twice_changes_nothing(store: ArticleStore) -> None:
    first = decide(store, ["a.md"], Decision.APPROVED, by="Ines", note="", now=MONDAY)
    again = decide(store, ["a.md"], Decision.APPROVED, by="Bea", note="", now=MONDAY)

    assert ([s.article.id for s in first], again) == (["a.md"], ())


@pytest.mark.parametrize(
    ("wanted", "decision", "by", "note", "said"),
    [
        ("nothing.md", Decision.APPROVED, "Ines", "", "no article 'nothing.md'"),
        ("b", Decision.APPROVED, "Ines", "", "could be 'b.md', 'b.md#2'"),
        ("a.md", Decision.APPROVED, " ", "", "--by NAME"),
        ("a.md", Decision.WITHDRAWN, "Ines", "", "--note TEXT"),
    ],
)
def test_what_cannot_be_decided_is_said_and_nothing_is_decided(
    store: ArticleStore, wanted: str, decision: Decision, by: str, note: str, said: str
) -> None:
    with pytest.raises(ApprovingError, match=said):
        decide(store, ["a.md", wanted], decision, by=by, note=note, now=MONDAY)

    assert {s.word for s in store.standings()} == {"pending"}
