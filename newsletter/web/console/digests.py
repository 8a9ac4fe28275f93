"""Digests: the list, and composing one: which stories in which order, and the words around them."""

import json
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from functools import partial

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from content.compositions import Composition, moved
from newsletter.publishing import (
    EVERYBODY,
    ComposedElsewhereError,
    compose,
    draft,
    edition_key,
    examine,
)
from newsletter.publishing import find as find_edition
from newsletter.rendering.gates import Finding
from newsletter.staffing import Permission
from newsletter.storage.compositions import Version
from newsletter.storage.editions import EditionRecord, hash_of
from newsletter.storage.jottings import Jotting, JottingStore
from newsletter.storage.overviews import EditionRow
from newsletter.web.console.asking import Ask, Door
from newsletter.web.console.groups import told_articles
from newsletter.web.console.segments import choosable
from newsletter.web.console.sends import Shown, can_edit, send_of
from newsletter.web.console.today import article_counts
from newsletter.web.console.words import day
from subscribers.segments import dump_segment

#: Characters of each field at most: the longest subject a server takes, what inboxes show, a page of text.
SUBJECT, PREHEADER, INTRO = 250, 250, 4000


#: Articles offered to be added; a search finds the others.
ADDABLE = 30

#: How long findings about a mail are kept in memory: the spam filter's rules change now and then.
FINDINGS_KEPT = timedelta(days=1)


def show_digests(ask: Ask) -> Response:
    """Show every digest with where it stands."""
    newsletter = ask.console.house.settings.newsletter
    rows = [(e, send_of(ask, e, with_sum=False)) for e in ask.console.overviews.editions(newsletter)]
    counts: dict[str, int] = {}
    for _, send in rows:
        counts[send.word] = counts.get(send.word, 0) + 1
    tab = ask.query("tab")
    return ask.show(
        "digests",
        rows=[(e, s) for e, s in rows if not tab or s.word == tab],
        counts=counts,
        tab=tab,
        total=len(rows),
        current=edition_key(ask.console.house.settings, ask.now),
        exists=any(e.key == edition_key(ask.console.house.settings, ask.now) for e, _ in rows),
        fresh=article_counts(ask).get("approved", 0),
        leaves=partial(_leaves, ask),
    )


def _leaves(ask: Ask, row: EditionRow, send: Shown) -> str:
    """Return when a digest leaves or left, in words."""
    if row.mailing is not None:
        return ask.when(row.mailing.frozen_at)
    return ask.when(send.due_at) or f"no time set; made {day(row.created_at, ask.zone)}"


def make_digest(ask: Ask) -> Response:
    """Make this period's digest of the approved articles; a person approves it."""
    record = draft(ask.console.house, ask.now, by_hand=True)
    if record is None:
        return ask.go(
            "/articles", "There is no approved article that no digest has told. Approve one first.", is_problem=True
        )
    ask.did(record.edition.key)
    ask.console.cache.forget()
    return ask.go(f"/digests/{record.edition.key}")


def show_compose(ask: Ask) -> Response:
    """Show one digest to be composed."""
    record = edition_of(ask)
    latest = ask.console.house.compositions.latest(record.edition.key)
    return _show(ask, record, latest, jotting=_jotting(ask, record, latest))


def jot(ask: Ask) -> Response:
    """Keep what was typed so far, beside the digest: nothing is folded anew, and only its editor sees it."""
    record, form = edition_of(ask), ask.form
    key, store = record.edition.key, JottingStore(ask.console.house.engine)
    if form.one("do") == "forget":
        store.forget(key, ask.me.id)
        return ask.go(f"/digests/{key}", "Thrown away. These are the words that the digest has.")
    if not can_edit(ask, record):
        return HTMLResponse("It is on its way by now, so this cannot be saved.", 409)
    words = _words(ask, ask.console.house.compositions.latest(key).composition)
    store.keep(Jotting(edition=key, member=ask.me.id, version=_version(ask), words=words, at=ask.now))
    return HTMLResponse(f"<span data-kept>Saved {ask.now.astimezone(ask.zone):%H:%M}</span>, not in the digest yet")


def save(ask: Ask) -> Response:
    """Keep what the editor composed: words, or one step of the order."""
    record = edition_of(ask)
    key, house = record.edition.key, ask.console.house
    latest, form = house.compositions.latest(key), ask.form
    after = _version(ask)
    wish = _words(ask, latest.composition)
    act, _, article = form.one("do").partition(" ")
    order = latest.composition.order or tuple(a for a, _ in record.edition.manifest.revisions)
    steps = {
        "up": lambda: moved(order, article, -1),
        "down": lambda: moved(order, article, 1),
        "remove": lambda: tuple(a for a in order if a != article),
        "add": lambda: (*(a for a in order if a != article), article),
    }
    if act in steps:
        wish = replace(wish, order=steps[act]())
    elif act != "save":
        raise HTTPException(400)
    try:
        compose(house, key, wish, after=after, by=ask.me.name, now=ask.now)
    except ComposedElsewhereError:
        return _show(ask, record, latest, mine=wish, status=409)
    JottingStore(house.engine).forget(key, ask.me.id)
    ask.did(key, step=act, version=after + 1)
    ask.console.cache.forget()
    said = {"up": "Moved up.", "down": "Moved down.", "remove": "Removed.", "add": "Added."}.get(act, "Saved.")
    return ask.go(f"/digests/{key}", f"{said} The digest is folded anew and needs an approval.")


def restore(ask: Ask) -> Response:
    """Bring an earlier version back, as a new one."""
    record = edition_of(ask)
    key, house = record.edition.key, ask.console.house
    wanted = next((v for v in house.compositions.all(key) if str(v.number) == ask.form.one("version")), None)
    if wanted is None:
        raise HTTPException(404)
    latest = house.compositions.latest(key)
    compose(house, key, wanted.composition, after=latest.number, by=ask.me.name, now=ask.now)
    JottingStore(house.engine).forget(key, ask.me.id)
    ask.did(key, restored=wanted.number)
    return ask.go(f"/digests/{key}", f"Version {wanted.number} is back, as version {latest.number + 1}.")


def fold_again(ask: Ask) -> Response:
    """Fold a draft anew, after a ruling or an edit at the source."""
    record = edition_of(ask)
    draft(ask.console.house, record.created_at, again=True, by_hand=True)
    ask.did(record.edition.key)
    ask.console.cache.forget()
    return ask.go(f"/digests/{record.edition.key}", "Folded anew, of what is approved now.")


def findings_of(ask: Ask, record: EditionRecord) -> tuple[Finding, ...]:
    """Return what is wrong with the mail of a digest; asked once for each mail, for the spam filter takes its time."""
    house, key = ask.console.house, record.edition.key
    mail = house.editions.rendering(key, EVERYBODY)
    if mail is None:
        return ()
    name = ("findings", key, hash_of(mail), hash(record.folding))
    return ask.console.lasting.get(name, partial(examine, house, record), now=ask.now, kept=FINDINGS_KEPT)


def edition_of(ask: Ask) -> EditionRecord:
    """Return the edition that the address names.

    Raises:
        HTTPException: There is none.
    """
    record = ask.console.house.editions.find(ask.part("key"))
    if record is None or record.edition.newsletter != ask.console.house.settings.newsletter:
        raise HTTPException(404)
    return record


def _show(
    ask: Ask,
    record: EditionRecord,
    version: Version,
    mine: Composition | None = None,
    status: int = 200,
    jotting: Jotting | None = None,
) -> Response:
    house, key = ask.console.house, record.edition.key
    record = find_edition(house, key)
    told = {a for a, _ in record.edition.manifest.revisions}
    wish = mine or (jotting.words if jotting else version.composition)
    printed = {story.article: story for story in record.edition.stories}
    order = [a for a, _ in record.edition.manifest.revisions]
    titles = ask.console.overviews.titles(order)
    return ask.show(
        "compose",
        status,
        record=record,
        edition=record.edition,
        send=send_of(ask, record),
        can_edit=can_edit(ask, record),
        contradictions=len(json.loads(record.folding)["contradictions"]),
        stories=[(a, printed.get(a), titles.get(a, a)) for a in order],
        revisions=dict(record.edition.manifest.revisions),
        addable=_addable(ask, told),
        search=ask.query("q"),
        wish=wish,
        theirs=version if mine else None,
        # Who typed before somebody else saved is told so when they save.
        version=jotting.version if jotting else house.compositions.latest(key).number,
        jotting=jotting,
        segments=[(k, dump_segment(k.segment) == wish.audience) for k in choosable(ask)],
        latest=version,
        versions=house.compositions.all(key)[:20],
        limits={"subject": SUBJECT, "preheader": PREHEADER, "intro": INTRO},
    )


def _addable(ask: Ask, inside: Collection[str]) -> list[tuple[str, str]]:
    """Return approved articles that no digest has told, the newest first, with their titles."""
    over = {*told_articles(ask), *inside}
    wanted = ADDABLE + len(over)
    found = ask.console.overviews.articles(state="approved", text=ask.query("q").strip(), limit=wanted)
    return [(row.id, row.title) for row in found if row.id not in over][:ADDABLE]


def _jotting(ask: Ask, record: EditionRecord, latest: Version) -> Jotting | None:
    """Return what this editor typed and has not saved; None when the digest has these very words."""
    found = JottingStore(ask.console.house.engine).of(record.edition.key, ask.me.id)
    if found is None or not can_edit(ask, record):
        return None
    is_saved = replace(found.words, order=latest.composition.order) == latest.composition
    return None if is_saved and found.version == latest.number else found


def _version(ask: Ask) -> int:
    text = ask.form.one("version")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1


def _words(ask: Ask, latest: Composition) -> Composition:
    """Return the composition with the words of the form, and its audience: a kept segment, everybody, or as it was."""
    form, chosen = ask.form, ask.form.one("audience")
    kept = next((k for k in choosable(ask) if str(k.number) == chosen), None)
    wish = replace(
        latest,
        subject=_line(form.one("subject"), SUBJECT),
        preheader=_line(form.one("preheader"), PREHEADER),
        intro=_paragraphs(form.one("intro")),
    )
    if kept:
        return replace(wish, audience=dump_segment(kept.segment), audience_name=kept.name)
    return replace(wish, audience="", audience_name="") if chosen == "everybody" else wish


def _line(text: str, most: int) -> str:
    return " ".join("".join(c for c in text if c.isprintable() or c.isspace()).split())[:most]


def _paragraphs(text: str) -> str:
    paragraphs = (_line(part, INTRO) for part in text.replace("\r\n", "\n").split("\n\n"))
    return "\n\n".join(p for p in paragraphs if p)[:INTRO]


DOORS = (
    Door(path="/digests", view=show_digests, may=Permission.SEE),
    Door(path="/digests", view=make_digest, may=Permission.COMPOSE, act="digest.make"),
    Door(path="/digests/{key}", view=show_compose, may=Permission.SEE),
    Door(path="/digests/{key}", view=save, may=Permission.COMPOSE, act="digest.compose"),
    Door(path="/digests/{key}/jot", view=jot, may=Permission.COMPOSE, act="digest.jot"),
    Door(path="/digests/{key}/restore", view=restore, may=Permission.COMPOSE, act="digest.restore"),
    Door(path="/digests/{key}/fold", view=fold_again, may=Permission.COMPOSE, act="digest.fold"),
)
