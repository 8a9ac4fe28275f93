"""Reads what a sentence claims: the concepts it speaks of, which of them it denies, and its amounts."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import pairwise

from content.quantities import Quantity, quantities
from content.synonyms import concepts
from content.text import normal, stem_all, words
from content.vocabulary import AFFIRMED, CONDITIONS, NAMED, NEGATIVE, SAFETY, stop_stems, unit_stems

#: A denial reaches as far as its clause. A comma ends one only before words that open another, so that a list stays
#: whole. Linear on purpose: sentences come from strangers.
_CLAUSE = re.compile(
    r"[;:—–()]|,\s*(?=(?:it|they|you|he|she|we|this|these|that|those|there|then|so"
    r"|and (?:then|it|they|you)|or (?:it|they|you)|instead|otherwise|never|not)\b)"
    r"|\band (?=(?:no|not|never|do not|does not)\b|(?:try|use|apply|wear|keep|let|follow|put"
    r"|choose|leave|avoid|skip|wait|rinse|pat|stay|remove|take|make|have)\b)"
    r"|\b(?:but|because|although|though|while|whereas|so that|since|when|which|who|as)\b"
    r"|\b(?=(?:if|unless|until|except|provided)\b)"
)
#: A reason that comes first ends at its comma: "since acetone hardly dissolves it, polygel is filed". A condition does
#: not: "if you have eczema, it is not for you" says no to eczema.
_REASON_FIRST = re.compile(r"^\W*(?:since|because|although|though|while)\b[^,;:—–()]*,")
#: These deny only what stands next to them: "fragrance-free" the word before, "without sulphates" what follows.
_FREE, _WITHOUT = (
    re.compile(r"\b(\w+)[- ]free\b|\bfree (?:of|from) (\w+)"),
    re.compile(r"\b(?:without|out of|(?<=keep).{1,40}?away from|(?<=kept).{1,40}?away from|ohne|sans)\b(.*)"),
)
#: "Leave make-up off", "put retinol away", and "stop using": a verb and its particle deny together.
_PARTED = re.compile(
    r"\b(?:leave|leaves|leaving|left)\b.{0,60}?\b(?:off|away|aside|out|alone)\b|\bput\b.{0,60}?\b(?:away|aside)\b"
    r"|\b(?:keep|kept|stay)\b.{0,60}?\b(?:off|out|clear)\b|\brules?\b.{0,40}?\bout\b"
    r"|\bstop(?:ping)? \w+ing\b|^\W*stop\b|\bwait\b(?! (?:until|for|and)\b)"
)
#: These deny as "not" does. Their stems are other words' ("hard", "bare"); "hardly feel" says that it is painless.
_SCARCELY = re.compile(r"\bhardly\b(?! feel)|\b(?:scarcely|barely|seldom)\b")
#: "..., so avoid them": the denial is of what was said before.
_BACKWARDS = re.compile(
    r"^\W*(?:so |and |therefore )?(?:avoid|skip|do not|don't|never) (?:\w+ )?(?:it|them|this|these|that|those)\W*$"
)


@dataclass(frozen=True, slots=True)
class Clause:
    """What one clause speaks of."""

    terms: frozenset[str]
    amounts: tuple[Quantity, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """What one sentence says."""

    terms: frozenset[str]  #: concepts, without stop words, numbers and units
    denied: frozenset[str] = frozenset()  #: those of a clause that says no
    amounts: tuple[Quantity, ...] = ()
    conditions: frozenset[str] = frozenset()  #: concepts of a clause that opens with "if", "unless", ...
    named: frozenset[str] = field(default=frozenset())  #: ingredients, products, tools, places on the body
    safety: frozenset[str] = field(default=frozenset())
    sequence: tuple[str, ...] = ()  #: the concepts in order, stop words among them
    clauses: tuple[Clause, ...] = ()  #: those that hold a concept


def terms(text: str, language: str = "en") -> frozenset[str]:
    """Return the concepts of `text`, without stop words, numbers and units."""
    return frozenset(_content(sequence(text, language), language))


def _content(found: Iterable[str], language: str) -> list[str]:
    left_out = _left_out(language)
    return [c for c in found if c not in left_out and not c[0].isdigit()]


@cache
def _left_out(language: str) -> frozenset[str]:
    return stop_stems(language) | unit_stems()


@lru_cache(maxsize=8192)
def read(text: str, language: str = "en") -> Claim:
    """Return what the sentence `text` claims."""
    every: set[str] = set()
    denied: set[str] = set()
    conditions: set[str] = set()
    clauses: list[Clause] = []
    amounts = quantities(text)
    for clause in _CLAUSE.split(_REASON_FIRST.sub(lambda found: f"{found[0][:-1]};", normal(text))):
        without = _WITHOUT.search(clause)
        stemmed = stem_all(words(clause[: without.start()] if without else clause), language)
        found = concepts(stemmed) if language[:2] == "en" else stemmed
        content = _content(found, language)
        every.update(content)
        if content:
            clauses.append(Clause(frozenset(content), quantities(clause) if amounts else ()))
        if _says_no(found) or _PARTED.search(clause) or _SCARCELY.search(clause):
            denied.update(content)
        if _BACKWARDS.search(clause):
            denied.update(every)
        if without:
            denied ^= terms(without[1], language)  # "not without" denies nothing
        denied.update(*(terms(f"{before} {after}", language) for before, after in _FREE.findall(clause)))
        if not CONDITIONS.isdisjoint(stemmed):
            conditions.update(content)
    whole = terms(text, language)  # phrases that reach over a clause's end
    every |= whole
    return Claim(
        terms=frozenset(every),
        denied=frozenset(denied - NEGATIVE),
        amounts=amounts,
        conditions=frozenset(conditions),
        named=frozenset(every & NAMED),
        safety=frozenset(every & SAFETY),
        sequence=sequence(text, language),
        clauses=tuple(clauses),
    )


def sequence(text: str, language: str = "en") -> tuple[str, ...]:
    """Return the concepts of `text` in order, stop words among them."""
    stemmed = stem_all(words(text), language)
    return tuple(concepts(stemmed) if language[:2] == "en" else stemmed)


def _says_no(found: list[str]) -> bool:
    """Tell whether a clause with the concepts `found` denies; a phrase such as "does not hurt" is one concept.

    Two denials do not cancel out: "do not stop" is rare, and kept apart is safe.
    """
    return not NEGATIVE.isdisjoint(found) and AFFIRMED.isdisjoint(pairwise(found))
