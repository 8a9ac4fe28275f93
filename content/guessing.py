"""Guesses from its prose what a section is for, when its heading does not tell: "Day one to day seven" is aftercare.

What each word speaks for is learned from the sections whose headings do tell, whatever their subject; a few words
that everybody uses stand in where there are too few of those.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from content.claims import terms
from content.roles import Role

#: Words that speak for a role in any treatment. They count as much as two sections that hold them.
SEEDS = {
    Role.WHAT: "is known as, is a form of, means, is called, stands for, is a type of, describes, derived, made from",
    Role.HOW: "device, needle, energy, pulse, wavelength, solution, layer, stimulate, collagen, brush on, gel, applied first, "
    "therapist, follicle, penetrate, current, vacuum, lamp, cured, glue, inject, syringe, roller, blade",
    Role.BENEFITS: "improve, smooth, glow, fade, wrinkle, firm, plump, bright, texture, even tone, shine, radiant, confidence, "
    "pores smaller, youthful, hydrate, soften, calm, healthier, saves time",
    Role.PREPARE: "before, beforehand, arrive, patch test, shave, razor, stop using, ahead, run-up, days earlier, consultation, "
    "self-tan, waxing, tweeze, remove contact lenses, medication, cold sore, come with clean skin",
    Role.AFTERCARE: "after, sauna, exercise, swim, steam, rub, pick, cool compress, moisturiser, sunscreen, sleep on your back, "
    "touch, massage the area, shower, first day, keep dry, aloe, pillow, pink, settle, heal",
    Role.RISKS: "side effect, rare, swelling, bruise, infection, allergic, burn, blister, scar, lump, blocked vessel, vision, "
    "emergency, nerve, worst, complication, doctor at once, severe",
    Role.WHO: "pregnant, breastfeeding, epilepsy, diabetes, pacemaker, suitable, not recommended, under 18, cancer, tattoo, "
    "skin condition, isotretinoin, autoimmune, candidate, eczema",
    Role.RESULTS: "results, visible, last, months, gradually, full effect, maintain, wear off, top-up",
    Role.FREQUENCY: "sessions, every few weeks, interval, course, spaced, once a month, often",
    Role.COST: "cost, price, pay, pound, euro, dollar, expensive, cheap, discount, deposit",
    Role.CHOOSE: "qualified, licence, insurance, reviews, certificate, ask to see, photos, hygiene, trained, registered, provider",
    Role.MYTHS: "myth, true, truth, believe, nonsense, contrary, rumour, not the case, claim",
    Role.COMBINE: "combine, together with, layer, pair, mix, alternate",
    Role.CLOSING: "promising, overall, remember, worth, consider",
}

#: A guess must reach this share of the votes, and this many times the votes of the next role; where a heading tells
#: a role and the prose another, more of them.
SHARE, CLEARLY = 0.08, 1.15
OVERRULING = 0.2

#: Votes that no role has: words seen in few sections speak softly.
DOUBT = 2.0


@dataclass(frozen=True, slots=True)
class Voices:
    """Which roles each concept speaks for."""

    heard: Mapping[
        str, tuple[tuple[tuple[Role, float], ...], float]
    ]  #: share of each role's sections; and all together

    @classmethod
    def of(cls, told: Iterable[tuple[Role, frozenset[str]]]) -> "Voices":
        """Learn from the sections whose heading told their role."""
        counts: dict[str, Counter[Role]] = defaultdict(Counter)
        number: Counter[Role] = Counter()
        for role, text in SEEDS.items():
            for term in sorted(terms(text)):
                counts[term][role] += 2
            number[role] += 2
        for role, bag in told:
            number[role] += 1
            for term in bag:
                counts[term][role] += 1
        doubt = DOUBT / (2 + len(number))
        heard = {t: tuple((role, n / number[role]) for role, n in found.items()) for t, found in counts.items()}
        return cls({t: (voices, sum(voice for _, voice in voices) + doubt) for t, voices in heard.items()})

    def guess(self, bag: frozenset[str], weights: Mapping[str, int], share: float = SHARE) -> Role | None:
        """Return the role that the concepts of a section speak for; None when they do not agree."""
        ranked = self.ranked(bag, weights)
        if not ranked or ranked[0][0] < share:
            return None
        return ranked[0][1] if len(ranked) < 2 or ranked[0][0] >= CLEARLY * ranked[1][0] else None

    def ranked(self, bag: frozenset[str], weights: Mapping[str, int]) -> Sequence[tuple[float, Role]]:
        """Return each role with its share of the votes, the likeliest first."""
        votes: dict[Role, float] = defaultdict(float)
        total = 0.0
        for term in sorted(bag):
            weight = weights.get(term, 0)
            total += weight
            voices, whole = self.heard.get(term, _SILENCE)
            for role, voice in voices:
                votes[role] += weight * voice / whole
        return sorted(((v / total, role) for role, v in votes.items()), key=lambda e: (-e[0], e[1])) if total else []


#: What a concept says that no section of a known role holds.
_SILENCE: tuple[tuple[tuple[Role, float], ...], float] = ((), 1.0)
