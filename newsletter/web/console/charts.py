"""Charts drawn on the server: no script, no style of their own; each page shows the same numbers as a table."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

#: In units of its own: a chart is as wide as the box it stands in, so a narrow one has fewer units and larger letters.
_WIDE, _NARROW, _HEIGHT, _FLOOR = 720, 420, 220, 184


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: what stands below it, how high it is, and what it says to who asks."""

    label: str
    value: int
    about: str = ""


def bars(title: str, values: Sequence[Bar], *, is_narrow: bool = False) -> Markup:
    """Return a bar chart as SVG, for a box as wide as the page or half as wide; empty when there is nothing to show."""
    if not values:
        return Markup("")
    most = max(max(v.value for v in values), 1)
    width = _NARROW if is_narrow else _WIDE
    step = width / len(values)
    drawn = [_bar(v, place * step, step, most) for place, v in enumerate(values)]
    axis = Markup('<line class="axis" x1="0" y1="{0}" x2="{1}" y2="{0}"/>').format(_FLOOR, width)
    told = "; ".join(f"{v.label}: {v.value}" for v in values[:40])
    frame = Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}"><title>{}</title><desc>{}</desc>{}{}</svg>'
    )
    return frame.format(width, _HEIGHT, title, title, told, axis, Markup("").join(drawn))


def _bar(bar: Bar, left: float, step: float, most: int) -> Markup:
    height = (_FLOOR - 24) * bar.value / most
    width = min(step * 0.7, 64)
    middle = left + step / 2
    return Markup(
        '<g><title>{}: {}</title><rect class="bar-fill" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="3"/>'
        '<text x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>'
        '<text x="{:.1f}" y="{}" text-anchor="middle">{}</text></g>'
    ).format(
        escape(bar.label), bar.value, middle - width / 2, _FLOOR - height, width, height,
        middle, _FLOOR - height - 6, f"{bar.value:,}".replace(",", "\u202f"), middle, _HEIGHT - 16, bar.label[:12],
    )  # fmt: skip
