"""Says why two sentences that look alike must not be folded into one, and whether they contradict each other."""

from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

from content.claims import Claim
from content.quantities import Quantity
from content.vocabulary import GENERIC, OPPOSITES

#: Share of the smaller claim's specific concepts that both must hold before amounts that differ are a contradiction:
#: below it the sentences speak of different things. A contradiction holds the edition, so this errs on the high side.
SAME_MATTER = 0.5

#: The same for denials and opposites, as a share of all specific concepts of both.
SAME_CLAIM = 0.5

#: From this likeness on, word by word in order, one word against another is a substitution ("almond" for "walnut"),
#: not a rewording.
SAME_FRAME = 0.6

#: A unit whose amounts differ because they measure other things far more often than because somebody is wrong.
_INCOMPARABLE = frozenset({"count"})


#: Amounts that differ by more than this factor measure different things.
FAR_APART = 200


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


def differences(claim: Claim, witness: Claim, about: frozenset[str] = frozenset()) -> tuple[Difference, ...]:
    """Return what `claim` says beyond or against `witness`: one is enough to keep it.

    The overlap of their words is not judged here. That a sentence names its subject, `about`, is no difference.
    """
    found = tuple(d for guard in _GUARDS for d in guard(claim, witness))
    return tuple(d for d in found if d.guard is not Guard.NAMED or d.here not in about)


def shared(a: Claim, b: Claim, about: frozenset[str]) -> tuple[int, float, float]:
    """Return how many specific concepts both hold, and their share of the smaller claim and of both together.

    Concepts of the subject, `about`, are not specific: every sentence of the explainer may hold them.
    """
    left, right = a.terms - GENERIC - about, b.terms - GENERIC - about
    if not left or not right:
        left, right = a.terms - about or a.terms, b.terms - about or b.terms
    both = len(left & right)
    smaller = min(len(left), len(right))
    return both, both / smaller if smaller else 0.0, both / len(left | right) if smaller else 0.0


def _numbers(claim: Claim, witness: Claim) -> list[Difference]:
    return [
        Difference(Guard.NUMBER, q.said, ", ".join(w.said for w in witness.amounts if w.dimension == q.dimension))
        for q in claim.amounts
        if not any(q.agrees(w) for w in witness.amounts)
        if not (q.vague or _daily(q)) or any(w.dimension == q.dimension for w in witness.amounts)
    ]


def _daily(q: Quantity) -> bool:
    """Tell whether it is "every day": "always" says that too, so only another rate objects."""
    return q.dimension == "rate" and q.low == 1.0


def _negation(claim: Claim, witness: Claim) -> list[Difference]:
    return _denial(claim, witness) or [
        d for clause in claim.clauses if len(clause.terms) > 1 for d in _denial(claim, witness, clause.terms)
    ]


def _denial(claim: Claim, witness: Claim, of: frozenset[str] | None = None) -> list[Difference]:
    """Find what one says and the other denies, where that is most of what they share `of` a clause, or at all."""
    both = claim.terms & witness.terms & (claim.terms if of is None else of)
    shared = both - GENERIC or both
    flipped = sorted(c for c in shared if (c in claim.denied) != (c in witness.denied))
    if len(flipped) * 2 <= len(shared):
        return []
    return [Difference(Guard.NEGATION, _said(flipped[0], claim), _said(flipped[0], witness))]


def _said(concept: str, claim: Claim) -> str:
    return f"{'not ' if concept in claim.denied else ''}{concept}"


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
    return (
        [Difference(Guard.CONDITION, ", ".join(sorted(new)))] if new and len(new) * 2 >= len(claim.conditions) else []
    )


def _substitution(claim: Claim, witness: Claim) -> list[Difference]:
    """Find a content word that stands where the other sentence, otherwise alike and in the same order, has another."""
    matcher = _in_order(claim, witness)
    if matcher.ratio() < SAME_FRAME:
        return []
    specific, others = claim.terms - witness.terms - GENERIC, witness.terms - claim.terms - GENERIC
    swaps = (
        (specific.intersection(claim.sequence[i:j]), others.intersection(witness.sequence[k:n]))
        for tag, i, j, k, n in matcher.get_opcodes()
        if tag == "replace"
    )
    return [Difference(Guard.WORD, " ".join(sorted(a)), " ".join(sorted(b))) for a, b in swaps if a and b]


_GUARDS = (_numbers, _negation, _opposites, _named, _safety, _conditions, _substitution)


def contradiction(claim: Claim, witness: Claim, about: frozenset[str] = frozenset()) -> Difference | None:
    """Return the reason why both cannot be right, or None. `about` holds the concepts of the subject."""
    number, of_smaller, of_both = shared(claim, witness, about)
    if of_smaller >= SAME_MATTER and (number > 1 or of_both >= SAME_CLAIM):
        for difference in _clashing_numbers(claim, witness):
            return difference
    if of_both >= SAME_CLAIM:
        for difference in (*_denial(claim, witness), *_opposites(claim, witness)):
            return difference
    mine, theirs = claim.named - witness.terms - about, witness.named - claim.terms - about
    if number and mine and theirs and _in_order(claim, witness).ratio() >= SAME_FRAME:
        return Difference(Guard.NAMED, ", ".join(sorted(mine)), ", ".join(sorted(theirs)))
    return None


def _in_order(claim: Claim, witness: Claim) -> SequenceMatcher[str]:
    return SequenceMatcher(None, claim.sequence, witness.sequence, autojunk=False)


def _comparable(a: Quantity, b: Quantity) -> bool:
    """Tell whether two amounts can be about one thing: an appointment's minutes and a result's weeks cannot."""
    if a.dimension in _INCOMPARABLE and a.counted != b.counted:
        return False
    return max(a.high, b.high) <= FAR_APART * min(a.low, b.low) or not min(a.low, b.low)


def _clashing_numbers(claim: Claim, witness: Claim) -> list[Difference]:
    """Return each dimension in which both state amounts and no two of them can be the same."""
    clashes = []
    for dimension in sorted({q.dimension for q in claim.amounts} & {q.dimension for q in witness.amounts}):
        mine = [q for q in claim.amounts if q.dimension == dimension]
        theirs = [q for q in witness.amounts if q.dimension == dimension]
        pairs = [(a, b) for a in mine for b in theirs if _comparable(a, b)]
        if pairs and not any(a.overlaps(b) or a.vague or b.vague for a, b in pairs):
            clashes.append(Difference(Guard.NUMBER, mine[0].said, theirs[0].said))
    return clashes
