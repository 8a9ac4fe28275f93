"""Vectors for tests: each word lies in a direction that the test names, every other word in one of its own."""

from collections.abc import Mapping, Sequence
from zlib import crc32

import numpy as np

from content.text import words

WIDTH, OTHERS = 64, 1024


class HandMade:
    """Words that mean the same point the same way, all others each their own; a text is the sum of its words."""

    name = "made by hand"

    def __init__(self, meanings: Mapping[str, str]) -> None:
        directions = sorted(set(meanings.values()))
        assert len(directions) < WIDTH
        self._direction = {word: directions.index(meaning) for word, meaning in meanings.items()}

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Return a row of unit length for each text; one without words is alone in the last direction."""
        rows = np.zeros((len(texts), WIDTH + OTHERS), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in words(text):
                row[self._direction.get(word, WIDTH + crc32(word.encode()) % (OTHERS - 1))] += 1
            if not row.any():
                row[-1] = 1
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)
