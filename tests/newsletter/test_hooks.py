"""Providers report on the public site: proved, once, in their own words; where no secret is set there is no door."""

import base64
import hmac
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from httpx2 import Response
from sqlalchemy import Engine
from starlette.testclient import TestClient

from newsletter.returns import Returns
from newsletter.storage.enrolments import EnrolmentStore
from newsletter.storage.errors import StoreError
from newsletter.storage.ledger import Ledger
from newsletter.storage.people import PeopleStore
from newsletter.storage.returns import ReturnStore
from newsletter.web.hooks import LARGEST, Hooks
from newsletter.web.public import PublicSite, create_public_app
from subscribers.bounces import EventKind
from subscribers.deliveries import Recipient, sign
from subscribers.people import Reason
from subscribers.tokens import Keyring
from tests.builders import MONDAY

KEY = b"k" * 32
ADA = "ada@example.org"
STAMP = str(int(MONDAY.timestamp()))
EC = generate_ec(SECP256R1())
EC_PUBLIC = base64.b64encode(EC.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
RSA = generate_rsa(65537, 2048)
CERTIFICATE = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem"
CONFIRM = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t"
TOPIC = "arn:aws:sns:eu-west-1:1:bounces"
SECRETS = {"postmark": "geheim", "mailgun": "geheim", "sendgrid": EC_PUBLIC, "ses": TOPIC}

#: The first delivery of the first mailing.
SIGNATURE = sign("e", "ada", KEY)
TAG, MESSAGE_ID = f"1-0-{SIGNATURE}", f"1.0.{SIGNATURE}@news.example.org"


class Doors:
    """The hooks on a real database, and what was fetched from Amazon."""

    def __init__(self, engine: Engine, secrets: dict[str, str] | None = None) -> None:
        self.engine = engine
        self.returns = ReturnStore(engine)
        self.fetched: list[str] = []
        Ledger(engine, lambda: MONDAY).freeze("e", [Recipient(subscriber="ada", address=ADA)])
        hooks = Hooks(
            secrets=SECRETS if secrets is None else secrets, take=self._take, fetch=self._fetch, clock=lambda: MONDAY
        )
        site = PublicSite(
            store=EnrolmentStore(engine),
            keys=Keyring((KEY,)),
            mailing_list="beauty",
            title="Beauty News",
            public_url="https://news.example.org",
            contact="privacy@news.example.org",
            folder=Path("/nonexistent"),
            clock=lambda: MONDAY,
        )
        self.browser = TestClient(create_public_app(site, hooks), base_url="https://news.example.org")
        self.fails = False

    def _take(self, events: Any, now: datetime) -> None:
        if self.fails:
            raise StoreError("the database is away")
        Returns(self.returns, PeopleStore(self.engine), KEY).take(events, now)

    def _fetch(self, address: str) -> bytes:
        self.fetched.append(address)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
        builder = x509.CertificateBuilder(name, name, RSA.public_key(), 1, MONDAY, MONDAY.replace(year=2027))
        return builder.sign(RSA, hashes.SHA256()).public_bytes(Encoding.PEM)

    def counts(self) -> dict[EventKind, int]:
        return {kind: n for kind, n in self.returns.of_edition("e").items() if n}

    def resting(self) -> dict[str, Reason]:
        return {s.key: s.reason for s in PeopleStore(self.engine).suppressions()}


@pytest.fixture
def doors(engine: Engine) -> Doors:
    return Doors(engine)


def postmark(doors: Doors, password: str = "geheim") -> Response:
    report = {"RecordType": "Bounce", "Type": "HardBounce", "Metadata": {"delivery": TAG}}
    return doors.browser.post("/hooks/postmark", json=report, auth=("hook", password))


def mailgun(doors: Doors, key: str = "geheim") -> Response:
    proof = hmac.digest(key.encode(), f"{STAMP}t".encode(), "sha256").hex()
    data = {
        "event": "failed",
        "severity": "permanent",
        "delivery-status": {"message": "550 5.1.1 gone"},
        "message": {"headers": {"message-id": MESSAGE_ID}},
    }
    signature = {"timestamp": STAMP, "token": "t", "signature": proof}
    return doors.browser.post("/hooks/mailgun", json={"signature": signature, "event-data": data})


def sendgrid(doors: Doors, stamp: str = STAMP) -> Response:
    body = json.dumps([{"event": "bounce", "status": "5.1.1", "smtp-id": f"<{MESSAGE_ID}>"}]).encode()
    proof = base64.b64encode(EC.sign(STAMP.encode() + body, ECDSA(hashes.SHA256()))).decode()
    name = "X-Twilio-Email-Event-Webhook"
    return doors.browser.post(
        "/hooks/sendgrid", content=body, headers={f"{name}-Signature": proof, f"{name}-Timestamp": stamp}
    )


def _sns(**fields: str) -> bytes:
    told = {"MessageId": "m", "Timestamp": "t", "TopicArn": TOPIC} | fields
    text = "".join(f"{name}\n{told[name]}\n" for name in sorted(told))
    signature = base64.b64encode(RSA.sign(text.encode(), PKCS1v15(), hashes.SHA256())).decode()
    return json.dumps(told | {"SigningCertURL": CERTIFICATE, "Signature": signature, "SignatureVersion": "2"}).encode()


def ses(doors: Doors, topic: str = TOPIC) -> Response:
    bounce = {"bounceType": "Permanent", "bouncedRecipients": [{"status": "5.1.1"}]}
    message = json.dumps({"eventType": "Bounce", "bounce": bounce, "mail": {"tags": {"delivery": [TAG]}}})
    return doors.browser.post("/hooks/ses", content=_sns(Type="Notification", Message=message, TopicArn=topic))


REPORTS = {"postmark": postmark, "mailgun": mailgun, "sendgrid": sendgrid, "ses": ses}


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_a_bounce_lets_the_address_rest_however_often_it_is_told(
    doors: Doors, report: Callable[[Doors], Response]
) -> None:
    answers = [report(doors).status_code for _ in range(3)]

    assert answers == [200, 200, 200]
    assert doors.counts() == {EventKind.BOUNCED: 1}
    assert doors.resting() == {ADA: Reason.HARD_BOUNCE}


@pytest.mark.parametrize(
    "report",
    [
        lambda doors: postmark(doors, "falsch"),
        lambda doors: doors.browser.post("/hooks/postmark", json={}),
        lambda doors: doors.browser.post("/hooks/postmark", json={}, headers={"Authorization": "Basic %%%"}),
        lambda doors: mailgun(doors, "falsch"),
        lambda doors: sendgrid(doors, str(int(STAMP) + 1)),
        lambda doors: ses(doors, "arn:aws:sns:eu-west-1:2:theirs"),
    ],
    ids=["postmark", "no password", "no base64", "mailgun", "sendgrid", "ses, another's topic"],
)
def test_what_is_not_proved_changes_nothing(doors: Doors, report: Callable[[Doors], Response]) -> None:
    assert report(doors).status_code == 401
    assert (doors.counts(), doors.resting()) == ({}, {})


@pytest.mark.parametrize("name", SECRETS)
def test_a_provider_without_a_secret_has_no_door(engine: Engine, name: str) -> None:
    doors = Doors(engine, {other: secret for other, secret in SECRETS.items() if other != name} | {name: ""})

    assert REPORTS[name](doors).status_code in {404, 405}


@pytest.mark.parametrize("name", SECRETS)
def test_looking_at_a_door_does_nothing(doors: Doors, name: str) -> None:
    assert doors.browser.get(f"/hooks/{name}").status_code in {404, 405}


def test_a_body_beyond_all_measure_is_not_read(doors: Doors) -> None:
    assert doors.browser.post("/hooks/mailgun", content=b" " * (LARGEST + 1)).status_code == 413


def test_a_provider_is_asked_to_come_again_while_the_database_is_away(doors: Doors) -> None:
    doors.fails = True
    away = mailgun(doors)
    doors.fails = False

    assert (away.status_code, away.headers["Retry-After"]) == (503, "60")
    assert mailgun(doors).status_code == 200
    assert doors.counts() == {EventKind.BOUNCED: 1}


def test_amazons_question_whether_we_want_its_reports_is_answered_with_yes(doors: Doors) -> None:
    asked = _sns(Type="SubscriptionConfirmation", Message="?", Token="t", SubscribeURL=CONFIRM)

    answer = doors.browser.post("/hooks/ses", content=asked)

    assert (answer.status_code, doors.fetched) == (200, [CERTIFICATE, CONFIRM])


@pytest.mark.parametrize(
    "fields",
    [
        {"SubscribeURL": "https://sns.eu-west-1.amazonaws.com.eve.example/?x"},
        {"SubscribeURL": CONFIRM, "TopicArn": "arn:aws:sns:eu-west-1:2:theirs"},
    ],
    ids=["elsewhere", "another's topic"],
)
def test_a_false_question_is_not_answered(doors: Doors, fields: dict[str, str]) -> None:
    asked = _sns(Type="SubscriptionConfirmation", Message="?", Token="t", **fields)

    answer = doors.browser.post("/hooks/ses", content=asked)

    assert answer.status_code == 401
    assert fields["SubscribeURL"] not in doors.fetched
