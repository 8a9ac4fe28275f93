"""The sample articles and people can all be read, in every format, and repeat each other as real ones do."""

import csv
from collections import Counter
from pathlib import Path
from zoneinfo import ZoneInfo

from content.articles import BlockKind
from newsletter.sources.folder import FORMATS, read

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_every_sample_article_is_read_without_a_complaint() -> None:
    pull = read(EXAMPLES / "articles")

    assert pull.problems == ()
    assert len(pull.articles) == 15
    waiting = {a.title for a in pull.articles} - {
        a.title for a in pull.articles if a.revision in {approval.revision for approval in pull.approvals}
    }
    assert waiting == {"A Draft: Are Lash Lifts Safe for Contact Lenses?"}


def test_the_samples_show_every_format() -> None:
    suffixes = {file.suffix for file in (EXAMPLES / "articles").rglob("*") if file.is_file()}

    assert suffixes - {".yaml"} == {".md", ".html", ".docx", ".txt"} <= FORMATS.keys()


def test_the_samples_explain_the_same_things_again() -> None:
    headings = Counter(
        block.text
        for article in read(EXAMPLES / "articles").articles
        for block in article.blocks
        if block.kind is BlockKind.HEADING
    )

    explainers = ("How Microneedling Works", "How a Chemical Peel Works", "How Retinol Works", "How SPF Works")
    assert [headings[explainer] for explainer in explainers] == [4, 3, 2, 2]


def test_every_sample_person_has_an_address_that_belongs_to_nobody_and_a_zone_that_exists() -> None:
    with (EXAMPLES / "people.csv").open(encoding="utf-8", newline="") as file:
        people = list(csv.DictReader(file))

    assert len({person["address"].casefold() for person in people}) == len(people) == 42
    # RFC 2606 keeps these three for examples.
    assert {person["address"].partition("@")[2] for person in people} == {"example.org", "example.com", "example.net"}
    assert all(ZoneInfo(person["zone"]) for person in people)
