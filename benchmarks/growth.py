"""Measures how finding near-duplicates grows with a corpus: recall by level of rewriting, speed, memory, peers."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any

from benchmarks.rewriting import Rewritten, grow
from content.articles import Block, BlockKind
from content.candidates import partners_of
from content.clusters import examine
from content.sections import Section
from content.similarity import profiles
from content.text import words
from newsletter.working import undisturbed

#: Sections of a quick run, and of a whole one.
QUICK, WHOLE = 6_000, 100_000


def measure_growth(originals: Sequence[str], size: int) -> dict[str, Any]:
    """Return candidate recall by level, what ends in one cluster, and CPU seconds, next to peers on the same texts."""
    corpus = grow(originals, size)
    sections = [section_of(n, text) for n, text in enumerate(corpus.texts)]
    with undisturbed():
        started = time.process_time()
        known = profiles(sections)
        pairs = partners_of(known.bags, known.masses).pairs
        to_candidates = time.process_time() - started
        del known
        found = {(a, b) for a, b in pairs.tolist()}
        started = time.process_time()
        clustering = examine(sections)
        end_to_end = time.process_time() - started
    groups = {int(m.article): number for number, c in enumerate(clustering.clusters) for m in c.members}
    return {
        "sections": size,
        "candidate_cpu_s": round(to_candidates, 2),
        "candidates": len(found),
        "candidate_recall": _by_level(corpus, lambda a, b: (a, b) in found),
        "end_to_end_cpu_s": round(end_to_end, 2),
        "sections_per_cpu_s": round(size / end_to_end),
        "clustered": _by_level(corpus, lambda a, b: a in groups and groups[a] == groups.get(b)),
        "cluster_precision": _precision(corpus, [[int(m.article) for m in c.members] for c in clustering.clusters]),
        "passed_over": clustering.passed_over,
        "peers": _peers(corpus),
    }


def section_of(number: int, text: str) -> Section:
    """Return a section of an article of its own."""
    return Section(
        article=str(number),
        article_title="",
        revision=f"{number:016d}",
        position=0,
        heading="",
        blocks=(Block(BlockKind.PARAGRAPH, text),),
    )


def _by_level(corpus: Rewritten, together: Callable[[int, int], bool]) -> dict[str, float]:
    hits: Counter[int] = Counter()
    total: Counter[int] = Counter()
    for original, copy, level in corpus.made:
        hits[level] += together(original, copy)
        total[level] += 1
    return {f"L{level}": round(hits[level] / total[level], 4) for level in sorted(total)}


def _precision(corpus: Rewritten, clusters: Collection[Sequence[int]]) -> float:
    good = said = 0
    for members in clusters:
        sizes = Counter(corpus.roots[m] for m in members).values()
        good += sum(n * (n - 1) // 2 for n in sizes)
        said += len(members) * (len(members) - 1) // 2
    return round(good / said, 4) if said else 1.0


def _peers(corpus: Rewritten) -> dict[str, Any]:
    found: dict[str, Any] = {}
    try:
        import datasketch

        found[f"datasketch {datasketch.__version__} MinHash LSH word-3, 25x5"] = _timed(corpus, _datasketch)
    except ImportError:
        pass
    try:
        from importlib.metadata import version

        import rensa  # noqa: F401 - is it there?

        found[f"rensa {version('rensa')} MinHash LSH word-1, 42x3"] = _timed(corpus, _rensa)
    except ImportError:
        pass
    return found


def _timed(corpus: Rewritten, find: Callable[[Sequence[str]], set[tuple[int, int]]]) -> dict[str, Any]:
    started = time.process_time()
    pairs = find(corpus.texts)
    seconds = time.process_time() - started
    return {
        "candidate_cpu_s": round(seconds, 2),
        "candidates": len(pairs),
        "candidate_recall": _by_level(corpus, lambda a, b: (a, b) in pairs),
    }


def _datasketch(texts: Sequence[str]) -> set[tuple[int, int]]:
    import datasketch

    index = datasketch.MinHashLSH(num_perm=125, params=(25, 5))
    pairs = set()
    for number, text in enumerate(texts):
        found = words(text)
        minhash = datasketch.MinHash(num_perm=125, seed=1)
        minhash.update_batch([" ".join(found[i : i + 3]).encode() for i in range(max(1, len(found) - 2))])
        pairs.update((int(other), number) for other in index.query(minhash))
        index.insert(number, minhash)
    return pairs


def _rensa(texts: Sequence[str]) -> set[tuple[int, int]]:
    import rensa

    index = rensa.RMinHashLSH(threshold=0.4, num_perm=126, num_bands=42)
    pairs = set()
    for number, text in enumerate(texts):
        minhash = rensa.RMinHash(num_perm=126, seed=1)
        minhash.update(words(text))
        pairs.update((int(other), number) for other in index.query(minhash))
        index.insert(number, minhash)
    return pairs
