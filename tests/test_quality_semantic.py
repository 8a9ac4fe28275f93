"""What the extra `semantic` must reach on our own labelled sets, and what it must never cost."""

from pathlib import Path

import pytest

from benchmarks.near_duplicates import measure_sections, read_sections
from newsletter.semantics import load_vectors

DATA = Path(__file__).parent / "data"
SETS = sorted(path.stem for path in DATA.glob("beauty_*.txt"))


@pytest.mark.parametrize("name", SETS)
def test_meaning_finds_at_least_what_words_find_and_merges_nothing_else(name: str) -> None:
    labelled = read_sections(DATA / f"{name}.txt")
    words = measure_sections(labelled, peers=False)
    both = measure_sections(labelled, peers=False, vectors=load_vectors())
    assert (both["P"], both["lost"], both["contradictions_merged"][0]) == (1.0, [], 0)
    assert both["R"] >= words["R"]
    assert both["repeats_dropped"][0] >= words["repeats_dropped"][0]
    assert both["evidence"] == "words and MiniLM-L6-v2"
