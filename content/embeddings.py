"""Places sentences and sections where those that mean the same lie close, whatever their words."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from content.text import words
from content.vocabulary import stop_stems

Matrix = NDArray[np.float32]

#: What a stop word counts in a sentence.
STOPS = 0.3

#: Sentences that `BACKGROUND` counts for beside those that are compared: few sentences say little about what is common.
PRIOR = 100

#: The same for sections, and how many paragraphs the background makes.
SECTIONS_PRIOR, PARAGRAPHS = 10, 5


class Vectors(Protocol):
    """What places texts, wherever it comes from."""

    @property
    def name(self) -> str:
        """Return what an explanation calls it."""

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Return a row of unit length for each of `texts`: words, sentences or whole sections."""


def place(vectors: Vectors, sentences: Sequence[str], language: str = "en") -> Matrix:
    """Return where each of `sentences` lies, a row of unit length each, by its words alone.

    What they and all beauty prose have in common is taken out. A sentence is the mean of its words: for statements
    about one subject that tells more than the model's view of the whole sentence, which sees little but the subject.
    """
    split = [words(s) for s in (*sentences, *BACKGROUND)]
    vocabulary = sorted({w for found in split for w in found})
    number = {w: n for n, w in enumerate(vocabulary)}
    placed = vectors.embed(vocabulary)
    stop = stop_stems(language)
    weights = np.array([STOPS if w in stop else 1.0 for w in vocabulary], np.float32)
    means = np.zeros((len(split), placed.shape[1]), np.float32)
    for row, found in enumerate(split):
        if found:
            numbers = [number[w] for w in found]
            counted = weights[numbers]
            means[row] = counted @ placed[numbers] / counted.sum()
    return unit(_centred(means, len(sentences), PRIOR))


def place_sections(vectors: Vectors, texts: Sequence[str]) -> Matrix:
    """Return where each of `texts`, headings with their prose, lies; what all of them have in common is taken out."""
    paragraphs = [" ".join(BACKGROUND[n::PARAGRAPHS]) for n in range(PARAGRAPHS)]
    return _centred(vectors.embed([*texts, *paragraphs]), len(texts), SECTIONS_PRIOR)


def _centred(means: Matrix, number: int, prior: int) -> Matrix:
    """Return the first `number` rows less what is common to them and to the others, which count for `prior` rows."""
    own, background = means[:number], means[number:]
    common = (prior * background.mean(axis=0) + own.sum(axis=0)) / (prior + number)
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
