"""The preference centre: everything one person may choose about one list, on one page behind a signed link."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from newsletter.enrolling.choosing import choose, leave, leave_all
from newsletter.enrolling.joining import come_back
from newsletter.enrolling.owning import send_data_link
from newsletter.enrolling.rules import Answer
from newsletter.storage.enrolments import EnrolmentStore
from newsletter.templating import N_, languages
from newsletter.web.forms import Form, read_form
from newsletter.web.pages import Pages
from newsletter.web.tongues import say, speak
from subscribers.addresses import masked
from subscribers.consent import Door
from subscribers.people import Subscriber
from subscribers.preferences import (
    ChoiceError,
    MailingList,
    Preferences,
    Subscription,
    choose_hour,
    choose_rhythm,
    choose_topics,
)
from subscribers.tokens import Claims, Flaw, Keyring, Purpose, read

#: A pause has an end: somebody who wants to be left alone for longer wants to leave.
LONGEST_PAUSE = timedelta(days=366)


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """Everything the page shows."""

    person: Subscriber
    mailing_list: MailingList
    stands: Subscription


class Centre:
    """The preference centre."""

    def __init__(
        self, store: EnrolmentStore, keys: Keyring, pages: Pages, clock: Callable[[], datetime], mailing_list: str
    ) -> None:
        """Serve `mailing_list` where a link names none."""
        self._store = store
        self._mailing_list = mailing_list
        self._keys = keys
        self._pages = pages
        self._clock = clock

    async def show(self, request: Request) -> Response:
        """Show what the person chose."""
        claims = self._claims(request)
        if isinstance(claims, Flaw):
            return self._pages.closed(claims)
        return await run_in_threadpool(self._page, claims, {}, 200, "")

    async def submit(self, request: Request) -> Response:
        """Keep what the person chose, or let them leave."""
        claims = self._claims(request)
        if isinstance(claims, Flaw):
            return self._pages.closed(claims)
        form = await read_form(request)
        now = self._clock()
        match form.one("do"):
            case "leave":
                await run_in_threadpool(leave, self._store, claims, Door.LINK, now)
                return self._pages.show("unsubscribed", personal=True)
            case "leave-all":
                await run_in_threadpool(leave_all, self._store, claims, Door.LINK, now)
                return self._pages.show("unsubscribed", personal=True)
            case "come-back":
                await run_in_threadpool(come_back, self._store, self._keys, claims, now)
                return self._pages.show("mailed", personal=True)
            case "data":
                await run_in_threadpool(send_data_link, self._store, claims, now)
                return self._pages.show("mailed", personal=True)
        return await run_in_threadpool(self._choose, claims, form)

    def _choose(self, claims: Claims, form: Form) -> Response:
        view = self._view(claims)
        if view is None:
            return self._pages.closed(Flaw.BROKEN)
        now = self._clock()
        try:
            zone = _zone(form.one("zone"), view.person.zone)
            chosen = Preferences(
                topics=choose_topics(view.mailing_list, form.all("topic")),
                rhythm=choose_rhythm(view.mailing_list, form.one("rhythm")),
                hour=choose_hour(form.one("hour")),
                paused_until=_pause(form.one("paused_until"), zone, now),
            )
            language = _language(form.one("language"), view.person.language)
        except ChoiceError as error:
            return self._page(claims, {error.about: str(error)}, 422, "")
        answer = choose(self._store, claims, chosen, zone=zone, language=language, now=now)
        if answer is Answer.GONE:
            return self._pages.closed(Flaw.BROKEN)
        return self._page(claims, {}, 200, N_("Saved. It counts from now on."))

    def _view(self, claims: Claims) -> _View | None:
        with self._store.reading() as desk:
            person, mailing_list = desk.person(claims.subject), desk.mailing_list(claims.scope)
            stands = desk.subscription(claims.scope, claims.subject)
        if person is None or mailing_list is None or stands is None:
            return None
        return _View(person=person, mailing_list=mailing_list, stands=stands)

    def _page(self, claims: Claims, problems: dict[str, str], status: int, said: str) -> Response:
        view = self._view(claims)
        if view is None:
            return self._pages.closed(Flaw.BROKEN)
        speak(view.person.language)
        chosen = view.stands.preferences
        until = chosen.paused_until
        now, zone, language = self._clock(), ZoneInfo(view.person.zone), view.person.language
        return self._pages.show(
            "preferences",
            status,
            personal=True,
            list=view.mailing_list,
            mailbox=masked(view.person.address),
            person=view.person,
            state=view.stands.state_at(now).value,
            chosen=chosen.topics or view.mailing_list.topic_slugs,
            rhythm=chosen.rhythm.value,
            hour=chosen.hour,
            paused_until=until.astimezone(zone).date().isoformat() if until and until > now else "",
            today=now.astimezone(zone).date().isoformat(),
            zones=zones() if view.person.zone in zones() else (view.person.zone, *zones()),
            languages={**languages(), language: languages().get(language, language)},
            problems={about: say(problem) for about, problem in problems.items()},
            said=say(said),
        )

    def _claims(self, request: Request) -> Claims | Flaw:
        claims = read(self._keys, Purpose.MANAGE, request.path_params["token"], self._clock())
        if isinstance(claims, Claims) and not claims.scope:
            return replace(claims, scope=self._mailing_list)
        return claims


@lru_cache(maxsize=1)
def zones() -> tuple[str, ...]:
    """Return the time zones that people live in, by name."""
    places = (z for z in available_timezones() if "/" in z and not z.startswith(("Etc/", "posix", "right")))
    return ("UTC", *sorted(places))


def _zone(wanted: str, current: str) -> str:
    if wanted != current and wanted not in zones():
        raise ChoiceError("zone", N_("Choose one of the time zones shown."))
    return wanted


def _language(wanted: str, current: str) -> str:
    if wanted != current and wanted not in languages():
        raise ChoiceError("language", N_("Choose one of the languages shown."))
    return wanted


def _pause(wanted: str, zone: str, now: datetime) -> datetime | None:
    """Return the moment at which a pause ends: the first of the chosen day where the person lives."""
    if not wanted.strip():
        return None
    try:
        day = date.fromisoformat(wanted.strip())
    except ValueError as error:
        raise ChoiceError("paused_until", N_("Enter a date, year first: 2027-01-31.")) from error
    today = now.astimezone(ZoneInfo(zone)).date()
    if not today < day <= today + LONGEST_PAUSE:
        raise ChoiceError("paused_until", N_("Choose a day within the next year, or leave instead."))
    return datetime.combine(day, time(0), ZoneInfo(zone)).astimezone(UTC)
