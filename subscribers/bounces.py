"""Where bounces come back: an envelope sender that names its delivery, and cannot be made up."""

import re
from hmac import compare_digest

#: Octets before the @, at most (RFC 5321, 4.5.3.1.1).
MAX_LOCAL_PART = 64

_RETURN = re.compile(r"b\.([0-9a-f]{1,8})\.([0-9a-f]{1,8})\.([0-9a-f]{16})")


def delivery_number(mailing: int, idx: int, signature: str) -> str:
    """Return the name of one delivery in the world outside: in its Message-ID and in its envelope sender."""
    return f"{mailing:x}.{idx:x}.{signature}"


def envelope_sender(mailing: int, idx: int, signature: str, domain: str) -> str:
    """Return the MAIL FROM address to which one delivery's bounces come back (VERP)."""
    return f"b.{delivery_number(mailing, idx, signature)}@{domain}"


def read_return_address(address: str) -> tuple[int, int, str] | None:
    """Return mailing, index and signature of the delivery whose bounce came to `address`; None: it is no such address.

    Servers may change the case of an address on the way, so it makes no difference.
    """
    local = address.strip().strip("<>").rpartition("@")[0].lower()
    found = _RETURN.fullmatch(local)
    return (int(found[1], 16), int(found[2], 16), found[3]) if found else None


def is_genuine(signature: str, expected: str) -> bool:
    """Tell whether a delivery's signature is ours, in a time that does not depend on where it is wrong."""
    return compare_digest(signature.encode(), expected.encode())
