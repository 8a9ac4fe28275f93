"""Puts delivery together from the settings: the way out, its limits, each person's letter, and what comes back."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from sqlalchemy import Engine

from newsletter import publishing
from newsletter.ports import Rendering, Transport
from newsletter.rendering.composing import Composer, Printed, personal_links
from newsletter.rendering.counting import count_links, targets
from newsletter.returns import Harvest, Returns
from newsletter.sending import Limits, Options, Sent, recover, send
from newsletter.sending.pace import too_many_bounces, warm_up
from newsletter.settings import Settings, SettingsError
from newsletter.storage.allowances import Allowances
from newsletter.storage.clicks import ClickStore
from newsletter.storage.errors import DatabaseFailure, StoreError
from newsletter.storage.returns import ReturnStore
from newsletter.transports.bounce_listener import Dialect, listen
from newsletter.transports.dkim import Signer, SigningKey, SigningKeyError, read_key
from newsletter.transports.dns_advice import Advice, LookUp, advise
from newsletter.transports.imap import Mailbox
from newsletter.transports.maildir import MaildirTransport
from newsletter.transports.providers import Postmark, ProviderTransport, Ses
from newsletter.transports.smtp import SmtpTransport
from newsletter.transports.smtp_login import Security, Server
from subscribers.bounces import DeliveryEvent, read_report
from subscribers.tokens import Keyring
from subscribers.windows import read_window


class Desk(publishing.Desk, Protocol):
    """What delivering works with; the house has it all."""

    @property
    def engine(self) -> Engine:
        """Return the database."""


async def deliver(desk: Desk, now: datetime, stop: asyncio.Event | None = None) -> Sent:
    """Send everything that is due, of all editions that are out; return what this sender did.

    It may be killed at any moment: whoever calls this next goes on where it ended. Setting `stop` lets it finish what
    is in hand.

    Raises:
        SettingsError: A password, a token or a signing key cannot be read.
    """
    settings = desk.settings
    window = read_window(settings.delivery_window, settings.zone)
    remaining = window.remaining(now).total_seconds() if window else None
    if remaining == 0:
        return Sent(rest=f"it is outside the delivery window {window}")
    options = Options(
        journals=_journals(settings),
        fsync=settings.journal_fsync,
        resend_uncertain=settings.on_uncertain == "resend",
        limits=limits_of(settings),
        allowances=_allowances(desk),
        seconds=remaining,
    )
    return await send(desk.ledger, way_out(settings), composer_of(desk), options, stop)


def recover_dead(desk: Desk) -> int:
    """Give back what dead senders had in hand, by what their journals say; return how many messages are uncertain.

    Every sender begins with this; it is of use also when nothing is left to send, as when a lost disk comes back.
    """
    return recover(desk.ledger, _journals(desk.settings), desk.settings.on_uncertain == "resend")


def _journals(settings: Settings) -> Path:
    return settings.home / "journals"


def way_out(settings: Settings) -> Transport:
    """Return the transport that the settings name.

    Raises:
        SettingsError: It lacks a password or a token.
    """
    return _WAYS_OUT[settings.transport](settings)


def letters_way_out(settings: Settings) -> Transport:
    """Return the same way out for a single letter: one connection, and the provider's stream for such mail.

    Raises:
        SettingsError: It lacks a password or a token.
    """
    return way_out(
        settings.model_copy(update={"smtp_connections": 1, "postmark_stream": settings.postmark_letter_stream})
    )


def _smtp(settings: Settings) -> Transport:
    return SmtpTransport(
        Server(
            host=settings.smtp_host,
            port=settings.smtp_port,
            security=Security(settings.smtp_security),
            username=settings.smtp_username,
            password=settings.password(),
            connections=settings.smtp_connections,
            timeout=settings.smtp_timeout,
            chunking=settings.smtp_chunking,
        )
    )


def _postmark(settings: Settings) -> Transport:
    account = Postmark(
        token=_needed(settings, "postmark_token"), stream=settings.postmark_stream, url=settings.provider_url
    )
    return ProviderTransport(account.ask, account.judge, settings.smtp_connections, settings.smtp_timeout)


def _ses(settings: Settings) -> Transport:
    if not settings.ses_access_key:
        raise SettingsError("ses_access_key is empty; transport ses needs one")
    account = Ses(
        region=settings.ses_region,
        access_key=settings.ses_access_key,
        secret_key=_needed(settings, "ses_secret_key"),
        configuration_set=settings.ses_configuration_set,
        url=settings.provider_url,
    )
    return ProviderTransport(account.ask, account.judge, settings.smtp_connections, settings.smtp_timeout)


def _file(settings: Settings) -> Transport:
    return MaildirTransport(settings.mail_folder or settings.home / "outbox")


_WAYS_OUT: dict[str, Callable[[Settings], Transport]] = {
    "smtp": _smtp,
    "postmark": _postmark,
    "ses": _ses,
    "file": _file,
}


def _needed(settings: Settings, name: str) -> str:
    secret = settings.secret(name)
    if not secret:
        raise SettingsError(f"{name} is empty; transport {settings.transport} needs it, or {name}_file")
    return secret


def limits_of(settings: Settings) -> Limits:
    """Return what one sender keeps to."""
    by_domain = {"" if name == "*" else name.lower(): limit for name, limit in settings.domain_limits.items()}
    return Limits(
        per_second=settings.send_rate,
        per_domain={name: limit.per_second for name, limit in by_domain.items() if limit.per_second},
        at_once={name: limit.at_once for name, limit in by_domain.items() if limit.at_once},
        bounce_share=settings.pause_at_bounces,
    )


def _allowances(desk: Desk) -> Allowances | None:
    """Return what all senders keep to together; None when nothing is limited."""
    settings, since = desk.settings, desk.settings.warm_up_from

    def per_day(day: date) -> int | None:
        return warm_up(max((day - since).days, 0), settings.warm_up_first_day) if since else None

    if not settings.send_rate and since is None:
        return None
    return Allowances(desk.engine, settings.send_rate, per_day)


def signing_keys(settings: Settings) -> tuple[SigningKey, ...]:
    """Return the keys that sign each message; none where the relay does.

    Raises:
        SettingsError: One cannot be read.
    """
    keys = []
    for file, selector in zip(settings.dkim_key_files, settings.dkim_selectors, strict=True):
        try:
            keys.append(read_key(file.read_bytes(), settings.sending_domain, selector))
        except (OSError, SigningKeyError) as error:
            raise SettingsError(f"dkim_key_files {str(file)!r} cannot be used: {error}") from error
    return tuple(keys)


def signer_of(settings: Settings) -> Signer | None:
    """Return what signs each message; None where the relay does.

    Raises:
        SettingsError: A key cannot be read.
    """
    keys = signing_keys(settings)
    return Signer(keys) if keys else None


def composer_of(desk: Desk) -> Composer:
    """Return what makes each person's letter of an edition: the stored rendering, and links of their own."""
    settings = desk.settings

    @cache  # asked for each message, and the same for everybody who shares a variant
    def printed(edition: str, variant: str) -> Printed:
        record = desk.editions.find(edition)
        rendering = desk.editions.rendering(edition, variant)
        if record is None or rendering is None:
            raise StoreError(f"the edition {edition!r} has no rendering {variant!r}; its rows were removed")
        if settings.count_clicks:  # before the first of these mails leaves
            ClickStore(desk.engine).lead(edition, targets(rendering, settings.public_url, edition))
        return Printed(as_sent(settings, edition, rendering), publishing.identity_of(settings, record.edition))

    return composer_for(settings, printed)


def as_sent(settings: Settings, edition: str, rendering: Rendering) -> Rendering:
    """Return a stored mail as it is made for each person: its links personal where `count_clicks` says so."""
    return count_links(rendering, settings.public_url, edition) if settings.count_clicks else rendering


def composer_for(settings: Settings, printed: Callable[[str, str], Printed]) -> Composer:
    """Return what makes letters of whatever `printed` returns for an edition and a variant, by their keys."""
    keys = Keyring.parse(settings.key())
    links = personal_links(keys, settings.public_url, settings.newsletter, count_clicks=settings.count_clicks)
    domains = settings.sending_domain, settings.bounce_domain
    return Composer(printed, links, keys.secrets[0], *domains, signer_of(settings))


def take_reports(desk: Desk, events: Iterable[DeliveryEvent | None], now: datetime) -> Harvest:
    """Take in what came back, let addresses rest by it, and pause an edition of which too much comes back."""
    harvest = _returns(desk).take(events, now)
    if harvest.resting:
        _pause_what_bounces(desk)
    return harvest


def read_returns(desk: Desk, now: datetime) -> Harvest:
    """Take in the bounces and complaints that have arrived in the mailboxes that are set.

    Raises:
        SettingsError: There is no such folder, or the password cannot be read.
        MailboxError: The mailbox at a provider cannot be read.
    """
    settings, harvest = desk.settings, Harvest()
    if settings.bounce_maildir is not None:
        harvest += _returns(desk).read_maildir(_folder(settings.bounce_maildir), now)
    if settings.bounce_imap:
        harvest += _returns(desk).read_mails(_mailbox(settings).unseen(), now)
    if harvest.resting:
        _pause_what_bounces(desk)
    return harvest


async def listen_for_returns(
    desk: Desk,
    clock: Callable[[], datetime],
    stop: asyncio.Event,
    started: Callable[[str], None],
    noted: Callable[[Harvest], None],
) -> None:
    """Take bounces and complaints from a mail server at `bounce_listen` until `stop` is set.

    Args:
        desk: The stores and settings.
        clock: Returns the present.
        stop: Ends it.
        started: Is told the address that is listened at.
        noted: Is told what each mail brought.

    Raises:
        SettingsError: The address is not set, or cannot be listened at.
    """
    settings = desk.settings
    if not settings.bounce_listen:
        raise SettingsError("bounce_listen is empty; it takes an address such as lmtp://127.0.0.1:2424")
    parts = urlsplit(settings.bounce_listen)
    host = parts.hostname or ""

    def take(content: bytes, recipient: str) -> bool:
        now = clock()
        try:
            noted(take_reports(desk, [read_report(content, now, recipient)], now))
        except (StoreError, DatabaseFailure):
            return False
        return True

    try:
        await listen(
            Dialect(parts.scheme),
            host,
            parts.port or 0,
            settings.bounce_domain,
            take,
            stop,
            lambda port: started(f"{parts.scheme}://{host}:{port}"),
        )
    except OSError as error:
        raise SettingsError(f"bounce_listen {settings.bounce_listen!r} cannot be used: {error.strerror}") from error


def explain_dns(settings: Settings, addresses: Sequence[str], look_up: LookUp) -> tuple[Advice, ...]:
    """Return what the DNS says about our mail, and what would have to change.

    Args:
        settings: They name the sender, where bounces go, and our keys.
        addresses: The IP addresses that mail leaves from; none when nobody knows.
        look_up: Asks the DNS.

    Raises:
        SettingsError: A signing key cannot be read.
        DnsError: The DNS does not answer.
    """
    records = [(key.record_name, key.record) for key in signing_keys(settings)]
    return advise(settings.sending_domain, settings.bounce_domain, records, addresses, look_up)


def _returns(desk: Desk) -> Returns:
    return Returns(ReturnStore(desk.engine), desk.people, desk.settings.key())


def _folder(folder: Path) -> Path:
    if not folder.is_dir():
        raise SettingsError(f"bounce_maildir {str(folder)!r} is not there; it takes the Maildir where bounces arrive")
    return folder


def _mailbox(settings: Settings) -> Mailbox:
    parts = urlsplit(settings.bounce_imap)
    return Mailbox(
        host=parts.hostname or "",
        port=parts.port or 993,
        username=unquote(parts.username or ""),
        password=settings.secret("bounce_imap_password"),
        folder=unquote(parts.path.lstrip("/")) or "INBOX",
    )


def _pause_what_bounces(desk: Desk) -> None:
    """Pause editions under way of which too many addresses turn out not to exist after they were accepted."""
    limits, reports = limits_of(desk.settings), ReturnStore(desk.engine)
    for edition in desk.ledger.unfinished():
        tally, gone = desk.ledger.tally(edition), reports.no_such_address(edition)
        tried = tally.accepted + tally.refused
        if too_many_bounces(gone, tried, limits):
            why = f"{gone} of {tried} addresses do not exist, say the bounces; look at where this list came from"
            desk.ledger.pause(edition, why)
