"""Segments: conditions that staff count people by, keep under a name, and send a digest to."""

from collections.abc import Mapping
from datetime import date

from starlette.responses import Response

from content.compositions import Composition
from newsletter.staffing import Permission
from newsletter.storage.kept_segments import KeptSegment, KeptSegmentStore
from newsletter.storage.segments import Look, SegmentStore
from newsletter.web.console.asking import Ask, Door, with_query
from newsletter.web.console.audience import list_of
from newsletter.web.console.today import COUNTED_LENIENTLY, COUNTED_WITHIN
from subscribers.consent import Door as Way
from subscribers.preferences import Rhythm
from subscribers.segments import Segment, SegmentError, describe_segment, dump_segment, load_segment, parse_segment

#: Characters of a name at most.
NAME = 60

#: Doors by which people come to a list, as staff call them.
WAYS: Mapping[str, str] = {
    Way.FORM.value: "the sign-up form",
    Way.API.value: "another program",
    Way.IMPORT.value: "an import",
    Way.STAFF.value: "staff, by hand",
}

_FIELDS = ("topic", "rhythm", "language", "tag", "door", "since", "before")


def show_segments(ask: Ask) -> Response:
    """Show the segments that are kept, and how many people some conditions hold, with ten of them."""
    kept = KeptSegmentStore(ask.console.house.engine).all(_slug(ask))
    asked = {name: ask.query(name) for name in _FIELDS}
    problem, look = "", None
    chosen = next((k for k in kept if k.number == ask.number("kept")), None)
    try:
        segment = chosen.segment if chosen else _segment(asked)
        if segment.conditions:
            look = look_at(ask, segment)
    except SegmentError as error:
        problem = str(error)
    return ask.show(
        "segments",
        list=list_of(ask),
        rhythms=list(Rhythm),
        ways=WAYS,
        look=look,
        problem=problem,
        asked=asked,
        chosen=chosen,
        kept=[(k, describe_segment(k.segment)) for k in kept],
        conditions=describe_segment(segment) if look else (),
    )


def keep_segment(ask: Ask) -> Response:
    """Keep conditions under a name, in place of others of that name."""
    name = " ".join(ask.form.one("name").split())[:NAME]
    asked = {field: ask.form.one(field) for field in _FIELDS}
    try:
        segment = _segment(asked)
    except SegmentError as error:
        return ask.go("/audience/segments", str(error), is_problem=True)
    if not name or not segment.conditions:
        said = "A segment needs a name and at least one condition. Nothing was kept."
        return ask.go(with_query("/audience/segments", asked), said, is_problem=True)
    store = KeptSegmentStore(ask.console.house.engine)
    number = store.keep(_slug(ask), name, segment, by=ask.me.name, now=ask.now)
    ask.did(str(number), name=name)
    return ask.go("/audience/segments", f"“{name}” is kept. A digest can be sent to it: choose it there.", kept=number)


def change_segment(ask: Ask) -> Response:
    """Remove a segment, or bring back one that was removed."""
    store, text = KeptSegmentStore(ask.console.house.engine), ask.form.one("number")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if ask.form.one("do") == "back":
        done, said = store.bring_back(_slug(ask), number), "It is back."
    else:
        done, said = store.remove(_slug(ask), number, ask.now), "Removed. Digests that chose it keep its conditions."
    if not done:
        return ask.go("/audience/segments", "There is no such segment any more; nothing was done.", is_problem=True)
    ask.did(str(number), do=ask.form.one("do") or "remove")
    gone = 0 if ask.form.one("do") == "back" else number
    return ask.go(with_query("/audience/segments", {"gone": gone}), said)


def look_at(ask: Ask, segment: Segment) -> Look:
    """Return how many people a segment holds, and ten of them; a minute old at most."""
    slug = _slug(ask)
    return ask.console.cache.get(
        ("segment", slug, dump_segment(segment)),
        lambda: SegmentStore(ask.console.house.engine).look(slug, segment),
        now=ask.now,
        kept=COUNTED_WITHIN,
        lenient=COUNTED_LENIENTLY,
    )


def choosable(ask: Ask) -> tuple[KeptSegment, ...]:
    """Return the segments that a digest can be sent to."""
    return KeptSegmentStore(ask.console.house.engine).all(_slug(ask))


def audience_of(composition: Composition) -> Segment | None:
    """Return the segment that a digest was composed for; None when it is for everybody."""
    return load_segment(composition.audience) if composition.audience else None


def _slug(ask: Ask) -> str:
    return ask.console.house.settings.newsletter


def _segment(asked: Mapping[str, str]) -> Segment:
    """Return the conditions of the form in the closed words of `subscribers.segments`."""
    names = ("topic", "rhythm", "language", "tag", "door")
    conditions: list[dict[str, object]] = [{n: [value]} for n in names if (value := asked[n].strip())]
    days = {n: value for n in ("since", "before") if (value := _day(asked[n]))}
    if days:
        conditions.append({"joined": days})
    return parse_segment({"all": conditions})


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return ""


DOORS = (
    Door(path="/audience/segments", view=show_segments, may=Permission.PEOPLE),
    Door(path="/audience/segments", view=keep_segment, may=Permission.PEOPLE, act="segment.keep"),
    Door(path="/audience/segments/change", view=change_segment, may=Permission.PEOPLE, act="segment.change"),
)
