"""What a DKIM signature costs, part by part, and what it does to the code that comes behind it."""

import time
from collections.abc import Callable, Sequence
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from benchmarks.delivery_parts.digest import make_composer
from benchmarks.delivery_parts.harness import CONNECTIONS
from benchmarks.delivery_parts.stages import least, make_deliveries
from newsletter.transports.dkim import Signer, SigningKey

#: Messages in one round: a signature is long, and a round is to be short.
ROUND = 5 * CONNECTIONS


def measure_sealing(rounds: int) -> dict[str, float]:
    """Return the microseconds a message of every part, and of a merge behind nothing and behind a signature."""
    key = SigningKey("news.example.org", "bench", generate_private_key(65537, 2048))
    signer, compose = Signer([key]), make_composer()
    letters = [compose(delivery) for delivery in make_deliveries(ROUND)]
    messages = [letter.content() for letter in letters]
    groups = [messages[first : first + CONNECTIONS] for first in range(0, ROUND, CONNECTIONS)]
    signed = b"x" * 900  # as much as a header and the signature's own field have

    def sign() -> None:
        key.sign(signed)

    merges = [letter.content for letter in letters]
    return {
        "bare signature": least(lambda: [key.sign(signed) for _ in messages], rounds, ROUND),
        "hash of the body": least(lambda: [_hash(message[2:]) for message in messages], rounds, ROUND),
        "signer, a message at a time": least(lambda: [signer([message]) for message in messages], rounds, ROUND),
        f"signer, {CONNECTIONS} at a time": least(lambda: [signer(group) for group in groups], rounds, ROUND),
        "merge": _behind(merges, lambda: None, rounds),
        "merge right behind a signature": _behind(merges, sign, rounds),
    }


def _hash(body: Sequence[bytes]) -> bytes:
    digest = sha256()
    for piece in body:
        digest.update(piece)
    return digest.digest()


def _behind(merges: Sequence[Callable[[], object]], before: Callable[[], None], rounds: int) -> float:
    """Return what a merge alone takes when `before` has just run."""

    def round_() -> float:
        spent = 0.0
        for merge in merges:
            before()
            began = time.thread_time()
            merge()
            spent += time.thread_time() - began
        return spent

    return min(round_() for _ in range(rounds)) / len(merges) * 1e6
