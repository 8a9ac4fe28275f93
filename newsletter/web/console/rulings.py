"""Rulings: who decided what about repeats and when, each taken back with one press; and what a digest left out."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from starlette.responses import Response

from content.clusters import Ruling, RulingKind
from content.statements import fingerprint
from newsletter.publishing import draft, is_partly_out
from newsletter.staffing import Permission
from newsletter.storage.editions import EditionRecord, EditionState
from newsletter.storage.rulings import Given
from newsletter.web.console.asking import Ask, Door
from newsletter.web.console.digests import edition_of
from newsletter.web.console.groups import compared
from newsletter.web.console.sends import send_of
from newsletter.web.console.words import count

#: Acts on the page of rulings, and repeats on that of a digest; older and further ones still hold.
SHOWN, REPEATS = 100, 300

#: What is said of a section or sentence that no article on the desk has any more.
_GONE = "words that no article on the desk has any more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What somebody decided at one moment, in words."""

    number: int
    by: str
    at: datetime
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """A sentence that a digest does not print, and the one that says it."""

    sentence: str
    title: str
    kept: str
    kept_title: str
    rule: str
    score: float
    fingerprint: str
    is_kept: bool  #: an editor wants it printed from now on


def show_rulings(ask: Ask) -> Response:
    """Show what was decided about repeats, the newest first."""
    acts = _acts(ask.console.house.rulings.given(), compared(ask).names)
    return ask.show("rulings", acts=acts[:SHOWN], total=len(acts), most=SHOWN)


def take_back(ask: Ask) -> Response:
    """Take a ruling back, with all that was decided together with it: what held before holds again."""
    text = ask.form.one("number")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    taken = ask.console.house.rulings.take_back(number, by=ask.me.name, now=ask.now)
    if not taken:
        return ask.go(
            "/duplicates/rulings", "That ruling does not hold any more, so nothing was done.", is_problem=True
        )
    ask.did(str(number), rulings=len(taken))
    ask.console.cache.forget()
    return ask.go(
        "/duplicates/rulings", "Taken back: what held before holds again. Drafts follow when they are folded."
    )


def show_repeats(ask: Ask) -> Response:
    """Show every sentence that a digest leaves out because another one says it."""
    record = edition_of(ask)
    repeats = repeats_of(ask, record)
    return ask.show(
        "repeats",
        record=record,
        edition=record.edition,
        send=send_of(ask, record),
        repeats=repeats[:REPEATS],
        total=len(repeats),
        can_fold=_can_fold(ask, record),
    )


def print_again(ask: Ask) -> Response:
    """Print a sentence that was left out, in this digest while it is a draft, and in every later one."""
    record, wanted = edition_of(ask), ask.form.one("sentence")
    house, key = ask.console.house, record.edition.key
    back = f"/digests/{key}/repeats"
    found = next((r for r in repeats_of(ask, record) if r.fingerprint == wanted), None)
    if found is None:
        return ask.go(back, "That sentence is not left out any more; nothing was done.", is_problem=True)
    house.rulings.add([Ruling(RulingKind.KEEP, wanted)], by=ask.me.name, now=ask.now)
    ask.did(key, sentence=wanted)
    ask.console.cache.forget()
    if not _can_fold(ask, record):
        return ask.go(back, "Remembered: every later digest prints it. This one stays as it is.")
    draft(house, record.created_at, again=True, by_hand=True)
    return ask.go(back, "It is printed again. The digest was folded anew and needs an approval.")


def repeats_of(ask: Ask, record: EditionRecord) -> list[Repeat]:
    """Return the sentences that an edition leaves out, in order."""
    folding = json.loads(record.folding)
    titles = {a["id"]: a["title"] for a in folding["articles"]} if "articles" in folding else {}
    kept = {r.a for r in ask.console.house.rulings.in_force() if r.kind is RulingKind.KEEP}
    return [
        Repeat(
            sentence=d["sentence"],
            title=titles.get(d["article"], d["article"]),
            kept=d["kept"]["sentence"],
            kept_title=titles.get(d["kept"]["article"], d["kept"]["article"]),
            rule=d["rule"],
            score=d["score"],
            fingerprint=(name := fingerprint(d["sentence"])),
            is_kept=name in kept,
        )
        for d in folding.get("dropped", ())
    ]


def _can_fold(ask: Ask, record: EditionRecord) -> bool:
    is_open = record.state in {EditionState.DRAFT, EditionState.HELD} and not record.remakes
    return is_open and not is_partly_out(ask.console.house, record)


def _acts(given: Sequence[Given], names: Mapping[str, str]) -> list[Act]:
    """Return what was decided, by who decided it when, the newest first."""
    found = []
    for (by, at), together in groupby(reversed(given), key=lambda g: (g.by, g.at)):
        rulings = list(together)
        said = tuple(dict.fromkeys(_said(g.ruling, names) for g in reversed(rulings) if g.ruling.kind in _SAID))
        same = sum(g.ruling.kind is RulingKind.SAME for g in rulings)
        more = (f"{count(same + 1, 'section')} explain the same",) if same else ()
        found.append(Act(number=rulings[-1].number, by=by, at=at, said=said + more))
    return found


def _said(ruling: Ruling, names: Mapping[str, str]) -> str:
    return _SAID[ruling.kind](names.get(ruling.a, _GONE), names.get(ruling.b, _GONE))


_SAID: Mapping[RulingKind, Callable[[str, str], str]] = {
    RulingKind.CANONICAL: lambda a, _: f"The wording of “{a}” is printed",
    RulingKind.DIFFERENT: lambda a, b: f"“{a}” and “{b}” are not the same",
    RulingKind.KEEP: lambda a, _: f"“{a}” is always printed",
    RulingKind.PREFER: lambda a, b: f"“{a}” is right, so “{b}” is not printed",
    RulingKind.STAND: lambda a, b: f"“{a}” and “{b}” may both stand",
}

DOORS = (
    Door(path="/duplicates/rulings", view=show_rulings, may=Permission.SEE),
    Door(path="/duplicates/rulings", view=take_back, may=Permission.APPROVE, act="ruling.undo"),
    Door(path="/digests/{key}/repeats", view=show_repeats, may=Permission.SEE),
    Door(path="/digests/{key}/repeats", view=print_again, may=Permission.APPROVE, act="sentence.keep"),
)
