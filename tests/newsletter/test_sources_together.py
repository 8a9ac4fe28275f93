"""What every kind of source promises: all of them fill one store, and one that fails harms no other."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from newsletter.fetching.addresses import Reach
from newsletter.fetching.client import HttpFetcher, Limits
from newsletter.ingesting import ingest
from newsletter.ports import Source, SourceError
from newsletter.sources.collecting import merged
from newsletter.sources.kinds import KINDS, SourcePlan, make_source
from newsletter.storage.articles import ArticleStore, Change
from newsletter.storage.sources import SourceRecord, SourceStore
from tests.newsletter.cms import CREDENTIALS, KEY, make_post, serve_site
from tests.newsletter.hostile import ok, serve

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
PAGE = (Path(__file__).parents[1] / "data" / "pages" / "shampoo-bars.html").read_bytes()
FEED = b"""<rss version="2.0"><channel><item><title>Lip Oils</title><link>https://desk.example/lips</link>
<description>Oil feeds.</description></item></channel></rss>"""
GHOST_POST = {
    "id": "1",
    "title": "Balms",
    "html": "<p>Wax seals.</p>",
    "url": "https://ghost.example/balms/",
    "updated_at": "2026-11-20T10:00:00.000Z",
    "tags": [{"name": "#approved", "slug": "hash-approved", "visibility": "internal"}],
}


@pytest.fixture
def plans(tmp_path: Path) -> Iterator[dict[str, SourcePlan]]:
    (tmp_path / "articles").mkdir()
    (tmp_path / "articles" / "masks.md").write_text("# Masks\n\nClay dries.")
    with ExitStack() as stack:
        web = stack.enter_context(serve({"/feed": ok(FEED), "/page": ok(PAGE)}))
        blog = stack.enter_context(serve_site(make_post(1)))
        ghost = stack.enter_context(serve_site(GHOST_POST))
        found = (
            SourcePlan(kind="folder", name="desk", location=str(tmp_path / "articles")),
            SourcePlan(kind="feed", name="news", location=f"{web.url}/feed"),
            SourcePlan(kind="wordpress", name="blog", location=blog.url, secret=":".join(CREDENTIALS)),
            SourcePlan(kind="ghost", name="magazine", location=ghost.url, secret=KEY),
            SourcePlan(kind="web", name="pages", location=f"{web.url}/page"),
        )
        yield {plan.kind: plan for plan in found}


def _open(plan: SourcePlan) -> Source:
    limits = Limits(seconds=10, pause=0, tries=1)
    return make_source(plan, HttpFetcher("tests", limits=limits, reach=Reach(loopback=True)))


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_source_brings_bears_its_name_and_can_be_kept(plans: dict[str, SourcePlan], kind: str) -> None:
    plan = plans[kind]

    pull = _open(plan).pull({})

    assert [(a.source, a.id.startswith(f"{plan.name}:")) for a in pull.articles] == [(plan.name, True)]
    assert json.loads(json.dumps(pull.memory)) == pull.memory
    assert plan.secret not in json.dumps(pull.memory) or not plan.secret
    assert {approval.revision for approval in pull.approvals} <= {article.revision for article in pull.articles}


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_look_changes_nothing(plans: dict[str, SourcePlan], kind: str) -> None:
    source = _open(plans[kind])
    first = source.pull({})

    second = source.pull(first.memory)

    assert {article.revision for article in second.articles} <= {article.revision for article in first.articles}
    assert (second.gone, second.problems, second.memory) == ((), (), first.memory)


@pytest.mark.parametrize("kind", KINDS)
def test_its_parts_together_are_the_whole(plans: dict[str, SourcePlan], kind: str) -> None:
    source = _open(plans[kind])

    assert merged(source.pulls({})) == source.pull({})  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", KINDS)
def test_a_source_that_is_not_there_is_an_error_in_one_line(plans: dict[str, SourcePlan], kind: str) -> None:
    nowhere = "/nowhere" if kind == "folder" else "http://127.0.0.1:9/nothing"
    plan = SourcePlan(kind=kind, name="gone", location=nowhere, secret=plans[kind].secret)

    with pytest.raises(SourceError) as caught:
        _open(plan).pull({})
    assert "\n" not in str(caught.value)
    assert caught.value.transient is (kind != "folder")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_all_kinds_fill_one_store_although_one_of_them_fails(plans: dict[str, SourcePlan], engine: Engine) -> None:
    sources, articles = SourceStore(engine), ArticleStore(engine)
    broken = SourcePlan(kind="folder", name="broken", location="/nowhere")
    reports = {}

    for plan in (broken, *plans.values()):
        sources.add(SourceRecord(name=plan.name, kind=plan.kind, location=plan.location, added_at=NOW))
        reports[plan.name] = ingest(_open(plan), sources, articles, NOW)
    again = [ingest(_open(plan), sources, articles, NOW + timedelta(hours=1)).change for plan in plans.values()]

    assert {name: report.change for name, report in reports.items()} == {
        "broken": Change(),
        **{plan.name: Change(new=1) for plan in plans.values()},
    }
    assert reports["broken"].error == "There is no file or folder '/nowhere': check the path, or create it"
    assert reports["magazine"].approved == 1
    assert sum(change.new + change.changed for change in again) == 0
    assert sorted(standing.article.title for standing in articles.standings()) == [
        "Balms",
        "Lip Oils",
        "Lips & Lashes 1",
        "Masks",
        "Shampoo Bars after Six Weeks",
    ]
