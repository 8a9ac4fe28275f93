"""Asks an OpenID Connect provider who somebody is: code flow with PKCE, state and nonce; the answer is an address."""

import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

if TYPE_CHECKING:
    from authlib.integrations.requests_client import OAuth2Session

#: Seconds for each question to the provider: somebody waits before a browser.
PATIENCE = 10.0

#: How far the provider's clock may be off, in seconds.
LEEWAY = 60

#: Octets of what a provider says of itself, or of its keys, at most.
LARGEST = 200_000

#: Signatures that we accept: those that only the holder of a private key can make. "none" proves nothing, and HS256
#: would let whoever knows our own secret say who anybody is.
ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


class IdentifyingError(Exception):
    """The provider did not tell who somebody is in a way that we believe; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """What we are to the provider."""

    issuer: str
    id: str
    secret: str
    back: str  #: the address of ours to which it sends people back


@dataclass(frozen=True, slots=True)
class Attempt:
    """What must come back: made anew for each sign-in, and kept in the browser that began it."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the provider says that somebody is."""

    address: str  #: which it has verified
    methods: frozenset[str]  #: how they proved it there (RFC 8176), such as pwd and mfa


def is_installed() -> bool:
    """Tell whether the extra `oidc` is there."""
    return find_spec("authlib") is not None


def begin(client: Client) -> tuple[str, Attempt]:
    """Return where to send a browser, and what must come back with it.

    Raises:
        IdentifyingError: The provider cannot be asked.
    """
    provider = _discover(client)
    attempt = Attempt(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48))
    with _session(client) as session:
        url, _ = session.create_authorization_url(
            _address(provider, "authorization_endpoint"),
            state=attempt.state,
            nonce=attempt.nonce,
            code_verifier=attempt.verifier,
        )
    return str(url), attempt


def finish(client: Client, attempt: Attempt, said: Mapping[str, str], now: datetime) -> Identity:
    """Return who came back.

    Args:
        client: What we are to the provider.
        attempt: What `begin` returned for this browser.
        said: What stood behind the question mark of the address to which the browser came back.
        now: The time.

    Raises:
        IdentifyingError: What came back is not what was begun, or not signed by the provider for us and this moment,
            or it has not verified the address.
    """
    if not hmac.compare_digest(said.get("state", "").encode(), attempt.state.encode()):
        raise IdentifyingError("what came back was not begun in this browser")
    if said.get("iss", client.issuer) != client.issuer:  # RFC 9207: another provider's answer, mixed up
        raise IdentifyingError("another provider answered than was asked")
    if "code" not in said:
        raise IdentifyingError(f"the provider said no ({said.get('error', 'without a reason')[:60]})")
    provider = _discover(client)
    token = _exchange(client, provider, attempt, said["code"])
    claims = _claims(client, provider, attempt, token, now)
    if claims.get("email_verified") is not True:
        raise IdentifyingError("the provider has not verified the email address")
    methods = claims.get("amr") or []
    return Identity(str(claims.get("email", "")), frozenset(str(m) for m in methods))


def _exchange(client: Client, provider: Mapping[str, Any], attempt: Attempt, code: str) -> Mapping[str, Any]:
    from authlib.common.errors import AuthlibBaseError

    with _session(client) as session:
        try:
            token: Mapping[str, Any] = session.fetch_token(
                _address(provider, "token_endpoint"),
                code=code,
                code_verifier=attempt.verifier,
                grant_type="authorization_code",
                timeout=PATIENCE,
                allow_redirects=False,
            )
        except (AuthlibBaseError, requests.RequestException, ValueError) as error:
            raise IdentifyingError(f"the provider did not take the code ({type(error).__name__})") from error
    return token


def _claims(
    client: Client, provider: Mapping[str, Any], attempt: Attempt, token: Mapping[str, Any], now: datetime
) -> Mapping[str, Any]:
    """Return what the identity token says, once it is signed by the provider, for us, for this attempt, and fresh."""
    from authlib.oidc.core import CodeIDToken
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    try:
        keys = KeySet.import_key_set(_get(_address(provider, "jwks_uri")))  # type: ignore[arg-type]
        opened = jwt.decode(str(token["id_token"]), keys, algorithms=list(ALGORITHMS))
        claims = CodeIDToken(
            opened.claims,
            opened.header,
            {"iss": {"essential": True, "value": client.issuer}, "aud": {"essential": True, "value": client.id}},
            {"nonce": attempt.nonce, "client_id": client.id, "access_token": token.get("access_token")},
        )
        claims.validate(now=int(now.timestamp()), leeway=LEEWAY)
    except (JoseError, KeyError, ValueError, TypeError) as error:
        raise IdentifyingError(f"the identity token does not hold ({type(error).__name__}: {error})") from error
    if opened.claims.get("nonce") != attempt.nonce:
        raise IdentifyingError("the identity token was made for another sign-in")
    return opened.claims


def _session(client: Client) -> "OAuth2Session":
    from authlib.integrations.requests_client import OAuth2Session

    session = OAuth2Session(
        client.id,
        client.secret or None,
        scope="openid email",
        redirect_uri=client.back,
        code_challenge_method="S256",
        token_endpoint_auth_method="client_secret_basic" if client.secret else "none",
    )
    session.trust_env = False  # no proxies, no .netrc, no certificates from the environment
    return session


def _discover(client: Client) -> Mapping[str, Any]:
    """Return what the provider says of itself (OpenID Connect Discovery 1.0, 4)."""
    _safe(client.issuer)
    provider = _get(f"{client.issuer.rstrip('/')}/.well-known/openid-configuration")
    if provider.get("issuer") != client.issuer:
        raise IdentifyingError(
            f"the provider calls itself {str(provider.get('issuer'))[:100]!r}, not {client.issuer!r}"
        )
    return provider


def _get(url: str) -> Mapping[str, Any]:
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(url, timeout=PATIENCE, allow_redirects=False, stream=True)
            body = answer.raw.read(LARGEST + 1, decode_content=True)
    except (requests.RequestException, OSError) as error:
        raise IdentifyingError(f"the provider does not answer ({type(error).__name__})") from error
    try:
        found = json.loads(body) if answer.status_code == 200 and len(body) <= LARGEST else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise IdentifyingError(f"the provider does not say what it should at {urlsplit(url).path}")
    return found


def _address(provider: Mapping[str, Any], name: str) -> str:
    return _safe(str(provider.get(name, "")))


def _safe(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOCAL):
        raise IdentifyingError(f"{url[:100]!r} is not https: others could say who somebody is")
    return url
