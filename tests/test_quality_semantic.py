"""What the extra `semantic` must reach on our own labelled sets and samples, and what it must never cost."""

from pathlib import Path

import pytest

from benchmarks.near_duplicates import measure_sections, read_sections
from content.clusters import cluster
from content.sections import NOT_APPROVED, split
from newsletter.semantics import load_vectors
from newsletter.sources.folder import read

SAMPLES = Path(__file__).parents[1] / "examples" / "articles"
DATA = Path(__file__).parent / "data"
SETS = sorted(path.stem for path in DATA.glob("beauty_*.txt"))


@pytest.mark.parametrize("name", SETS)
def test_meaning_finds_at_least_what_words_find_and_merges_nothing_else(name: str) -> None:
    labelled = read_sections(DATA / f"{name}.txt")
    words = measure_sections(labelled, peers=False, draws=0)
    both = measure_sections(labelled, peers=False, draws=0, vectors=load_vectors())
    assert (both["P"], both["lost"], both["contradictions_merged"][0]) == (1.0, [], 0)
    assert both["R"] >= words["R"]
    assert both["repeats_dropped"][0] >= words["repeats_dropped"][0]
    assert both["evidence"] == "words and MiniLM-L6-v2"


@pytest.mark.parametrize(
    ("name", "headings"),
    [
        ("magazine_c", {"How LED Masks Work", "Getting the Most from an LED Mask"}),
        ("beauty_tuning_d", {"How to Use Vitamin C", "Vitamin C Explained"}),
        ("beauty_tuning_e", {"How to Use a Facial Oil", "Facial Oils Explained"}),
    ],
)
def test_two_explainers_of_one_subject_are_told_apart(name: str, headings: set[str]) -> None:
    sections = [x.section for x in read_sections(DATA / f"{name}.txt") if x.section.heading in headings]

    assert cluster(sections) == ()
    assert cluster(sections, vectors=load_vectors()) == ()


@pytest.fixture(scope="module")
def sampled() -> list[set[str]]:
    """What is found together among our samples, which nobody wrote for this: titles, stories and side remarks too."""
    paths = sorted(p for p in SAMPLES.rglob("*") if p.suffix in {".md", ".html", ".txt", ".docx"})
    sections = [s for path in paths for article in read(path).articles for s in split(article, NOT_APPROVED)]
    return [{m.heading for m in c.members} for c in cluster(sections, vectors=load_vectors())]


def test_an_explainer_that_two_subjects_share_does_not_make_them_one(sampled: list[set[str]]) -> None:
    assert {"Sunscreen, Every Morning"} <= set().union(*sampled)
    assert [c for c in sampled if "How Retinol Works" in c] == [{"How Retinol Works"}]
    assert [c for c in sampled if "How a Chemical Peel Works" in c] == [{"How a Chemical Peel Works"}]


def test_what_leads_into_an_article_is_found_only_where_it_is_nearly_copied(sampled: list[set[str]]) -> None:
    assert [c for c in sampled if "" in c] == [{"", "The Price"}]


def test_among_samples_hardly_more_than_every_third_group_is_of_like_kind_only(sampled: list[set[str]]) -> None:
    of_like_kind = [c for c in sampled if len(c) > 1 and "" not in c]
    assert len(of_like_kind) <= 4, of_like_kind
