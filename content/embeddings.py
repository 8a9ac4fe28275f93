"""Places sentences where those that mean the same lie close, whatever their words, given vectors of words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from content.claims import terms
from content.text import words
from content.vocabulary import GENERIC, stop_stems

Matrix = NDArray[np.float32]

#: What a stop word counts where sentences are compared, and where articles are: what an article is about stands in its
#: other words.
STOP_IN_SENTENCES, STOP_IN_ARTICLES = 0.3, 0.2

#: What a word that every beauty article may hold ("treatment", "advise") counts where articles are compared.
GENERIC_IN_ARTICLES = 0.4

#: Sentences that `BACKGROUND` counts for beside those that are compared: few sentences say little about what is common.
PRIOR = 100


class Vectors(Protocol):
    """Vectors of words, from wherever they come."""

    @property
    def name(self) -> str:
        """Return what an explanation calls them."""

    def of(self, found: Sequence[str]) -> tuple[Matrix, NDArray[np.float32]]:
        """Return for each of the words `found` the sum of its parts' vectors, a row each, and how many parts it has."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Texts in the space of some vectors."""

    sentences: Matrix  #: of unit length, a row per sentence; what all sentences have in common is taken out
    topics: Matrix  #: the same sentences as they count for what their article is about; not of unit length


def place(vectors: Vectors, sentences: Sequence[str], language: str = "en") -> Placed:
    """Return where each of `sentences` lies, what they and all beauty prose have in common taken out."""
    split = [words(s) for s in (*sentences, *BACKGROUND)]
    vocabulary = sorted({w for found in split for w in found})
    number = {w: n for n, w in enumerate(vocabulary)}
    sums, parts = vectors.of(vocabulary)
    stop = stop_stems(language)
    stops = np.array([w in stop for w in vocabulary], bool)
    generic = np.array([not terms(w, language) - GENERIC for w in vocabulary], bool)
    rows = [[number[w] for w in found] for found in split]
    in_sentences = np.where(stops, STOP_IN_SENTENCES, 1.0).astype(np.float32)
    in_articles = np.where(stops, STOP_IN_ARTICLES, np.where(generic, GENERIC_IN_ARTICLES, 1.0)).astype(np.float32)
    return Placed(
        sentences=unit(_centred(_means(rows, sums, parts, in_sentences), len(sentences))),
        topics=_centred(_means(rows, sums, parts, in_articles), len(sentences)),
    )


def _means(
    rows: Sequence[Sequence[int]], sums: Matrix, parts: NDArray[np.float32], weights: NDArray[np.float32]
) -> Matrix:
    """Return the weighted mean of the vectors of each row's words; nothing but zeros for a row without words."""
    result = np.zeros((len(rows), sums.shape[1]), np.float32)
    for place, row in enumerate(rows):
        if row:
            counted = weights[row]
            result[place] = counted @ sums[row] / max(float(counted @ parts[row]), 1e-9)
    return result


def _centred(means: Matrix, number: int) -> Matrix:
    """Return the first `number` rows less what is common to them and to the others, the background."""
    own, background = means[:number], means[number:]
    common = (PRIOR * background.mean(axis=0) + own.sum(axis=0)) / (PRIOR + number)
    return np.asarray(np.where(own.any(axis=1, keepdims=True), own - common, 0.0), np.float32)


def unit(rows: Matrix) -> Matrix:
    """Return `rows` at unit length; a row of zeros stays."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-9), np.float32)


def align(likeness: NDArray[np.floating], starts: Sequence[int]) -> NDArray[np.float64]:
    """Return how well each group of sentences finds like ones in each other group: the mean of both ways.

    Args:
        likeness: Of every sentence with every other.
        starts: Where each group starts; groups follow each other, and none is empty.
    """
    if not len(starts):
        return np.zeros((0, 0))
    sizes = np.diff([*starts, len(likeness)])
    best = np.maximum.reduceat(np.asarray(likeness, np.float64), starts, axis=1)
    one_way = np.add.reduceat(best, starts, axis=0) / sizes[:, None]
    return np.asarray((one_way + one_way.T) / 2)


#: What beauty prose says everywhere, whatever it is about.
BACKGROUND = (
    "The treatment takes about an hour, and most people go straight back to work.",
    "Results differ from person to person, so talk to a qualified practitioner first.",
    "Your skin may look a little red and feel warm for a day or two.",
    "Avoid hot baths, saunas, swimming and hard exercise for two days afterwards.",
    "Wear sunscreen every day and keep out of strong sun.",
    "Tell your therapist about any medicines you take and about allergies.",
    "It is not recommended during pregnancy or on broken or irritated skin.",
    "Apply a small amount to clean, dry skin in the morning and in the evening.",
    "It helps to make the skin smoother, softer and brighter.",
    "A course of several sessions a few weeks apart gives the best result.",
    "Start slowly, once or twice a week, and see how you get on.",
    "Use a gentle cleanser and a plain moisturiser, and do not scrub.",
    "The results last for several weeks and then fade little by little.",
    "Prices vary with the clinic, the area and the number of visits.",
    "A patch test is done beforehand to be sure that you do not react.",
    "The product is worked in with the fingers and left on for a few minutes.",
    "Hair looks shinier and fuller, and is easier to style.",
    "The practitioner cleans the area, marks it out and then begins.",
    "Many people say that it does not hurt, though you will feel something.",
    "Do not touch, rub or pick at the area while it heals.",
)
