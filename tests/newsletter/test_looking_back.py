"""What earlier editions explained is found through the index: the same as by comparing with all that was ever told."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path

import pytest
from sqlalchemy import select

from benchmarks.near_duplicates import read_sections
from content.approvals import Decision
from content.articles import Article
from content.editions import Edition
from content.sections import Section
from newsletter.publishing import approve, draft, find
from newsletter.remembering import remember
from newsletter.scheduling import stop
from newsletter.settings import Settings
from newsletter.storage.editions import EditionState
from newsletter.storage.similarity import EVER, Near, SimilarityIndex, indexed_sections
from newsletter.wiring import House, open_house
from tests.builders import MONDAY, heading, make_approval, make_article, paragraph

WEEK = timedelta(weeks=1)

HOW = "A vegetable dye is painted on the lashes and wiped off with damp cotton after ten minutes."
RETOLD = "The lashes are painted with a vegetable dye, and damp cotton wipes it off ten minutes later."
TINT = make_article("tint.md", heading("How a Lash Tint Works"), paragraph(HOW), title="Lash Tint")
AGAIN = make_article("again.md", heading("How a Lash Tint Works"), paragraph(RETOLD), title="Lash Tint Again")


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    settings = Settings(home=tmp_path, database_url=database_url, postal_address="1 Example Street")
    with open_house(settings) as house:
        yield house


def tell(house: House, articles: Sequence[Article], now: datetime) -> Edition:
    """Approve the articles and the edition that is made of them."""
    house.articles.record(articles, now)
    house.articles.decide(make_approval(a, at=now) for a in articles)
    record = draft(house, now)
    assert record
    approve(house, record.edition.key, by="Ines", now=now, accept=["contradictions"])
    return record.edition


def explainers(edition: Edition) -> set[str]:
    return {x.explainer for story in edition.stories for x in story.sections}


def test_a_retold_explainer_has_the_name_of_the_earlier_one(house: House) -> None:
    first, second = tell(house, [TINT], MONDAY), tell(house, [AGAIN], MONDAY + WEEK)

    assert explainers(second) == explainers(first)
    assert house.explained.size() == 1  # the second is told, and indexed before the third


def test_after_half_a_year_it_is_explained_anew(house: House) -> None:
    first, second = tell(house, [TINT], MONDAY), tell(house, [AGAIN], MONDAY + 27 * WEEK)

    assert explainers(second).isdisjoint(explainers(first))


def test_nobody_is_sent_to_an_article_that_was_withdrawn(house: House) -> None:
    first = tell(house, [TINT], MONDAY)
    house.articles.decide([make_approval(TINT, Decision.WITHDRAWN, at=MONDAY + WEEK)])

    second = tell(house, [AGAIN], MONDAY + WEEK)

    assert explainers(second).isdisjoint(explainers(first))
    assert house.explained.size() == 0


def test_what_a_cancelled_edition_would_have_told_is_forgotten(house: House) -> None:
    edition = tell(house, [TINT], MONDAY)
    assert remember(house) == 1

    stop(house, edition.key, by="ines", now=MONDAY, reason="not now")

    assert (remember(house), house.explained.size(), house.explained.editions("beauty")) == (0, 0, frozenset())
    assert find(house, edition.key).state is EditionState.CANCELLED


class Everything(SimilarityIndex):
    """An index that calls everything near: what publishing finds then is what comparing with all finds."""

    def near(self, sections: Sequence[Section], *, since: datetime = EVER, limit: int = 10) -> tuple[Near, ...]:
        del sections, limit
        names = ("section", "article", "revision", "edition", "explainer", "told_at")
        with self._engine.connect() as connection:
            rows = connection.execute(select(*(indexed_sections.c[n] for n in names))).mappings().all()
        return tuple(Near(asked="", shared=1.0, **row) for row in rows if row["told_at"] >= since)


class Thorough(House):
    """A house that compares with all that was ever told."""

    @property
    def explained(self) -> SimilarityIndex:
        return Everything(self.engine)


def tuning_articles() -> list[list[Article]]:
    """The articles of the tuning sets, a week's at a time: each brings another variant of the explainers before it."""
    found: dict[str, list[Article]] = {}
    for path in sorted((Path(__file__).parents[1] / "data").glob("beauty_tuning*.txt")):
        sections = sorted((x.section for x in read_sections(path)), key=lambda s: (s.article, s.position))
        for name, parts in groupby(sections, key=lambda s: s.article):
            blocks = [block for s in parts for block in (heading(s.heading), *s.blocks)]
            article = make_article(f"{path.stem}-{name}", *blocks, title="")
            found.setdefault(name.rpartition("/")[2], []).append(article)
    return list(found.values())


def test_the_index_finds_what_comparing_with_all_finds(tmp_path: Path) -> None:
    told = []
    for kind in (House, Thorough):
        settings = Settings(home=tmp_path / kind.__name__, postal_address="1 Example Street", maximum_stories=100)
        with open_house(settings) as opened:
            house = kind(**{f.name: getattr(opened, f.name) for f in fields(opened)})
            weeks = enumerate(tuning_articles())
            told.append([explainers(tell(house, articles, MONDAY + n * WEEK)) for n, articles in weeks])

    by_index, by_all = told
    assert by_index == by_all
    repeated = [before & after for n, after in enumerate(by_all) for before in by_all[:n]]
    assert sum(map(len, repeated)) > 20
