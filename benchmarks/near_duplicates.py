"""Measures how well repeated explainers are found and folded, next to datasketch, rensa and rapidfuzz in the same run.

    python -m benchmarks.near_duplicates DATA... [--json] [--quick] [--lexical]

DATA are section sets (.txt, as in `tests/data/beauty_*.txt`), pair sets (.jsonl or .jsonl.gz with `a`, `b`, `label`)
and corpora (.jsonl.gz with `text`, and `heading`, `article` where known).
"""

import argparse
import gzip
import json
import random
import resource
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

from benchmarks.growth import QUICK, WHOLE, measure_growth
from benchmarks.peers import installed
from content.articles import Block, BlockKind
from content.clusters import cluster
from content.embeddings import Vectors
from content.folding import Folding, Rule, fold
from content.repeats import says_the_same
from content.sections import Section
from content.similarity import alike, traits, weigh
from content.text import spans
from newsletter.semantics import load_vectors

#: Share of the sections that stay when a set is thinned out, and how often it is drawn anew.
STAYING, DRAWS = 0.6, 20


@dataclass(frozen=True, slots=True)
class Labelled:
    """A section with its gold explainer and the facts of each of its lines: a block each, a sentence, rarely two."""

    section: Section
    explainer: str
    facts: tuple[frozenset[str], ...]


def read_sections(path: Path) -> list[Labelled]:
    """Return the labelled sections of a set; those of one treatment and variant form one article."""
    found: list[Labelled] = []
    positions: Counter[str] = Counter()
    for explainer, variant, heading, lines in _parts(path.read_text(encoding="utf-8")):
        article = f"{explainer.split('.')[0]}/{variant}"
        section = Section(
            article=article,
            article_title="",
            revision=f"{article:0<16}"[:16] if len(article) <= 16 else article[:8] + article[-8:],
            position=positions[article],
            heading=heading,
            blocks=tuple(Block(BlockKind.PARAGRAPH, text) for _, text in lines),
        )
        positions[article] += 1
        found.append(Labelled(section, explainer, tuple(_facts(f) for f, _ in lines)))
    return found


def _parts(text: str) -> Iterator[tuple[str, str, str, list[tuple[str, str]]]]:
    current: tuple[str, str, str, list[tuple[str, str]]] | None = None
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith("## "):
            if current:
                yield current
            explainer, variant, heading = (part.strip() for part in (line[3:] + " ").split("|", 2))
            current = explainer, variant, heading, []
        elif current and "::" in line:
            facts, _, sentence = line.partition("::")
            current[3].append((facts.strip(), sentence.strip()))
    if current:
        yield current


def _facts(facts: str) -> frozenset[str]:
    return frozenset(f.strip() for f in facts.split(",") if f.strip())


def measure_sections(
    labelled: Sequence[Labelled], peers: bool = True, vectors: Vectors | None = None, draws: int = DRAWS
) -> dict[str, Any]:
    """Return precision, recall and F1 of the clusters, and what became of facts, repeats and contradictions.

    Args:
        labelled: The sections of a set.
        peers: Measure other programs on it, too.
        vectors: Of words; None compares by words alone.
        draws: How often the set is thinned out and measured again; 0 leaves those figures out.
    """
    sections = [x.section for x in labelled]
    started = time.perf_counter()
    clusters = cluster(sections, vectors=vectors)
    folding = fold(sections, clusters, vectors=vectors)
    seconds = time.perf_counter() - started
    groups = {m.id: number for number, c in enumerate(clusters) for m in c.members}
    predicted = [groups.get(s.id, -number) for number, s in enumerate(sections, start=1)]
    gold = [x.explainer for x in labelled]
    scores = _pair_scores(predicted, gold)
    thinned = [_thinned(labelled, seed, vectors) for seed in range(draws)]
    return {
        **scores,
        "ARI": round(_rand_index(predicted, gold), 4),
        **_folded(labelled, folding),
        **{f"{k}_40_missing": round(sum(t[k] for t in thinned) / draws, 4) for k in ("F1", "P", "R") if draws},
        "evidence": f"words and {vectors.name}" if vectors else "words",
        "sections": len(sections),
        "sections_per_s": round(len(sections) / seconds),
        "peers": _section_peers([f"{s.heading}\n{s.text}" for s in sections], gold) if peers else {},
    }


def _thinned(labelled: Sequence[Labelled], seed: int, vectors: Vectors | None) -> dict[str, float]:
    drawn = random.Random(seed)
    left = [x for x in labelled if drawn.random() < STAYING]
    clusters = cluster((x.section for x in left), vectors=vectors)
    groups = {m.id: number for number, c in enumerate(clusters) for m in c.members}
    return _pair_scores(
        [groups.get(x.section.id, -n) for n, x in enumerate(left, start=1)], [x.explainer for x in left]
    )


def _pair_scores(predicted: Sequence[object], gold: Sequence[object]) -> dict[str, float]:
    hits = said = true = 0
    for (p, g), (q, h) in combinations(zip(predicted, gold, strict=True), 2):
        hits += p == q and g == h
        said += p == q
        true += g == h
    return _scores(hits, said, true)


def _scores(hits: int, said: int, true: int) -> dict[str, float]:
    precision, recall = hits / said if said else 1.0, hits / true if true else 1.0
    both = precision + recall
    return {
        "P": round(precision, 4),
        "R": round(recall, 4),
        "F1": round(2 * precision * recall / both if both else 0.0, 4),
    }


def _rand_index(predicted: Sequence[object], gold: Sequence[object]) -> float:
    """Return the adjusted Rand index (Hubert and Arabie, 1985)."""

    def pairs(counts: Iterable[int]) -> float:
        return sum(n * (n - 1) / 2 for n in counts)

    together = pairs(Counter(zip(predicted, gold, strict=True)).values())
    left, right = pairs(Counter(predicted).values()), pairs(Counter(gold).values())
    expected = left * right / (pairs([len(gold)]) or 1)
    most = (left + right) / 2
    return (together - expected) / (most - expected) if most != expected else 1.0


def _folded(labelled: Sequence[Labelled], folding: Folding) -> dict[str, Any]:
    facts = {(x.section.id, n): (x.explainer, f) for x in labelled for n, f in enumerate(x.facts)}
    # A line counts as dropped when one of its sentences is, unless the very same words are printed elsewhere.
    dropped = {(d.statement.section, d.statement.block) for d in folding.drops}
    same_words = {(d.statement.section, d.statement.block) for d in folding.drops if d.rule in _SAME}
    said_anew = {(d.statement.section, d.statement.block) for d in folding.drops if d.rule not in _SAME}
    same_words -= said_anew
    every, printed = defaultdict(set), defaultdict(set)
    for key, (explainer, stated) in facts.items():
        every[explainer] |= stated
        if key not in dropped or key in same_words:
            printed[explainer] |= stated
    lost = sorted(f"{e}: {f}" for e in every for f in every[e] - printed[e])
    number = sum(map(len, every.values()))
    clashing = [
        (a, b)
        for (a, (e, f)), (b, (g, h)) in combinations(facts.items(), 2)
        if e == g
        and any(x.partition("=")[0] == y.partition("=")[0] and x != y for x in f for y in h if "=" in x and "=" in y)
    ]
    flagged = {frozenset(((c.a.section, c.a.block), (c.b.section, c.b.block))) for c in folding.contradictions}
    return {
        "facts": [number - len(lost), number],
        "lost": lost,
        "repeats_dropped": [len(dropped), _repeats(labelled)],
        "contradictions_merged": [sum(a in dropped or b in dropped for a, b in clashing), len(clashing)],
        "contradictions_flagged": [len(flagged & {frozenset(pair) for pair in clashing}), len(flagged)],
        "printed": [len(facts) - len(dropped), len(facts)],
    }


#: A sentence dropped by these rules stands elsewhere in the very same words: what it states is printed.
_SAME = (Rule.SAME_WORDS, Rule.FURNITURE)


def _repeats(labelled: Sequence[Labelled]) -> int:
    """Count the sentences whose facts all stand before them in their explainer."""
    seen: dict[str, set[str]] = defaultdict(set)
    repeats = 0
    for x in labelled:
        for stated in x.facts:
            repeats += bool(stated) and stated <= seen[x.explainer]
            seen[x.explainer] |= stated
    return repeats


def _section_peers(texts: Sequence[str], gold: Sequence[str]) -> dict[str, Any]:
    """Return each peer's F1 at the threshold that is best on this very set: nobody could do better with it."""
    result = {}
    labels = [a == b for a, b in combinations(gold, 2)]
    for peer in installed():
        ready = [peer.prepare(t) for t in texts]
        scores = [peer.compare(a, b) for a, b in combinations(ready, 2)]
        threshold = _best_threshold(scores, labels)
        result[peer.name] = {
            **_at(scores, labels, threshold),
            "threshold": "best on this set",
            "AP": _average_precision(scores, labels),
        }
    return result


def measure_pairs(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return scores over pairs of texts: each half at the threshold that is best on the other, for us and for peers."""
    labels = [bool(r["label"]) for r in records]
    started = time.perf_counter()
    scores = _our_pair_scores(records)
    seconds = time.perf_counter() - started
    peers = {}
    for peer in installed():
        some, known = records[: peer.most], labels[: peer.most]
        theirs = [peer.compare(peer.prepare(r["a"]), peer.prepare(r["b"])) for r in some]
        peers[peer.name] = {**_crossed(theirs, known), "AP": _average_precision(theirs, known), "pairs": len(some)}
        if peer.most and peer.most < len(records):
            peers[peer.name]["ours_on_these"] = _crossed(scores[: peer.most], known)["F1"]
    return {
        **_crossed(scores, labels),
        "AP": _average_precision(scores, labels),
        "threshold": "best on the other half",
        "pairs": len(records),
        "pairs_per_s": round(len(records) / seconds),
        "peers": peers,
    }


def _our_pair_scores(records: Sequence[dict[str, Any]]) -> list[float]:
    prepared = [(traits(r["a"]), traits(r["b"])) for r in records]
    weights = weigh(t.concepts | t.words | t.letters for pair in prepared for t in pair)
    scores = [alike(a, b, weights) for a, b in prepared]
    return [_judged(r["a"], r["b"], s) for r, s in zip(records, scores, strict=True)]


def _judged(a: str, b: str, score: float) -> float:
    """Return the score of a pair. Of two single sentences the guards decide, as in folding, which half it falls in."""
    if len(list(spans(a))) != 1 or len(list(spans(b))) != 1:
        return score
    return 0.5 + score / 2 if says_the_same(a, b) else score / 2


def _crossed(scores: Sequence[float], labels: Sequence[bool]) -> dict[str, float]:
    hits = said = true = 0
    for mine, other in ((0, 1), (1, 0)):
        threshold = _best_threshold(scores[other::2], labels[other::2])
        for score, label in zip(scores[mine::2], labels[mine::2], strict=True):
            hits += score >= threshold and label
            said += score >= threshold
            true += label
    return _scores(hits, said, true)


def _at(scores: Sequence[float], labels: Sequence[bool], threshold: float) -> dict[str, float]:
    said = [s >= threshold for s in scores]
    return _scores(sum(a and b for a, b in zip(said, labels, strict=True)), sum(said), sum(labels))


def _best_threshold(scores: Sequence[float], labels: Sequence[bool]) -> float:
    """Return the threshold of the best F1: half way to the next score below, so that it carries over."""
    ranked = sorted(zip(scores, labels, strict=True), key=lambda p: -p[0])
    total, hits, best, at = sum(labels), 0, -1.0, 0.0
    for number, ((score, label), (below, _)) in enumerate(pairwise([*ranked, (0.0, False)]), start=1):
        hits += label
        value = 2 * hits / (number + total)
        if score > below and value > best:
            best, at = value, (score + below) / 2
    return at


def _average_precision(scores: Sequence[float], labels: Sequence[bool]) -> float:
    ranked = sorted(zip(scores, labels, strict=True), key=lambda p: (-p[0], p[1]))
    hits, total = 0, 0.0
    for number, (_, label) in enumerate(ranked, start=1):
        hits += label
        total += label * hits / number
    return round(total / hits, 4) if hits else 0.0


def measure(path: Path, quick: bool, vectors: Vectors | None = None) -> dict[str, Any]:
    """Return the figures of one data file, whatever its kind."""
    if path.suffix == ".txt":
        return measure_sections(read_sections(path), vectors=vectors)
    records = _records(path, limit=4000 if quick else None)
    if records and "label" in records[0]:
        return measure_pairs(records)
    if records and "text" in records[0]:
        return measure_growth(_different(records), QUICK if quick else WHOLE)
    held = sorted(records[0]) if records else "none"
    raise SystemExit(f"{path} holds neither sections, pairs nor texts: the first record has {held}")


def read_texts(corpus: Path) -> list[str]:
    """Return the different texts of a corpus."""
    return _different(_records(corpus, limit=None))


def _different(records: Sequence[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(r["text"] for r in records))


def _records(path: Path, limit: int | None) -> list[dict[str, Any]]:
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in text.decode().splitlines()[:limit] if line.strip()]


def main() -> None:
    """Measure the files named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--quick", action="store_true", help="measure a part of large sets")
    parser.add_argument("--lexical", action="store_true", help="compare by words alone, even with the extra `semantic`")
    options = parser.parse_args()
    vectors = None if options.lexical else load_vectors()
    print(f"sections are compared by {f'words and {vectors.name}' if vectors else 'words alone'}")
    started = time.process_time()
    sets: dict[str, dict[str, Any]] = {}
    grown: dict[str, dict[str, Any]] = {}
    for path in options.data:
        name = path.name.split(".")[0]
        figures = measure(path, options.quick, vectors)
        _show(name, figures)
        (grown if "candidate_recall" in figures else sets)[name] = figures
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    throughput = {
        "sections_per_s": {name: s["sections_per_s"] for name, s in sets.items() if "sections_per_s" in s},
        "growth": grown,
        "cpu_s": round(time.process_time() - started, 2),
        "peak_memory_mb": memory,
    }
    if options.json:
        print(json.dumps({"sets": sets, "throughput": throughput}, ensure_ascii=False))


def _show(name: str, figures: dict[str, Any]) -> None:
    print(f"\n{name}")
    for key, value in figures.items():
        if key != "peers":
            print(f"  {key:24} {value}")
    for peer, scores in figures.get("peers", {}).items():
        print(f"  {peer:40} {scores}")


if __name__ == "__main__":
    main()
