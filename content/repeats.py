"""Tells when one sentence may be dropped for another: alike, every clause covered, and no guard objecting."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from content.claims import Claim, Clause, read
from content.guards import differences
from content.similarity import UNIT
from content.statements import Statement
from content.vocabulary import GENERIC

#: From this likeness on an echo's sentence repeats a printed one, if no guard objects (docs/near-duplicates.md).
REPEATS = 0.34

#: How alike two sentences must be, their words (the anchor) and their meaning, for one to repeat the other in other
#: words. Measured: no sentence that says something else reached both without a guard objecting.
ANCHORED, MEANS = 0.18, 0.5

#: Share of the concepts of each clause, from three on, that the witness must hold.
CLAUSE_COVERED = 0.3

#: What an amount that both state weighs, as a rare word does.
AMOUNT = 3 * UNIT // 2

#: A sentence is compared with at most about so many others of its cluster: those that share its rarest concepts. A
#: cluster has some dozens; a section of 100,000 words must not be compared with itself word by word.
LOOKED_AT = 150


class Pool:
    """Statements that stand, found again by the concepts they share with another."""

    def __init__(self, weights: Mapping[str, int]) -> None:
        self._weights = weights
        self._entries: list[tuple[Statement, Claim]] = []
        self._by_term: dict[str, list[int]] = defaultdict(list)
        self._by_print: dict[str, Statement] = {}
        self._gone: set[Statement] = set()

    def add(self, statement: Statement, claim: Claim) -> None:
        """Let a statement stand."""
        for term in claim.terms:
            self._by_term[term].append(len(self._entries))
        self._entries.append((statement, claim))
        self._by_print.setdefault(statement.fingerprint, statement)

    def remove(self, statement: Statement) -> None:
        """Let a statement stand no more."""
        self._gone.add(statement)

    def by_fingerprint(self, wanted: str) -> Statement | None:
        """Return the first statement with these words, if it stands."""
        found = self._by_print.get(wanted)
        return None if found in self._gone else found

    def like(self, claim: Claim) -> list[tuple[Statement, Claim, float]]:
        """Return the statements that share a concept with `claim`, the likest first."""
        near: set[int] = set()
        for places in sorted((self._by_term.get(t, ()) for t in claim.terms), key=len):
            near.update(places)
            if len(near) >= LOOKED_AT:
                break
        looked_at = [self._entries[n] for n in sorted(near)[:LOOKED_AT]]
        scored = [(s, c, likeness(claim, c, self._weights)) for s, c in looked_at if s not in self._gone]
        return sorted(scored, key=lambda e: -e[2])


def says_the_same(a: str, b: str, language: str = "en") -> bool:
    """Tell whether one of two sentences could be dropped for the other, going by themselves alone."""
    here, there = read(a, language), read(b, language)
    weights = {t: UNIT // (3 if t in GENERIC else 1) for t in here.terms | there.terms}
    return any(
        likeness(c, w, weights) >= REPEATS and covers([w], c) and not differences(c, w)
        for c, w in ((here, there), (there, here))
    )


def covers(printed: Sequence[Claim], claim: Claim) -> bool:
    """Tell whether for every clause of `claim` one of the `printed` sentences speaks of it.

    A clause that none of them touches may hold another fact. An amount counts as a word that both use when the two
    agree.
    """
    return all(any(_speaks_of(p, clause) for p in printed) for clause in claim.clauses if len(clause.terms) > 2)


def _speaks_of(printed: Claim, clause: Clause) -> bool:
    both = len(clause.terms & printed.terms) + sum(any(q.agrees(w) for w in printed.amounts) for q in clause.amounts)
    return both >= CLAUSE_COVERED * (len(clause.terms) + len(clause.amounts))


def without_subject(weights: Mapping[str, int], about: frozenset[str]) -> dict[str, int]:
    """Return the weights for sentences of one explainer: what they are all about counts a third."""
    return {**weights, **{t: weights[t] // 3 for t in about if t in weights}}


def likeness(claim: Claim, witness: Claim, weights: Mapping[str, int]) -> float:
    """Return how far `witness` says what `claim` says, 0.0 to 1.0: what both share, and what of `claim` it covers.

    An amount counts as a word that both use when the two agree.
    """
    both = sum(map(weights.__getitem__, claim.terms & witness.terms))
    agreed = sum(any(q.agrees(w) for w in witness.amounts) for q in claim.amounts)
    both += AMOUNT * agreed
    if not both:
        return 0.0
    mine = sum(map(weights.__getitem__, claim.terms)) + AMOUNT * len(claim.amounts)
    theirs = sum(map(weights.__getitem__, witness.terms)) + AMOUNT * max(agreed, len(witness.amounts))
    jaccard, contained = both / (mine + theirs - both), both / min(mine, theirs)
    return 0.3 * jaccard + 0.2 * contained + 0.5 * both / mine
