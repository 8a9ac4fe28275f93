"""Says why two sentences that look alike must not be folded into one, and whether they contradict each other."""

from dataclasses import dataclass
from enum import StrEnum

from content.claims import Claim
from content.quantities import Quantity
from content.vocabulary import GENERIC, OPPOSITES

#: Share of the smaller claim that both must have in common before a difference is a contradiction: below it the
#: sentences speak of different things. A contradiction holds the edition, so this errs on the high side.
SAME_MATTER = 0.5

#: Above this share in common, one word against another is a substitution ("almond" for "walnut"), not a rewording.
SAME_FRAME = 0.7

#: A unit whose amounts differ because they measure other things far more often than because somebody is wrong.
_INCOMPARABLE = frozenset({"count"})


class Guard(StrEnum):
    """What a guard watches."""

    NUMBER = "number"
    NEGATION = "negation"
    OPPOSITE = "opposite"
    NAMED = "product, ingredient or place"
    SAFETY = "safety"
    CONDITION = "condition"
    WORD = "one word"


@dataclass(frozen=True, slots=True)
class Difference:
    """What one sentence says and the other does not, or says otherwise."""

    guard: Guard
    here: str
    there: str = ""

    def __str__(self) -> str:
        """Return it as an editor reads it."""
        return f"{self.guard}: {self.here}" + (f" against {self.there}" if self.there else "")


def differences(claim: Claim, witness: Claim) -> tuple[Difference, ...]:
    """Return what `claim` says beyond or against `witness`: one is enough to keep it.

    The overlap of their words is not judged here.
    """
    return tuple(d for guard in _GUARDS for d in guard(claim, witness))


def common(a: Claim, b: Claim) -> float:
    """Return the share of the smaller claim's specific concepts that both hold, 0.0 to 1.0."""
    specific_a, specific_b = a.terms - GENERIC, b.terms - GENERIC
    if not specific_a or not specific_b:
        specific_a, specific_b = a.terms, b.terms
    smaller = min(len(specific_a), len(specific_b))
    return len(specific_a & specific_b) / smaller if smaller else 0.0


def _numbers(claim: Claim, witness: Claim) -> list[Difference]:
    return [
        Difference(Guard.NUMBER, q.said, ", ".join(w.said for w in witness.amounts if w.dimension == q.dimension))
        for q in claim.amounts
        if not q.vague and not _daily(q) and not any(q.agrees(w) for w in witness.amounts)
    ] + [
        Difference(Guard.NUMBER, q.said, w.said)
        for q in claim.amounts
        if q.vague or _daily(q)
        for w in witness.amounts
        if w.dimension == q.dimension and not q.agrees(w)
    ]


def _daily(q: Quantity) -> bool:
    """Tell whether it is "every day": "always" says that too, so only another rate objects."""
    return q.dimension == "rate" and q.low == 1.0


def _negation(claim: Claim, witness: Claim) -> list[Difference]:
    shared = (claim.terms & witness.terms) - GENERIC or claim.terms & witness.terms
    flipped = sorted(c for c in shared if (c in claim.denied) != (c in witness.denied))
    if len(flipped) * 2 > len(shared):
        return [Difference(Guard.NEGATION, f"{'not ' if flipped[0] in claim.denied else ''}{flipped[0]}",
                           f"{'not ' if flipped[0] in witness.denied else ''}{flipped[0]}")]  # fmt: skip
    return []


def _opposites(claim: Claim, witness: Claim) -> list[Difference]:
    mine, theirs = claim.terms - witness.terms, witness.terms - claim.terms
    return [
        Difference(Guard.OPPOSITE, a, b) for a in sorted(mine) for b in sorted(theirs) if frozenset((a, b)) in OPPOSITES
    ]


def _named(claim: Claim, witness: Claim) -> list[Difference]:
    return [Difference(Guard.NAMED, n) for n in sorted(claim.named - witness.terms)]


def _safety(claim: Claim, witness: Claim) -> list[Difference]:
    return [Difference(Guard.SAFETY, s) for s in sorted(claim.safety - witness.terms)]


def _conditions(claim: Claim, witness: Claim) -> list[Difference]:
    new = claim.conditions - witness.terms - GENERIC
    return [Difference(Guard.CONDITION, ", ".join(sorted(new)))] if len(new) * 2 > len(claim.conditions) else []


def _substitution(claim: Claim, witness: Claim) -> list[Difference]:
    mine = claim.terms - witness.terms - GENERIC
    theirs = witness.terms - claim.terms - GENERIC
    if not (mine and theirs) or len(mine) > 2 or len(theirs) > 2 or common(claim, witness) < SAME_FRAME:
        return []
    return [Difference(Guard.WORD, ", ".join(sorted(mine)), ", ".join(sorted(theirs)))]


_GUARDS = (_numbers, _negation, _opposites, _named, _safety, _conditions, _substitution)


def contradiction(claim: Claim, witness: Claim) -> Difference | None:
    """Return the reason why both cannot be right, or None."""
    if common(claim, witness) < SAME_MATTER:
        return None
    for difference in (*_clashing_numbers(claim, witness), *_negation(claim, witness), *_opposites(claim, witness)):
        return difference
    mine, theirs = claim.named - witness.terms, witness.named - claim.terms
    if mine and theirs and common(claim, witness) >= SAME_FRAME:
        return Difference(Guard.NAMED, ", ".join(sorted(mine)), ", ".join(sorted(theirs)))
    return None


def _clashing_numbers(claim: Claim, witness: Claim) -> list[Difference]:
    """Return each dimension in which both state amounts and no two of them can be the same."""
    clashes = []
    for dimension in sorted({q.dimension for q in claim.amounts} & {q.dimension for q in witness.amounts}):
        mine = [q for q in claim.amounts if q.dimension == dimension]
        theirs = [q for q in witness.amounts if q.dimension == dimension]
        pairs = [(a, b) for a in mine for b in theirs if dimension not in _INCOMPARABLE or a.counted == b.counted]
        if pairs and not any(a.overlaps(b) for a, b in pairs):
            clashes.append(Difference(Guard.NUMBER, mine[0].said, theirs[0].said))
    return clashes
