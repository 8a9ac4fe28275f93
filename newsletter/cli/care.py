"""`newsletter init` and `newsletter doctor`: set up, find out what is wrong, mend what the dead have left."""

import os
import shutil
import smtplib
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from newsletter.cli.console import Exit, JsonOption, now, out, print_json, settings
from newsletter.cli.proofs import checked_address, report
from newsletter.delivering import explain_dns
from newsletter.dispatching import asks
from newsletter.doctoring import Ward, examine, mend
from newsletter.orchestration import OrchestrationError, Server, server_of
from newsletter.ports import SourceError
from newsletter.proving import send_greeting
from newsletter.settings import DEFAULT_FILE, Settings, SettingsError
from newsletter.storage.errors import StoreError
from newsletter.storage.sources import SourceRecord
from newsletter.transports.dns_lookup import DnsError, Resolver
from newsletter.wiring import House, make_source, open_house

#: A store, a journal and a site of a few thousand editions fit into this many bytes; below, sends may stop half-way.
DISK_FLOOR_BYTES = 500 * 1024 * 1024

TEMPLATE = """\
# The newsletter's settings. Every one can also stand in the environment as NEWSLETTER_NAME, and that wins.
# Secrets only there, or in a file that is named here. docs/operations.md explains each setting.

newsletter = "beauty"
title = "Beauty resources, tips, and news"
rhythm = "weekly"                       # daily, weekly or monthly
zone = "Europe/London"                  # decides which day and week it is

public_url = "https://news.example.org" # the public site, as readers see it
from_name = "Beauty News"
from_address = "hello@news.example.org"
postal_address = ""                     # stands in every mail; the law asks for one

smtp_host = "localhost"
smtp_port = 25
smtp_security = "none"                  # none, starttls or tls
# smtp_username = ""
# smtp_password_file = ""
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: whether it is well, and what to do if it is not."""

    check: str
    well: bool
    said: str


def init(folder: Annotated[Path, typer.Argument(help="Where to write newsletter.toml.")] = Path()) -> None:
    """Write a newsletter.toml to start from. An existing one is left alone."""
    file = folder / DEFAULT_FILE
    if file.exists():
        out.print(f"{file} is there already and stays as it is.")
        return
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(TEMPLATE)
    out.print(f"Wrote {file}. Set the sender, the mail server and the postal address in it, then: newsletter doctor")


def doctor(
    context: typer.Context,
    as_json: JsonOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be mended, and change nothing.")] = False,
    dns: Annotated[bool, typer.Option("--dns", help="Look at SPF, DKIM, DMARC, MX and PTR instead.")] = False,
    dns_server: Annotated[str, typer.Option(help="Resolver to ask, ADDRESS or ADDRESS:PORT.")] = "",
    sends_from: Annotated[list[str] | None, typer.Option(help="IP address that mail leaves from.")] = None,
    to: Annotated[str, typer.Option("--to", help="Send a short mail to this address of yours instead.")] = "",
) -> None:
    """Check everything a send needs: settings, database, mail server, sources, address, key, disk. Mend what was left.

    What dead processes have left behind (stuck runs, leases, journals, half-built sites, what is due and not begun) is
    explained and mended; --dry-run only explains it. With --dns: explain what the DNS says about the sender instead.
    With --to: prove that mail leaves, and show what the server says to it.
    """
    given = settings(context)
    if to:
        address = checked_address(to, "--to")
        with open_house(given) as house:
            return report(address, send_greeting(house, address, now()))
    findings = list(_examine_dns(given, dns_server, sends_from or ()) if dns else _examine(given, dry_run))
    if as_json:
        print_json([asdict(f) for f in findings])
    for finding in findings if not as_json else ():
        mark, style = ("ok  ", "green") if finding.well else ("WRONG", "red")
        out.print(f"[{style}]{mark:6}[/]", end="")
        out.print(f"{finding.check}: {finding.said}", markup=False)
    if not all(f.well for f in findings):
        raise typer.Exit(Exit.FAILED)
    return None


def _examine(given: Settings, dry_run: bool) -> Iterator[Finding]:
    yield _well("postal address", bool(given.postal_address), given.postal_address, "set postal_address")
    secure = given.public_url.startswith("https://")
    yield _well("public address", secure, given.public_url, "one-click unsubscribing (RFC 8058) needs https")
    yield _try("signing key", lambda: f"{len(given.key())} characters")
    yield _try("mail server", lambda: _greet(given))
    free = shutil.disk_usage(_existing(given.home)).free
    yield _well("disk", free > DISK_FLOOR_BYTES, f"{free // 2**20} MB free", "make room: 500 MB or more")
    try:
        with open_house(given) as house:
            yield Finding("database", True, f"{house.engine.url.render_as_string()} is up to date")
            yield from _examine_sources(house)
            yield from _examine_orphans(house, dry_run)
    except StoreError as error:
        yield Finding("database", False, str(error))


def _examine_dns(given: Settings, server: str, addresses: Sequence[str]) -> Iterator[Finding]:
    try:
        advice = explain_dns(given, addresses, Resolver(server))
    except DnsError as error:
        yield Finding("DNS", False, str(error))
        return
    for a in advice:
        yield Finding(a.what, not a.todo, f"{a.found}: {a.todo}" if a.todo else a.found)
    if not given.dkim_key_files:
        yield Finding("DKIM", True, "the relay is to sign; with dkim_key_files our own keys are looked at")
    if not addresses:
        yield Finding("PTR", True, "not looked at: say --sends-from ADDRESS for each address that mail leaves from")


def _examine_sources(house: House) -> Iterator[Finding]:
    records = house.sources.all()
    yield _well("sources", bool(records), f"{len(records)} known", "add one: newsletter source add NAME FOLDER")
    for record in records:
        yield _try(f"source {record.name}", partial(_count_articles, house, record))


def _examine_orphans(house: House, dry_run: bool) -> Iterator[Finding]:
    """Say what dead processes have left, and what became of it."""
    why = asks(house, now())
    yield _well("dispatcher", not why, "may begin what is due", f"nothing begins: {why}; see 'newsletter dispatch'")
    ward = Ward(house, now(), server_of(house.settings.home, os.environ))
    if ward.server is None:
        yield Finding(
            "Prefect", True, "no server is known here: PREFECT_API_URL is not set; its runs were not looked at"
        )
    try:
        if ward.server is not None:
            yield _examine_server(ward.server)
        orphans = examine(ward)
    except OrchestrationError as error:
        yield Finding("Prefect", False, f"{error}; its runs were not looked at")
        ward = Ward(house, now())
        orphans = examine(ward)
    done = {} if dry_run else mend(ward, orphans)
    for orphan in orphans:
        then = f"mended: {done[orphan.kind]}" if orphan.kind in done else f"'newsletter doctor' {orphan.remedy}"
        yield Finding(orphan.kind.value, orphan.kind in done, f"{orphan.name}: {orphan.said}. {then}")
    yield _well(
        "left behind", not orphans or not dry_run, f"{len(orphans)} found", f"{len(orphans)} found, none mended"
    )


def _examine_server(server: Server) -> Finding:
    if not server.is_open():
        return Finding("Prefect", True, f"{server.api} asks for a password")
    # On loopback too: every page that a browser on this machine opens may write to it.
    said = f"{server.api} lets in whoever comes, who may then run code on our workers"
    return Finding("Prefect", False, f"{said}: set PREFECT_SERVER_API_AUTH_STRING, and start it again")


def _count_articles(house: House, record: SourceRecord) -> str:
    return f"{len(make_source(record, house.settings).pull({}).articles)} articles"


def _well(check: str, well: bool, said: str, otherwise: str) -> Finding:
    return Finding(check, well, said if well else otherwise)


def _try(check: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(check, True, look())
    except (OSError, smtplib.SMTPException, SettingsError, SourceError) as error:
        return Finding(check, False, str(error))


def _greet(given: Settings) -> str:
    where = f"{given.smtp_host}:{given.smtp_port}"
    trust = ssl.create_default_context()  # as senders do: an expired certificate is found here first
    connect = partial(smtplib.SMTP_SSL, context=trust) if given.smtp_security == "tls" else smtplib.SMTP
    try:
        with connect(given.smtp_host, given.smtp_port, timeout=min(given.smtp_timeout, 10)) as server:
            if given.smtp_security == "starttls":
                server.starttls(context=trust)
            server.ehlo()
            if given.smtp_username:
                server.login(given.smtp_username, given.password())
    except ssl.SSLError as error:
        said = getattr(error, "verify_message", "") or error
        raise OSError(
            f"{where} cannot be trusted: {said}; renew its certificate, or name the host it is for"
        ) from error
    except OSError as error:
        raise OSError(f"{where} does not answer ({error}); set smtp_host and smtp_port") from error
    return f"{where} answers"


def _existing(folder: Path) -> Path:
    return next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
