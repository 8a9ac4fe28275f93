"""Vectors for tests: each word lies in a direction that the test names, every other word in one of its own."""

from collections.abc import Mapping, Sequence

import numpy as np

WIDTH = 64


class HandMade:
    """Words that mean the same point the same way; all others are at right angles to them."""

    name = "made by hand"

    def __init__(self, meanings: Mapping[str, str]) -> None:
        directions = sorted(set(meanings.values()))
        assert len(directions) < WIDTH
        self._direction = {word: directions.index(meaning) for word, meaning in meanings.items()}

    def of(self, found: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return a unit vector for each word that has a meaning, and a very short one for the rest."""
        sums = np.zeros((len(found), WIDTH), np.float32)
        for row, word in enumerate(found):
            direction = self._direction.get(word)
            sums[row, WIDTH - 1 if direction is None else direction] = 0.01 if direction is None else 1.0
        return sums, np.ones(len(found), np.float32)
