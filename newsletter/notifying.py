"""Finds exactly who received a wording, and writes to just them what was corrected."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from content.editions import Edition, Story
from newsletter.approving import find_one
from newsletter.ports import Rendering
from newsletter.publishing import find, look_of
from newsletter.releasing import Desk
from newsletter.rendering.notices import render_correction
from newsletter.storage.corrections import Correction, CorrectionStore, in_force
from newsletter.storage.editions import EditionRecord, EditionState, Kind
from newsletter.storage.history import HistoryStore
from subscribers.deliveries import Outcome, Recipient, Tally
from subscribers.people import address_key

#: Who has an edition, or may have it: a reply that never came leaves it open.
RECEIVED = (Outcome.ACCEPTED, Outcome.UNCERTAIN)


class NotifyingError(Exception):
    """Nobody can be named or written to; the message says what would do."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody who received a wording, and how surely."""

    recipient: Recipient
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Notice:
    """A mailing that tells of a correction."""

    key: str
    tally: Tally


def holders(desk: Desk, key: str, had: str) -> Iterator[Holder]:
    """Yield everybody to whom an edition brought a wording, those who surely have it first.

    Args:
        desk: The stores and settings.
        key: The edition's; "" for the newest.
        had: The revision, or its beginning.

    Raises:
        PublishingError: There is no such edition.
        NotifyingError: It does not print such a wording.
    """
    key = find(desk, key).edition.key
    printed = sorted(r for r in desk.editions.printed(key) if r.startswith(had))
    if len(printed) != 1:
        raise NotifyingError(f"{key} prints {len(printed)} wordings that begin with {had!r}; 'edition show' names them")
    return _holders(desk, key, desk.editions.printing(printed[0]).get(key, frozenset()))


def notify(desk: Desk, wanted: str, *, by: str, now: datetime) -> Notice:
    """Write to everybody who received a wording that was corrected last, once. The second time changes nothing.

    Args:
        desk: The stores and settings.
        wanted: The article's id, or its unambiguous beginning.
        by: Who has it sent.
        now: The time.

    Raises:
        ApprovingError: There is no such article.
        NotifyingError: Nothing was corrected, or a sender still holds people of an edition that prints it.
    """
    if not by.strip():
        raise NotifyingError("a notice needs the name of who sends it: --by NAME")
    article = find_one(desk.articles, wanted).article.id
    act = _last_act(desk, article)
    printing = _printing(desk, act)
    key = _notice_of(desk, act[-1], now).key
    if desk.ledger.mailing(key) is None:
        _wait_for_senders(desk, printing)
        languages = {edition: _languages(desk, edition) for edition in printing}
        _keep_notice(desk, act[-1], languages, by, now)
        tally = desk.ledger.freeze(
            key, _audience(desk, printing, languages, now), mailing_list=desk.settings.newsletter
        )
        return Notice(key, tally)
    return Notice(key, desk.ledger.tally(key))


def _holders(desk: Desk, key: str, variants: frozenset[str]) -> Iterator[Holder]:
    for outcome in RECEIVED:
        for recipient, _ in desk.ledger.who(key, outcome):
            if recipient.variant in variants:
                yield Holder(recipient, outcome)


def _last_act(desk: Desk, article: str) -> tuple[Correction, ...]:
    """Return what was corrected together, the last time that anything was."""
    made = CorrectionStore(desk.engine).about(article)
    known = in_force(made, desk.articles.decisions({r for c in made for r in (c.revision, c.replaced_by)}))
    if not known:
        raise NotifyingError(
            f"nothing that an edition prints of {article!r} was corrected; 'newsletter article correct' or 'withdraw'"
        )
    return tuple(c for c in known if (c.at, c.replaced_by) == (known[-1].at, known[-1].replaced_by))


def _printing(desk: Desk, act: tuple[Correction, ...]) -> dict[str, frozenset[str]]:
    """Return the variants that print one of the wordings, by edition."""
    found: dict[str, frozenset[str]] = {}
    for correction in act:
        for key, variants in desk.editions.printing(correction.revision).items():
            found[key] = found.get(key, frozenset()) | variants
    return {key: variants for key, variants in sorted(found.items()) if desk.ledger.mailing(key) is not None}


def _wait_for_senders(desk: Desk, printing: Mapping[str, object]) -> None:
    """Raise unless it is known of everybody whether they have it."""
    for key in printing:
        tally = desk.ledger.tally(key)
        if tally.leased:
            what_to_do = "wait a second; 'newsletter send' frees those of a sender that died"
            raise NotifyingError(f"a sender holds {tally.leased} people of {key}: {what_to_do}")


def _notice_of(desk: Desk, correction: Correction, now: datetime, subject: str = "") -> Edition:
    act = f"{correction.article}\n{correction.at.isoformat()}\n{correction.replaced_by}"
    return Edition(
        newsletter=desk.settings.newsletter,
        rhythm="correction",
        period=hashlib.sha256(act.encode()).hexdigest()[:12],
        title=subject,
        subject=subject,
        published_at=now.replace(microsecond=0),
        language=desk.settings.language,
    )


def _keep_notice(
    desk: Desk, correction: Correction, languages: Mapping[str, Mapping[str, str]], by: str, now: datetime
) -> None:
    """Keep the notice with a mail for each edition and language; one that is there already stays as it is."""
    look, rendered = look_of(desk.settings), dict[str, Rendering]()
    for key, spoken in languages.items():
        edition = find(desk, key).public
        story = _story(edition, correction)
        for language in sorted(set(spoken.values())):
            rendered[_variant(key, language)] = render_correction(story, replace(edition, language=language), look)
    subject = next((r.subject for r in rendered.values()), "")
    record = EditionRecord(
        edition=_notice_of(desk, correction, now, subject),
        state=EditionState.APPROVED,
        reason="",
        folding='{"contradictions": []}',
        created_at=now,
        approved_by=by.strip(),
        approved_at=now,
        kind=Kind.NOTICE,
    )
    desk.editions.create(record, rendered)


def _story(edition: Edition, correction: Correction) -> Story:
    """Return the story with its note as the archive shows it, or what is known without the archive."""
    story = next((s for s in edition.stories if s.article == correction.article), None)
    bare = story or Story(article=correction.article, revision=correction.revision, title=correction.article)
    return bare if bare.correction else replace(bare, correction=correction.words, updated_at=correction.at)


def _languages(desk: Desk, key: str) -> dict[str, str]:
    """Return the language of each variant of an edition."""
    return {variant.key: variant.language for variant in HistoryStore(desk.engine).variants(key)}


def _audience(
    desk: Desk, printing: Mapping[str, frozenset[str]], languages: Mapping[str, Mapping[str, str]], now: datetime
) -> Iterator[Recipient]:
    """Yield everybody who received one of the wordings, once, whichever edition brought it."""
    suppressed = {s.key: s.reason.value for s in desk.people.suppressions() if s.holds_at(now)}
    seen: set[str] = set()
    for key, variants in printing.items():
        for holder in _holders(desk, key, variants):
            person = holder.recipient
            if person.subscriber not in seen:
                seen.add(person.subscriber)
                language = languages[key].get(person.variant, desk.settings.language)
                excluded = suppressed.get(address_key(person.address), "")
                yield replace(person, variant=_variant(key, language), excluded=excluded)


def _variant(key: str, language: str) -> str:
    """Return the name of the mail for readers of an edition in a language."""
    return hashlib.sha256(f"{key} {language}".encode()).hexdigest()[:32]
