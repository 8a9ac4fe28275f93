"""What a source shows is kept with the approvals it brings; a source that fails is noted and harms no other."""

from dataclasses import dataclass, field

import pytest
from sqlalchemy import Engine

from newsletter.ingesting import Report, ingest
from newsletter.ports import Problem, Pull, SourceError
from newsletter.storage.articles import ArticleStore, Change
from newsletter.storage.sources import Policy, SourceRecord, SourceStore
from tests.builders import MONDAY, make_approval, make_article


@dataclass
class FakeSource:
    shows: Pull | SourceError
    name: str = "magazine"
    told: list[dict[str, str]] = field(default_factory=list)

    def pull(self, memory: dict[str, str]) -> Pull:
        self.told.append(memory)
        if isinstance(self.shows, SourceError):
            raise self.shows
        return self.shows


@pytest.fixture
def stores(engine: Engine) -> tuple[SourceStore, ArticleStore]:
    return SourceStore(engine), ArticleStore(engine)


ARTICLE = make_article()


def test_articles_approvals_and_problems_are_reported(stores: tuple[SourceStore, ArticleStore]) -> None:
    problem = Problem("b.md", "empty")
    source = FakeSource(Pull(articles=(ARTICLE,), approvals=(make_approval(ARTICLE),), problems=(problem,)))

    report = ingest(source, *stores, MONDAY)

    assert report == Report(source="magazine", change=Change(new=1), approved=1, problems=(problem,))
    assert [s.word for s in stores[1].standings()] == ["approved"]


def test_without_an_approval_an_article_waits(stores: tuple[SourceStore, ArticleStore]) -> None:
    ingest(FakeSource(Pull(articles=(ARTICLE,))), *stores, MONDAY)

    assert [s.word for s in stores[1].standings()] == ["pending"]


def test_a_trusted_source_is_approved_by_rule_and_the_record_says_so(
    stores: tuple[SourceStore, ArticleStore],
) -> None:
    stores[0].add(SourceRecord(name="magazine", kind="folder", location="x", policy=Policy.TRUSTED, added_at=MONDAY))

    ingest(FakeSource(Pull(articles=(ARTICLE,))), *stores, MONDAY)

    approval = stores[1].standings()[0].approval
    assert approval
    assert approval.by == "rule: magazine is trusted"


def test_a_source_is_told_what_it_asked_to_be_told(stores: tuple[SourceStore, ArticleStore]) -> None:
    stores[0].add(SourceRecord(name="magazine", kind="feed", location="x", added_at=MONDAY))
    source = FakeSource(Pull(memory={"etag": "abc"}))

    ingest(source, *stores, MONDAY)
    ingest(source, *stores, MONDAY)

    assert source.told == [{}, {"etag": "abc"}]


def test_what_failed_for_good_is_reported_and_noted(stores: tuple[SourceStore, ArticleStore]) -> None:
    stores[0].add(SourceRecord(name="magazine", kind="folder", location="x", added_at=MONDAY))

    report = ingest(FakeSource(SourceError("the folder 'x' is not there")), *stores, MONDAY)

    assert report == Report(source="magazine", error="the folder 'x' is not there")
    record = stores[0].find("magazine")
    assert record
    assert (record.error, record.pulled_at, record.succeeded_at) == ("the folder 'x' is not there", MONDAY, None)


def test_what_may_pass_is_raised_so_that_it_is_tried_again(stores: tuple[SourceStore, ArticleStore]) -> None:
    with pytest.raises(SourceError, match="busy"):
        ingest(FakeSource(SourceError("busy", transient=True)), *stores, MONDAY)
