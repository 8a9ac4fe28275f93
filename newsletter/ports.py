"""What the use cases ask of the outside, in their own words."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol, Self

from content.approvals import Approval
from content.articles import Article
from subscribers.deliveries import Delivery, Receipt


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that a source could not give us, in words a marketer understands."""

    item: str  #: which file, entry or page
    reason: str  #: why, and what would do


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """What one pull brought: articles, the approvals that came along with them, and what was left out.

    `memory` is what the source wants to be told at its next pull (validators, cursors).
    """

    articles: tuple[Article, ...] = ()
    approvals: tuple[Approval, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()  #: what was read, but not as it stood: for the editor's eye
    remarks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  #: the same by article id, its name left out
    doubtful: tuple[str, ...] = ()  #: ids of articles that a person should look at, whatever the source is trusted with
    gone: tuple[str, ...] = ()  #: ids of articles that the source showed before and shows no longer
    memory: dict[str, str] = field(default_factory=dict)


#: What a site answers about an address that will never be there again (RFC 9110, 15.5.11).
GONE = 410


class FetchError(Exception):
    """Nothing usable came back over HTTP. The message names the address and says why.

    `transient` tells whether trying again may help, `retry_after` how long the server asks us to wait, `status` what
    it answered (0: it did not).
    """

    def __init__(
        self, message: str, *, transient: bool = False, status: int = 0, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(message)
        self.transient = transient
        self.status = status
        self.retry_after = retry_after


class SourceError(Exception):
    """A source as a whole cannot be read.

    `transient` tells whether trying again may help, `is_gone` whether the site says that it is gone for good (410).
    """

    def __init__(self, message: str, *, transient: bool = False, is_gone: bool = False) -> None:
        super().__init__(message)
        self.transient = transient
        self.is_gone = is_gone

    @classmethod
    def of(cls, error: FetchError) -> Self:
        """Return what it means for a source that its address answers so."""
        return cls(str(error), transient=error.transient, is_gone=error.status == GONE)


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server told us about a body, to ask later whether it has changed (RFC 9110, 13.1)."""

    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What came back over HTTP. `body` is empty when `is_unchanged`. Header names are in small letters."""

    url: str  #: where it came from in the end
    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    at: datetime  #: when it came
    downgraded: bool = False  #: a redirect led from https to http

    @property
    def is_unchanged(self) -> bool:
        """Tell whether the server says that we have it already."""
        return self.status == 304

    @property
    def validators(self) -> Validators:
        """Return what to ask with next time."""
        return Validators(self.headers.get("etag", ""), self.headers.get("last-modified", ""))


class Fetcher(Protocol):
    """Fetches over HTTP, only from public addresses, only so much, only so long, and politely."""

    def get(
        self,
        url: str,
        *,
        validators: Validators | None = None,
        headers: Mapping[str, str] | None = None,
        credentials: tuple[str, str] | None = None,
    ) -> Response:
        """Return what stands at `url`.

        Args:
            url: An http or https address.
            validators: What came with the copy we have; the answer may then be that it is unchanged.
            headers: Further header fields to send.
            credentials: Name and password, sent to this origin alone and never in clear over a network.

        Raises:
            FetchError: Nothing usable came back.
        """


class Source(Protocol):
    """A place that articles come from."""

    @property
    def name(self) -> str:
        """Return the name under which staff know the source."""

    def pull(self, memory: dict[str, str]) -> Pull:
        """Return what the source shows now.

        Raises:
            SourceError: The source as a whole cannot be read.
        """

    def pulls(self, memory: dict[str, str]) -> Iterator[Pull]:
        """Yield the same in parts, so that a large source takes no more room than a small one; the last has the memory.

        Raises:
            SourceError: The source as a whole cannot be read.
        """


@dataclass(frozen=True, slots=True)
class Rendering:
    """One variant of an edition as mail, personal slots still open (`content.articles.SLOT_OPEN`)."""

    subject: str
    html: str
    text: str


class Letter(NamedTuple):
    """One message in a sender's hands. Its bytes are made when they are asked for: a queue of letters is small."""

    delivery: Delivery
    sender: str  #: the envelope sender, where bounces come back
    content: Callable[[], list[bytes]]  #: the whole message in pieces: CRLF, no line begins with a dot


class Outbox(Protocol):
    """What a transport asks of the sender whose letters it delivers. No call blocks, so any loop may make it."""

    @property
    def has_letters(self) -> bool:
        """Tell whether `take` may have something."""

    def take(self) -> Letter | None:
        """Return the next letter; None when there is none now."""

    def leaving(self, letter: Letter, leave: Callable[[bool], None]) -> None:
        """Note that the letter's end is about to leave, and call `leave` when that is safe, now or soon.

        `leave(False)` means that it must not leave; then nothing is to be settled.
        """

    def settle(self, letter: Letter, receipt: Receipt) -> None:
        """Note what the attempt came to."""

    def trouble(self, receipt: Receipt) -> None:
        """Note that the server as a whole fails us; nothing has happened to any letter."""


class Transport(Protocol):
    """A way out for letters."""

    async def run(self, outbox: Outbox) -> None:
        """Deliver what the outbox has until `close` is called and nothing is in hand."""

    def wake(self) -> None:
        """Look into the outbox again: it has letters."""

    def close(self) -> None:
        """Take no more letters; let `run` end when those in hand are settled."""


class Compose(Protocol):
    """Makes one person's letter."""

    def __call__(self, delivery: Delivery) -> Letter:
        """Return the letter of one delivery, the same whenever it is asked for."""
