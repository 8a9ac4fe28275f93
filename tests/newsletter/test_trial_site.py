"""The demo's own site shows the samples in every way a source reads them: all of them end in one edition."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from content.approvals import Decision
from newsletter.approving import decide
from newsletter.cli.demo import EXAMPLES
from newsletter.cli.trial_site import GHOST_KEY, trial_site
from newsletter.ingesting import ingest
from newsletter.publishing import draft
from newsletter.settings import Settings
from newsletter.sources.kinds import KINDS
from newsletter.storage.sources import SourceRecord
from newsletter.wiring import House, make_source, open_house
from tests.builders import MONDAY


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A house with a source of every kind, and before them one that is gone."""
    settings = Settings(
        home=tmp_path,
        postal_address="1 Example Street",
        fetch_loopback=True,
        source_secrets={"magazine": SecretStr(GHOST_KEY)},
    )
    with trial_site(EXAMPLES / "articles") as site, open_house(settings) as house:
        places = {
            "retired": ("feed", f"{site}/retired.xml"),
            "desk": ("folder", str(EXAMPLES / "articles" / "skin" / "retinol-for-beginners.md")),
            "salon": ("feed", f"{site}/feed.xml"),
            "blog": ("wordpress", site),
            "magazine": ("ghost", site),
            "page": ("web", f"{site}/after-microneedling.html"),
        }
        for name, (kind, location) in places.items():
            house.sources.add(SourceRecord(name=name, kind=kind, location=location, added_at=MONDAY))
        yield house


def test_every_kind_pulls_into_one_edition_and_the_failing_source_fails_none_of_them(house: House) -> None:
    records = house.sources.all()
    reports = {r.name: ingest(make_source(r, house.settings), house.sources, house.articles, MONDAY) for r in records}
    pending = [s.article.id for s in house.articles.standings() if s.approval is None]
    decide(house.articles, pending, Decision.APPROVED, by="Ines", note="", now=MONDAY)
    record = draft(house, MONDAY)

    assert {r.kind for r in records} == set(KINDS)
    assert {name: (report.change.new, bool(report.error)) for name, report in reports.items()} == {
        "blog": (1, False),
        "desk": (1, False),
        "magazine": (1, False),
        "page": (1, False),
        "retired": (0, True),
        "salon": (1, False),
    }
    assert reports["retired"].error.endswith("is gone for good (status 410)")
    assert reports["magazine"].approved == 1
    assert record
    assert sorted(s.article.partition(":")[0] for s in record.edition.stories) == [
        "blog",
        "desk",
        "magazine",
        "page",
        "salon",
    ]
