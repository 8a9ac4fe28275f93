"""The way out through a provider's HTTP interface: what the ones we know want to be asked, and what they answer."""

import asyncio
import base64
import hashlib
import hmac
import http.client
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any
from urllib.parse import urlsplit

from newsletter.ports import Letter
from newsletter.transports.one_by_one import OneByOne
from subscribers.bounces import read_return_address
from subscribers.deliveries import REPLY_CHARACTERS, Cause, Outcome, Receipt


@dataclass(frozen=True, slots=True)
class Request:
    """One POST."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """What was answered, its body read as JSON where it is an object."""

    status: int
    answer: Mapping[str, Any]


class ProviderTransport(OneByOne):
    """Hands each letter to a provider in one POST."""

    def __init__(
        self,
        ask: Callable[[Letter], Request],
        judge: Callable[[Response], Receipt],
        workers: int = 10,
        timeout: float = 60.0,
    ) -> None:
        """Take how a provider is asked, and what its answers mean; `timeout` in seconds."""
        super().__init__(self._post, workers)
        self._ask = ask
        self._judge = judge
        self._timeout = timeout

    async def _post(self, letter: Letter) -> Receipt:
        return await asyncio.to_thread(self._exchange, self._ask(letter))

    def _exchange(self, request: Request) -> Receipt:
        parts = urlsplit(request.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        # A new connection each time: on one kept open, a POST that found it closed could not be told from one lost.
        connection = kind(parts.netloc, timeout=self._timeout)
        try:
            try:
                connection.connect()
            except ssl.SSLCertVerificationError as error:
                return Receipt(Outcome.PENDING, Cause.US, reply=f"{parts.netloc}: {error}")
            except OSError as error:
                return Receipt(Outcome.PENDING, Cause.CONNECTION, reply=f"{parts.netloc}: {error}")
            try:
                connection.request("POST", parts.path, request.body, dict(request.headers))
                response = connection.getresponse()
                content = response.read()
            except (OSError, http.client.HTTPException) as error:
                return Receipt(Outcome.UNCERTAIN, Cause.CONNECTION, reply=f"{parts.netloc}: {error!r}")
        finally:
            connection.close()
        return self._by_status(Response(response.status, _object(content)))

    def _by_status(self, response: Response) -> Receipt:
        status, said = response.status, json.dumps(dict(response.answer))[:REPLY_CHARACTERS]
        outcome = _BY_STATUS.get(status)
        if outcome is not None:
            return Receipt(*outcome, status, "", said)
        return self._judge(response)


#: What a status means with every provider. A gateway that gave up waiting does not know what became of the letter.
_BY_STATUS = {
    401: (Outcome.PENDING, Cause.US),
    403: (Outcome.PENDING, Cause.US),
    404: (Outcome.PENDING, Cause.US),
    413: (Outcome.PENDING, Cause.CONTENT),
    429: (Outcome.PENDING, Cause.PACE),
    500: (Outcome.UNCERTAIN, Cause.CONNECTION),
    502: (Outcome.UNCERTAIN, Cause.CONNECTION),
    503: (Outcome.PENDING, Cause.PACE),
    504: (Outcome.UNCERTAIN, Cause.CONNECTION),
}


def _object(content: bytes) -> Mapping[str, Any]:
    try:
        answer = json.loads(content)
    except ValueError:
        answer = None
    return answer if isinstance(answer, dict) else {"said": content[:REPLY_CHARACTERS].decode("utf-8", "replace")}


def tag_of(letter: Letter) -> str:
    """Return the delivery's number as providers take it in a tag: letters, digits and hyphens; "" for a letter."""
    place = read_return_address(letter.sender)
    return f"{place.mailing:x}-{place.idx:x}-{place.signature}" if place else ""


# Postmark, https://postmarkapp.com/developer/api/email-api


@dataclass(frozen=True, slots=True, kw_only=True)
class Postmark:
    """An account with Postmark."""

    token: str = field(repr=False)
    stream: str = "broadcast"
    url: str = ""  #: of another server than Postmark's

    def ask(self, letter: Letter) -> Request:
        """Return the letter as Postmark takes it: by its parts."""
        message = message_from_bytes(b"".join(letter.content()), policy=default)
        assert isinstance(message, EmailMessage)
        body = {
            "From": str(message["From"]),
            "To": str(message["To"]),
            "Subject": str(message["Subject"]),
            "HtmlBody": _part(message, "html"),
            "TextBody": _part(message, "plain"),
            "MessageStream": self.stream,
            "Headers": [{"Name": n, "Value": str(v)} for n, v in message.items() if n.lower() in _PASSED_ON],
            "Metadata": {"delivery": tag} if (tag := tag_of(letter)) else {},
            "TrackOpens": False,
        }
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "X-Postmark-Server-Token": self.token,
        }
        return Request(self.url or _POSTMARK_URL, headers, json.dumps(body).encode())

    def judge(self, response: Response) -> Receipt:
        """Return what Postmark's answer means, by its own error codes."""
        answer = response.answer
        code = answer.get("ErrorCode", -1)
        said = str(answer.get("Message", answer))[:REPLY_CHARACTERS]
        if response.status == 200 and code == 0:
            return Receipt(Outcome.ACCEPTED, code=200, reply=str(answer.get("MessageID", "")))
        outcome = _POSTMARK.get(code, (Outcome.PENDING, Cause.US))
        return Receipt(*outcome, response.status, "", f"{code} {said}")


_POSTMARK_URL = "https://api.postmarkapp.com/email"

#: Postmark's error codes that are not about us: an address it will not take, and too many at once.
_POSTMARK = {
    300: (Outcome.REFUSED, Cause.ADDRESS),
    406: (Outcome.REFUSED, Cause.ADDRESS),
    429: (Outcome.PENDING, Cause.PACE),
}

#: Fields that a provider does not make itself.
_PASSED_ON = {
    "message-id",
    "date",
    "list-id",
    "list-post",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "feedback-id",
    "precedence",
    "auto-submitted",
}


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()) if part is not None else ""


# Amazon SES v2, https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html


@dataclass(frozen=True, slots=True, kw_only=True)
class Ses:
    """An account with Amazon SES."""

    region: str
    access_key: str
    secret_key: str = field(repr=False)
    configuration_set: str = ""
    url: str = ""  #: of another server than Amazon's
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC), repr=False)

    def ask(self, letter: Letter) -> Request:
        """Return the letter as SES takes it: whole, as we made it."""
        body: dict[str, Any] = {
            "Content": {"Raw": {"Data": base64.b64encode(b"".join(letter.content())).decode()}},
            "Destination": {"ToAddresses": [letter.delivery.address]},
            "EmailTags": [{"Name": "delivery", "Value": tag}] if (tag := tag_of(letter)) else [],
        }
        if self.configuration_set:
            body["ConfigurationSetName"] = self.configuration_set
        url = self.url or f"https://email.{self.region}.amazonaws.com/v2/email/outbound-emails"
        return self._signed(url, json.dumps(body).encode())

    def judge(self, response: Response) -> Receipt:
        """Return what the answer of SES means, by the name of its exception."""
        answer = response.answer
        if response.status == 200 and "MessageId" in answer:
            return Receipt(Outcome.ACCEPTED, code=200, reply=str(answer["MessageId"]))
        name = str(answer.get("__type", answer.get("code", ""))).rpartition("#")[2]
        said = str(answer.get("message", answer.get("Message", answer)))[:REPLY_CHARACTERS]
        outcome = _SES.get(name, (Outcome.PENDING, Cause.US))
        return Receipt(*outcome, response.status, "", f"{name} {said}".strip())

    def _signed(self, url: str, body: bytes) -> Request:
        """Sign a POST as AWS asks (Signature Version 4)."""
        parts, now = urlsplit(url), self.clock()
        stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        scope = f"{day}/{self.region}/ses/aws4_request"
        signed = "content-type;host;x-amz-date"
        canonical = "\n".join(
            (
                "POST",
                parts.path,
                "",
                f"content-type:application/json\nhost:{parts.netloc}\nx-amz-date:{stamp}\n",
                signed,
                hashlib.sha256(body).hexdigest(),
            )
        )
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = f"AWS4{self.secret_key}".encode()
        for word in (day, self.region, "ses", "aws4_request"):
            key = hmac.digest(key, word.encode(), "sha256")
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        credential = f"Credential={self.access_key}/{scope}, SignedHeaders={signed}, Signature={signature}"
        headers = {
            "Content-Type": "application/json",
            "X-Amz-Date": stamp,
            "Authorization": f"AWS4-HMAC-SHA256 {credential}",
        }
        return Request(url, headers, body)


#: SES's exceptions that are not about our account or our sender.
_SES = {
    "MessageRejected": (Outcome.PENDING, Cause.CONTENT),
    "TooManyRequestsException": (Outcome.PENDING, Cause.PACE),
    "LimitExceededException": (Outcome.PENDING, Cause.PACE),
    "BadRequestException": (Outcome.REFUSED, Cause.POLICY),
}
