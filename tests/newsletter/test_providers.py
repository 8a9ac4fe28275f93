"""Each provider is asked in its own words; its answers mean what SMTP's do: nobody lost, twice, or wrongly blamed."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from newsletter.sending import Limits, Options, Sent, run, send
from newsletter.storage.engine import migrate, open_engine
from newsletter.storage.ledger import Ledger, MailingState
from newsletter.transports.providers import Postmark, ProviderTransport, Ses
from subscribers.deliveries import Cause, Outcome, Recipient, Tally
from tests.letters import make_composer

NOW = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)

#: What a server answers: a status and an object; None closes the line without a word.
Answer = tuple[int, dict[str, Any]] | None


class Provider:
    """What a provider was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []


@contextmanager
def provider(answer: Callable[[int], Answer]) -> Iterator[Provider]:
    """A provider's server that gives the n-th request the n-th answer."""
    asked = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            asked.headers.append(dict(self.headers))
            said = answer(len(asked.bodies))
            if said is None:
                self.close_connection = True
                return
            content = json.dumps(said[1]).encode()
            self.send_response(said[0])
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    asked.url = f"http://127.0.0.1:{server.server_port}/v2/email/outbound-emails"
    try:
        yield asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def make(name: str, url: str) -> Postmark | Ses:
    if name == "postmark":
        return Postmark(token="geheim", url=url)
    return Ses(region="eu-west-1", access_key="AKID", secret_key="geheim", url=url, clock=lambda: NOW)


def deliver(name: str, url: str, folder: Path) -> tuple[Sent, Ledger]:
    engine = open_engine(f"sqlite:///{folder}/store.db")
    migrate(engine)
    ledger = Ledger(engine)
    ledger.freeze("e", [Recipient(subscriber=f"s{n}", address=f"s{n}@example.org", name="Zoë") for n in range(5)])

    async def work() -> Sent:
        account = make(name, url)
        transport = ProviderTransport(account.ask, account.judge, workers=1, timeout=5)
        options = Options(journals=folder, limits=Limits(first_rest=0.002))
        return await send(ledger, transport, make_composer(), options)

    return run(work()), ledger


GOOD: dict[str, Answer] = {
    "postmark": (200, {"ErrorCode": 0, "Message": "OK", "MessageID": "b7bc2f4a-e38e-4336-af7d-e6c392c2f817"}),
    "ses": (200, {"MessageId": "0102018d-000000"}),
}

FIRST: list[tuple[str, str, Answer, dict[str, int], MailingState]] = [
    ("postmark", "good", GOOD["postmark"], {"accepted": 5}, MailingState.SENDING),
    ("postmark", "inactive recipient", (422, {"ErrorCode": 406, "Message": "inactive"}),
     {"accepted": 4, "refused": 1}, MailingState.SENDING),
    ("postmark", "no such address", (422, {"ErrorCode": 300, "Message": "Invalid 'To'"}),
     {"accepted": 4, "refused": 1}, MailingState.SENDING),
    ("postmark", "bad token", (401, {"ErrorCode": 10, "Message": "no token"}), {}, MailingState.PAUSED),
    ("postmark", "sender unknown", (422, {"ErrorCode": 400, "Message": "no signature"}), {}, MailingState.PAUSED),
    ("postmark", "too many", (429, {"ErrorCode": 429, "Message": "slow down"}), {"accepted": 5}, MailingState.SENDING),
    ("postmark", "not now", (503, {}), {"accepted": 5}, MailingState.SENDING),
    ("postmark", "broken", (500, {}), {"accepted": 4, "uncertain": 1}, MailingState.SENDING),
    ("postmark", "no answer", None, {"accepted": 4, "uncertain": 1}, MailingState.SENDING),
    ("ses", "good", GOOD["ses"], {"accepted": 5}, MailingState.SENDING),
    ("ses", "rejected", (400, {"__type": "MessageRejected", "message": "virus"}), {}, MailingState.PAUSED),
    ("ses", "bad address", (400, {"__type": "BadRequestException", "message": "Illegal address"}),
     {"accepted": 4, "refused": 1}, MailingState.SENDING),
    ("ses", "suspended", (400, {"__type": "AccountSuspendedException"}), {}, MailingState.PAUSED),
    ("ses", "bad key", (403, {"__type": "InvalidClientTokenId"}), {}, MailingState.PAUSED),
    ("ses", "too many", (429, {"__type": "TooManyRequestsException"}), {"accepted": 5}, MailingState.SENDING),
    ("ses", "gateway", (504, {}), {"accepted": 4, "uncertain": 1}, MailingState.SENDING),
    ("ses", "no answer", None, {"accepted": 4, "uncertain": 1}, MailingState.SENDING),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "answer", "counts", "state"),
    [(name, answer, counts, state) for name, _, answer, counts, state in FIRST],
    ids=[f"{name}: {what}" for name, what, *_ in FIRST],
)
def test_an_answer_to_the_first_letter_finds_its_place(
    name: str, answer: Answer, counts: dict[str, int], state: MailingState, tmp_path: Path
) -> None:
    with provider(lambda n: answer if n == 1 else GOOD[name]) as asked:
        _, ledger = deliver(name, asked.url, tmp_path)

    mailing = ledger.mailing("e")
    assert mailing is not None
    assert mailing.state is state
    assert ledger.tally("e") == Tally(candidates=5, pending=5 - sum(counts.values()), **counts)
    assert "geheim" not in mailing.reason


def test_a_provider_that_is_not_there_marks_nobody(tmp_path: Path) -> None:
    with provider(lambda _n: None) as asked:
        url = asked.url

    _, ledger = deliver("ses", url, tmp_path)

    assert ledger.tally("e").accepted == ledger.tally("e").uncertain == 0
    assert ledger.tally("e").adds_up


def test_postmark_gets_the_parts_and_the_headers_that_are_ours(tmp_path: Path) -> None:
    with provider(lambda _n: GOOD["postmark"]) as asked:
        deliver("postmark", asked.url, tmp_path)

    body = next(b for b in asked.bodies if "s3@" in b["To"])
    assert body["To"] == "Zoë <s3@example.org>"
    assert body["TextBody"].startswith("Hello Zoë")
    assert {"Name": "List-Unsubscribe", "Value": "<https://news.example.org/u/s3>"} in body["Headers"]
    assert {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"} in body["Headers"]
    assert body["Metadata"]["delivery"].startswith("1-")
    assert asked.headers[0]["X-Postmark-Server-Token"] == "geheim"


def test_ses_gets_the_message_as_we_made_it_under_a_signature(tmp_path: Path) -> None:
    with provider(lambda _n: GOOD["ses"]) as asked:
        deliver("ses", asked.url, tmp_path)

    body = next(b for b in asked.bodies if b["Destination"]["ToAddresses"] == ["s3@example.org"])
    message = message_from_bytes(base64.b64decode(body["Content"]["Raw"]["Data"]), policy=default)
    assert message["List-Unsubscribe"] == "<https://news.example.org/u/s3>"
    assert asked.headers[0]["Authorization"].startswith(
        "AWS4-HMAC-SHA256 Credential=AKID/20261125/eu-west-1/ses/aws4_request, "
    )


def test_the_signature_of_ses_is_the_one_that_amazon_computes() -> None:
    """Recomputed here step by step from the description of Signature Version 4."""
    letter = make_composer()
    from subscribers.deliveries import Delivery

    request = make("ses", "https://email.example/v2/x").ask(
        letter(Delivery(1, 0, 1, "e", "s", "ada@example.org", "Ada", "", NOW))
    )
    canonical = (
        "POST\n/v2/x\n\ncontent-type:application/json\nhost:email.example\nx-amz-date:20261125T040000Z\n\n"
        f"content-type;host;x-amz-date\n{hashlib.sha256(request.body).hexdigest()}"
    )
    to_sign = (
        "AWS4-HMAC-SHA256\n20261125T040000Z\n20261125/eu-west-1/ses/aws4_request\n"
        f"{hashlib.sha256(canonical.encode()).hexdigest()}"
    )
    key = b"AWS4geheim"
    for part in (b"20261125", b"eu-west-1", b"ses", b"aws4_request"):
        key = hmac.new(key, part, "sha256").digest()

    assert request.headers["Authorization"].endswith(hmac.new(key, to_sign.encode(), "sha256").hexdigest())


def test_accounts_never_show_their_secrets() -> None:
    assert "geheim" not in repr(make("postmark", "")) + repr(make("ses", ""))


def test_a_refusal_keeps_the_providers_words(tmp_path: Path) -> None:
    with provider(lambda n: (422, {"ErrorCode": 406, "Message": "inactive"}) if n == 1 else GOOD["postmark"]) as asked:
        _, ledger = deliver("postmark", asked.url, tmp_path)

    [(_, receipt)] = ledger.who("e", Outcome.REFUSED)
    assert (receipt.cause, receipt.code, receipt.reply) == (Cause.ADDRESS, 422, "406 inactive")
