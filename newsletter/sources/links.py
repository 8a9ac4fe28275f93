"""Makes links absolute and free of tracking, or drops them."""

import re
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

#: What a reader may be sent to. Everything else acts (javascript:), fetches (data:) or opens a program.
SCHEMES = frozenset({"http", "https", "mailto"})

#: Longer addresses break in mail programs and proxies.
URL_CHARACTERS = 2048

#: Parameters that tell who clicked where, and change nothing on the page.
_TRACKING = re.compile(
    r"(?:utm_\w+|fbclid|gclid|gclsrc|dclid|gbraid|wbraid|msclkid|yclid|twclid|ttclid|igshid|igsh|mc_cid|mc_eid|mkt_tok"
    r"|_hsenc|_hsmi|vero_id|vero_conv|oly_anon_id|oly_enc_id|s_cid|ref_src|srsltid|wickedid|epik)",
    re.IGNORECASE,
)
#: Most links: already absolute, and without a step up.
_PLAIN = re.compile(r"https?://(?!.*/\.)")
_UNWRITABLE = re.compile(r"[\x00-\x20\x7f\\\"<>^`{|}\s]")


def absolute(href: str, base: str = "") -> str:
    """Return `href` as an absolute http, https or mailto address without tracking, or "" when it is none.

    Args:
        href: As written in the article.
        base: Address of the page it stands on; without one, relative links are dropped.
    """
    href = href.strip()
    if not href or href.startswith("#") or len(href) > URL_CHARACTERS:
        return ""
    try:
        parts = urlsplit(href if _PLAIN.match(href) else urljoin(base, href))
        known = parts.scheme in SCHEMES and _names_a_host(parts)
    except ValueError:  # a broken IPv6 host, a port that is no number
        return ""
    if not known:
        return ""
    address = urlunsplit(parts._replace(query=_without_tracking(parts.query)))
    return "" if _UNWRITABLE.search(address) or len(address) > URL_CHARACTERS else address


def secure(src: str, base: str = "") -> str:
    """Return the address of an image over https, or "" when it has none: mail programs block the rest."""
    address = absolute(src, base)
    if address.startswith("http:"):
        address = f"https:{address[5:]}"
    return address if address.startswith("https:") else ""


def _names_a_host(parts: SplitResult) -> bool:
    if parts.scheme == "mailto":
        return "@" in parts.path and not parts.netloc
    # A name and password before the host are there to make one host look like another.
    return bool(parts.hostname) and "@" not in parts.netloc and (parts.port is None or parts.port > 0)


def _without_tracking(query: str) -> str:
    kept = (pair for pair in query.split("&") if not _TRACKING.fullmatch(pair.partition("=")[0]))
    return "&".join(kept)
