"""A provider's report is believed when it is proved to be the provider's, and says the same however it is told."""

import base64
import hmac
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from newsletter.transports.webhooks import WebhookError, read_mailgun, read_postmark, read_sendgrid, read_ses
from subscribers.bounces import DeliveryEvent, EventKind, Place, make_event
from tests.builders import MONDAY

SIGNATURE = "0123456789abcdef"
PLACE = Place(1, 10, SIGNATURE)
TAG, MESSAGE_ID = f"1-a-{SIGNATURE}", f"<1.a.{SIGNATURE}@news.example.org>"
STAMP = str(int(MONDAY.timestamp()))
EC = generate_ec(SECP256R1())
EC_PUBLIC = base64.b64encode(EC.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
RSA = generate_rsa(65537, 2048)
AMAZON = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem"


def certificate() -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
    builder = x509.CertificateBuilder(name, name, RSA.public_key(), 1, MONDAY, MONDAY + timedelta(days=1))
    return builder.sign(RSA, hashes.SHA256()).public_bytes(Encoding.PEM)


def postmark(kind: str, secret: str = "ours", **more: object) -> tuple[DeliveryEvent, ...]:
    body = json.dumps({"RecordType": kind, "Metadata": {"delivery": TAG}, **more}).encode()
    return read_postmark(body, "ours", secret, MONDAY)


def mailgun(event: dict[str, Any], key: str = "ours", now: datetime = MONDAY) -> tuple[DeliveryEvent, ...]:
    proof = hmac.digest(key.encode(), f"{STAMP}token".encode(), "sha256").hex()
    data = {"message": {"headers": {"message-id": MESSAGE_ID.strip("<>")}}, **event}
    body = {"signature": {"timestamp": STAMP, "token": "token", "signature": proof}, "event-data": data}
    return read_mailgun(json.dumps(body).encode(), "ours", now)


def sendgrid(*reports: dict[str, Any], spoil: bytes = b"", now: datetime = MONDAY) -> tuple[DeliveryEvent, ...]:
    body = json.dumps([{"smtp-id": MESSAGE_ID, **report} for report in reports]).encode()
    signature = base64.b64encode(EC.sign(STAMP.encode() + body, ECDSA(hashes.SHA256()))).decode()
    return read_sendgrid(body + spoil, EC_PUBLIC, signature, STAMP, now)


def ses(
    report: dict[str, Any], address: str = AMAZON, spoil: str = "", version: str = "2", topic: str = "a"
) -> tuple[DeliveryEvent, ...]:
    message = json.dumps({"mail": {"tags": {"delivery": [TAG]}}, **report})
    told = {"Message": message, "MessageId": "m", "Timestamp": "t", "TopicArn": "a", "Type": "Notification"}
    text = "".join(f"{name}\n{told[name]}\n" for name in sorted(told))
    algorithm = hashes.SHA256() if version == "2" else hashes.SHA1()
    signature = base64.b64encode(RSA.sign(text.encode(), PKCS1v15(), algorithm)).decode()
    told |= {"SigningCertURL": address, "Signature": signature, "SignatureVersion": version}
    told["MessageId"] += spoil
    return read_ses(json.dumps(told).encode(), topic, lambda _address: certificate(), MONDAY)


def bounced(status: str, said: str = "") -> tuple[DeliveryEvent, ...]:
    return (make_event(PLACE, EventKind.BOUNCED, MONDAY, status, said),)


def other(kind: EventKind, said: str = "") -> tuple[DeliveryEvent, ...]:
    return (make_event(PLACE, kind, MONDAY, "", said),)


BOUNCE = {"eventType": "Bounce"}
DELIVERED, COMPLAINED, DELAYED = EventKind.DELIVERED, EventKind.COMPLAINED, EventKind.DELAYED


@pytest.mark.parametrize(
    ("read", "events"),
    [
        (lambda: postmark("Bounce", Type="HardBounce", Description="gone"), bounced("5.1.1", "gone")),
        (lambda: postmark("Bounce", Type="SoftBounce"), bounced("5.2.0")),
        (lambda: postmark("Bounce", Type="SpamNotification"), bounced("5.7.0")),
        (lambda: postmark("Bounce", Type="Transient"), other(DELAYED)),
        (lambda: postmark("Delivery"), other(DELIVERED)),
        (lambda: postmark("SpamComplaint", Type="SpamComplaint"), other(COMPLAINED)),
        (lambda: postmark("Open"), ()),
        (lambda: mailgun({"event": "failed", "severity": "permanent", "delivery-status": {"message": "550 5.1.1 x"}}),
         bounced("5.1.1", "550 5.1.1 x")),
        (lambda: mailgun({"event": "failed", "severity": "temporary"}), other(DELAYED)),
        (lambda: mailgun({"event": "delivered"}), other(DELIVERED)),
        (lambda: mailgun({"event": "complained"}), other(COMPLAINED)),
        (lambda: mailgun({"event": "opened"}), ()),
        (lambda: sendgrid({"event": "bounce", "status": "5.2.2", "reason": "full"}), bounced("5.2.2", "full")),
        (lambda: sendgrid({"event": "spamreport"}), other(COMPLAINED)),
        (lambda: sendgrid({"event": "processed"}, {"event": "delivered"}), other(DELIVERED)),
        (lambda: ses(BOUNCE | {"bounce": {"bounceType": "Permanent", "bouncedRecipients": [{"status": "5.1.1"}]}}),
         bounced("5.1.1")),
        (lambda: ses(BOUNCE | {"bounce": {"bounceType": "Transient", "bouncedRecipients": []}}), bounced("5.2.0")),
        (lambda: ses({"eventType": "Complaint"}), other(COMPLAINED)),
        (lambda: ses({"notificationType": "Delivery"}, version="1"), other(DELIVERED)),
        (lambda: ses({"eventType": "Open"}), ()),
    ],
)  # fmt: skip
def test_a_report_says_what_the_provider_means(
    read: Callable[[], tuple[DeliveryEvent, ...]], events: tuple[DeliveryEvent, ...]
) -> None:
    assert read() == events


LATER = MONDAY + timedelta(minutes=16)


@pytest.mark.parametrize(
    "read",
    [
        lambda: postmark("Delivery", secret="theirs"),
        lambda: read_postmark(b"{}", "", "", MONDAY),
        lambda: mailgun({"event": "delivered"}, key="theirs"),
        lambda: mailgun({"event": "delivered"}, now=LATER),
        lambda: sendgrid({"event": "delivered"}, spoil=b" "),
        lambda: sendgrid({"event": "delivered"}, now=LATER),
        lambda: ses({"eventType": "Complaint"}, spoil="x"),
        lambda: ses({"eventType": "Complaint"}, address="https://sns.eu-west-1.amazonaws.com.eve.example/x.pem"),
        lambda: ses({"eventType": "Complaint"}, address="http://sns.eu-west-1.amazonaws.com/x.pem"),
        lambda: ses({"eventType": "Complaint"}, topic="another"),
    ],
    ids=[
        "postmark",
        "no secret",
        "mailgun",
        "mailgun old",
        "sendgrid",
        "sendgrid old",
        "ses",
        "ses where",
        "ses http",
        "ses topic",
    ],
)
def test_a_report_that_is_not_proved_is_not_read(read: Callable[[], object]) -> None:
    with pytest.raises(WebhookError) as caught:
        read()

    assert caught.value.status == 401


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[]", b"null", b'"x"', b"\xff"])
def test_nonsense_is_a_bad_request(body: bytes) -> None:
    with pytest.raises(WebhookError) as caught:
        read_mailgun(body, "ours", MONDAY)

    assert caught.value.status == 400


def test_ten_thousand_reports_in_one_body_are_read_and_more_are_not() -> None:
    assert len(sendgrid(*[{"event": "delivered"}] * 10_000)) == 10_000
    with pytest.raises(WebhookError):
        sendgrid(*[{"event": "delivered"}] * 10_001)


def test_a_report_about_an_unknown_message_is_left_out() -> None:
    assert sendgrid({"event": "bounce", "smtp-id": "<elsewhere@example.org>"}) == ()
