"""Asks the DNS, the machine's own resolver or another that is named."""

from collections.abc import Sequence

import dns.exception
import dns.name
import dns.resolver
import dns.reversename
from dns.rdata import Rdata
from dns.rdtypes.ANY.TXT import TXT

#: A resolver that has not answered by then is not going to, in seconds.
TIMEOUT = 5.0


class DnsError(Exception):
    """The DNS does not answer: that says nothing about what it holds."""


class Resolver:
    """Looks records up; use it as a function."""

    def __init__(self, server: str = "", timeout: float = TIMEOUT) -> None:
        """Ask the machine's own resolver, or `server`: an IP address, with a port if it is not 53.

        Raises:
            DnsError: The machine has none.
        """
        try:
            self._resolver = dns.resolver.Resolver(configure=not server)
        except dns.resolver.NoResolverConfiguration as error:
            raise DnsError("this machine has no DNS resolver; name one: --dns-server ADDRESS") from error
        if server:
            host, _, port = server.rpartition(":") if server.count(":") == 1 else (server, "", "53")
            self._resolver.nameservers = [host]
            self._resolver.port = int(port)
        self._resolver.lifetime = timeout

    def __call__(self, name: str, kind: str) -> Sequence[str]:
        """Return the records of one kind at `name`, texts joined; for PTR `name` is an IP address.

        Raises:
            DnsError: There is no answer, or one that is no answer.
        """
        asked = dns.reversename.from_address(name) if kind == "PTR" else dns.name.from_text(name)
        try:
            answer = self._resolver.resolve(asked, kind)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return ()
        except dns.exception.DNSException as error:
            raise DnsError(f"the DNS does not answer for {kind} of {name}: {error}") from error
        # Servers turn the order; what is told an operator is to be the same each time.
        return tuple(sorted(_text(record) for record in answer))


def _text(record: Rdata) -> str:
    return b"".join(record.strings).decode("utf-8", "replace") if isinstance(record, TXT) else record.to_text()
