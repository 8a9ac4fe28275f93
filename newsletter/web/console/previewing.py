"""The preview: the very bytes that leave, in a frame that may do nothing, seen as different readers see them."""

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from bs4 import BeautifulSoup
from markupsafe import escape
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from content.articles import SLOT_CLOSE, SLOT_OPEN
from newsletter.feeds.entries import told_by
from newsletter.observing import observe
from newsletter.ports import FetchError, Rendering
from newsletter.proving import send_test
from newsletter.publishing import EVERYBODY, look_of
from newsletter.releasing import foresee_for
from newsletter.rendering.gates import CLIP_BYTES, WARN_BYTES, Severity
from newsletter.staffing import Permission, digest
from newsletter.storage.editions import EditionRecord, Kind, hash_of
from newsletter.storage.history import HistoryStore
from newsletter.web.console.asking import Ask, Door
from newsletter.web.console.digests import edition_of, findings_of
from newsletter.web.console.guards import MAIL_POLICY
from newsletter.web.console.sends import send_of
from newsletter.wiring import make_fetcher
from subscribers.deliveries import Outcome
from subscribers.people import Subscriber

#: How a mail can be looked at: the name in the address, what the tab says, the width of the stage.
VIEWS: dict[str, tuple[str, str]] = {
    "desktop": ("Desktop", "desktop"),
    "phone": ("Phone", "phone"),
    "dark": ("Dark, as designed", "desktop"),
    "inverted": ("Dark, colours inverted (estimate)", "desktop"),
    "no-images": ("Images off", "desktop"),
    "text": ("Plain text", "desktop"),
    "feed": ("Feed item", "desktop"),
}

_SCHEME = re.compile(r"\(\s*prefers-color-scheme\s*:\s*dark\s*\)")

#: What clients do that invert by themselves: an estimate, each does it in its own way.
_INVERTED = "<style>html,img{filter:invert(1) hue-rotate(180deg)}html{background:#fff}</style>"

#: How long one reader's mail is kept in memory: they may change what they wish for at any time.
READER_KEPT = timedelta(seconds=20)

#: How long what sites answered is shown.
LOOK_KEPT = timedelta(hours=6)

#: Kinds of images that go through; a picture that can hold a script is none of them.
_IMAGES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"RIFF": "image/webp"}


@dataclass(frozen=True, slots=True)
class Link:
    """One link of the mail."""

    text: str
    url: str


def show_preview(ask: Ask) -> Response:
    """Show the mail with its size, its checks and its links."""
    record = edition_of(ask)
    view = ask.query("view", "desktop")
    view = view if view in VIEWS else "desktop"
    variant, reader = ask.query("variant", EVERYBODY), ask.query("name", "Ada")[:80]
    who = _wanted_reader(ask)
    own, why = _for_reader(ask, record, who)
    reader = who.name if who else reader
    rendering = own or _rendering(ask, record, variant)
    octets = len(rendering.html.encode())
    return ask.show(
        "preview",
        record=record,
        edition=record.edition,
        send=send_of(ask, record),
        view=view,
        views=VIEWS,
        variant=variant,
        variants=_variants(ask, record),
        reader=reader,
        who=who,
        asked_for=ask.query("who") if ask.may(Permission.PEOPLE) else "",
        why=why,
        subject=rendering.subject,
        octets=octets,
        clip=CLIP_BYTES,
        share=min(100, round(100 * octets / CLIP_BYTES)),
        is_heavy=octets > WARN_BYTES,
        findings=findings_of(ask, record),
        blocker=Severity.BLOCKER,
        links=_links(rendering),
        observed=ask.console.lasting.find(_look_name(record, rendering), ask.now),
        own=look_of(ask.console.house.settings).url(""),
        hash=digest(f"{rendering.subject}\0{rendering.html}\0{rendering.text}")[:12],
        staff=[m for m in ask.console.staffing.staff.all() if m.left_at is None],
    )


def show_mail(ask: Ask) -> Response:
    """Return the mail itself, for the frame."""
    record, who = edition_of(ask), _wanted_reader(ask)
    view, reader = ask.query("view", "desktop"), who.name if who else ask.query("name", "Ada")[:80]
    own, _ = _for_reader(ask, record, who)
    rendering = own or _rendering(ask, record, ask.query("variant", EVERYBODY))
    if view == "text":
        text = escape(filled(rendering.text, reader, html=False))
        return _framed(f"<pre style='font:14px/1.5 monospace;white-space:pre-wrap;margin:16px'>{text}</pre>", ask)
    if view == "feed":
        return _framed(_as_feed(ask, record), ask)
    soup = BeautifulSoup(filled(rendering.html, reader, html=True), "lxml")
    for place, image in enumerate(soup.find_all("img")):
        source = str(image.get("src") or "")
        if view == "no-images":
            del image["src"]
        elif source.startswith(("http://", "https://")):
            image["src"] = f"/images/{record.edition.key}/{place}/{_seal(ask, record.edition.key, source)}"
    html = _SCHEME.sub("all" if view == "dark" else "not all", str(soup))
    if view == "inverted":
        html = html.replace("</head>", f"{_INVERTED}</head>", 1)
    return _framed(html, ask)


def show_image(ask: Ask) -> Response:
    """Return an image of the mail, fetched by us, so that no reader of a preview is counted anywhere.

    The frame has no origin and so no cookie: a seal in the address says that a preview of ours asked for it.
    """
    key, place = ask.part("key"), ask.part("place")
    rendering = ask.console.house.editions.rendering(key, EVERYBODY)
    seal = ask.part("seal")
    images = BeautifulSoup(rendering.html if rendering else "", "lxml").find_all("img")
    at = int(place) if place.isascii() and place.isdigit() and len(place) < 4 else len(images)
    source = str(images[at].get("src") or "") if at < len(images) else ""
    if not source or not seal.isascii() or not ask.console.keys.verifies("image", f"{key} {source}", seal):
        raise HTTPException(404)
    try:
        body = make_fetcher(ask.console.house.settings).get(source).body
    except FetchError as error:
        raise HTTPException(404) from error
    kind = next((kind for start, kind in _IMAGES.items() if body.startswith(start)), "")
    if not kind:
        raise HTTPException(404)
    headers = {"Cache-Control": "private, max-age=3600", "Cross-Origin-Resource-Policy": "cross-origin"}
    return Response(body, media_type=kind, headers=headers)


def check_links(ask: Ask) -> Response:
    """Begin to look at every link of the mail, beside: a slow site must not keep anybody waiting."""
    record, settings = edition_of(ask), ask.console.house.settings
    rendering = _rendering(ask, record, EVERYBODY)
    look = partial(observe, rendering, look_of(settings), make_fetcher(settings))
    ask.console.lasting.make_beside(_look_name(record, rendering), look, now=ask.now, kept=LOOK_KEPT)
    ask.did(record.edition.key)
    back = f"/digests/{record.edition.key}/preview"
    return ask.go(back, "Every link is being looked at, one after the other. Load this page again in a moment.")


def _look_name(record: EditionRecord, rendering: Rendering) -> tuple[str, str, str]:
    return ("links", record.edition.key, hash_of(rendering))


def test(ask: Ask) -> Response:
    """Send the mail to one of the staff, marked as a test."""
    record = edition_of(ask)
    wanted = ask.console.staffing.staff.find(ask.form.one("to")[:36])
    back = f"/digests/{record.edition.key}/preview"
    if wanted is None or wanted.left_at is not None:
        return ask.go(back, "Choose one of the staff: tests go to nobody else.", is_problem=True)
    receipt = send_test(ask.console.house, record.edition.key, wanted.address, ask.now, wanted.name)
    ask.did(record.edition.key, to=wanted.id, outcome=receipt.outcome.value)
    if receipt.outcome is Outcome.ACCEPTED:
        return ask.go(back, f"The test is on its way to {wanted.name}. Its subject begins with [TEST].")
    said = f"{receipt.reply} ({receipt.code})" if receipt.code else receipt.reply
    return ask.go(back, f"The mail server did not take the test. It said: {said}", is_problem=True)


def _rendering(ask: Ask, record: EditionRecord, variant: str) -> Rendering:
    rendering = ask.console.house.editions.rendering(record.edition.key, variant[:64])
    if rendering is None:
        raise HTTPException(404)
    return rendering


def _wanted_reader(ask: Ask) -> Subscriber | None:
    """Return the person as whom the mail is looked at: named by address, or by id; None for nobody in particular."""
    wanted = ask.query("who").strip() or ask.query("person")
    return ask.console.house.people.find(wanted) if wanted and ask.may(Permission.PEOPLE) else None


def _for_reader(ask: Ask, record: EditionRecord, who: Subscriber | None) -> tuple[Rendering | None, str]:
    """Return what one person would get if the digest left now; or None, and why they would get nothing."""
    if who is None or record.kind is not Kind.EDITION:
        return None, ""
    # The page and its frame ask for the same, one after the other.
    name = ("reader", record.edition.key, hash_of(_rendering(ask, record, EVERYBODY)), who.id)
    look = partial(foresee_for, ask.console.house, record.edition, who.id, ask.now)
    return ask.console.cache.get(name, look, now=ask.now, kept=READER_KEPT)


def _variants(ask: Ask, record: EditionRecord) -> list[tuple[str, str]]:
    """Return the versions that readers get, once the digest is on its way; before, there is one for everybody."""

    def load() -> list[tuple[str, str]]:
        made = HistoryStore(ask.console.house.engine).variants(record.edition.key)
        return [(v.key, f"{v.language}: {len(v.stories)} stories, {len(v.folded)} known already") for v in made[:40]]

    return ask.console.cache.get(("variants", record.edition.key), load, now=ask.now, kept=timedelta(minutes=1))


def _links(rendering: Rendering) -> list[Link]:
    found = []
    for a in BeautifulSoup(rendering.html, "lxml").find_all("a"):
        url = str(a.get("href") or "")
        personal = SLOT_OPEN in url
        found.append(Link(" ".join(a.get_text().split())[:80] or "(image)", "each reader's own" if personal else url))
    return list(dict.fromkeys(found))


def filled(text: str, reader: str, *, html: bool) -> str:
    """Put a sample reader's values into the slots; the links lead nowhere."""
    values = {"name": reader, "unsubscribe_url": "#", "preferences_url": "#"}

    def value(match: re.Match[str]) -> str:
        found = values.get(match[1], "")
        return str(escape(found)) if html else found

    return re.sub(f"{SLOT_OPEN}([a-z_]+){SLOT_CLOSE}", value, text)


def _as_feed(ask: Ask, record: EditionRecord) -> str:
    """Return the entries as the feeds carry them: a reader shows them in its own look."""
    entries = told_by(record.edition, look_of(ask.console.house.settings))
    told = "".join(f"<article><h1>{escape(e.title)}</h1>{e.html}</article><hr>" for e in entries)
    return f"<body style='font:16px/1.6 Georgia,serif;margin:24px'>{told}</body>"


def _framed(html: str, ask: Ask) -> HTMLResponse:
    policy = MAIL_POLICY.replace("img-src 'self'", f"img-src 'self' {ask.console.url}")
    return HTMLResponse(html, headers={"Content-Security-Policy": policy, "X-Frame-Options": "SAMEORIGIN"})


def _seal(ask: Ask, key: str, source: str) -> str:
    return ask.console.keys.mac("image", f"{key} {source}")


def show_text(ask: Ask) -> Response:
    """Return the plain text part alone."""
    record = edition_of(ask)
    return PlainTextResponse(filled(_rendering(ask, record, EVERYBODY).text, "Ada", html=False))


DOORS = (
    Door(path="/digests/{key}/preview", view=show_preview, may=Permission.SEE),
    Door(path="/digests/{key}/mail", view=show_mail, may=Permission.SEE),
    Door(path="/digests/{key}/text", view=show_text, may=Permission.SEE),
    Door(path="/digests/{key}/test", view=test, may=Permission.COMPOSE, act="digest.test"),
    Door(path="/digests/{key}/links", view=check_links, may=Permission.COMPOSE, act="digest.links"),
    Door(path="/images/{key}/{place}/{seal}", view=show_image, may=None),
)
