"""`newsletter doctor --dns` asks a resolver, and tells what to publish."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingUDPServer

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from typer.testing import CliRunner

from newsletter.cli import app
from newsletter.transports.dns_lookup import DnsError, Resolver

Zone = Mapping[tuple[str, str], list[str]]

LONG = '"v=DKIM1; k=rsa; p=' + "A" * 100 + '" "' + "B" * 100 + '"'

ZONE: Zone = {
    ("bounces.example.org.", "TXT"): ['"v=spf1 ip4:192.0.2.1 -all"', '"something else"'],
    ("bounces.example.org.", "MX"): ["10 mx.example.org."],
    ("_dmarc.news.example.org.", "TXT"): ['"v=DMARC1; p=reject"'],
    ("1.2.0.192.in-addr.arpa.", "PTR"): ["out.example.org."],
    ("out.example.org.", "A"): ["192.0.2.1"],
    ("long.example.org.", "TXT"): [LONG],
}


@contextmanager
def dns_server(zone: Zone, rcode: dns.rcode.Rcode = dns.rcode.NOERROR) -> Iterator[str]:
    """A DNS server on loopback with one zone; yield ADDRESS:PORT."""

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            data, socket = self.request
            query = dns.message.from_wire(data)
            asked = query.question[0]
            reply = dns.message.make_response(query)
            reply.flags |= dns.flags.RA
            name, kind = asked.name.to_text(), dns.rdatatype.to_text(asked.rdtype)
            if rcode != dns.rcode.NOERROR:
                reply.set_rcode(rcode)
            elif (name, kind) in zone:
                reply.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *zone[name, kind]))
            elif not any(known == name for known, _ in zone):
                reply.set_rcode(dns.rcode.NXDOMAIN)
            socket.sendto(reply.to_wire(), self.client_address)

    with ThreadingUDPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join(5)


@pytest.mark.parametrize(
    ("name", "kind", "records"),
    [
        ("bounces.example.org", "TXT", ("something else", "v=spf1 ip4:192.0.2.1 -all")),
        ("long.example.org", "TXT", ("v=DKIM1; k=rsa; p=" + "A" * 100 + "B" * 100,)),
        ("bounces.example.org", "MX", ("10 mx.example.org.",)),
        ("bounces.example.org", "AAAA", ()),
        ("nowhere.example.org", "A", ()),
        ("192.0.2.1", "PTR", ("out.example.org.",)),
    ],
)
def test_records_are_read_as_the_dns_has_them(name: str, kind: str, records: tuple[str, ...]) -> None:
    with dns_server(ZONE) as server:
        assert Resolver(server)(name, kind) == records


def test_a_server_that_fails_says_nothing_about_the_records() -> None:
    with dns_server(ZONE, dns.rcode.SERVFAIL) as server, pytest.raises(DnsError, match=r"TXT of example\.org"):
        Resolver(server)("example.org", "TXT")


def _doctor(tmp_path: Path, server: str, *more: str) -> tuple[int, dict[str, tuple[bool, str]]]:
    file = tmp_path / "newsletter.toml"
    file.write_text('from_address = "hello@news.example.org"\nbounce_domain = "bounces.example.org"\n')
    arguments = ["--config", str(file), "doctor", "--dns", "--dns-server", server, "--json", *more]
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, {f["check"]: (f["well"], f["said"]) for f in json.loads(result.stdout)}


def test_the_doctor_finds_a_domain_in_order(tmp_path: Path) -> None:
    with dns_server(ZONE) as server:
        code, found = _doctor(tmp_path, server, "--sends-from", "192.0.2.1")

    assert (code, {check: well for check, (well, _) in found.items()}) == (
        0,
        {
            "SPF of bounces.example.org": True,
            "DMARC of news.example.org": True,
            "mail to bounces.example.org": True,
            "PTR of 192.0.2.1": True,
            "DKIM": True,
        },
    )


def test_the_doctor_says_what_to_publish(tmp_path: Path) -> None:
    with dns_server({("example.org.", "A"): ["192.0.2.9"]}) as server:
        code, found = _doctor(tmp_path, server)

    assert code == 1
    assert found["SPF of bounces.example.org"] == (False, 'nothing: publish TXT "v=spf1 include:YOUR-RELAY -all"')
    assert found["PTR"] == (True, "not looked at: say --sends-from ADDRESS for each address that mail leaves from")


def test_the_doctor_says_that_the_dns_does_not_answer(tmp_path: Path) -> None:
    with dns_server({}, dns.rcode.SERVFAIL) as server:
        code, found = _doctor(tmp_path, server)

    assert code == 1
    assert found["DNS"][1].startswith("the DNS does not answer for TXT of bounces.example.org")
