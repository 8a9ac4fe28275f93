"""What a source shows is kept with the approvals it brings; a source that fails is noted and harms no other."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from content.approvals import Decision
from newsletter.fetching.addresses import Reach
from newsletter.fetching.client import HttpFetcher, Limits
from newsletter.ingesting import Report, ingest
from newsletter.ports import Problem, Pull, SourceError
from newsletter.sources.kinds import SourcePlan, make_source
from newsletter.storage.articles import ArticleStore, Change
from newsletter.storage.sources import Counts, Policy, SourceRecord, SourceStore
from tests.builders import MONDAY, make_approval, make_article
from tests.newsletter.hostile import answer, serve


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

    def pulls(self, memory: dict[str, str]) -> Iterator[Pull]:
        yield self.pull(memory)


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


def test_an_approval_says_nothing_of_the_next_wording(stores: tuple[SourceStore, ArticleStore]) -> None:
    approval = make_approval(ARTICLE, at=MONDAY - timedelta(days=7))
    ingest(FakeSource(Pull(articles=(ARTICLE,), approvals=(approval,))), *stores, MONDAY)
    edited = make_article(title="Edited, and its front matter left as it was")
    tuesday = MONDAY + timedelta(days=1)

    stale = Pull(articles=(edited,), approvals=(replace(approval, revision=edited.revision),))
    report = ingest(FakeSource(stale), *stores, tuesday)

    assert [s.word for s in stores[1].standings()] == ["pending"]
    assert report.notes == (
        Problem(ARTICLE.id, f"{ARTICLE.id} was edited after its approval of 16 Nov 2026: approve it again"),
    )

    renewed = Pull(articles=(edited,), approvals=(make_approval(edited, at=tuesday),))
    ingest(FakeSource(renewed), *stores, tuesday + timedelta(hours=1))

    assert [s.word for s in stores[1].standings()] == ["approved"]


@pytest.mark.parametrize("decision", [Decision.WITHDRAWN, Decision.REJECTED])
def test_what_an_editor_decided_is_not_undone_by_the_next_pull(
    stores: tuple[SourceStore, ArticleStore], decision: Decision
) -> None:
    source = FakeSource(Pull(articles=(ARTICLE,), approvals=(make_approval(ARTICLE),)))
    ingest(source, *stores, MONDAY)
    stores[1].decide([make_approval(ARTICLE, decision, at=MONDAY + timedelta(hours=1))])

    report = ingest(source, *stores, MONDAY + timedelta(hours=2))

    assert report.approved == 0
    assert [s.word for s in stores[1].standings()] == [decision.value]


def test_a_trusted_source_does_not_undo_what_an_editor_decided(stores: tuple[SourceStore, ArticleStore]) -> None:
    stores[0].add(SourceRecord(name="magazine", kind="folder", location="x", policy=Policy.TRUSTED, added_at=MONDAY))
    source = FakeSource(Pull(articles=(ARTICLE,)))
    ingest(source, *stores, MONDAY)
    stores[1].decide([make_approval(ARTICLE, Decision.WITHDRAWN, at=MONDAY + timedelta(hours=1))])

    ingest(source, *stores, MONDAY + timedelta(hours=2))

    assert [s.word for s in stores[1].standings()] == ["withdrawn"]


def test_notes_and_what_is_gone_are_reported(stores: tuple[SourceStore, ArticleStore]) -> None:
    note = Problem("a.md", "a.md is read without: script (1)")
    source = FakeSource(Pull(articles=(ARTICLE,), notes=(note,), gone=("magazine:b.md",)))

    report = ingest(source, *stores, MONDAY)

    assert (report.notes, report.gone) == ((note,), ("magazine:b.md",))


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


@pytest.mark.parametrize(
    ("policy", "flagged", "plain"),
    [
        (Policy.REVIEW, "pending", "pending"),
        (Policy.FLAG, "approved", "pending"),
        (Policy.TRUSTED, "approved", "approved"),
    ],
    ids=lambda value: str(value),
)
def test_the_policy_says_what_an_article_needs(
    stores: tuple[SourceStore, ArticleStore], policy: Policy, flagged: str, plain: str
) -> None:
    stores[0].add(SourceRecord(name="magazine", kind="folder", location="x", policy=policy, added_at=MONDAY))
    other = make_article("plain.md")

    ingest(FakeSource(Pull(articles=(ARTICLE, other), approvals=(make_approval(ARTICLE),))), *stores, MONDAY)

    assert {s.article.id: s.word for s in stores[1].standings()} == {ARTICLE.id: flagged, "plain.md": plain}


def test_how_a_source_did_is_kept(stores: tuple[SourceStore, ArticleStore]) -> None:
    stores[0].add(SourceRecord(name="magazine", kind="folder", location="x", added_at=MONDAY))
    problem = Problem("b.md", "b.md is empty")

    ingest(FakeSource(Pull(articles=(ARTICLE,), problems=(problem,))), *stores, MONDAY)

    record = stores[0].find("magazine")
    assert record
    assert (record.counts, record.left_out, record.succeeded_at) == (
        Counts(new=1, skipped=1),
        ("b.md is empty",),
        MONDAY,
    )


def test_a_feed_that_is_gone_twice_is_asked_no_more_until_staff_say_so(
    stores: tuple[SourceStore, ArticleStore],
) -> None:
    with serve({"/feed": answer(410)}) as site:
        url = f"{site.url}/feed"
        stores[0].add(SourceRecord(name="news", kind="feed", location=url, added_at=MONDAY))
        fetcher = HttpFetcher("tests", limits=Limits(pause=0, tries=1), reach=Reach(loopback=True))
        source = make_source(SourcePlan(kind="feed", name="news", location=url), fetcher)
        first, second, third = (ingest(source, *stores, MONDAY) for _ in range(3))
        asked = site.paths().count("/feed")
        stores[0].enable("news")
        fourth = ingest(source, *stores, MONDAY)

    assert first.error == second.error == fourth.error
    assert "410" in first.error
    assert (third.error, asked) == ("", 2)
    assert third.disabled == (
        "not pulled: its site said 2 times that it is gone for good. 'newsletter source enable news' tries it again"
    )


def test_what_is_doubtful_waits_for_a_person_although_its_source_is_trusted(
    stores: tuple[SourceStore, ArticleStore],
) -> None:
    """Row A37: a teaser, a wall, a stub."""
    stores[0].add(SourceRecord(name="magazine", kind="folder", location="x", policy=Policy.TRUSTED, added_at=MONDAY))
    stub = make_article("stub.md", title="Please turn on JavaScript")

    ingest(FakeSource(Pull(articles=(ARTICLE, stub), doubtful=("stub.md",))), *stores, MONDAY)

    assert {s.article.id: s.word for s in stores[1].standings()} == {ARTICLE.id: "approved", "stub.md": "pending"}


def test_an_article_that_is_gone_from_its_source_stays_and_is_flagged_until_it_is_back(
    stores: tuple[SourceStore, ArticleStore],
) -> None:
    """Row A42."""
    ingest(FakeSource(Pull(articles=(ARTICLE,), approvals=(make_approval(ARTICLE),))), *stores, MONDAY)

    ingest(FakeSource(Pull(gone=(ARTICLE.id,))), *stores, MONDAY)
    gone = stores[1].standings()
    ingest(FakeSource(Pull(articles=(ARTICLE,))), *stores, MONDAY)
    back = stores[1].standings()

    assert [(s.word, s.remarks) for s in gone] == [("approved", ("is gone from its source since 23 Nov 2026",))]
    assert [(s.word, s.remarks) for s in back] == [("approved", ())]
