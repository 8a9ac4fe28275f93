"""The page on which people read what we keep about them, move to another address, and have everything erased."""

from collections.abc import Callable
from datetime import datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from newsletter.enrolling.owning import ask_new_address, erase, export, take_new_address
from newsletter.enrolling.rules import Answer
from newsletter.storage.enrolments import EnrolmentStore
from newsletter.templating import N_
from newsletter.web.forms import Form, read_form
from newsletter.web.pages import PERSONAL, Pages
from newsletter.web.tongues import say, speak
from subscribers.addresses import AddressError, read_address
from subscribers.tokens import Claims, Flaw, Keyring, Purpose, read


class DataPage:
    """One person's data, behind a link that was mailed an hour ago at most."""

    def __init__(self, store: EnrolmentStore, keys: Keyring, pages: Pages, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._keys = keys
        self._pages = pages
        self._clock = clock

    async def show(self, request: Request) -> Response:
        """Show what can be done."""
        claims = read(self._keys, Purpose.DATA, request.path_params["token"], self._clock())
        if isinstance(claims, Flaw):
            return self._pages.closed(claims)
        return await run_in_threadpool(self._page, claims, {}, 200, "")

    async def submit(self, request: Request) -> Response:
        """Do it."""
        claims = read(self._keys, Purpose.DATA, request.path_params["token"], self._clock())
        if isinstance(claims, Flaw):
            return self._pages.closed(claims)
        form = await read_form(request)
        acts = {"export": self._export, "address": self._move, "erase": self._erase}
        act = acts.get(form.one("do"), self._nothing)
        return await run_in_threadpool(act, claims, form)

    async def address(self, request: Request) -> Response:
        """Show the button that confirms a new address; take the address on POST."""
        claims = read(self._keys, Purpose.ADDRESS, request.path_params["token"], self._clock())
        if isinstance(claims, Flaw):
            return self._pages.closed(claims)
        if request.method != "POST":
            return self._pages.show("new_address", personal=True)
        answer = await run_in_threadpool(take_new_address, self._store, claims, self._clock())
        if answer is Answer.GONE:
            return self._pages.closed(Flaw.EXPIRED)
        return self._pages.show("address_taken", personal=True)

    def _page(self, claims: Claims, problems: dict[str, str], status: int, said: str, typed: str = "") -> Response:
        with self._store.reading() as desk:
            person = desk.person(claims.subject)
        if person is None:
            return self._pages.closed(Flaw.EXPIRED)
        speak(person.language)
        told = {about: say(problem) for about, problem in problems.items()}
        return self._pages.show(
            "data", status, personal=True, person=person, problems=told, said=say(said), typed=typed[:254]
        )

    def _nothing(self, claims: Claims, _form: Form) -> Response:
        return self._page(claims, {}, 200, "")

    def _export(self, claims: Claims, _form: Form) -> Response:
        name = {"Content-Disposition": 'attachment; filename="my-data.json"'}
        return Response(export(self._store, claims), media_type="application/json", headers=PERSONAL | name)

    def _move(self, claims: Claims, form: Form) -> Response:
        try:
            address = read_address(form.one("address"))
        except AddressError as error:
            return self._page(claims, {"address": str(error)}, 422, "", form.one("address"))
        ask_new_address(self._store, self._keys, claims, address, self._clock())
        return self._page(
            claims, {}, 200, N_("We sent a letter to the new address. Open it and press the button there.")
        )

    def _erase(self, claims: Claims, form: Form) -> Response:
        if form.one("certain") != "yes":
            return self._page(claims, {"certain": N_("Tick the box if you are certain; nobody can undo it.")}, 422, "")
        erase(self._store, self._keys, claims, self._clock())
        return self._pages.show("erased", personal=True)
