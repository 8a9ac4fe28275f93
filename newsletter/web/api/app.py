"""Serves the API: who asks, whether they may, what they say, whether it still holds; then the use case and the log."""

import hashlib
import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from newsletter.admitting import Admitted, Admitting, Turned
from newsletter.approving import ApprovingError
from newsletter.correcting import CorrectingError
from newsletter.enrolling.joining import EnrollingError
from newsletter.publishing import PublishingError
from newsletter.scheduling import SchedulingError
from newsletter.staffing import THROTTLED_WITHIN, may
from newsletter.storage.errors import DatabaseFailure, StoreError
from newsletter.storage.tokens import Reply
from newsletter.web.api.calling import PARTS, Answer, Call, Operation, ProblemError
from newsletter.web.api.describing import describe
from newsletter.web.api.metering import MOST, WITHIN, Meter
from newsletter.web.api.operations import CREATES, OPERATIONS
from newsletter.web.api.shapes import Nothing, Shape, WrongField
from newsletter.web.console.asking import Ask, Door
from newsletter.web.networks import network_of

if TYPE_CHECKING:
    from newsletter.web.console.app import Console

#: Where the API stands on the console's host.
ROOT = "/api/v1"

#: Octets of a body at most.
BODY_BYTES = 256 * 1024

#: Characters of an Idempotency-Key at most, as the table keeps them.
KEY_CHARACTERS = 255

#: What the caller can mend by looking again.
_CONFLICTS = (ApprovingError, CorrectingError, EnrollingError, PublishingError, SchedulingError, StoreError)


def api_of(console: "Console", meter: Meter | None = None) -> Mount:
    """Return the API on a console's stores and clock; `meter` counts what each token asks."""
    counted = meter or Meter()

    async def description(_request: Request) -> Response:
        return Response(await run_in_threadpool(_described, f"{console.url}{ROOT}"), media_type="application/json")

    routes = [Route("/openapi.json", description)]
    routes += [Route(o.path, _endpoint(console, counted, o), methods=[o.method], name=o.name) for o in OPERATIONS]
    app = Starlette(
        routes=routes,
        exception_handlers={HTTPException: _http_problem, DatabaseFailure: _no_database, Exception: _failed},
    )
    # A slash too many is another address, not a way round: a redirect would drop the body.
    app.router.redirect_slashes = False
    return Mount(ROOT, app=app)


@lru_cache(maxsize=4)
def _described(url: str) -> bytes:
    """Return the description as it is sent; made when somebody asks for the first time, for it takes a moment."""
    return json.dumps(describe(OPERATIONS, url), ensure_ascii=False).encode()


def _endpoint(console: "Console", meter: Meter, operation: Operation) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            call = await run_in_threadpool(_admit, console, meter, operation, request)
            octets = await _body(request) if operation.method == "POST" else b""
            return await run_in_threadpool(_answer, operation, call, octets)
        except ProblemError as error:
            return error.answer

    return answer


def _admit(console: "Console", meter: Meter, operation: Operation, request: Request) -> Call:
    """Return the call of a program that may make it.

    Raises:
        ProblemError: Nobody with that token may.
    """
    now = console.clock()
    network = network_of(request, behind_proxy=console.house.settings.behind_proxy)
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    secret = secret.strip() if scheme.lower() == "bearer" else ""
    admitted = Admitting(console.house.engine).admit(secret[:200], network, now)
    if admitted is Turned.THROTTLED:
        wait = str(int(THROTTLED_WITHIN.total_seconds()))
        raise ProblemError(429, f"{admitted.value}; wait and try again", headers={"Retry-After": wait})
    if not isinstance(admitted, Admitted):
        challenge = 'Bearer realm="newsletter"' + (', error="invalid_token"' if secret else "")
        raise ProblemError(401, admitted.value, headers={"WWW-Authenticate": challenge})
    if wait_seconds := meter.wait(admitted.token.id, now):
        policy = f'"token";q={MOST};w={int(WITHIN.total_seconds())}'
        state = f'"token";r=0;t={wait_seconds}'
        headers = {"Retry-After": str(wait_seconds), "RateLimit": state, "RateLimit-Policy": policy}
        raise ProblemError(429, f"this token may ask {MOST} times a minute", headers=headers)
    if operation.scope not in admitted.token.scopes:
        challenge = f'Bearer realm="newsletter", error="insufficient_scope", scope="{operation.scope.value}"'
        raise ProblemError(
            403, f"this takes a token with the scope {operation.scope.value}", headers={"WWW-Authenticate": challenge}
        )
    if not may(admitted.member, operation.may):
        raise ProblemError(403, f"{admitted.member.name} may not: {operation.may.value}")
    for name, value in request.path_params.items():
        if not re.fullmatch(PARTS[name].strip("^$"), value):
            raise ProblemError(404, "there is nothing at this address")
    door = Door(path=operation.path, view=_nowhere, may=operation.may, act=operation.act)
    ask = Ask(console=console, request=request, door=door, now=now, member=admitted.member)
    return Call(ask=ask, token=admitted.token)


async def _body(request: Request) -> bytes:
    octets = bytearray()
    async for part in request.stream():
        octets += part
        if len(octets) > BODY_BYTES:
            raise ProblemError(413, f"a body holds {BODY_BYTES} octets at most")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if octets and kind != "application/json":
        raise ProblemError(415, "a body is application/json")
    return bytes(octets)


def _answer(operation: Operation, call: Call, octets: bytes) -> Response:
    """Return what a call gives."""
    request = call.ask.request
    call.query = _query(operation, request)
    call.body = _read(operation.body, octets) if operation.method == "POST" and operation.body else Nothing()
    try:
        if operation.about:
            call.before = operation.about(call)
            wanted = request.headers.get("if-match")
            if wanted is not None and not _matches(wanted, _etag(_dump(call.before))):
                raise ProblemError(412, "it is not as you read it any more; read it again, then decide")
        if operation.name in CREATES:
            return _once(operation, call, octets)
        return _written(operation, call)
    except _CONFLICTS as error:
        raise ProblemError(409, str(error)) from error
    except HTTPException as error:
        raise ProblemError(error.status_code, _SAID.get(error.status_code, error.detail)) from error


def _once(operation: Operation, call: Call, octets: bytes) -> Response:
    """Do what creates something once for each Idempotency-Key, however often it is asked."""
    key = call.ask.request.headers.get("idempotency-key", "")
    if not key:
        return _written(operation, call)
    if len(key) > KEY_CHARACTERS or not (key.isascii() and key.isprintable()):
        raise ProblemError(400, f"an Idempotency-Key is {KEY_CHARACTERS} printable ASCII characters at most")
    asked = hashlib.sha256(f"{operation.name}\0".encode() + octets).hexdigest()
    store, token = Admitting(call.house.engine).store, call.token.id
    reply = store.begin(token, key, asked, call.now)
    if reply is not None:
        return _again(reply, asked)
    status, body = 0, ""
    try:
        answer = _written(operation, call)
        status, body = answer.status_code, bytes(answer.body).decode()
        return answer
    finally:
        store.end(token, key, status, body)  # what was refused may be asked again under the same key


def _again(reply: Reply, asked: str) -> Response:
    if reply.asked != asked:
        raise ProblemError(422, "this Idempotency-Key was used for another request")
    if not reply.status:
        raise ProblemError(
            409, "the first request with this Idempotency-Key is still at work", headers={"Retry-After": "5"}
        )
    headers = {"Idempotent-Replayed": "true"}
    return Response(reply.body, reply.status, media_type="application/json", headers=headers)


def _written(operation: Operation, call: Call) -> Response:
    """Return the answer of the view, with its ETag; 304 when the caller has it already."""
    given = operation.view(call)
    if isinstance(given, Answer):
        answer = Response(_dump(given.shape), given.status, media_type="application/json")
    else:
        answer = given
    if answer.status_code < 300 and operation.gives is not Nothing:
        answer.headers["ETag"] = _etag(bytes(answer.body))
        known = call.ask.request.headers.get("if-none-match")
        if operation.method == "GET" and known is not None and _matches(known, answer.headers["ETag"], weak=True):
            return Response(status_code=304, headers={"ETag": answer.headers["ETag"]})
    return answer


def _query(operation: Operation, request: Request) -> Shape:
    pairs = request.query_params.multi_items()
    names = [name for name, _ in pairs]
    if twice := next((n for n in names if names.count(n) > 1), None):
        raise ProblemError(
            422, f"{twice[:80]} is there twice", [WrongField(field=twice[:80], message="is there twice", value="")]
        )
    try:
        return operation.query.model_validate(dict(pairs))
    except ValidationError as error:
        raise _invalid(error) from error


def _read(kind: type[Shape], octets: bytes) -> Shape:
    try:
        json.loads(octets or b"{}", object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is one
        raise ProblemError(400, f"the body is no JSON: {error}") from error
    try:
        # Strictly: false is no 0, and "7" no 7.
        return kind.model_validate_json(octets or b"{}", strict=True)
    except ValidationError as error:
        raise _invalid(error) from error


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return an object of which every name stands once: of two, programs take now this one, now that one."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _invalid(error: ValidationError) -> ProblemError:
    errors = [
        WrongField(
            field=".".join(str(part) for part in e["loc"])[:200] or "body",
            message=e["msg"],
            value=repr(e.get("input"))[:200],
        )
        for e in error.errors(include_url=False, include_context=False)[:20]
    ]
    return ProblemError(422, f"{errors[0].field}: {errors[0].message}", errors)


def _dump(shape: Shape) -> bytes:
    return shape.model_dump_json().encode()


def _etag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def _matches(header: str, etag: str, *, weak: bool = False) -> bool:
    """Tell whether a precondition names this ETag (RFC 9110, 13.1): If-Match compares strongly."""
    named = [part.strip() for part in header.split(",")]
    return "*" in named or etag in named or (weak and f"W/{etag}" in named)


def _nowhere(_ask: Ask) -> Response:
    raise AssertionError("a door of the API is never opened as a page")


_SAID: Mapping[int, str] = {404: "there is nothing at this address", 405: "this address does not take that method"}


async def _http_problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    said = _SAID.get(error.status_code, error.detail)
    return ProblemError(error.status_code, said, headers=error.headers).answer


async def _no_database(_request: Request, _error: Exception) -> Response:
    return ProblemError(503, "the database cannot be reached; try again", headers={"Retry-After": "10"}).answer


async def _failed(_request: Request, error: Exception) -> Response:
    logging.getLogger(__name__).error("an address of the API failed", exc_info=error)
    return ProblemError(500, "this is a mistake of ours; it stands in the log").answer
