"""Compares the words of many pairs of sections at once: as wholes, and sentence by sentence."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from content.concordance import Concordance, Numbers, bag_entries, changes, gather, starts_of
from content.similarity import JACCARD_SHARE

Scores = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: A section with more sentences than this is compared as one bag of words: aligning them would be quadratic.
ALIGNED_SENTENCES = 60

#: Below this overlap of all words, two sections say the same only if their subject and their headings do.
FAR = 0.15

#: Pairs whose words are laid side by side at once: few enough to stay in the processor's cache.
AT_ONCE = 2048

#: Places of the table in which the concepts of one side are marked: few enough to stay in the cache.
MARKED = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Pairs of sections that one worker compares, with all it needs to know of them."""

    words: Concordance
    weights: Numbers  #: of each concept
    a: Numbers  #: of each pair the place of one section in `words`
    b: Numbers
    doubtful: Flags  #: pairs whose sentences are not looked at when their words as a whole are `FAR`


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike pairs are, 0.0 to 1.0."""

    whole: Scores  #: of all their words
    aligned: Scores  #: how well the sentences of one match those of the other: the mean of both ways, by weight


def overlap(both: Scores, left: Scores, right: Scores) -> Scores:
    """Return how much two sets of concepts of the weights `left` and `right` have in common when they share `both`."""
    found = JACCARD_SHARE * both / np.maximum(left + right - both, 1.0)
    found += (1 - JACCARD_SHARE) * both / np.maximum(np.minimum(left, right), 1.0)
    return found


def liken(batch: Batch) -> Likeness:
    """Return how alike the pairs of `batch` are."""
    texts = _Texts.of(batch.words, batch.weights)
    parts = [
        texts.liken(batch.a[i : i + AT_ONCE], batch.b[i : i + AT_ONCE], batch.doubtful[i : i + AT_ONCE])
        for i in range(0, len(batch.a), AT_ONCE)
    ]
    if not parts:
        return Likeness(np.empty(0), np.empty(0))
    return Likeness(np.concatenate([p.whole for p in parts]), np.concatenate([p.aligned for p in parts]))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Texts:
    """The concepts of sections, and which of their statements hold each."""

    weights: Scores
    terms: Numbers  #: of each section in turn, each once
    starts: Numbers  #: where each section's concepts start
    holders: Numbers  #: of each of `terms` in turn, the places of the statements in the section that hold it
    holder_starts: Numbers
    statements: Numbers  #: where each section's statements start
    masses: Scores  #: the weight of each statement
    section_masses: Scores  #: that of each section's concepts, each once
    statement_masses: Scores  #: that of its statements together

    @classmethod
    def of(cls, words: Concordance, weights: Numbers) -> "_Texts":
        entries = bag_entries(words)
        heavy = weights.astype(np.float64)
        number = len(words.starts) - 1
        owners = np.repeat(np.arange(number), np.diff(words.starts))
        masses = _summed(owners, heavy[words.terms], number)
        of_statement = np.repeat(np.arange(len(words)), np.diff(words.sections))
        of_bag = np.repeat(np.arange(len(words)), np.diff(entries.bags.starts))
        return cls(
            weights=heavy,
            terms=entries.bags.terms.astype(np.int64),
            starts=entries.bags.starts,
            holders=entries.holders,
            holder_starts=entries.starts,
            statements=words.sections,
            masses=masses,
            section_masses=_summed(of_bag, heavy[entries.bags.terms], len(words)),
            statement_masses=_summed(of_statement, masses, len(words)),
        )

    def liken(self, a: Numbers, b: Numbers, doubtful: Flags) -> Likeness:
        pairs, left, right = self._shared(a, b)
        both = _summed(pairs, self.weights[self.terms[left]], len(a))
        whole = overlap(both, self.section_masses[a], self.section_masses[b])
        sizes = np.maximum(np.diff(self.statements)[a], np.diff(self.statements)[b])
        live = (whole > 0.0) & ~(doubtful & (whole < FAR))
        aligned = np.where(live, whole, 0.0)
        live &= sizes <= ALIGNED_SENTENCES
        kept = live[pairs]
        numbers = np.cumsum(live) - 1
        aligned[live] = self._align(a[live], b[live], numbers[pairs[kept]], left[kept], right[kept])
        return Likeness(whole, aligned)

    def _shared(self, a: Numbers, b: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """Return each concept that a pair shares: the pair, and where the concept stands in the one and the other.

        Those of a pair come together, in the order of their numbers. Where the concepts of one side stand is marked in
        a table, some sections at a time, and those of the other are looked up in it: no sorting.
        """
        order = np.argsort(a, kind="stable")
        lefts = a[order]
        firsts = np.flatnonzero(changes(lefts))  # where the pairs of each left section begin
        rows = max(1, MARKED // max(len(self.weights), 1))
        marks = np.zeros(min(rows, max(len(firsts), 1)) * len(self.weights), np.int32)
        bounds = np.append(firsts[::rows], len(order)).tolist()
        found = [self._met(order[i:j], lefts[i:j], b[order[i:j]], marks) for i, j in pairwise(bounds)]
        if not found:
            return (np.empty(0, np.int64),) * 3
        pairs, left, right = zip(*found, strict=True)
        return np.concatenate(pairs), np.concatenate(left), np.concatenate(right)

    def _met(
        self, pairs: Numbers, a: Numbers, b: Numbers, marks: NDArray[np.int32]
    ) -> tuple[Numbers, Numbers, Numbers]:
        """Return what some pairs share, whose left sections `a` each get a row of `marks`, which is left blank."""
        new = changes(a)
        row = np.cumsum(new) - 1
        starts, at = gather(self.starts, a[new])
        held = np.repeat(np.arange(len(starts) - 1) * len(self.weights), np.diff(starts)) + self.terms[at]
        marks[held] = at + 1
        starts, at = gather(self.starts, b)
        of = np.repeat(np.arange(len(b)), np.diff(starts))
        met = marks[(row * len(self.weights))[of] + self.terms[at]]
        marks[held] = 0
        here = np.flatnonzero(met)
        return pairs[of[here]], met[here].astype(np.int64) - 1, at[here]

    def _align(self, a: Numbers, b: Numbers, pairs: Numbers, left: Numbers, right: Numbers) -> Scores:
        """Return how well the statements of each pair match, given the concepts that the pairs share."""
        rows, columns = np.diff(self.statements)[a], np.diff(self.statements)[b]
        starts = starts_of(rows * columns)
        of = np.repeat(np.arange(len(a)), rows * columns)
        both = self._both(pairs, left, right, starts, columns)
        at = np.flatnonzero(both)
        pair = of[at]
        row, column = np.divmod(at - starts[pair], columns[pair])
        found = overlap(
            both[at], self.masses[self.statements[a[pair]] + row], self.masses[self.statements[b[pair]] + column]
        )
        by_row, by_column = np.zeros(starts[-1]), np.zeros(starts[-1])
        by_row[at] = found
        by_column[starts[pair] + column * rows[pair] + row] = found
        return (self._best(a, by_row, starts, columns) + self._best(b, by_column, starts, rows)) / 2

    def _both(self, pairs: Numbers, left: Numbers, right: Numbers, starts: Numbers, columns: Numbers) -> Scores:
        """Return the weight that each statement of one side shares with each of the other."""
        widths = np.diff(self.holder_starts)
        lefts, rights = widths[left], widths[right]
        places = starts_of(lefts * rights)
        of = np.repeat(np.arange(len(pairs)), lefts * rights)
        row, column = np.divmod(np.arange(places[-1]) - places[of], rights[of])
        pair = pairs[of]
        row = self.holders[self.holder_starts[left[of]] + row]
        column = self.holders[self.holder_starts[right[of]] + column]
        cells = starts[pair] + row * columns[pair] + column
        return _summed(cells, self.weights[self.terms[left[of]]], int(starts[-1]))

    def _best(self, sections: Numbers, table: Scores, starts: Numbers, width: Numbers) -> Scores:
        """Return the mean, by weight, of what each statement of one side finds best on the other."""
        if not len(sections):
            return np.empty(0)
        number = np.diff(self.statements)[sections]
        of = np.repeat(np.arange(len(sections)), number)
        place = np.arange(len(of)) - np.repeat(starts_of(number)[:-1], number)
        best = np.maximum.reduceat(table, starts[of] + place * width[of])
        total = _summed(of, self.masses[self.statements[sections[of]] + place] * best, len(sections))
        return total / np.maximum(self.statement_masses[sections], 1.0)


def _summed(owners: Numbers, weights: Scores, number: int) -> Scores:
    """Return the sum of the weights of each of `number` owners, added in order, as a loop does.

    So the last bit does not depend on how many pairs are compared at once.
    """
    return np.bincount(owners, weights, minlength=number).astype(np.float64, copy=False)
