"""Reads the numbers of a sentence with their units: digits, words, ranges, rates and vague amounts."""

import re
from dataclasses import dataclass, field, replace

from content.text import normal

#: A month is not exactly so many weeks: what is said in months or years may differ by this share.
COARSE = 0.1

_SMALL = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
_WORDS = {w: float(n) for n, w in enumerate(f"{_SMALL} seventeen eighteen nineteen".split())}
_TENS = {w: n * 10.0 for n, w in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2)}
_SCALES = {"hundred": 100.0, "thousand": 1000.0, "million": 1e6, "dozen": 12.0}
_VAGUE = {"couple": (2.0, 3.0), "few": (2.0, 10.0), "several": (2.0, 10.0), "some": (2.0, 10.0)}
#: Words before an amount that make it an upper bound: "up to eight weeks" agrees with "six to eight weeks".
_UPPER = re.compile(r"\b(?:up to|at most|as (?:long|much|many) as|no (?:more|longer) than|maximum(?: of)?|max)$")

#: Unit: (dimension, factor to the dimension's own unit). Times are days, lengths millimetres, volumes millilitres.
UNITS: dict[str, tuple[str, float]] = {
    unit: (dimension, factor)
    for units, dimension, factor in (
        ("second seconds sec secs s", "time", 1 / 86_400),
        ("minute minutes min mins", "time", 1 / 1440),
        ("hour hours hr hrs h", "time", 1 / 24),
        ("day days", "time", 1.0),
        ("night nights evening evenings", "nights", 1.0),
        ("week weeks", "time", 7.0),
        ("fortnight fortnights", "time", 14.0),
        ("month months", "time", 30.4),
        ("year years", "time", 365.0),
        ("nm nanometre nanometres nanometer nanometers", "wavelength", 1.0),
        ("micron microns µm μm micrometre micrometres", "length", 0.001),
        ("mm millimetre millimetres millimeter millimeters", "length", 1.0),
        ("cm centimetre centimetres centimeter centimeters", "length", 10.0),
        ("inch inches", "length", 25.4),
        ("ml millilitre millilitres milliliter milliliters", "volume", 1.0),
        ("litre litres liter liters l", "volume", 1000.0),
        ("teaspoon teaspoons", "volume", 5.0),
        ("tablespoon tablespoons", "volume", 15.0),
        ("mg milligram milligrams", "mass", 0.001),
        ("g gram grams", "mass", 1.0),
        ("kg kilogram kilograms", "mass", 1000.0),
        ("% percent pct", "percent", 1.0),
        ("°c celsius", "temperature", 1.0),
        ("° degree degrees", "degrees", 1.0),
        ("volume volumes vol", "strength", 1.0),
        ("$ dollar dollars", "dollars", 1.0),
        ("£ pound pounds", "pounds", 1.0),
        ("€ euro euros", "euros", 1.0),
        ("j joule joules", "energy", 1.0),
        ("w watt watts", "power", 1.0),
    )
    for unit in units.split()
}
_COARSE_UNITS = frozenset("month months year years".split())
_BEFORE = {"spf": "spf", "factor": "spf", "ph": "ph", "$": "dollars", "£": "pounds", "€": "euros", "age": "age"}
_RANGE = frozenset({"-", "–", "—", "to", "and", "or", "bis", "à"})
#: Between a number and its unit these change nothing: "two full weeks", "10 to 15 more minutes".
_FILL = frozenset("full whole consecutive further more additional extra straight -".split())
_ONE_LONG = frozenset("a an one full whole entire next following single another half".split())
_PER = frozenset("a an per each every".split())
_TIMES = frozenset("times time nights mornings evenings days".split())
_RATES = {"once": 1.0, "twice": 2.0, "thrice": 3.0}
_RATE_UNITS = {"daily": 1.0, "weekly": 1 / 7, "fortnightly": 1 / 14, "monthly": 1 / 30.4, "yearly": 1 / 365}
_ORDINALS = {
    word: n + 1.0 for n, word in enumerate("first second third fourth fifth sixth seventh eighth ninth tenth".split())
}
#: "One" is a number only before what one counts; elsewhere it is a pronoun.
_COUNTED = frozenset("session sessions treatment treatments visit layer coat drop application appointment pump".split())

#: Digits that follow a letter are part of a name ("UV400"), but for "SPF50" and "pH5".
_LEX = re.compile(r"(?:(?<![^\W_])|(?<=spf)|(?<=ph))\d+(?:[.,]\d+)*|°c|[%°£$€–—-]|[^\W\d_]+(?:'[a-z]+)?")
_NUMBER = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class Quantity:
    """An amount from `low` to `high` of a dimension, in the dimension's own unit."""

    dimension: str  #: "time", "length", ..., "rate" (times a day), or "count"
    low: float
    high: float
    counted: str = ""  #: of a count, the word that follows
    coarse: bool = False  #: said in months or years
    vague: bool = False  #: said as "a few", "several"
    at_most: bool = False  #: said as "up to"
    said: str = field(default="", compare=False)  #: in the words of the text

    def agrees(self, other: "Quantity") -> bool:
        """Tell whether both amounts are the same; vague ones when they can be."""
        if self.dimension != other.dimension:
            return {self.dimension, other.dimension} == {"time", "nights"} and self.low == other.low
        if self.vague or other.vague:
            return self.low <= other.high and other.low <= self.high
        slack = self._slack(other)
        if self.at_most != other.at_most:
            return _near(self.high, other.high, slack)
        return _near(self.low, other.low, slack) and _near(self.high, other.high, slack)

    def overlaps(self, other: "Quantity") -> bool:
        """Tell whether some amount fits both."""
        slack = self._slack(other)
        return self.low <= other.high * (1 + slack) and other.low <= self.high * (1 + slack)

    def _slack(self, other: "Quantity") -> float:
        if self.coarse and other.coarse:
            return COARSE / 10  # twelve months are a year
        return COARSE if self.coarse or other.coarse else 1e-6


def _near(a: float, b: float, slack: float) -> bool:
    return abs(a - b) <= slack * max(abs(a), abs(b))


def quantities(text: str) -> tuple[Quantity, ...]:
    """Return the amounts that `text` states, in order."""
    items = _LEX.findall(normal(text))
    found: list[Quantity] = []
    position = 0
    while position < len(items):
        start = position
        quantity, position = _read(items, position)
        if quantity:
            at_most = _UPPER.search(" ".join(items[max(0, start - 3) : start])) is not None
            start -= start > 0 and items[start - 1] in _BEFORE
            found.append(replace(quantity, said=" ".join(items[start:position]), at_most=at_most))
    return tuple(found)


def _read(items: list[str], at: int) -> tuple[Quantity | None, int]:
    """Return the amount that starts at the item `at`, if any, and where reading goes on."""
    item = items[at]
    if item in _RATES:
        return _rate(items, at + 1, _RATES[item])
    if item in _RATE_UNITS:
        return Quantity("rate", _RATE_UNITS[item], _RATE_UNITS[item]), at + 1
    if item in _VAGUE:
        return _vague(items, at)
    if item in _ORDINALS and _unit(items, at + 1):
        return _ordinal(items, at + 1, _ORDINALS[item])
    if item in ("day", "week") and at + 1 < len(items):
        value, after = _number(items, at + 1)  # "from day two"
        if value is not None and not _unit(items, after):
            factor = UNITS[item][1]
            return Quantity("time", value * factor, value * factor), after
    if item == "every" and _unit(items, at + 1) == ("time", 1.0):
        return Quantity("rate", 1.0, 1.0), at + 2
    if item == "half" and at + 2 < len(items) and items[at + 1] in ("an", "a"):
        unit = _unit(items, at + 2)
        if unit:
            return Quantity(unit[0], unit[1] / 2, unit[1] / 2), at + 3
    if item == "half" and items[at + 1 : at + 3] == ["a", "dozen"]:
        return _measured(items, at, 6.0, at + 3)
    value, after = _number(items, at)
    if value is None:
        return _implied_one(items, at)
    return _measured(items, at, value, after)


def _measured(items: list[str], at: int, low: float, after: int) -> tuple[Quantity | None, int]:
    high, after = _range_end(items, at, low, after)
    unit_at = after
    while unit_at < len(items) and items[unit_at] in _FILL:
        unit_at += 1
    previous = items[at - 1] if at else ""
    if previous == "of" and at > 1:
        previous = items[at - 2]  # "a factor of 50"
    if previous in _BEFORE:
        return Quantity(_BEFORE[previous], low, high), after
    unit = _unit(items, unit_at)
    if unit or _is_times(items, unit_at):
        if _is_times(items, unit_at) and _is_rate(items, unit_at + 1):
            rate, end = _rate(items, unit_at + 1, low)
            return rate, end
        if unit:
            dimension, factor = unit
            coarse = items[unit_at] in _COARSE_UNITS
            return Quantity(dimension, low * factor, high * factor, coarse=coarse), unit_at + 1
    noun = items[unit_at] if unit_at < len(items) else ""
    if _is_rate(items, unit_at + 1):  # "one session a month"
        return _rate(items, unit_at + 1, low)
    if items[at] == "one" and noun not in _COUNTED:
        return None, at + 1
    return Quantity("count", low, high, counted=noun), after


def _range_end(items: list[str], at: int, low: float, after: int) -> tuple[float, int]:
    """Return the upper end of a range and where it ends; `low` itself where there is no range."""
    between = at > 0 and items[at - 1] == "between"
    step = after
    if _unit(items, step) and step + 1 < len(items) and items[step + 1] in _RANGE:
        step += 1  # "two weeks to four weeks", "0.5 mm to 1.5 mm"
    if step < len(items) and items[step] in _RANGE and (items[step] != "and" or between):
        high, end = _number(items, step + 1)
        if high is not None and high >= low and (step == after or _unit(items, after) == _unit(items, end)):
            return high, end
    return low, after


def _number(items: list[str], at: int) -> tuple[float | None, int]:
    if at >= len(items):
        return None, at
    item = items[at]
    if _NUMBER.match(item):
        return _digits(item), at + 1
    value: float | None = None
    while at < len(items):
        item = items[at]
        if item in _TENS:
            value = (value or 0) + _TENS[item]
        elif item in _WORDS:
            value = (value or 0) + _WORDS[item]
        elif item in _SCALES and (value is not None or items[at - 1] == "a"):
            value = (value or 1) * _SCALES[item]
        elif item == "and" and value is not None and items[at - 1] in _SCALES and _is_small(items, at + 1):
            pass  # "three hundred and twenty"
        elif not (item == "-" and value is not None and at + 1 < len(items) and items[at + 1] in _WORDS
                  and items[at - 1] in _TENS):  # fmt: skip
            break
        at += 1
    return value, at


def _is_small(items: list[str], at: int) -> bool:
    return at < len(items) and (items[at] in _WORDS or items[at] in _TENS)


def _digits(item: str) -> float:
    """Read 0.5, 1,5 (a decimal comma), 1,000 and 1.000.000."""
    if item.count(".") + item.count(",") == 1:
        whole, _, part = item.replace(",", ".").partition(".")
        if "," in item and len(part) == 3 and whole != "0":
            return float(whole + part)
        return float(f"{whole}.{part}")
    return float(item.replace(",", "").replace(".", ""))


def _unit(items: list[str], at: int) -> tuple[str, float] | None:
    if at >= len(items):
        return None
    if items[at] == "per" and items[at + 1 : at + 2] == ["cent"]:
        return "percent", 1.0
    return UNITS.get(items[at])


def _is_times(items: list[str], at: int) -> bool:
    return at < len(items) and items[at] in _TIMES


def _is_rate(items: list[str], at: int) -> bool:
    if at < len(items) and items[at] in _RATE_UNITS:
        return True
    return at + 1 < len(items) and items[at] in _PER and (_unit(items, at + 1) or ("",))[0] == "time"


def _rate(items: list[str], at: int, times: float) -> tuple[Quantity | None, int]:
    """Read "a week" or "weekly" after "twice" or "three times"."""
    if at < len(items) and items[at] in _RATE_UNITS:
        per = _RATE_UNITS[items[at]]
        return Quantity("rate", times * per, times * per), at + 1
    if _is_rate(items, at):
        unit = _unit(items, at + 1)
        assert unit
        return Quantity("rate", times / unit[1], times / unit[1], coarse=items[at + 1] in _COARSE_UNITS), at + 2
    return None, at


def _ordinal(items: list[str], at: int, value: float) -> tuple[Quantity | None, int]:
    """Read "the third day" as three days."""
    dimension, factor = UNITS[items[at]]
    if dimension != "time":
        return None, at
    return Quantity(dimension, value * factor, value * factor, coarse=items[at] in _COARSE_UNITS), at + 1


def _vague(items: list[str], at: int) -> tuple[Quantity | None, int]:
    low, high = _VAGUE[items[at]]
    after = at + 1
    if items[after : after + 1] == ["of"]:
        after += 1
    unit = _unit(items, after)
    if not unit:
        return None, at + 1
    return Quantity(unit[0], low * unit[1], high * unit[1], vague=True), after + 1


def _implied_one(items: list[str], at: int) -> tuple[Quantity | None, int]:
    """Read "a week", "an hour", "the next day", "a full month" as one of them."""
    if items[at] not in _ONE_LONG or at + 1 >= len(items):
        return None, at + 1
    last = at + 1
    while last < len(items) and items[last] in _ONE_LONG:
        last += 1
    unit = _unit(items, last)
    previous = items[at - 1] if at else ""
    if not unit or unit[0] not in ("time", "nights") or previous in _TIMES or items[last] == "second":
        return None, at + 1
    if items[last + 1 : last + 4] == ["and", "a", "half"]:
        amount = unit[1] * 1.5
        return Quantity(unit[0], amount, amount, coarse=items[last] in _COARSE_UNITS), last + 4
    if items[last].endswith("s"):  # "the following days"
        low, high = _VAGUE["few"]
        return Quantity(unit[0], low * unit[1], high * unit[1], vague=True), last + 1
    return Quantity(unit[0], unit[1], unit[1], coarse=items[last] in _COARSE_UNITS), last + 1
