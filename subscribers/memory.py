"""Remembers what each of a million people received, as a few numbers each, and recalls what matters for one issue."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from subscribers.issues import Explainer, StoryRef

#: A receipt is the number of a variant, counted from 1; 0 is nobody's. This bit says that it may not have arrived:
#: the delivery is still on its way, or its outcome is uncertain.
DOUBT: Final = 1 << 31

#: The explainer that a person has not seen for so long is printed again.
FORGOTTEN_AFTER = timedelta(days=180)

Words = NDArray[np.uint64]
Codes = NDArray[np.uint32]

T = TypeVar("T")

#: Bits in one word of a mask.
_BITS = 64


@dataclass(frozen=True, slots=True)
class Printed:
    """What one variant told its readers."""

    stories: frozenset[str]
    explainers: frozenset[Explainer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One past issue: when, what its variants printed, and who got which, by the person's number."""

    edition: str
    day: date
    variants: Sequence[Printed]  #: the first has the number 1
    receipts: Codes


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What each person, by number, already has of one issue's stories and explainers."""

    stories: Words  #: a row of mask words per person: told, or perhaps told
    explainers: Words  #: the same, but only what certainly arrived, and recently
    missed: NDArray[np.uint64]  #: of the earlier issues that may be caught up, which ones did not arrive
    last_day: NDArray[np.int32]  #: ordinal of the day of the newest issue that reached them; 0: none


def recall(
    pool: Sequence[StoryRef],
    earlier: Sequence[str],
    past: Iterable[Past],
    *,
    people: int,
    day: date,
    forgotten_after: timedelta = FORGOTTEN_AFTER,
) -> Memory:
    """Return what `people` persons have of the stories in `pool`.

    A story counts as told even where its arrival is in doubt, so that nobody gets it twice; an explainer counts only
    where it certainly arrived, so that nobody goes without.

    Args:
        pool: Stories that may be told now; mask bits follow their order.
        earlier: Keys of the issues that may be caught up; the bits of `missed` follow their order.
        past: Issues, each read once and dropped, so that memory does not grow with their number.
        people: One more than the highest number of a person.
        day: The day of the issue that is planned.
        forgotten_after: How long an explainer counts as read.
    """
    story_bits = {story.id: bit for bit, story in enumerate(pool)}
    explainer_bits = {e: bit for bit, e in enumerate(explainers_of(pool))}
    stories = np.zeros((people, _words(len(story_bits))), np.uint64)
    explainers = np.zeros((people, _words(len(explainer_bits))), np.uint64)
    missed = np.full(people, (1 << len(earlier)) - 1, np.uint64)
    last_day = np.zeros(people, np.int32)
    for issue in past:
        codes = issue.receipts[:people]
        known, index, sure = len(codes), codes & np.uint32(DOUBT - 1), codes < DOUBT
        told = _table([_bits(story_bits, v.stories) for v in issue.variants], stories.shape[1])
        _add(stories[:known], told, index)
        if day - issue.day < forgotten_after:
            read = _table([_bits(explainer_bits, v.explainers) for v in issue.variants], explainers.shape[1])
            _add(explainers[:known], read, np.where(sure, index, 0))
        if issue.edition in earlier:
            bit = np.uint64(1 << earlier.index(issue.edition))
            missed[:known][index > 0] &= ~bit
        newer = (index > 0) & (last_day[:known] < issue.day.toordinal())
        last_day[:known][newer] = issue.day.toordinal()
    return Memory(stories=stories, explainers=explainers, missed=missed, last_day=last_day)


def explainers_of(pool: Sequence[StoryRef]) -> tuple[Explainer, ...]:
    """Return every explainer of these stories once, in order."""
    return tuple(dict.fromkeys(e for story in pool for e in story.explainers))


def as_masks(rows: Words) -> list[int]:
    """Return each person's mask words as one number."""
    masks: list[int] = rows[:, 0].tolist()
    for place in range(1, rows.shape[1]):
        masks = [low | high << (place * _BITS) for low, high in zip(masks, rows[:, place].tolist(), strict=True)]
    return masks


def _words(bits: int) -> int:
    return max(1, -(-bits // _BITS))


def _bits(places: Mapping[T, int], names: Iterable[T]) -> int:
    return sum(1 << places[name] for name in names if name in places)


def _table(masks: Sequence[int], words: int) -> Words | None:
    """Return the mask words of each variant, after a row of zeros for those who got none; None when all are zero."""
    if not any(masks):
        return None
    table = np.zeros((len(masks) + 1, words), np.uint64)
    for number, mask in enumerate(masks, start=1):
        for place in range(words):
            table[number, place] = mask >> (place * _BITS) & (1 << _BITS) - 1
    return table


def _add(rows: Words, table: Words | None, index: NDArray[np.integer]) -> None:
    if table is None:
        return
    for place in range(table.shape[1]):
        if table[:, place].any():
            rows[:, place] |= table[:, place][index]
