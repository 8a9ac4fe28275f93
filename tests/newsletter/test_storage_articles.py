"""An article is kept revision by revision, and an approval counts for the revision it was given to."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DatabaseError

from content.approvals import Decision
from newsletter.storage.articles import ArticleStore, Change
from tests.builders import MONDAY, make_approval, make_article, paragraph


@pytest.fixture
def store(engine: Engine) -> ArticleStore:
    return ArticleStore(engine)


def test_an_article_comes_back_as_it_was_pulled(store: ArticleStore) -> None:
    article = make_article(topics=("skin",), published_at=MONDAY, source="magazine", author="Zoë")

    change = store.record([article], MONDAY)

    assert change == Change(new=1)
    assert [s.article for s in store.standings()] == [article]
    assert store.revision(article.revision) == article


def test_pulling_the_same_content_again_writes_nothing(store: ArticleStore) -> None:
    store.record([make_article()], MONDAY)

    change = store.record([make_article()], MONDAY + timedelta(hours=1))

    assert change == Change(unchanged=1)
    assert store.history("needling.md") == ((make_article().revision, MONDAY),)


def test_an_edited_article_needs_approval_again(store: ArticleStore) -> None:
    first, second = make_article(), make_article("needling.md", paragraph("Another wording."))
    store.record([first], MONDAY)
    store.decide([make_approval(first)])
    assert [s.article for s in store.approved()] == [first]

    store.record([second], MONDAY + timedelta(days=1))

    assert store.approved() == ()
    assert [s.word for s in store.standings()] == ["pending"]


def test_a_text_that_goes_back_to_its_approved_wording_is_approved_again(store: ArticleStore) -> None:
    first, second = make_article(), make_article("needling.md", paragraph("Another wording."))
    store.record([first], MONDAY)
    store.decide([make_approval(first)])
    store.record([second], MONDAY)

    store.record([first], MONDAY)

    assert [s.article for s in store.approved()] == [first]


def test_the_latest_decision_holds(store: ArticleStore) -> None:
    article = make_article()
    store.record([article], MONDAY)

    added = store.decide([make_approval(article), make_approval(article, Decision.WITHDRAWN)])

    assert added == 2
    assert store.approved() == ()
    assert [s.word for s in store.standings()] == ["withdrawn"]


def test_the_same_decision_is_kept_once(store: ArticleStore) -> None:
    article = make_article()
    store.record([article], MONDAY)

    assert [store.decide([make_approval(article)]), store.decide([make_approval(article)])] == [1, 0]


def test_the_oldest_approval_comes_first(store: ArticleStore) -> None:
    late, early = make_article("a.md"), make_article("b.md")
    store.record([late, early], MONDAY)
    store.decide([make_approval(late, at=MONDAY + timedelta(days=1)), make_approval(early)])

    assert [s.article.id for s in store.approved()] == ["b.md", "a.md"]


def test_an_article_is_found_by_the_beginning_of_its_id_or_revision(store: ArticleStore) -> None:
    article = make_article("needling.md")
    store.record(
        [article, make_article("needling.md#2"), make_article("100%.md"), make_article("magazine:peel.md")], MONDAY
    )

    assert [s.article.id for s in store.find("needling.md")] == ["needling.md"]  # exact wins
    assert [s.article.id for s in store.find("peel.md")] == ["magazine:peel.md"]
    assert [s.article.id for s in store.find("needling")] == ["needling.md", "needling.md#2"]
    assert [s.article.id for s in store.find(article.revision[:10])] == ["needling.md"]
    assert store.find("%") == ()
    assert store.find("") == ()


def test_a_pull_that_breaks_off_leaves_the_store_as_it_was(store: ArticleStore) -> None:
    def pulled() -> object:
        yield make_article("a.md")
        raise OSError("the disk went away")

    with pytest.raises(OSError, match="disk"):
        store.record(pulled(), MONDAY)  # type: ignore[arg-type]

    assert store.standings() == ()


@pytest.mark.parametrize("words", ["UPDATE approvals SET decision = 'approved'", "DELETE FROM approvals"])
def test_the_database_itself_keeps_the_record_of_decisions(engine: Engine, store: ArticleStore, words: str) -> None:
    store.record([make_article()], MONDAY)
    store.decide([make_approval(make_article(), Decision.REJECTED)])

    with pytest.raises(DatabaseError, match="approvals only grow"), engine.begin() as connection:
        connection.execute(text(words))

    assert [a.decision for a in store.record_of("needling.md")] == [Decision.REJECTED]


def test_what_was_removed_is_kept_with_the_revision(store: ArticleStore) -> None:
    store.record([make_article()], MONDAY, remarks={"needling.md": ["is read without: script (1)"]})

    assert [s.remarks for s in store.standings()] == [("is read without: script (1)",)]
