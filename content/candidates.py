"""Finds, among many sections, the pairs worth comparing: those that share their rarest words."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from content.concordance import Bags, Numbers, changes, gather, starts_of

#: A section looks up at most so many others through its rarest words. Look-alikes beyond that are not seen by it
#: (they see each other through other sections): the work grows with the number of sections, never with its square.
BUDGET = 13_500

#: Words of a section that are looked up, at most: the rarest. More find nothing and cost time: with 24, heavily
#: rewritten copies are found a little less often.
LOOKED_UP = 18

#: Of a word that its budget does not allow, a section sees the holders next to it, so many on each side.
NEAREST = 8

#: Neighbours kept per section.
NEIGHBOURS = 18

#: What a word counts that at most so many sections hold: the rarer, the more. A weight is a repetition.
WEIGHTS = ((8, 4), (32, 3), (200, 2))

#: A partner needs this much in common: two ordinary words are chance.
LEAST = 3

#: Sections that ask at once, and bits for the place of the one that is found.
BLOCK, _PLACE_BITS = 512, 24
_PLACE = (1 << _PLACE_BITS) - 1

#: Pairs whose words are looked at at once, and octets of the table in which those of one side are marked.
SHARED_BLOCK, MARKED = 4096, 1 << 22

#: Scores above this are equal: 16 bits between the asker and the place.
_MOST = (1 << 16) - 1

Pairs = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Pairs of places in the sequence of sections, the lower first, and how many look-alikes were passed over."""

    pairs: Pairs  #: of shape (n, 2), sorted
    passed_over: int  #: words that were too common for the budget of the section that holds them


def partners_of(bags: Bags, weights: Numbers, least: float = 0.0, neighbours: int = NEIGHBOURS) -> Candidates:
    """Return for each of `bags` its likeliest partners, as pairs of places; ties go to the concept numbered first.

    Args:
        bags: The concepts of each section.
        weights: What each concept weighs.
        least: Pairs that share a smaller part of the lighter one's weight are left out, 0.0 to 1.0.
        neighbours: How many partners to keep for each.

    Raises:
        ValueError: There are more bags than a packed number has room for (16,777,215).
    """
    if len(bags) > _PLACE:
        raise ValueError(f"at most {_PLACE:,} sections are compared at once, got {len(bags):,}")
    postings = _Postings.of(bags, weights)
    found = [
        postings.partners(start, min(start + BLOCK, len(bags)), neighbours) for start in range(0, len(bags), BLOCK)
    ]
    if not found:
        return Candidates(np.empty((0, 2), np.int64), 0)
    keys = np.sort(np.concatenate([keys for keys, _ in found]))
    keys = keys[changes(keys)]
    pairs = np.stack([keys >> _PLACE_BITS, keys & _PLACE], axis=1)
    if least > 0.0:
        pairs = pairs[postings.shared(pairs) >= least]
    return Candidates(pairs, sum(skipped for _, skipped in found))


@dataclass(frozen=True, slots=True)
class _Postings:
    """Which sections hold each word, and which words each section holds, as flat arrays."""

    terms: NDArray[np.int32]  #: of each section in turn, the rarest first
    starts: NDArray[np.int64]  #: where each section's words start
    holders: NDArray[np.uint32]  #: of each word in turn, the sections that hold it
    holder_starts: NDArray[np.int64]
    counts: NDArray[np.int64]  #: how many sections hold each word
    repeats: NDArray[np.int64]  #: what each word counts when partners are looked up
    weights: NDArray[np.int64]

    @classmethod
    def of(cls, bags: Bags, weights: Numbers) -> "_Postings":
        flat = bags.terms
        counts = np.bincount(flat, minlength=len(weights))
        owners = np.repeat(np.arange(len(bags)), np.diff(bags.starts))
        # Of each section the rarest first, and among equals the one numbered first: a number for both, sorted.
        ranks = np.empty(len(counts), np.int64)
        ranked = np.lexsort((np.arange(len(counts)), counts))
        ranks[ranked] = np.arange(len(counts))
        keys = (owners << 32) | ranks[flat]
        keys.sort()
        terms = ranked[keys & 0xFFFFFFFF].astype(np.int32)
        holders = owners[np.argsort(flat, kind="stable")].astype(np.uint32)
        repeats = np.ones(len(counts), np.int64)
        for most, repeat in reversed(WEIGHTS):
            repeats[counts <= most] = repeat
        return cls(
            terms=terms,
            starts=bags.starts,
            holders=holders,
            holder_starts=starts_of(counts),
            counts=counts,
            repeats=repeats,
            weights=weights,
        )

    def partners(self, first: int, last: int, neighbours: int) -> tuple[NDArray[np.int64], int]:
        """Return the packed pairs of the sections from `first` up to `last`, and how many words were passed over."""
        terms, askers, common, common_askers = self._looked_up(first, last)
        skipped = len(common)
        starts, ends = self.holder_starts[terms].tolist(), self.holder_starts[terms + 1].tolist()
        held = [self.holders[a:b] for a, b in zip(starts, ends, strict=True)]
        nearest, sizes = self._nearest(common, common_askers + first)
        every = np.arange(last - first + 1)
        bounds = np.searchsorted(askers, every).tolist()
        near_bounds = starts_of(sizes)[np.searchsorted(common_askers, every)].tolist()
        often = [
            _often(np.concatenate([*held[a:b], nearest[c:d]]))
            for (a, b), (c, d) in zip(pairwise(bounds), pairwise(near_bounds), strict=True)
        ]
        pairs = (np.repeat(every[:-1], [len(found) for found in often]) << _PLACE_BITS) | np.concatenate(often)
        edges = np.flatnonzero(changes(pairs))
        scores = np.diff(np.append(edges, len(pairs))) + LEAST - 1
        pairs = pairs[edges]
        mine, theirs = _best_of_each(pairs >> _PLACE_BITS, scores, pairs & _PLACE, neighbours, first)
        return (np.minimum(mine, theirs) << _PLACE_BITS) | np.maximum(mine, theirs), skipped

    def shared(self, pairs: Pairs) -> NDArray[np.float64]:
        """Return for each pair, in ascending order, how much of the lighter one's weight both share."""
        number = len(self.starts) - 1
        masses = np.bincount(np.repeat(np.arange(number), np.diff(self.starts)), self.weights[self.terms], number)
        rows = max(1, MARKED // max(len(self.weights), 1))
        marks = np.zeros(rows * len(self.weights), np.bool_)
        both = [np.empty(0)]
        first = 0
        while first < len(pairs):
            # As many pairs as begin with `rows` sections, and no more than fit into the cache.
            last = min(first + SHARED_BLOCK, len(pairs), int(np.searchsorted(pairs[:, 0], pairs[first, 0] + rows)))
            both.append(self._both(pairs[first:last], marks))
            first = last
        return np.concatenate(both) / np.maximum(np.minimum(masses[pairs[:, 0]], masses[pairs[:, 1]]), 1)

    def _both(self, pairs: Pairs, marks: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return what each of some pairs share; `marks` has a row for each of the sections they begin with."""
        low, high = int(pairs[0, 0]), int(pairs[-1, 0]) + 1
        owners = np.repeat(np.arange(high - low) * len(self.weights), np.diff(self.starts[low : high + 1]))
        held = owners + self.terms[self.starts[low] : self.starts[high]]
        marks[held] = True
        starts, at = gather(self.starts, pairs[:, 1])
        sizes = np.diff(starts)
        terms = self.terms[at]
        found = np.flatnonzero(marks[np.repeat((pairs[:, 0] - low) * len(self.weights), sizes) + terms])
        marks[held] = False
        of = np.repeat(np.arange(len(pairs)), sizes)[found]
        return np.bincount(of, self.weights[terms[found]], minlength=len(pairs)).astype(np.float64, copy=False)

    def _nearest(self, terms: Numbers, places: Numbers) -> tuple[NDArray[np.uint32], Numbers]:
        """Return the sections nearest to each of `places` that hold words too common to look up, and how many they are.

        So look-alikes still meet.
        """
        starts, ends = self.holder_starts[terms], self.holder_starts[terms + 1]
        low, high = starts, ends
        while (low < high).any():  # each place is among the holders of its word, so no search runs over the end
            middle = (low + high) >> 1
            before = self.holders[middle] < places
            low, high = np.where(before, middle + 1, low), np.where(before, high, middle)
        firsts, lasts = np.maximum(starts, low - NEAREST), np.minimum(ends, low + NEAREST)
        sizes = lasts - firsts
        at = np.arange(sizes.sum()) + np.repeat(firsts - starts_of(sizes)[:-1], sizes)
        return self.holders[at], sizes

    def _looked_up(
        self, first: int, last: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return the rarest words of each section and whose they are; then those that its budget does not allow.

        The first come as many as the budget allows, and as often as they count.
        """
        starts, sizes = self.starts[first:last], np.diff(self.starts[first : last + 1])
        terms = self.terms[self.starts[first] : self.starts[last]]
        askers = np.repeat(np.arange(last - first), sizes)
        rank = np.arange(len(terms)) - np.repeat(starts - self.starts[first], sizes)
        cost = np.cumsum(self.counts[terms])
        before = np.repeat(np.concatenate([[0], cost])[starts - self.starts[first]], sizes)
        affordable = cost - before <= BUDGET
        chosen = affordable & (rank < LOOKED_UP) & (self.counts[terms] > 1)
        repeats = self.repeats[terms[chosen]]
        over = ~affordable & (rank < LOOKED_UP)
        return np.repeat(terms[chosen], repeats), np.repeat(askers[chosen], repeats), terms[over], askers[over]


def _often(places: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return the places that stand there `LEAST` times or more: each once, and once more for every time beyond."""
    places.sort()
    later = places[LEAST - 1 :]  # in order, what stands there so often stands side by side
    return np.compress(later == places[: len(later)], later)


def _best_of_each(
    asking: NDArray[np.int64], scores: NDArray[np.int64], found: NDArray[np.int64], number: int, first: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return who asks and whom each of them finds, the best `number` scores of each; ties go to the lower place."""
    others = asking + first != found
    packed = (asking << 40) | ((_MOST - np.minimum(scores, _MOST)) << _PLACE_BITS) | found
    packed = np.sort(packed[others])
    asking = packed >> 40
    firsts = np.flatnonzero(np.concatenate([np.ones(min(1, len(asking)), bool), asking[1:] != asking[:-1]]))
    rank = np.arange(len(asking)) - np.repeat(firsts, np.diff(np.concatenate([firsts, [len(asking)]])))
    best = rank < number
    return asking[best] + first, packed[best] & _PLACE
