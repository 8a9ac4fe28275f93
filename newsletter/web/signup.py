"""The sign-up form and its API: one answer for every address, and quiet obstacles for machines."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from newsletter.enrolling.joining import SignUp, sign_up
from newsletter.storage.enrolments import EnrolmentStore
from newsletter.templating import N_
from newsletter.web.forms import Form, read_body, read_form
from newsletter.web.networks import network_of
from newsletter.web.pages import Pages
from newsletter.web.tongues import say, spoken
from subscribers.addresses import AddressError, Note, read_address
from subscribers.consent import Door
from subscribers.names import clean_name
from subscribers.preferences import ChoiceError, MailingList, Rhythm, choose_rhythm, choose_topics
from subscribers.tokens import Claims, Keyring, Purpose, issue, read

#: Which form people filled in; it goes into the record of consent and changes with the form.
FORM = "2026-11"

#: What people agree to; it goes into the record of consent, word for word.
WORDING = N_(
    "Yes, send me {title} by email at the rhythm I choose. I can leave at any time with one click in every mail. "
    "We keep my address and choices for this and nothing else, and do not track what I open."
)

#: Nobody fills in a form in less; machines do.
FASTEST = timedelta(seconds=2)


class SignUpForm:
    """The sign-up page of one list."""

    def __init__(
        self,
        store: EnrolmentStore,
        keys: Keyring,
        mailing_list: str,
        pages: Pages,
        clock: Callable[[], datetime],
        *,
        behind_proxy: bool = False,
    ) -> None:
        self._store = store
        self._keys = keys
        self._slug = mailing_list
        self._pages = pages
        self._clock = clock
        self._behind_proxy = behind_proxy

    async def show(self, _request: Request) -> Response:
        """Show the form."""
        return await run_in_threadpool(self._form, Form({}), {}, 200)

    async def submit(self, request: Request) -> Response:
        """Take the form: the same answer whether we know the address or not."""
        form = await read_form(request)
        if form.one("website"):  # invisible to people: whoever fills it in is told what all are told
            return RedirectResponse("/subscribe/sent", 303)
        shown = read(self._keys, Purpose.FORM, form.one("form"), self._clock())
        if not isinstance(shown, Claims) or shown.issued is None:
            stale = {"form": say(N_("This page had been open for very long. Please send it again."))}
            return await run_in_threadpool(self._form, form, stale, 422)
        if self._clock() - shown.issued < FASTEST:
            return RedirectResponse("/subscribe/sent", 303)
        mailing_list = await run_in_threadpool(self._list)
        problems, asked = _checked(form, mailing_list, Door.FORM)
        if asked is None:
            return await run_in_threadpool(self._form, form, problems, 422)
        await run_in_threadpool(sign_up, self._store, self._keys, self._seen(asked, request), self._clock())
        return RedirectResponse("/subscribe/sent", 303)

    async def submit_json(self, request: Request) -> Response:
        """Take a sign-up as JSON: address, name, topics, rhythm. Answer 202 whether we know the address or not."""
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise HTTPException(415)
        form = _json_form(await read_body(request))
        mailing_list = await run_in_threadpool(self._list)
        problems, asked = _checked(form, mailing_list, Door.API)
        if asked is None:
            return JSONResponse({"problems": problems}, 422)
        await run_in_threadpool(sign_up, self._store, self._keys, self._seen(asked, request), self._clock())
        return JSONResponse({"answer": say(N_("We sent a letter to this address if it can receive one."))}, 202)

    def _seen(self, asked: SignUp, request: Request) -> SignUp:
        return replace(asked, network=network_of(request, behind_proxy=self._behind_proxy))

    def _list(self) -> MailingList:
        with self._store.reading() as desk:
            found = desk.mailing_list(self._slug)
        if found is None or not found.is_open:
            raise HTTPException(404)
        return found

    def _form(self, form: Form, problems: dict[str, str], status: int) -> Response:
        mailing_list = self._list()
        return self._pages.show(
            "subscribe",
            status,
            list=mailing_list,
            wording=say(WORDING).format(title=mailing_list.title),
            problems=problems,
            address=form.one("address")[:254],
            name=form.one("name")[:200],
            chosen=set(form.all("topic")) if form.fields else mailing_list.topic_slugs,
            rhythm=form.one("rhythm") or mailing_list.rhythms[0].value,
            token=issue(self._keys, Purpose.FORM, "form", now=self._clock()),
        )


def _checked(form: Form, mailing_list: MailingList, door: Door) -> tuple[dict[str, str], SignUp | None]:
    """Return what is wrong, field by field, or else the sign-up."""
    problems: dict[str, str] = {}
    address = topics = rhythm = None
    try:
        address = read_address(form.one("address"))
        if Note.ROLE in address.notes:
            problems["address"] = say(N_("Enter your own address; this one belongs to an office or a machine."))
        elif Note.TYPO in address.notes and form.one("certain") != "yes":
            problems["address"] = say(N_("Did you mean %(address)s? If not, send the form again as it is.")) % {
                "address": address.suggestion
            }
            problems["certain"] = "yes"
    except AddressError as error:
        problems["address"] = say(str(error))
    try:
        topics = choose_topics(mailing_list, form.all("topic") or mailing_list.topic_slugs)
        rhythm = choose_rhythm(mailing_list, form.one("rhythm") or mailing_list.rhythms[0].value)
    except ChoiceError as error:
        problems[error.about] = say(str(error))
    if problems or address is None or topics is None or rhythm is None:
        return problems, None
    return {}, SignUp(
        address=address,
        mailing_list=mailing_list.slug,
        name=clean_name(form.one("name")),
        language=spoken(),
        topics=topics,
        rhythm=Rhythm(rhythm),
        door=door,
        wording=say(WORDING).format(title=mailing_list.title),
        form=FORM,
    )


def _json_form(body: bytes) -> Form:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400) from error
    known = {"address": str, "name": str, "rhythm": str, "topics": list}
    if not isinstance(data, dict) or not all(isinstance(v, known.get(k, ())) for k, v in data.items()):
        raise HTTPException(400)
    topics = data.pop("topics", [])
    if not all(isinstance(t, str) for t in topics):
        raise HTTPException(400)
    return Form({"topic": tuple(topics), "certain": ("yes",)} | {k: (v,) for k, v in data.items()})
