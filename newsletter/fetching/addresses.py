"""Decides which addresses we may fetch from: public ones, over http or https."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

import idna

#: Longer addresses are refused by many servers, and a page that asks for one plays a game.
URL_CHARACTERS = 2048

#: Networks in which no public server can be (IANA's special-purpose registries of 2025), and the ranges that only
#: wrap another address: mapped, translated (NAT64), 6to4 and Teredo. `ipaddress.is_private` lets several through.
NOT_PUBLIC = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/3", "::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23",
        "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    )
)  # fmt: skip
_LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
)
_UNWRITABLE = re.compile(r"[\x00-\x20\x7f\\]")


class AddressError(Exception):
    """We do not fetch from this address; the message says why, in words that follow it."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far we may go. `loopback` opens this machine and every port on it: for tests and trials only."""

    ports: frozenset[int] = frozenset({80, 443})
    loopback: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address we may try: its host and port are known, and say nothing of credentials."""

    url: str
    scheme: str
    host: str
    port: int

    @property
    def shown(self) -> str:
        """Return the address for people to read; what follows the question mark may be a key."""
        return self.url.partition("?")[0]

    @property
    def origin(self) -> tuple[str, str, int]:
        """Return what must stay the same for credentials to go along."""
        return self.scheme, self.host, self.port


def check(url: str, reach: Reach) -> Address:
    """Return the one reading of `url` that everybody after us shares.

    Raises:
        AddressError: It is not an address we fetch from.
    """
    if len(url) > URL_CHARACTERS:
        raise AddressError(f"is longer than {URL_CHARACTERS} characters")
    if _UNWRITABLE.search(url):
        raise AddressError("holds a space, a backslash or a control character")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise AddressError("is not an address") from error
    if parts.scheme not in _PORTS:
        raise AddressError("does not begin with http:// or https://")
    if "@" in parts.netloc:
        raise AddressError("holds a name or password: give credentials in their own settings")
    host = _host(parts.hostname or "")
    port = _PORTS[parts.scheme] if port is None else port
    if port not in reach.ports and not reach.loopback:
        raise AddressError(f"asks for port {port}, and we only use {', '.join(map(str, sorted(reach.ports)))}")
    return Address(url=_rewritten(parts, host, port), scheme=parts.scheme, host=host, port=port)


def is_allowed(address: str, reach: Reach) -> bool:
    """Tell whether we may connect to the numeric `address`."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if reach.loopback and any(ip in network for network in _LOOPBACK):
        return True
    return ip.is_global and not any(ip in network for network in NOT_PUBLIC)


def _host(host: str) -> str:
    """Return `host` in small ASCII letters: an international name as Punycode, a number as it stands."""
    if ":" in host:
        try:
            return ipaddress.IPv6Address(host.partition("%")[0]).compressed
        except ValueError as error:
            raise AddressError("names no host") from error
    try:
        ascii_host = host if host.isascii() else idna.encode(host, uts46=True).decode()
    except UnicodeError as error:
        raise AddressError("names a host that cannot exist") from error
    ascii_host = ascii_host.lower().removesuffix(".")
    if not _HOST.fullmatch(ascii_host):
        raise AddressError("names a host that cannot exist" if host else "names no host")
    return ascii_host


def _rewritten(parts: SplitResult, host: str, port: int) -> str:
    netloc = f"[{host}]" if ":" in host else host
    if port != _PORTS[parts.scheme]:
        netloc = f"{netloc}:{port}"
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?[]")
    return urlunsplit((parts.scheme, netloc, path, query, ""))
