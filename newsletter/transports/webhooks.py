"""What providers report by POST: each request is proved to be theirs, then read into events of ours."""

import base64
import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from subscribers.bounces import DeliveryEvent, EventKind, Place, make_event, read_number

#: An older report is a replay, a newer one comes from a broken clock. The bodies are idempotent all the same.
FRESHNESS = timedelta(minutes=15)

#: Reports in one body, at most; SendGrid sends up to a thousand.
MOST_REPORTS = 10_000

#: Where Amazon keeps the certificates it signs with; any other address is a trick.
_SNS_CERTIFICATE = re.compile(r"https://sns\.[a-z0-9-]{3,30}\.amazonaws\.com/[A-Za-z0-9._-]+\.pem").fullmatch
_SNS_ADDRESS = re.compile(r"https://sns\.[a-z0-9-]{3,30}\.amazonaws\.com/\?[\x21-\x7e]{1,2000}").fullmatch


class WebhookError(Exception):
    """A request is not what it says. `status` is what to answer: 400 for nonsense, 401 for a proof that fails."""

    def __init__(self, message: str, status: int = 401) -> None:
        super().__init__(message)
        self.status = status


def read_postmark(body: bytes, secret: str, given: str, now: datetime) -> tuple[DeliveryEvent, ...]:
    """Return what Postmark reports. It signs nothing: a secret of ours in the address or in Basic auth is the proof.

    Raises:
        WebhookError: The secret is another, or the body is no report.
    """
    if not hmac.compare_digest(secret.encode(), given.encode()) or not secret:
        raise WebhookError("the secret is not ours")
    report = _object(body)
    record, what = report.get("RecordType"), report.get("Type")
    kind = _POSTMARK.get((record, what)) or _POSTMARK.get((record, None))
    status = {"HardBounce": "5.1.1", "BadEmailAddress": "5.1.1", "SoftBounce": "5.2.0"}.get(str(what), "")
    metadata = report.get("Metadata")
    number = metadata.get("delivery") if isinstance(metadata, dict) else None
    return _events([(kind, number, status or "5.7.0", report.get("Description"))], now)


_POSTMARK: dict[tuple[Any, Any], EventKind] = {
    ("Bounce", None): EventKind.BOUNCED,
    ("Bounce", "Transient"): EventKind.DELAYED,
    ("Bounce", "AutoResponder"): EventKind.DELIVERED,
    ("Delivery", None): EventKind.DELIVERED,
    ("SpamComplaint", None): EventKind.COMPLAINED,
}


def read_mailgun(body: bytes, signing_key: str, now: datetime) -> tuple[DeliveryEvent, ...]:
    """Return what Mailgun reports, proved by HMAC-SHA256 over its time stamp and token.

    Raises:
        WebhookError: The signature does not hold, the report is old, or the body is none.
    """
    report = _object(body)
    signature, data = report.get("signature"), report.get("event-data")
    if not isinstance(signature, dict) or not isinstance(data, dict):
        raise WebhookError("this is no report of Mailgun's", 400)
    stamp, token = str(signature.get("timestamp", "")), str(signature.get("token", ""))
    expected = hmac.digest(signing_key.encode(), f"{stamp}{token}".encode(), "sha256").hex()
    if not hmac.compare_digest(expected, str(signature.get("signature", ""))):
        raise WebhookError("the signature does not hold")
    _fresh(stamp, now)
    severe = data.get("severity") == "permanent"
    kind = {
        "failed": EventKind.BOUNCED if severe else EventKind.DELAYED,
        "delivered": EventKind.DELIVERED,
        "complained": EventKind.COMPLAINED,
    }.get(str(data.get("event")))
    told = data.get("delivery-status")
    status = told if isinstance(told, dict) else {}
    said = str(status.get("description") or status.get("message") or "")
    return _events([(kind, _message_id(data), str(status.get("enhanced-code") or _status_in(said)), said)], now)


def read_sendgrid(body: bytes, public_key: str, signature: str, stamp: str, now: datetime) -> tuple[DeliveryEvent, ...]:
    """Return what SendGrid reports, proved by ECDSA over its time stamp and the body.

    Raises:
        WebhookError: The signature does not hold, the reports are old, or the body is none.
    """
    try:
        key = load_der_public_key(base64.b64decode(public_key))
        assert isinstance(key, EllipticCurvePublicKey)
        key.verify(base64.b64decode(signature), stamp.encode() + body, ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError) as error:
        raise WebhookError("the signature does not hold") from error
    _fresh(stamp, now)
    reports = _json(body)
    if not isinstance(reports, list) or len(reports) > MOST_REPORTS:
        raise WebhookError("this is no report of SendGrid's", 400)
    return _events([_sendgrid(r) for r in reports if isinstance(r, dict)], now)


def _sendgrid(report: Mapping[str, Any]) -> "_Told":
    kind = {
        "bounce": EventKind.BOUNCED,
        "dropped": EventKind.BOUNCED,
        "deferred": EventKind.DELAYED,
        "delivered": EventKind.DELIVERED,
        "spamreport": EventKind.COMPLAINED,
    }.get(str(report.get("event")))
    said = str(report.get("reason") or "")
    return kind, report.get("smtp-id"), str(report.get("status") or _status_in(said)), said


def read_ses(body: bytes, topic: str, certificate: Callable[[str], bytes], now: datetime) -> tuple[DeliveryEvent, ...]:
    """Return what SES reports by way of SNS, proved by Amazon's certificate.

    Args:
        body: The request's body.
        topic: The name (ARN) of our SNS topic: Amazon signs for everybody's.
        certificate: Returns the PEM at an address, which is Amazon's beyond doubt when this is called.
        now: The present.

    Raises:
        WebhookError: The signature does not hold, the address is not Amazon's, or the body is no report.
    """
    envelope = _proved_sns(body, topic, certificate)
    report = _object(str(envelope.get("Message", "")).encode())
    mail = report.get("mail")
    tags = mail.get("tags", {}) if isinstance(mail, dict) else {}
    number = next(iter(tags.get("delivery", [])), None) if isinstance(tags, dict) else None
    what = str(report.get("eventType") or report.get("notificationType"))
    return _events([(_SES.get(what), number, *_ses_details(report, what))], now)


def subscription_of(body: bytes, topic: str, certificate: Callable[[str], bytes]) -> str:
    """Return the address that confirms a subscription to our SNS topic, if that is what is asked; else nothing.

    Raises:
        WebhookError: It is asked, but not by Amazon or not about our topic.
    """
    if _object(body).get("Type") != "SubscriptionConfirmation":
        return ""
    address = str(_proved_sns(body, topic, certificate).get("SubscribeURL", ""))
    if not _SNS_ADDRESS(address):
        raise WebhookError(f"the address that confirms is not Amazon's: {address[:80]!r}")
    return address


def _proved_sns(body: bytes, topic: str, certificate: Callable[[str], bytes]) -> Mapping[str, Any]:
    envelope = _object(body)
    if not hmac.compare_digest(str(envelope.get("TopicArn", "")).encode(), topic.encode()):
        raise WebhookError("the topic is not ours")
    address = str(envelope.get("SigningCertURL", ""))
    if not _SNS_CERTIFICATE(address):
        raise WebhookError(f"the certificate's address is not Amazon's: {address[:80]!r}")
    _verify_sns(envelope, certificate(address))
    return envelope


_SES = {
    "Bounce": EventKind.BOUNCED,
    "Complaint": EventKind.COMPLAINED,
    "Delivery": EventKind.DELIVERED,
    "DeliveryDelay": EventKind.DELAYED,
}

#: What stands in the string that SNS signs, in this order (what is not there is left out).
_SNS_SIGNED = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


def _verify_sns(envelope: Mapping[str, Any], pem: bytes) -> None:
    text = "".join(f"{name}\n{envelope[name]}\n" for name in _SNS_SIGNED if name in envelope)
    algorithm = hashes.SHA256() if envelope.get("SignatureVersion") == "2" else hashes.SHA1()  # noqa: S303  theirs
    try:
        key = x509.load_pem_x509_certificate(pem).public_key()
        assert isinstance(key, RSAPublicKey)
        key.verify(base64.b64decode(str(envelope.get("Signature", ""))), text.encode(), PKCS1v15(), algorithm)
    except (InvalidSignature, ValueError) as error:
        raise WebhookError("the signature does not hold") from error


def _ses_details(report: Mapping[str, Any], what: str) -> tuple[str, str]:
    bounce = report.get("bounce")
    if what != "Bounce" or not isinstance(bounce, dict):
        return "", ""
    first: Mapping[str, Any] = next(iter(bounce.get("bouncedRecipients", [])), {})
    said = str(first.get("diagnosticCode") or "")
    fallback = "5.1.1" if bounce.get("bounceType") == "Permanent" else "5.2.0"
    return str(first.get("status") or _status_in(said) or fallback), said


#: What one report tells: kind (None: nothing we count), the delivery's number, status, the words.
_Told = tuple[EventKind | None, object, str, object]


def _events(told: Sequence[_Told], now: datetime) -> tuple[DeliveryEvent, ...]:
    return tuple(
        make_event(place, kind, now, status if kind is EventKind.BOUNCED else "", str(said or ""))
        for kind, number, status, said in told
        if kind is not None and (place := _place(number)) is not None
    )


def _place(number: object) -> Place | None:
    return read_number(str(number).replace("-", ".")) if number else None


def _message_id(data: Mapping[str, Any]) -> object:
    message = data.get("message")
    headers = message.get("headers") if isinstance(message, dict) else None
    return headers.get("message-id") if isinstance(headers, dict) else None


def _status_in(said: str) -> str:
    found = re.search(r"\b[245]\.\d{1,3}\.\d{1,3}\b", said)
    return found[0] if found else ""


def _fresh(stamp: str, now: datetime) -> None:
    if not re.fullmatch(r"\d{1,10}", stamp) or abs(now - datetime.fromtimestamp(int(stamp), UTC)) > FRESHNESS:
        raise WebhookError("the report is too old, or its time is none")


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError as error:
        raise WebhookError("the body is no JSON", 400) from error


def _object(body: bytes) -> Mapping[str, Any]:
    report = _json(body)
    if not isinstance(report, dict):
        raise WebhookError("the body is no JSON object", 400)
    return report
