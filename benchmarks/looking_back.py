"""Measures how long a new article takes to find its likes among all explainers ever told, as their number grows.

    python -m benchmarks.looking_back CORPUS [--sections N] [--quick] [--json]

CORPUS is a corpus as of `benchmarks.near_duplicates`. The articles that ask retell stored sections at levels 1 to 4.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.growth import section_of
from benchmarks.near_duplicates import read_texts
from benchmarks.rewriting import grow
from content.sections import Section
from newsletter.storage.engine import migrate, open_engine
from newsletter.storage.similarity import SimilarityIndex, Told

#: Stored sections of a quick run, and of a whole one.
QUICK, WHOLE = 20_000, 1_000_000

#: Sections of an article that asks, and how many articles ask.
SECTIONS, ASKING = 6, 60

TOLD_AT = datetime(2026, 11, 23, 9, tzinfo=UTC)


def measure(texts: list[str], number: int, url: str) -> dict[str, Any]:
    """Return how long storing and asking take, and how many retold sections find their original, by level."""
    corpus = grow(texts, number + SECTIONS * ASKING)
    engine = open_engine(url)
    migrate(engine)
    index = SimilarityIndex(engine)
    started = time.process_time()
    stored = index.add(_told(corpus.texts[:number]))
    storing = time.process_time() - started
    asked = [replace(section_of(n, corpus.texts[n]), article="new") for n in range(number, len(corpus.texts))]
    origin = {f"{copy:016d}.0": (corpus.roots[copy], level) for _, copy, level in corpus.made if copy >= number}
    seconds, found = [], {}
    for start in range(0, len(asked), SECTIONS):
        began = time.perf_counter()
        near = index.near(asked[start : start + SECTIONS])
        seconds.append(time.perf_counter() - began)
        for n in near:
            found.setdefault(n.asked, set()).add(corpus.roots[int(n.article)])
    engine.dispose()
    return {
        "stored": stored,
        "storing_cpu_s": round(storing, 1),
        "sections_stored_per_cpu_s": round(stored / storing),
        "ms_per_article_median": round(1000 * statistics.median(seconds), 1),
        "ms_per_article_slowest": round(1000 * max(seconds), 1),
        "found": _by_level((level, root in found.get(key, ())) for key, (root, level) in origin.items()),
    }


def _told(texts: Iterable[str]) -> Iterator[Told]:
    for number, text in enumerate(texts):
        section: Section = section_of(number, text)
        yield Told(section=section, edition="W48", explainer=section.id, told_at=TOLD_AT)


def _by_level(hits: Iterable[tuple[int, bool]]) -> dict[str, float]:
    by_level: dict[int, list[bool]] = {}
    for level, hit in hits:
        by_level.setdefault(level, []).append(hit)
    return {f"L{level}": round(statistics.mean(found), 3) for level, found in sorted(by_level.items())}


def main() -> None:
    """Measure on an SQLite file of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--sections", type=int, help="how many are stored")
    parser.add_argument("--quick", action="store_true", help=f"store {QUICK:,} rather than {WHOLE:,}")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store.db"
        number = options.sections or (QUICK if options.quick else WHOLE)
        figures = measure(read_texts(options.corpus), number, f"sqlite:///{store}")
        figures["file_mb"] = store.stat().st_size // 1_000_000
    for key, value in figures.items():
        print(f"{key:28} {value}")
    if options.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
