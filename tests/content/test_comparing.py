"""Many pairs compared at once come out as each pair does alone, sentence against sentence, to the last bit."""

import random
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest

from content import comparing
from content.comparing import ALIGNED_SENTENCES, AT_ONCE, FAR, Batch, liken
from content.sections import Section
from content.similarity import JACCARD_SHARE, Profile, profiles
from tests.content.builders import make_article, make_sections

WORDS = [
    "wax",
    "skin",
    "razor",
    "serum",
    "glow",
    "brush",
    "lash",
    "tint",
    "pore",
    "steam",
    "peel",
    "balm",
    "toner",
    "mask",
    "needle",
    "cream",
    "follicle",
    "lamp",
]


def random_sections(number: int, seed: int = 3) -> list[Section]:
    drawn = random.Random(seed)
    texts = [
        " ".join(
            " ".join(drawn.choices(WORDS, k=drawn.randint(1, 7))).capitalize() + "." for _ in range(drawn.randint(1, 6))
        )
        for _ in range(number)
    ]
    return list(make_sections(*(make_article(f"article{n}", ("Heading", text)) for n, text in enumerate(texts))))


def one_by_one(a: Profile, b: Profile, weights: dict[str, int], doubtful: bool) -> tuple[float, float]:
    """The same sums in plain loops: what the arrays are held against."""
    whole = overlap(a.bag, b.bag, weights)
    if not whole or (doubtful and whole < FAR):
        return whole, 0.0
    if max(len(a.statements), len(b.statements)) > ALIGNED_SENTENCES:
        return whole, whole
    table = [[overlap(x, y, weights) for y in b.statements] for x in a.statements]
    ways = (a.masses, [max(row) for row in table]), (b.masses, [max(column) for column in zip(*table, strict=True)])
    means = [sum(n * best for n, best in zip(masses, found, strict=True)) / sum(masses) for masses, found in ways]
    return whole, sum(means) / 2


def overlap(a: frozenset[str], b: frozenset[str], weights: dict[str, int]) -> float:
    both, left, right = (sum(weights[t] for t in bag) for bag in (a & b, a, b))
    if not both:
        return 0.0
    return JACCARD_SHARE * both / (left + right - both) + (1 - JACCARD_SHARE) * both / min(left, right)


def compared(
    sections: Sequence[Section], doubtful: bool
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    known = profiles(sections)
    pairs = np.array(list(combinations(range(len(sections)), 2)))
    pairs = pairs[np.random.default_rng(5).permutation(len(pairs))]  # they come in any order
    found = liken(
        Batch(
            words=known.words,
            weights=known.masses,
            a=pairs[:, 0],
            b=pairs[:, 1],
            doubtful=np.full(len(pairs), doubtful),
        )
    )
    each, weights = known.each, known.weights
    alone = [one_by_one(each[i], each[j], weights, doubtful) for i, j in pairs.tolist()]
    return list(zip(found.whole.tolist(), found.aligned.tolist(), strict=True)), alone


@pytest.mark.parametrize("marked", [comparing.MARKED, 40], ids=["one table", "many tables"])
@pytest.mark.parametrize("doubtful", [False, True], ids=["sure", "doubtful"])
def test_every_pair_comes_out_as_it_does_alone(doubtful: bool, marked: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "MARKED", marked)
    sections = random_sections(90)
    assert AT_ONCE < 90 * 89 // 2

    at_once, alone = compared(sections, doubtful)

    assert at_once == alone


def test_sections_of_too_many_sentences_are_compared_as_a_whole() -> None:
    long = " ".join(f"{word} and {other}.".capitalize() for word, other in combinations(WORDS, 2))
    sections = [*random_sections(2), *make_sections(make_article("long", ("Heading", long)))]

    at_once, alone = compared(sections, doubtful=False)

    assert at_once == alone
    assert [whole for whole, aligned in at_once if whole == aligned > 0.0]


def test_no_pairs_are_no_trouble() -> None:
    known = profiles(random_sections(1))
    none = np.empty(0, np.int64)

    found = liken(Batch(words=known.words, weights=known.masses, a=none, b=none, doubtful=none.astype(bool)))

    assert (found.whole.tolist(), found.aligned.tolist()) == ([], [])
