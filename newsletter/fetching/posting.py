"""Posts over HTTP as carefully as we fetch: only to public addresses, only so long, and follows nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPException

import requests
import urllib3

from newsletter.fetching.addresses import AddressError, Reach, check
from newsletter.fetching.client import make_session, parse_retry_after
from newsletter.fetching.connecting import Connect, Deadline, Gate, Resolve, TooSlowError
from newsletter.ports import FetchError

#: Octets of an answer that are read: enough to show a person what it says.
ANSWER_BYTES = 2_000

_FAILURES = (requests.RequestException, urllib3.exceptions.HTTPError, HTTPException, OSError)


@dataclass(frozen=True, slots=True)
class Posted:
    """What was answered."""

    status: int
    said: str  #: how the answer begins
    retry_after: timedelta | None = None


class HttpPoster:
    """Posts one message at a time; not to be shared between threads.

    Args:
        agent: How we introduce ourselves.
        reach: How far we may go.
        seconds: For all of one message: name, connection, answer.
        resolve, connect: The outside world, for tests.
    """

    def __init__(
        self,
        agent: str,
        *,
        reach: Reach | None = None,
        seconds: float = 10.0,
        resolve: Resolve | None = None,
        connect: Connect | None = None,
    ) -> None:
        self._reach = reach or Reach()
        self._seconds = seconds
        self._gate = Gate(self._reach, resolve, connect)
        self._session = make_session(agent, self._gate)

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Posted:
        """Post `body` to `url` once, and follow nothing; return the answer, whatever it is.

        Raises:
            FetchError: It may not be asked, or nothing came back.
        """
        deadline = self._gate.deadline = Deadline(self._seconds)
        try:
            address = check(url, self._reach)
            if address.scheme != "https" and not self._reach.loopback:
                raise FetchError(f"{address.shown} is not https: others could read what we say there")
            return self._post(address.url, body, headers, deadline)
        except AddressError as error:
            raise FetchError(f"{url.partition('?')[0][:120]!r} {error}") from error
        except TooSlowError as error:
            raise FetchError(f"no answer within {self._seconds:g} s", transient=True) from error
        except _FAILURES as error:
            late = deadline.passed
            said = f"no answer within {self._seconds:g} s" if late else f"cannot be reached ({type(error).__name__})"
            raise FetchError(said, transient=True) from error
        finally:
            deadline.end()

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._session.close()

    def _post(self, url: str, body: bytes, headers: Mapping[str, str], deadline: Deadline) -> Posted:
        with self._session.post(
            url, data=body, headers=dict(headers), timeout=deadline.wait(), allow_redirects=False, stream=True
        ) as answer:
            if deadline.passed:  # a socket that was shut looks like the end of the headers
                raise TooSlowError
            said = answer.raw.read(ANSWER_BYTES, decode_content=False)
            deadline.wait()
            retry = parse_retry_after(answer.headers.get("Retry-After", ""), datetime.now(UTC))
            return Posted(answer.status_code, said.decode("utf-8", "replace"), retry)
