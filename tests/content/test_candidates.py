"""Of the pairs that share rare words, those stay that share enough of the lighter one's weight."""

import random

import numpy as np
import pytest

from content import candidates
from content.candidates import partners_of
from content.concordance import Bags, starts_of

WEIGHTS = np.array([200 + 3 * n for n in range(90)], np.int64)


def drawn(number: int) -> list[frozenset[int]]:
    """Return the concepts of some sections, by a fixed draw: some empty, some alike."""
    draw = random.Random(4)
    return [frozenset(draw.sample(range(90), draw.randrange(0, 30))) for _ in range(number)]


def laid_out(sections: list[frozenset[int]]) -> Bags:
    return Bags(
        terms=np.array([t for s in sections for t in sorted(s)], np.int32),
        starts=starts_of(np.array([len(s) for s in sections])),
    )


@pytest.mark.parametrize("marked", [candidates.MARKED, 400], ids=["one table", "many tables"])
def test_pairs_that_share_too_little_are_left_out(marked: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "MARKED", marked)
    sections = drawn(200)

    every = partners_of(laid_out(sections), WEIGHTS).pairs.tolist()
    enough = partners_of(laid_out(sections), WEIGHTS, least=0.45).pairs.tolist()

    def share(a: frozenset[int], b: frozenset[int]) -> float:
        both, left, right = (float(sum(WEIGHTS[list(s)])) for s in (a & b, a, b))
        return both / min(left, right)

    assert enough == [[a, b] for a, b in every if share(sections[a], sections[b]) >= 0.45]
    assert 0 < len(enough) < len(every)
