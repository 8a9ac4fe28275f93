"""Signing in with an OpenID Connect provider: who is on the staff already comes in, and nobody else."""

import base64
import json

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from newsletter.identifying import Attempt, Client, IdentifyingError, begin, finish, is_installed
from newsletter.staffing import Denied
from newsletter.web.console.asking import Ask, Door, safe_next

#: Seconds in which one must come back from the provider.
BACK_WITHIN = 600

#: How a provider says that somebody proved it twice (RFC 8176).
TWICE = "mfa"

_BACK = "/sign-in/oidc/back"


def go_to_provider(ask: Ask) -> Response:
    """Send the browser to the provider; what must come back stays in it, sealed."""
    try:
        url, attempt = begin(_client(ask))
    except IdentifyingError as error:
        return _failed(ask, str(error), 502)
    kept = [attempt.state, attempt.nonce, attempt.verifier, safe_next(ask.query("next")), int(ask.now.timestamp())]
    packed = base64.urlsafe_b64encode(json.dumps(kept).encode()).decode().rstrip("=")
    answer = RedirectResponse(url, 303)
    answer.set_cookie(
        _cookie(ask),
        f"{packed}.{ask.console.keys.mac('oidc', packed)}",
        max_age=BACK_WITHIN,
        path="/",
        secure=ask.console.on_tls,
        httponly=True,
        samesite="lax",  # the provider leads back from its own site, with GET
    )
    return answer


def come_back(ask: Ask) -> Response:
    """Let in who comes back from the provider, as far as they proved who they are."""
    kept = _kept(ask)
    if kept is None:
        return _failed(ask, "what came back was not begun in this browser, or too long ago", 422)
    attempt, after = kept
    said = {name: value[:4000] for name, value in ask.request.query_params.items()}
    try:
        identity = finish(_client(ask), attempt, said, ask.now)
    except IdentifyingError as error:
        return _failed(ask, str(error), 422)
    twice = ask.console.house.settings.oidc_trusts_factor and TWICE in identity.methods
    found = ask.console.staffing.sign_in_as(identity.address, ask.visitor, ask.now, twice=twice)
    if isinstance(found, Denied):
        return _failed(ask, "nobody of the staff has the address that the provider names", 403)
    answer = RedirectResponse(after, 303)
    ask.console.sign_in_cookie(answer, found.id)
    return _forget(ask, answer)


def _client(ask: Ask) -> Client:
    settings = ask.console.house.settings
    if not settings.oidc_issuer or not is_installed():
        raise HTTPException(404)
    return Client(
        issuer=settings.oidc_issuer,
        id=settings.oidc_client_id,
        secret=settings.secret("oidc_client_secret"),
        back=f"{ask.console.url}{_BACK}",
    )


def _kept(ask: Ask) -> tuple[Attempt, str] | None:
    """Return what this browser began, and where it wanted to go; None when it began nothing, or too long ago."""
    packed, _, mac = ask.request.cookies.get(_cookie(ask), "")[:2000].partition(".")
    if not packed.isascii() or not mac.isascii() or not ask.console.keys.verifies("oidc", packed, mac):
        return None
    state, nonce, verifier, after, at = json.loads(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
    is_late = ask.now.timestamp() - at > BACK_WITHIN
    return None if is_late else (Attempt(state, nonce, verifier), after)


def _failed(ask: Ask, why: str, status: int) -> Response:
    said = f"Signing in with your provider did not work: {why}."
    return _forget(ask, ask.show("sign_in", status, next="/", problem=said, address=""))


def _forget(ask: Ask, answer: Response) -> Response:
    answer.delete_cookie(_cookie(ask), path="/", secure=ask.console.on_tls, httponly=True, samesite="lax")
    return answer


def _cookie(ask: Ask) -> str:
    return "__Host-oidc" if ask.console.on_tls else "oidc"


DOORS = (
    Door(path="/sign-in/oidc", view=go_to_provider, may=None),
    Door(path=_BACK, view=come_back, may=None),
)
