"""Signs messages (DKIM, RFC 6376 and RFC 8463), so that a receiver knows they are ours and untouched."""

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

#: What a signature covers, where it is there. RFC 8058, 4 asks for both unsubscribe headers.
_SIGNED = (
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "list-id",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "feedback-id",
    "mime-version",
    "content-type",
)

#: Named once more than they are there, so that nobody can add another one (RFC 6376, 8.15).
_NEVER_AGAIN = ("from", "subject", "list-unsubscribe", "list-unsubscribe-post")

_WHITE_SPACE = re.compile(rb"[ \t\r\n]+")


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
            return self.private.sign(data, PKCS1v15(), hashes.SHA256())
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


class Signer:
    """Signs each message with every key it has: RSA for everybody, Ed25519 besides for those who know it."""

    def __init__(self, keys: Iterable[SigningKey]) -> None:
        self._keys = tuple(keys)

    def __call__(self, header: bytes, body: Iterable[bytes]) -> bytes:
        """Return the signature fields to stand in front of a message.

        There is no time in them, so that a second attempt is the same message.

        Args:
            header: The header with the empty line that ends it.
            body: The pieces of the body; its last line ends with CRLF and is not empty.
        """
        digest = sha256()
        for piece in body:
            digest.update(piece)
        body_hash = base64.b64encode(digest.digest()).decode()
        names, signed = _canonical(header)
        return b"".join(_field(key, names, signed, body_hash) for key in self._keys)


def _field(key: SigningKey, names: str, signed: bytes, body_hash: str) -> bytes:
    # Relaxed for the header, which relays fold anew; simple for the body, which is quoted-printable and so survives.
    tags = (
        f"v=1; a={key.algorithm}; c=relaxed/simple; d={key.domain}; s={key.selector};\r\n"
        f"\th={names};\r\n\tbh={body_hash};\r\n\tb="
    )
    own = b"dkim-signature:" + _WHITE_SPACE.sub(b" ", tags.encode()).strip()
    signature = base64.b64encode(key.sign(signed + own)).decode()
    lines = "\r\n\t ".join(signature[at : at + 70] for at in range(0, len(signature), 70))
    return f"DKIM-Signature: {tags}{lines}\r\n".encode()


def _canonical(header: bytes) -> tuple[str, bytes]:
    """Return the names of the fields to sign, and these fields in relaxed form (RFC 6376, 3.4.2)."""
    fields: dict[str, bytes] = {}
    unfolded = re.sub(rb"\r\n(?=[ \t])", b"", header)
    for line in unfolded.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if colon:
            fields[name.strip().lower().decode()] = _WHITE_SPACE.sub(b" ", value).strip()
    present = [name for name in _SIGNED if name in fields]
    signed = b"".join(name.encode() + b":" + fields[name] + b"\r\n" for name in present)
    # A name that stands in h= without a field stands for "and there is none" (RFC 6376, 5.4.2): it adds nothing here.
    return ":".join([*present, *_NEVER_AGAIN]), signed
