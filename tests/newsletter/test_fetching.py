"""Nothing on the network can make us go where we may not, take more than we agreed, or wait longer."""

import gzip
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from newsletter.fetching.addresses import AddressError, Reach, check
from newsletter.fetching.client import HttpFetcher, Limits, parse_retry_after
from newsletter.ports import FetchError, Validators
from tests.newsletter.hostile import Hostile, answer, drip, ok, serve, silent

HERE = Reach(loopback=True)
QUICK = Limits(seconds=0.4, pause=0, tries=1, body_bytes=100_000)
PUBLIC = "93.184.216.34"


def make_fetcher(limits: Limits = QUICK, **more: object) -> HttpFetcher:
    return HttpFetcher("tests", **{"limits": limits, "reach": HERE, **more})  # type: ignore[arg-type]


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    with serve() as server:
        yield server


def _why(fetcher: HttpFetcher, url: str, **more: object) -> str:
    with pytest.raises(FetchError) as caught:
        fetcher.get(url, **more)  # type: ignore[arg-type]
    return str(caught.value)


# Where we do not go


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://127.0.0.1/",
            "http://localhost/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f.1/",
        ),  # U01, U02
        *("http://017700000001/", "http://0/", "http://①②⑦.⓪.⓪.①/"),  # U02, U03
        *("http://[::1]/", "http://[::]/", "http://[::ffff:127.0.0.1]/", "http://[::127.0.0.1]/"),  # U04
        *("http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/", "http://[fec0::1]/"),  # U05
        *("http://169.254.169.254/latest", "http://100.64.0.1/", "http://198.18.0.1/", "http://192.0.0.8/"),  # U06
        *(
            "http://10.0.0.1/",
            "http://192.168.1.1/",
            "http://172.16.0.1/",
            "http://[fe80::1%25lo]/",
            "http://[fd00::1]/",
        ),
    ],
)
def test_an_address_that_is_not_public_is_refused_when_we_connect(url: str) -> None:
    connected: list[object] = []

    reason = _why(make_fetcher(reach=Reach(), connect=lambda *to: connected.append(to)), url)

    assert reason.endswith("which is not public")
    assert connected == []


def test_one_private_answer_among_public_ones_is_enough_to_refuse() -> None:  # U07
    fetcher = make_fetcher(reach=Reach(), resolve=lambda *_: [PUBLIC, "10.0.0.5"])

    assert _why(fetcher, "http://cdn.example/") == "'http://cdn.example/' leads to 10.0.0.5, which is not public"


def test_a_name_that_changes_its_answer_is_asked_only_once() -> None:  # U08
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    connected: list[str] = []

    def connect(to: tuple[str, int], _: float) -> socket.socket:
        connected.append(to[0])
        raise OSError("nobody there")

    _why(make_fetcher(reach=Reach(), resolve=lambda *_: next(answers), connect=connect), "http://rebind.example/")

    assert connected == [PUBLIC]


def test_a_name_that_has_several_addresses_is_tried_at_each(hostile: Hostile) -> None:
    hostile.answers["/"] = ok(b"here")
    port = int(hostile.url.rsplit(":", 1)[1])

    def connect(to: tuple[str, int], seconds: float) -> socket.socket:
        if to[0] == "::1":
            raise OSError("no route")
        return socket.create_connection(to, seconds)

    fetcher = make_fetcher(resolve=lambda *_: ["::1", "127.0.0.1"], connect=connect)

    assert fetcher.get(f"http://two.example:{port}/").body == b"here"


def test_a_redirect_to_a_private_address_is_refused_at_the_second_hop(hostile: Hostile) -> None:  # U09
    hostile.answers["/"] = answer(302, Location="http://10.0.0.1/secret")
    blog = hostile.url.replace("127.0.0.1", "blog.example")

    reason = _why(make_fetcher(resolve=lambda host, _: ["127.0.0.1" if host == "blog.example" else host]), f"{blog}/")

    assert reason == (f"{blog}/ leads to 'http://10.0.0.1/secret', which leads to 10.0.0.1, which is not public")


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("/again", "sends us on more than 5 times"),
        ("file:///etc/passwd", "does not begin with http:// or https://"),
        ("ftp://example.org/", "does not begin with http:// or https://"),
        ("data:text/html,x", "does not begin with http:// or https://"),
        ("", "sends us on and does not say where"),
        ("http://user:pw@example.org/", "holds a name or password"),
        ("http://a\\@b.example/", "holds a space, a backslash"),
        ("//10.0.0.1/x", "which is not public"),
    ],
)
def test_a_redirect_is_checked_like_any_address(hostile: Hostile, location: str, reason: str) -> None:  # U10
    hostile.answers["/again"] = hostile.answers["/"] = answer(302, Location=location)

    assert reason in _why(make_fetcher(), f"{hostile.url}/")
    assert len(hostile.requests) <= 6


def test_the_fifth_redirect_is_still_followed(hostile: Hostile) -> None:
    for hop in range(5):
        hostile.answers[f"/{hop}"] = answer(301, Location=f"{hop + 1}")
    hostile.answers["/5"] = ok(b"there")

    response = make_fetcher().get(f"{hostile.url}/0")

    assert (response.body, response.url) == (b"there", f"{hostile.url}/5")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file:///etc/passwd", "does not begin with"),  # U12
        ("gopher://example.org/", "does not begin with"),
        ("jar:http://example.org!/", "does not begin with"),
        ("javascript:alert(1)", "does not begin with"),
        ("example.org/feed", "does not begin with"),
        ("http://user:pw@example.org/", "holds a name or password"),  # U13
        ("http://good.example@evil.example/", "holds a name or password"),
        ("http://evil.example\\@good.example/", "a backslash"),
        ("http://example.org:22/", "asks for port 22, and we only use 80, 443"),  # U14
        ("http://example.org:6379/", "asks for port 6379"),
        ("http://example.org:0/", "asks for port 0"),
        ("http://example.org:65536/", "is not an address"),
        ("http://" + "a" * 254 + "/", "names a host that cannot exist"),  # U15
        ("http://" + "a" * 64 + ".example/", "names a host that cannot exist"),
        ("http://a..example/", "names a host that cannot exist"),
        ("http://" + "ü" * 80 + ".example/", "names a host that cannot exist"),
        ("http:///path", "names no host"),
        ("http://[::1", "is not an address"),
        ("http://example.org/" + "a" * 2030, "is longer than 2048"),  # U16
        ("http://example.org/\r\nX: y", "a control character"),
    ],
)
def test_an_address_that_can_be_misread_is_refused(url: str, reason: str) -> None:
    with pytest.raises(AddressError, match=reason):
        check(url, Reach())


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("HTTP://Example.ORG", "http://example.org/"),
        ("https://example.org:443/a b".replace(" ", "%20"), "https://example.org/a%20b"),
        ("http://good.example#@evil.example/", "http://good.example/"),
        ("http://bücher.example/ü?q=ü", "http://xn--bcher-kva.example/%C3%BC?q=%C3%BC"),
        ("http://xn--bcher-kva.example./", "http://xn--bcher-kva.example/"),
        ("http://аpple.example/", "http://xn--pple-43d.example/"),  # the first letter is Cyrillic
        ("http://[2606:2800:220:1:248:1893:25c8:1946]/", "http://[2606:2800:220:1:248:1893:25c8:1946]/"),
    ],
)
def test_an_address_has_one_spelling(url: str, read: str) -> None:
    assert check(url, Reach()).url == read


# How long we wait, how much we take


@pytest.mark.parametrize(
    "reply",
    [silent, drip(b""), drip(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"), drip(b"HTTP/1.1 200 OK\r\n\r\n")],
    ids=["silent", "byte by byte", "headers for ever", "body for ever"],
)
def test_a_slow_server_ends_at_the_deadline(hostile: Hostile, reply: bytes) -> None:  # U17
    hostile.answers["/"] = reply
    started = time.monotonic()

    reason = _why(make_fetcher(Limits(seconds=0.3, pause=0)), f"{hostile.url}/")

    assert reason == f"{hostile.url}/ is too slow: it took more than 0.3 s"
    assert time.monotonic() - started < 5


def test_a_name_that_takes_for_ever_ends_at_the_deadline() -> None:  # U18
    never = threading.Event()

    def resolve(*_: object) -> list[str]:
        never.wait(10)
        return []

    assert "is too slow" in _why(make_fetcher(Limits(seconds=0.1), resolve=resolve), "http://slow.example/")
    never.set()


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "cannot be read"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 9\r\n\r\n123456789", "cannot be read"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc", "cannot be read"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "cannot be read"),
        (b"", "cannot be read"),
        (b"SSH-2.0-server\r\n", "cannot be read"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n", "cannot be read"),
        (ok(b"\x1f\x8bnonsense", Content_Encoding="gzip"), "damaged data"),
        (ok(b"<html>", Content_Encoding="gzip"), "damaged data"),
        (ok(gzip.compress(b"x" * 999)[:-9], Content_Encoding="gzip"), "damaged data (it ends too early)"),
        (ok(gzip.compress(b"abc")[:-8] + b"\0" * 8, Content_Encoding="gzip"), "damaged data"),
        (ok(gzip.compress(gzip.compress(b"x")), Content_Encoding="gzip, gzip"), "packs its answer as 'gzip, gzip'"),
        (ok(b"x", Content_Encoding="br"), "packs its answer as 'br'"),
        (ok(b"x" * 100_001), "holds more than 0.1 MB"),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value[:60]),
)
def test_a_body_is_used_only_when_it_is_whole(hostile: Hostile, reply: bytes, reason: str) -> None:  # U19, U20
    hostile.answers["/"] = reply

    assert reason in _why(make_fetcher(Limits(seconds=5, pause=0, tries=1, body_bytes=100_000)), f"{hostile.url}/")


def test_a_bomb_stops_at_the_limit(hostile: Hostile) -> None:  # U20
    packer = zlib.compressobj(9, wbits=31)
    zeros = bytes(1 << 20)
    bomb = b"".join(packer.compress(zeros) for _ in range(256)) + packer.flush()
    hostile.answers["/"] = ok(bomb, Content_Encoding="gzip")
    assert len(bomb) < 300_000

    assert "holds more than 10 MB" in _why(make_fetcher(Limits(pause=0, tries=1)), f"{hostile.url}/")


def test_a_body_that_is_longer_than_it_says_is_cut_there(hostile: Hostile) -> None:
    hostile.answers["/"] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n1234567890"

    assert make_fetcher().get(f"{hostile.url}/").body == b"12345"


@pytest.mark.parametrize("size", [0, 1, 99_999, 100_000])
def test_a_packed_body_comes_out_whole(hostile: Hostile, size: int) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    packed = gzip.compress(body[: size // 2]) + gzip.compress(body[size // 2 : size])
    hostile.answers["/"] = ok(packed, Content_Encoding="gzip")

    assert make_fetcher().get(f"{hostile.url}/").body == body[:size]


# What we make of an answer


@pytest.mark.parametrize(
    ("status", "transient"),
    [
        *[(status, False) for status in (204, 206, 304, 400, 401, 403, 404, 410, 418, 501, 999)],
        *[(status, True) for status in (408, 425, 429, 500, 502, 503, 504)],
    ],
)
def test_only_what_may_pass_is_worth_another_try(hostile: Hostile, status: int, transient: bool) -> None:  # U21
    hostile.answers["/"] = answer(status)

    with pytest.raises(FetchError, match=rf"\(status {status}\)") as caught:
        make_fetcher().get(f"{hostile.url}/")
    assert (caught.value.transient, caught.value.status) == (transient, status)


NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("120", timedelta(seconds=120)),
        ("86401", timedelta(hours=24)),
        ("9" * 30, None),
        ("Mon, 23 Nov 2026 09:01:00 GMT", timedelta(minutes=1)),
        ("Mon, 23 Nov 2020 09:01:00 GMT", timedelta(0)),
        ("soon", None),
        ("-1", None),
        ("", None),
    ],
)
def test_how_long_a_server_asks_us_to_wait(value: str, wait: timedelta | None) -> None:
    assert parse_retry_after(value, NOW) == wait


def test_a_failure_that_may_pass_is_tried_again_after_a_growing_pause(hostile: Hostile) -> None:
    slept: list[float] = []
    replies = iter([answer(503), answer(503, Retry_After="3"), ok(b"at last")])
    hostile.answers["/"] = lambda sock, _: sock.sendall(next(replies))

    response = make_fetcher(Limits(pause=0), sleep=slept.append).get(f"{hostile.url}/")

    assert (response.body, slept) == (b"at last", [1.0, 3.0])


def test_a_server_that_asks_for_a_long_pause_gets_it(hostile: Hostile) -> None:
    hostile.answers["/"] = answer(429, Retry_After="3600")

    with pytest.raises(FetchError) as caught:
        make_fetcher(Limits(pause=0)).get(f"{hostile.url}/")
    assert (caught.value.retry_after, len(hostile.requests)) == (timedelta(hours=1), 1)


def test_two_requests_to_one_host_keep_their_distance(hostile: Hostile) -> None:
    slept: list[float] = []
    hostile.answers["/"] = ok(b"x")
    fetcher = make_fetcher(Limits(pause=1.0), sleep=slept.append)

    for _ in range(2):
        fetcher.get(f"{hostile.url}/")

    assert len(slept) == 1
    assert 0 < slept[0] <= 1


def test_an_unchanged_body_is_not_sent_again(hostile: Hostile) -> None:  # U24
    hostile.answers["/"] = ok(b"feed", ETag='"1"', Last_Modified="Mon, 23 Nov 2026 09:00:00 GMT")
    fetcher = make_fetcher()
    known = fetcher.get(f"{hostile.url}/").validators
    hostile.answers["/"] = answer(304)

    response = fetcher.get(f"{hostile.url}/", validators=known)

    assert known == Validators('"1"', "Mon, 23 Nov 2026 09:00:00 GMT")
    assert (response.is_unchanged, response.body) == (True, b"")
    assert 'If-None-Match: "1"' in hostile.requests[1]
    assert "If-Modified-Since: Mon, 23 Nov 2026 09:00:00 GMT" in hostile.requests[1]


def test_no_cookie_is_kept_and_nothing_is_taken_from_the_environment(
    hostile: Hostile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:  # U22
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9/")
    hostile.answers["/"] = ok(b"x", Set_Cookie="id=1; Path=/", WWW_Authenticate="Basic")
    fetcher = make_fetcher()

    for _ in range(2):
        fetcher.get(f"{hostile.url}/")

    assert len(hostile.requests) == 2
    assert not any(name in hostile.requests[1] for name in ("Cookie", "Authorization"))


def test_credentials_do_not_follow_a_redirect_to_another_origin(hostile: Hostile) -> None:  # U11
    with serve({"/": ok(b"x")}) as other:
        hostile.answers["/"] = answer(302, Location=f"{other.url}/")

        make_fetcher().get(f"{hostile.url}/", credentials=("ines", "secret"))

        assert "Authorization: Basic aW5lczpzZWNyZXQ=" in hostile.requests[0]
        assert "Authorization" not in other.requests[0]


def test_a_password_is_not_sent_where_others_could_read_it() -> None:
    fetcher = make_fetcher(reach=Reach(), resolve=lambda *_: [PUBLIC])

    assert "is not https" in _why(fetcher, "http://blog.example/", credentials=("ines", "secret"))


def test_a_key_in_an_address_is_never_shown(hostile: Hostile) -> None:
    assert "secret" not in _why(make_fetcher(), f"{hostile.url}/none?key=secret")


def test_a_page_that_refreshes_itself_is_not_followed(hostile: Hostile) -> None:  # U26
    hostile.answers["/"] = ok(b'<meta http-equiv="refresh" content="0;url=/next">')

    make_fetcher().get(f"{hostile.url}/")

    assert hostile.paths() == ["/"]


def test_a_server_that_cannot_prove_its_name_is_refused(tmp_path: Path) -> None:  # U23
    port, stop = _serve_tls(tmp_path)

    reason = _why(make_fetcher(Limits(seconds=5, pause=0)), f"https://localhost:{port}/")

    stop()
    assert reason.startswith(f"https://localhost:{port}/ cannot prove who it is")


def _serve_tls(folder: Path) -> tuple[int, Callable[[], None]]:
    """Serve one connection with a certificate that nobody has signed."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2036, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        try:
            sock, _ = listener.accept()
            with sock, context.wrap_socket(sock, server_side=True):
                pass
        except OSError:
            pass  # the client hangs up in the middle of the handshake, as it should

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def stop() -> None:
        thread.join()
        listener.close()

    return listener.getsockname()[1], stop
