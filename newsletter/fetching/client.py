"""Fetches over HTTP: only from public addresses, only so much, only so long, and politely."""

import base64
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import urljoin

import requests
import urllib3

from newsletter.fetching.addresses import Address, AddressError, Reach, check
from newsletter.fetching.connecting import Connect, Deadline, Gate, GuardedAdapter, Resolve, TooSlowError
from newsletter.ports import FetchError, Response, Validators

#: A server that asks us to wait longer than a day has forgotten us.
LONGEST_WAIT = timedelta(hours=24)

_CHUNK_BYTES = 65_536
#: zlib's word for: the gzip format, and nothing else.
_GZIP = 16 + zlib.MAX_WBITS
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: What is worth another try: too many requests, too early, and what goes wrong at the other end.
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
_WORDS = {
    401: "asks for credentials", 403: "does not let us in", 404: "does not exist", 410: "is gone for good",
    429: "asks us to come back later",
}  # fmt: skip
_FAILURES = (requests.RequestException, urllib3.exceptions.HTTPError, HTTPException, OSError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one request may take."""

    body_bytes: int = 10_000_000  #: after decompression
    seconds: float = 30.0  #: for all of it: name, connection, redirects, further tries, body
    redirects: int = 5
    tries: int = 3
    pause: float = 1.0  #: seconds between two requests to the same host


@dataclass(frozen=True, slots=True)
class _Question:
    """What one call asks for; the same over redirects and tries."""

    headers: Mapping[str, str]
    credentials: tuple[str, str] | None
    conditional: bool


@dataclass(slots=True)
class _Manners:
    """When each host was asked last."""

    asked: dict[str, float] = field(default_factory=dict)


class HttpFetcher:
    """A client for one source at a time; it is not to be shared between threads.

    Args:
        agent: How we introduce ourselves, with an address where we can be asked to stop.
        resolve, connect, sleep: The outside world, for tests.
    """

    def __init__(
        self,
        agent: str,
        *,
        limits: Limits | None = None,
        reach: Reach | None = None,
        resolve: Resolve | None = None,
        connect: Connect | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.limits = limits or Limits()
        self.reach = reach or Reach()
        self._gate = Gate(self.reach, resolve, connect)
        self._sleep = sleep
        self._manners = _Manners()
        self._session = make_session(agent, self._gate)

    def get(
        self,
        url: str,
        *,
        validators: Validators | None = None,
        headers: Mapping[str, str] | None = None,
        credentials: tuple[str, str] | None = None,
    ) -> Response:
        """Return what stands at `url`; see `ports.Fetcher`.

        Raises:
            FetchError: Nothing usable came back.
        """
        known = validators or Validators()
        conditional = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified}
        asked = {name: value for name, value in {**(headers or {}), **conditional}.items() if value}
        question = _Question(asked, credentials, bool(known.etag or known.last_modified))
        deadline = self._gate.deadline = Deadline(self.limits.seconds)
        try:
            return self._try(url, question, deadline)
        finally:
            deadline.end()

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._session.close()

    def _try(self, url: str, question: _Question, deadline: Deadline) -> Response:
        for left in reversed(range(self.limits.tries)):
            try:
                return self._follow(url, question, deadline)
            except FetchError as error:
                wait = error.retry_after.total_seconds() if error.retry_after else 2.0 ** (self.limits.tries - left - 1)
                if not error.transient or not left or wait >= deadline.remaining():
                    raise
                self._sleep(wait)
        raise AssertionError("the last try returns or raises")

    def _follow(self, url: str, question: _Question, deadline: Deadline) -> Response:
        address = self._check(url)
        first, downgraded = address, False
        for _ in range(self.limits.redirects + 1):
            with self._ask(address, first, question, deadline) as answer:
                if answer.status_code not in _REDIRECTS:
                    return self._read(answer, address, question, deadline, downgraded=downgraded)
                location = answer.headers.get("Location", "").strip()
            if not location:
                raise FetchError(f"{first.shown} sends us on and does not say where: ask who runs it")
            before, address = address, self._check(urljoin(address.url, location), via=first.shown)
            downgraded |= before.scheme == "https" and address.scheme == "http"
        raise FetchError(
            f"{first.shown} sends us on more than {self.limits.redirects} times: give the address it ends at"
        )

    def _check(self, url: str, via: str = "") -> Address:
        try:
            return check(url, self.reach)
        except AddressError as error:
            raise FetchError(_refusal(url, via, error)) from error

    def _ask(self, address: Address, first: Address, question: _Question, deadline: Deadline) -> requests.Response:
        headers = dict(question.headers)
        if question.credentials and address.origin == first.origin:
            headers["Authorization"] = self._authorization(address, question.credentials)
        self._be_polite(address.host, deadline)
        try:
            # Each single read may take all the time that is left; the deadline shuts the socket.
            answer = self._session.get(
                address.url, headers=headers, timeout=deadline.wait(), allow_redirects=False, stream=True
            )
            if deadline.passed:  # to the HTTP library a socket that was shut looks like the end of the headers,
                answer.close()
                raise TooSlowError
            return answer
        except AddressError as error:
            raise FetchError(_refusal(address.url, first.shown if address != first else "", error)) from error
        except TooSlowError as error:
            raise self._too_slow(address) from error
        except _FAILURES as error:
            raise self._failure(address, error, deadline) from error

    def _read(
        self, answer: requests.Response, address: Address, question: _Question, deadline: Deadline, *, downgraded: bool
    ) -> Response:
        status = answer.status_code
        headers = {name.lower(): value for name, value in answer.headers.items()}
        if status not in (200, 304) or (status == 304 and not question.conditional):
            raise _refused(address, status, headers)
        body = b""
        if status == 200:
            try:
                body = b"".join(self._body(answer, address, headers))
                deadline.wait()  # or of the body
            except TooSlowError as error:
                raise self._too_slow(address) from error
            except (*_FAILURES, zlib.error) as error:
                raise self._failure(address, error, deadline) from error
        return Response(
            url=address.url, status=status, headers=headers, body=body, at=datetime.now(UTC), downgraded=downgraded
        )

    def _body(self, answer: requests.Response, address: Address, headers: Mapping[str, str]) -> Iterator[bytes]:
        """Yield the body, decompressed piece by piece, so that a bomb is stopped at the limit."""
        limit = self.limits.body_bytes
        length = 0
        for piece in _decompressed(answer.raw.stream(_CHUNK_BYTES, decode_content=False), address, headers):
            length += len(piece)
            if length > limit:
                raise FetchError(
                    f"{address.shown} holds more than {limit / 1_000_000:g} MB: that is no feed and no page"
                )
            yield piece

    def _be_polite(self, host: str, deadline: Deadline) -> None:
        now = time.monotonic()
        wait = self._manners.asked.get(host, now - self.limits.pause) + self.limits.pause - now
        if wait > 0:
            self._sleep(min(wait, max(deadline.remaining(), 0)))
        self._manners.asked[host] = time.monotonic()

    def _authorization(self, address: Address, credentials: tuple[str, str]) -> str:
        if address.scheme != "https" and not self.reach.loopback:
            raise FetchError(f"{address.shown} is not https: we do not send a password that others could read")
        return f"Basic {base64.b64encode(':'.join(credentials).encode()).decode()}"

    def _failure(self, address: Address, error: Exception, deadline: Deadline) -> FetchError:
        if deadline.passed:
            return self._too_slow(address)
        if isinstance(error, requests.exceptions.SSLError):
            return FetchError(
                f"{address.shown} cannot prove who it is ({_innermost(error)}): its certificate is not valid"
            )
        if isinstance(error, zlib.error):
            return FetchError(f"{address.shown} sends damaged data ({error})")
        return FetchError(f"{address.shown} cannot be read ({_innermost(error)})", transient=True)

    def _too_slow(self, address: Address) -> FetchError:
        return FetchError(f"{address.shown} is too slow: it took more than {self.limits.seconds:g} s", transient=True)


def parse_retry_after(value: str, now: datetime) -> timedelta | None:
    """Return how long a server asks us to wait, at most a day; None when it does not say (RFC 9110, 10.2.3)."""
    try:
        wait = timedelta(seconds=int(value)) if value.strip().isdecimal() else parsedate_to_datetime(value) - now
    except (ValueError, TypeError, OverflowError):  # neither seconds nor a date; or a date without a zone
        return None
    return min(max(wait, timedelta(0)), LONGEST_WAIT)


def make_session(agent: str, gate: Gate) -> requests.Session:
    """Return a session that knows nothing of the environment and connects through `gate` alone."""
    session = requests.Session()
    session.trust_env = False  # no proxies, no .netrc, no certificates from the environment
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.clear()
    # What we cannot decompress piece by piece we do not ask for.
    session.headers.update({"User-Agent": agent, "Accept-Encoding": "gzip", "Accept": "*/*"})
    adapter = GuardedAdapter(gate)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


def _decompressed(chunks: Iterator[bytes], address: Address, headers: Mapping[str, str]) -> Iterator[bytes]:
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding in {"", "identity"}:
        yield from chunks
        return
    if coding not in {"gzip", "x-gzip"}:
        raise FetchError(f"{address.shown} packs its answer as {coding!r}, which we did not ask for")
    unpacker = zlib.decompressobj(_GZIP)
    for chunk in chunks:
        while chunk:
            yield unpacker.decompress(chunk, _CHUNK_BYTES)
            chunk = unpacker.unconsumed_tail
            if unpacker.eof and unpacker.unused_data:  # a file may be several, one after another (RFC 1952, 2.2)
                chunk, unpacker = unpacker.unused_data, zlib.decompressobj(_GZIP)
    yield unpacker.flush()
    if not unpacker.eof:
        raise FetchError(f"{address.shown} sends damaged data (it ends too early)", transient=True)


def _refused(address: Address, status: int, headers: Mapping[str, str]) -> FetchError:
    words = _WORDS.get(status, "answers in a way we cannot use" if status < 500 else "has trouble at its end")
    return FetchError(
        f"{address.shown} {words} (status {status})",
        transient=status in _TRANSIENT,
        status=status,
        retry_after=parse_retry_after(headers.get("retry-after", ""), datetime.now(UTC)),
    )


def _refusal(url: str, via: str, reason: AddressError) -> str:
    shown = url.partition("?")[0]
    shown = shown if len(shown) <= 120 else f"{shown[:117]}..."
    return f"{via} leads to {shown!r}, which {reason}" if via and via != url else f"{shown!r} {reason}"


def _innermost(error: BaseException) -> str:
    """Return in words what went wrong at the bottom of errors that hold one another."""
    inner = getattr(error, "reason", None) or next((a for a in error.args if isinstance(a, BaseException)), None)
    if isinstance(inner, BaseException):
        return _innermost(inner)
    words = getattr(error, "strerror", None) or next((str(a) for a in error.args), "") or type(error).__name__
    return str(words)[:200]
