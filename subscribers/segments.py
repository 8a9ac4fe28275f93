"""Segments: a computed part of a list, told by a closed set of conditions and by nothing else.

There is no query language here and never will be: whatever a segment says is one of the values below, so a segment
cannot read another table, run for an hour, or carry a string into SQL.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from subscribers.consent import Door
from subscribers.preferences import Rhythm

#: Conditions of one segment at most, and names in one condition.
MOST_CONDITIONS, MOST_NAMES = 20, 50


@dataclass(frozen=True, slots=True)
class TopicIs:
    """People who receive at least one of these topics; whoever takes everything does."""

    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Joined:
    """People who confirmed on or after a day, and before another (None: no limit)."""

    since: date | None = None
    before: date | None = None


@dataclass(frozen=True, slots=True)
class RhythmIs:
    """People who chose one of these rhythms."""

    rhythms: tuple[Rhythm, ...]


@dataclass(frozen=True, slots=True)
class LanguageIs:
    """People who read one of these languages."""

    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tagged:
    """People who carry at least one of these tags."""

    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Clicked:
    """People who followed a link of a mail on or after a day; known as long as links are counted."""

    since: date


@dataclass(frozen=True, slots=True)
class CameBy:
    """People who asked for the list, or were imported, by one of these doors."""

    doors: tuple[Door, ...]


Condition = TopicIs | Joined | RhythmIs | LanguageIs | Tagged | Clicked | CameBy


class SegmentError(ValueError):
    """A segment is not one; the message names the condition, shows the value, says what would do."""


@dataclass(frozen=True, slots=True)
class Segment:
    """The confirmed people of a list to whom every condition applies, but for those to whom an exception does."""

    conditions: tuple[Condition, ...] = ()
    exceptions: tuple[Condition, ...] = ()


def parse_segment(said: object) -> Segment:
    """Return the segment in plain data, as a file or a form has it.

    For example `{"all": [{"topic": ["skin"]}, {"joined": {"since": "2026-01-01"}}], "but": [{"tag": ["staff"]}]}`.

    Raises:
        SegmentError: It says something that no condition knows.
    """
    if not isinstance(said, dict) or not set(said) <= {"all", "but"}:
        raise SegmentError(f'a segment has "all" and "but", got {said!r:.100}')
    return Segment(_conditions(said.get("all", [])), _conditions(said.get("but", [])))


def dump_segment(segment: Segment) -> str:
    """Return a segment as JSON: the same characters for the same segment."""
    said = {"all": [_written(c) for c in segment.conditions], "but": [_written(c) for c in segment.exceptions]}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def load_segment(text: str) -> Segment:
    """Return the segment that `dump_segment` wrote down.

    Raises:
        SegmentError: It is none.
    """
    try:
        said = json.loads(text)
    except ValueError as error:
        raise SegmentError(f"a segment is JSON, got {text!r:.100}") from error
    return parse_segment(said)


def describe_segment(segment: Segment) -> tuple[str, ...]:
    """Return what holds of the people of a segment, a few words for each condition: "read de or fr"."""
    but = tuple(f"do not {_SAID[type(c)](c)}" for c in segment.exceptions)
    return tuple(_SAID[type(c)](c) for c in segment.conditions) + but


def _written(condition: Condition) -> dict[str, object]:
    return _WRITTEN[type(condition)](condition)


def _conditions(said: object) -> tuple[Condition, ...]:
    if not isinstance(said, Sequence) or isinstance(said, str) or len(said) > MOST_CONDITIONS:
        raise SegmentError(f"a segment takes a list of at most {MOST_CONDITIONS} conditions")
    return tuple(_condition(one) for one in said)


def _condition(said: object) -> Condition:
    if not isinstance(said, dict) or len(said) != 1:
        raise SegmentError(f'a condition has one name, as in {{"topic": ["skin"]}}, got {said!r:.100}')
    ((name, value),) = said.items()
    if name not in CONDITIONS:
        raise SegmentError(f"there is no condition {name!r:.50}; take one of {', '.join(CONDITIONS)}")
    return CONDITIONS[name](name, value)


def _names(about: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= MOST_NAMES:
        raise SegmentError(f"{about} takes a list of 1 to {MOST_NAMES} names, got {value!r:.100}")
    if not all(isinstance(v, str) and 0 < len(v) <= 64 and v.isprintable() for v in value):
        raise SegmentError(f"{about} takes names of at most 64 letters, got {value!r:.100}")
    return tuple(value)


def _rhythms(about: str, value: object) -> tuple[Rhythm, ...]:
    names, known = _names(about, value), {r.value for r in Rhythm}
    if not set(names) <= known:
        raise SegmentError(f"{about} takes {', '.join(sorted(known))}, got {', '.join(names):.100}")
    return tuple(Rhythm(name) for name in names)


def _doors(about: str, value: object) -> tuple[Door, ...]:
    names, known = _names(about, value), {d.value for d in Door}
    if not set(names) <= known:
        raise SegmentError(f"{about} takes {', '.join(sorted(known))}, got {', '.join(names):.100}")
    return tuple(Door(name) for name in names)


def _days(about: str, value: object, *wanted: str) -> dict[str, date]:
    if not isinstance(value, dict) or not value or not set(value) <= set(wanted):
        raise SegmentError(f"{about} takes {' and '.join(wanted)} with a day each, got {value!r:.100}")
    try:
        return {name: date.fromisoformat(str(day)) for name, day in value.items()}
    except ValueError:
        raise SegmentError(f"{about} takes days such as 2026-01-31, got {value!r:.100}") from None


#: How each condition is written down.
CONDITIONS: Mapping[str, Callable[[str, object], Condition]] = {
    "topic": lambda name, value: TopicIs(_names(name, value)),
    "joined": lambda name, value: Joined(**_days(name, value, "since", "before")),
    "rhythm": lambda name, value: RhythmIs(_rhythms(name, value)),
    "language": lambda name, value: LanguageIs(_names(name, value)),
    "tag": lambda name, value: Tagged(_names(name, value)),
    "clicked": lambda name, value: Clicked(**_days(name, value, "since")),
    "door": lambda name, value: CameBy(_doors(name, value)),
}

_WRITTEN: Mapping[type[Condition], Callable[[Any], dict[str, object]]] = {
    TopicIs: lambda c: {"topic": list(c.topics)},
    Joined: lambda c: {"joined": {n: d.isoformat() for n, d in (("since", c.since), ("before", c.before)) if d}},
    RhythmIs: lambda c: {"rhythm": [r.value for r in c.rhythms]},
    LanguageIs: lambda c: {"language": list(c.languages)},
    Tagged: lambda c: {"tag": list(c.tags)},
    Clicked: lambda c: {"clicked": {"since": c.since.isoformat()}},
    CameBy: lambda c: {"door": [d.value for d in c.doors]},
}

_SAID: Mapping[type[Condition], Callable[[Any], str]] = {
    TopicIs: lambda c: f"receive {' or '.join(c.topics)}",
    Joined: lambda c: (
        "confirmed "
        + " and ".join(f"{word} {d.day} {d:%b %Y}" for word, d in (("since", c.since), ("before", c.before)) if d)
    ),
    RhythmIs: lambda c: f"chose {' or '.join(r.value for r in c.rhythms)}",
    LanguageIs: lambda c: f"read {' or '.join(c.languages)}",
    Tagged: lambda c: f"carry the tag {' or '.join(c.tags)}",
    Clicked: lambda c: f"followed a link since {c.since.day} {c.since:%b %Y}",
    CameBy: lambda c: f"came by {' or '.join(d.value for d in c.doors)}",
}
