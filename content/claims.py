"""Reads what a sentence claims: the concepts it speaks of, which of them it denies, and its amounts."""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

from content.quantities import Quantity, quantities
from content.synonyms import concepts
from content.text import normal, stem_all, words
from content.vocabulary import AFFIRMED, CONDITIONS, NAMED, NEGATIVE, SAFETY, stop_stems, unit_stems

#: A denial reaches as far as its clause. Linear on purpose: sentences come from strangers.
_CLAUSE = re.compile(r"[,;:—–()]|\b(?:but|because|although|while|whereas|so that|since|unless|when|which|who|as)\b")


@dataclass(frozen=True, slots=True)
class Claim:
    """What one sentence says."""

    terms: frozenset[str]  #: concepts, without stop words, numbers and units
    denied: frozenset[str] = frozenset()  #: those of a clause that says no
    amounts: tuple[Quantity, ...] = ()
    conditions: frozenset[str] = frozenset()  #: concepts of a clause that opens with "if", "unless", ...
    named: frozenset[str] = field(default=frozenset())  #: ingredients, products, tools, places on the body
    safety: frozenset[str] = field(default=frozenset())


def terms(text: str, language: str = "en") -> frozenset[str]:
    """Return the concepts of `text`, without stop words, numbers and units."""
    return frozenset(_content(stem_all(words(text), language), language))


def _content(stemmed: list[str], language: str) -> list[str]:
    stop, units = stop_stems(language), unit_stems()
    found = concepts(stemmed) if language[:2] == "en" else stemmed
    return [c for c in found if c not in stop and c not in units and not c[0].isdigit()]


@lru_cache(maxsize=8192)
def read(text: str, language: str = "en") -> Claim:
    """Return what the sentence `text` claims."""
    every: set[str] = set()
    denied: set[str] = set()
    conditions: set[str] = set()
    for clause in _CLAUSE.split(normal(text)):
        stemmed = stem_all(words(clause), language)
        content = _content(stemmed, language)
        every.update(content)
        if _says_no(stemmed, content):
            denied.update(content)
        if not CONDITIONS.isdisjoint(stemmed):
            conditions.update(content)
    whole = terms(text, language)  # phrases that reach over a clause's end
    every |= whole
    return Claim(
        terms=frozenset(every),
        denied=frozenset(denied - NEGATIVE),
        amounts=quantities(text),
        conditions=frozenset(conditions),
        named=frozenset(every & NAMED),
        safety=frozenset(every & SAFETY),
    )


def _says_no(stemmed: list[str], content: list[str]) -> bool:
    """Tell whether a clause denies. Two denials do not cancel out: "do not stop" is rare, and kept apart is safe."""
    if not NEGATIVE.isdisjoint(content):
        return True
    pairs = set(pairwise(stemmed))
    return not NEGATIVE.isdisjoint(stemmed) and AFFIRMED.isdisjoint(pairs)
