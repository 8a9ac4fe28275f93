"""Signs messages (DKIM, RFC 6376 and RFC 8463), so that a receiver knows they are ours and untouched."""

import base64
import re
from binascii import b2a_base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import repeat

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

#: What a signature covers, where it is there. RFC 8058, 4 asks for both unsubscribe headers.
_SIGNED = (
    b"from",
    b"to",
    b"subject",
    b"date",
    b"message-id",
    b"list-id",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
    b"list-post",
    b"feedback-id",
    b"mime-version",
    b"content-type",
)

#: Named once more than they are there, so that nobody can add another one (RFC 6376, 8.15).
_NEVER_AGAIN = (b"from", b"subject", b"list-unsubscribe", b"list-unsubscribe-post")

_FOLD = re.compile(rb"\r\n(?=[ \t])")

#: How all our RSA signatures are made (RFC 6376, 3.3.1).
_PADDING, _HASH = PKCS1v15(), hashes.SHA256()


class SigningKeyError(Exception):
    """A signing key cannot be used; the message says why, never what is in it."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, under the selector by which receivers find its public half."""

    domain: str
    selector: str
    private: RSAPrivateKey | Ed25519PrivateKey = field(repr=False)

    @property
    def algorithm(self) -> str:
        """Return the name of the signature algorithm."""
        return "rsa-sha256" if isinstance(self.private, RSAPrivateKey) else "ed25519-sha256"

    @property
    def record_name(self) -> str:
        """Return where in the DNS the public half stands."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def record(self) -> str:
        """Return the TXT record that has to stand there."""
        if isinstance(self.private, RSAPrivateKey):
            public = self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            return f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"
        public = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return f"v=DKIM1; k=ed25519; p={base64.b64encode(public).decode()}"

    def sign(self, data: bytes) -> bytes:
        """Return the signature of `data`."""
        if isinstance(self.private, RSAPrivateKey):
            return self.private.sign(data, _PADDING, _HASH)
        return self.private.sign(sha256(data).digest())  # RFC 8463, 3: of the hash


def read_key(pem: bytes, domain: str, selector: str) -> SigningKey:
    """Return the key written in `pem`.

    Raises:
        SigningKeyError: It is not an RSA or Ed25519 key, or it is locked.
    """
    try:
        private = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise SigningKeyError(f"the DKIM key {selector!r} cannot be read; it takes an unlocked PEM file") from error
    if not isinstance(private, RSAPrivateKey | Ed25519PrivateKey):
        raise SigningKeyError(f"the DKIM key {selector!r} is neither RSA nor Ed25519")
    return SigningKey(domain, selector, private)


@dataclass(frozen=True, slots=True)
class _Frame:
    """A signature's field without body hash and signature: as it is written, and as it is signed."""

    key: SigningKey
    written: bytes
    signed: bytes


class Signer:
    """Signs each message with every key it has: RSA for everybody, Ed25519 besides for those who know it."""

    def __init__(self, keys: Iterable[SigningKey]) -> None:
        self._keys = tuple(keys)
        self._standing: dict[bytes, dict[bytes, bytes]] = {}
        self._frames: dict[bytes, tuple[_Frame, ...]] = {}

    def __call__(self, messages: Sequence[Sequence[bytes]]) -> list[bytes]:
        """Return for each message the signature fields to stand in front of it.

        There is no time in them, so that a second attempt is the same message. Many are signed at once because a
        signature leaves nothing of us in the processor's caches: what comes right behind it takes twice as long.

        Args:
            messages: Each in pieces: the header fields that are its own, with blanks, tabs and line ends for white
                space; those that many messages share, with the empty line that ends the header, which are brought into
                canonical form once; then the body, whose last line ends with CRLF and is not empty.
        """
        asked = [self._ask(pieces[0], pieces[1], pieces[2:]) for pieces in messages]
        signatures = [
            [frame.key.sign(data) for frame, data in zip(frames, signed, strict=True)] for frames, signed, _ in asked
        ]
        return [
            b"".join(map(_field, frames, repeat(body_hash), signed))
            for (frames, _, body_hash), signed in zip(asked, signatures, strict=True)
        ]

    def _ask(self, own: bytes, standing: bytes, body: Sequence[bytes]) -> tuple[tuple[_Frame, ...], list[bytes], bytes]:
        """Return the fields to be filled, what each key is to sign, and the body's hash."""
        digest = sha256()
        for piece in body:
            digest.update(piece)
        body_hash = b2a_base64(digest.digest(), newline=False)
        shared = self._standing.get(standing)
        if shared is None:
            shared = self._standing[standing] = _canonical(standing)
        fields = shared | _canonical(own)
        present = [name for name in _SIGNED if name in fields]
        # A name that stands in h= without a field stands for "and there is none" (RFC 6376, 5.4.2): it adds nothing.
        names = b":".join([*present, *_NEVER_AGAIN])
        frames = self._frames.get(names)
        if frames is None:
            frames = self._frames[names] = tuple(_frame(key, names) for key in self._keys)
        header = b"".join([fields[name] for name in present])
        return frames, [b"%b%b%b; b=" % (header, frame.signed, body_hash) for frame in frames], body_hash


def _frame(key: SigningKey, names: bytes) -> _Frame:
    # Relaxed for the header, which relays fold anew; simple for the body, which is quoted-printable and so survives.
    first = f"v=1; a={key.algorithm}; c=relaxed/simple; d={key.domain}; s={key.selector};".encode()
    return _Frame(
        key,
        b"DKIM-Signature: " + first + b"\r\n\th=" + names + b";\r\n\tbh=",
        b"dkim-signature:" + first + b" h=" + names + b"; bh=",
    )


def _field(frame: _Frame, body_hash: bytes, signature: bytes) -> bytes:
    letters = b2a_base64(signature, newline=False)
    lines = b"\r\n\t ".join([letters[at : at + 70] for at in range(0, len(letters), 70)])
    return b"%b%b;\r\n\tb=%b\r\n" % (frame.written, body_hash, lines)


def _canonical(header: bytes) -> dict[bytes, bytes]:
    """Return each field in relaxed form (RFC 6376, 3.4.2) by its name."""
    fields = {}
    for line in _FOLD.sub(b"", header).split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if colon:
            name = name.strip().lower()
            fields[name] = b"%b:%b\r\n" % (name, b" ".join(value.split()))
    return fields
