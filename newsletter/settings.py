"""Every setting of the product: read once, from `newsletter.toml` and the environment, and then frozen."""

import os
import re
import secrets
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from content.looks import DARK, LIGHT, SANS, SERIF, Look, recoloured
from newsletter.keeping import keep_first
from subscribers.windows import read_window

#: Where `newsletter` looks for its file unless `--config` names another.
DEFAULT_FILE = Path("newsletter.toml")

#: Names the settings file for processes that have no command line of ours: flows and servers.
CONFIG_VARIABLE = "NEWSLETTER_CONFIG"

#: A key shorter than this can be guessed (NIST SP 800-107: at least the output length of the hash, 32 octets).
KEY_BYTES = 32


#: Whose reports the public site takes in, each with a secret in `webhook_secrets`.
WEBHOOK_PROVIDERS = frozenset({"postmark", "mailgun", "sendgrid", "ses"})


#: The rules of `newsletter edition check` that may warn.
Warned = Literal[
    "alt", "clients", "contradictions", "garbled", "images", "links", "preheader", "size", "spam", "subject"
]


class SettingsError(Exception):
    """A setting is wrong; the message names it, shows the value, says what would do."""


class DomainLimit(BaseModel):
    """What one receiving domain may be given by one sender; 0: no limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    per_second: Annotated[float, Field(ge=0)] = 0.0
    at_once: Annotated[int, Field(ge=0)] = 0


#: Settings that are files or folders.
_PATHS = frozenset(
    {
        "home",
        "smtp_password_file",
        "mail_folder",
        "postmark_token_file",
        "ses_secret_key_file",
        "bounce_maildir",
        "bounce_imap_password_file",
        "oidc_client_secret_file",
        "alarm_webhook_file",
        "key_file",
    }
)

#: A store beside the settings file: three slashes, and no fourth.
_RELATIVE_STORE = re.compile(r"sqlite:///([^/:].*)")


class _FromHere(TomlConfigSettingsSource):
    """The settings file; a path in it is meant from its own folder, wherever the process that reads it runs."""

    def __call__(self) -> dict[str, Any]:
        """Return the file's values, its relative paths made whole."""
        values = super().__call__()
        file = self.settings_cls.model_config.get("toml_file")
        if not isinstance(file, Path) or not file.is_file() or file == DEFAULT_FILE:
            return values  # without a name it is the one in the working directory, where its paths lead as they stand
        here = file.absolute().parent
        for name in set(values) & _PATHS:
            values[name] = here / str(values[name])
        if "dkim_key_files" in values:
            values["dkim_key_files"] = [here / str(name) for name in values["dkim_key_files"]]
        if m := _RELATIVE_STORE.fullmatch(str(values.get("database_url", ""))):
            values["database_url"] = f"sqlite:///{here / m[1]}"
        return values


class Settings(BaseSettings):
    """What the product is told from outside. Relative paths are relative to the working directory."""

    model_config = SettingsConfigDict(env_prefix="NEWSLETTER_", frozen=True, extra="forbid")

    home: Path = Field(Path("var"), description="Folder for everything the product writes.")
    database_url: str = Field("", description="sqlite:///FILE or postgresql://...; empty: store.db in home.")
    public_url: str = Field("https://news.example.org", description="Address of the public site, as readers see it.")

    newsletter: str = Field("beauty", pattern=r"^[a-z0-9][a-z0-9-]{0,40}$", description="Short name, used in keys.")
    title: str = Field("Beauty resources, tips, and news", min_length=1, max_length=120)
    tagline: str = Field("", max_length=160, description="One line under the name, on pages and in feeds.")
    logo_text: str = Field("", max_length=60, description="What stands in the masthead; empty: the title.")
    logo_image: str = Field("", description="https address of an image for the masthead; the text is its alternative.")
    logo_width: Annotated[int, Field(ge=40, le=520)] = Field(200, description="Width of that image, in pixels.")
    display_font: str = Field(SERIF, description="Fonts of headings, the wanted one first.")
    text_font: str = Field(SANS, description="Fonts of text, the wanted one first.")
    light_colours: dict[str, str] = Field({}, description="Colours to change, such as accent = '#9b2c4d'.")
    dark_colours: dict[str, str] = Field({}, description="The same for dark mode.")
    hub_url: str = Field("", description="WebSub hub that is told when a feed changes; empty: none.")
    feed_content: Literal["full", "summary"] = Field("full", description="How much of a story feeds carry.")
    rhythm: Literal["daily", "weekly", "monthly"] = Field("weekly", description="How often an edition is due.")
    due_hour: Annotated[int, Field(ge=0, le=23)] = Field(9, description="Hour at which an edition is due.")
    due_weekday: Annotated[int, Field(ge=1, le=7)] = Field(1, description="Of a weekly edition, 1 for Monday.")
    due_month_day: Annotated[int, Field(ge=1, le=28)] = Field(1, description="Of a monthly edition.")
    zone: str = Field("Europe/London", description="IANA time zone that decides which day and week it is.")
    language: str = Field("en", description="Language of the newsletter's own words.")
    minimum_stories: Annotated[int, Field(ge=1)] = Field(1, description="A thinner edition is held.")
    maximum_stories: Annotated[int, Field(ge=1)] = Field(12, description="The rest waits for the next edition.")

    from_name: str = Field("Beauty News", description="Sender's name in From.")
    from_address: str = Field("hello@news.example.org", description="Sender's address in From.")
    bounce_domain: str = Field("bounces.news.example.org", description="Domain of the envelope sender.")
    postal_address: str = Field("", description="Postal address in every mail's footer; the law asks for one.")

    welcome_mail: bool = Field(True, description="Whether whoever confirms gets a first mail at once.")

    transport: Literal["smtp", "postmark", "ses", "file"] = Field("smtp", description="The way out for mail.")
    smtp_host: str = Field("localhost", description="Mail server that takes our messages.")
    smtp_port: Annotated[int, Field(ge=1, le=65535)] = 25
    smtp_security: Literal["none", "starttls", "tls"] = "none"
    smtp_username: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_password_file: Path | None = None
    smtp_connections: Annotated[int, Field(ge=1, le=200)] = 10
    smtp_timeout: Annotated[float, Field(gt=0)] = Field(60.0, description="Seconds to wait for the mail server.")
    smtp_chunking: bool = Field(False, description="Send in chunks (BDAT) where the mail server takes them.")
    mail_folder: Path | None = Field(None, description="Maildir of transport file; empty: outbox in home.")
    postmark_token: SecretStr = SecretStr("")
    postmark_token_file: Path | None = None
    postmark_stream: str = Field("broadcast", description="Postmark's message stream.")
    postmark_letter_stream: str = Field(
        "outbound", description="Postmark's stream for confirmations and other letters."
    )
    ses_region: str = "eu-west-1"
    ses_access_key: str = ""
    ses_secret_key: SecretStr = SecretStr("")
    ses_secret_key_file: Path | None = None
    ses_configuration_set: str = Field("", description="The SES configuration set that reports to our webhook.")
    provider_url: str = Field("", description="Of another server than the provider's own, for trials.")
    send_rate: Annotated[float, Field(ge=0)] = Field(0.0, description="Messages a second, all senders; 0: no limit.")
    domain_limits: dict[str, DomainLimit] = Field(
        {}, description="By receiving domain, * for all others: per_second, at_once; of one sender."
    )
    warm_up_from: date | None = Field(None, description="First day of a new sending domain; each may send twice more.")
    warm_up_first_day: Annotated[int, Field(ge=1)] = Field(500, description="Messages on that first day.")
    delivery_window: str = Field("", description="When messages may begin, such as 08:00-20:00; empty: always.")
    pause_at_bounces: Annotated[float, Field(gt=0, le=1)] = Field(
        0.05, description="Share of addresses that do not exist, of 500 or more, at which an edition is paused."
    )
    hold_minutes: Annotated[int, Field(ge=0, le=60)] = Field(0, description="Time to say stop before the first mail.")
    late_minutes: Annotated[int, Field(ge=1, le=1440)] = Field(60, description="A send later than this asks a person.")
    lease_seconds: Annotated[int, Field(ge=30, le=3600)] = Field(
        60, description="How long a sender may be silent before another host takes its people over."
    )
    journal_fsync: bool = Field(False, description="Whether a loss of power leaves nobody uncertain; slower.")
    dkim_key_files: tuple[Path, ...] = Field((), description="PEM keys that sign each mail; empty: the relay signs.")
    dkim_selectors: tuple[str, ...] = Field((), description="Selector of each key, in the same order.")
    local_hours: bool = Field(True, description="Whether mail leaves at each reader's own hour.")
    on_uncertain: Literal["hold", "resend"] = Field("hold", description="What to do when a reply never came.")

    source_secrets: dict[str, SecretStr] = Field(
        {}, description='By source, as JSON: WordPress "user:application password", Ghost the Content API key.'
    )
    fetch_loopback: bool = Field(False, description="Let sources here be read, webhooks be posted here: for trials.")

    dask_scheduler: str = Field("", description="address of a Dask scheduler on which the flow backfill compares")
    similarity: Literal["lexical", "semantic"] = Field(
        "lexical", description="semantic: repeats in other words are found too, with the extra of that name."
    )
    edition_approval: Literal["automatic", "person"] = Field(
        "automatic", description="automatic: an edition of approved articles that nothing holds goes out by itself."
    )
    four_eyes: bool = Field(False, description="Who has approved an article does not approve the edition.")
    accepted_warnings: tuple[Warned, ...] = Field(
        ("alt", "clients", "images", "links", "preheader", "size", "subject"),
        description="Rules of 'edition check' whose warnings are accepted beforehand; the others hold an edition.",
    )
    spam_filter: str = Field("spamassassin", description="Program that scores each mail; empty or not there: none.")
    count_clicks: bool = Field(False, description="Whether links to stories are personal, and counted when followed.")
    check_links: bool = Field(False, description="Whether every link and image of an edition is fetched first.")
    bounce_maildir: Path | None = Field(None, description="Maildir in which bounces and complaints arrive.")
    bounce_imap: str = Field("", description="Mailbox of bounces, imaps://NAME@HOST/FOLDER.")
    bounce_imap_password: SecretStr = SecretStr("")
    bounce_imap_password_file: Path | None = None
    bounce_listen: str = Field("", description="Where to take bounces, lmtp://HOST:PORT or smtp://HOST:PORT.")
    webhook_secrets: dict[str, SecretStr] = Field(
        {}, description="What proves a provider's reports, as JSON: postmark, mailgun, sendgrid, ses."
    )
    behind_proxy: bool = Field(False, description="Whether a proxy of ours says in X-Forwarded-For who asks.")
    console_url: str = Field("http://127.0.0.1:8100", description="Address of the console, as staff see it.")
    second_person_above: Annotated[int, Field(ge=0)] = Field(
        0, description="An edition for more people than this is approved by another than its last editor; 0: never."
    )
    oidc_issuer: str = Field("", description="OpenID Connect provider with which staff may sign in; empty: none.")
    oidc_client_id: str = Field("", description="What we are called there.")
    oidc_client_secret: SecretStr = SecretStr("")
    oidc_client_secret_file: Path | None = None
    oidc_trusts_factor: bool = Field(False, description="Whether its word (amr: mfa) stands for our second factor.")
    alarm_webhook: SecretStr = Field(SecretStr(""), description="Where Prefect posts alarms, as JSON with a text.")
    alarm_webhook_file: Path | None = None
    log_format: Literal["words", "json"] = Field("words", description="How what runs for long writes its log.")
    key_file: Path | None = Field(None, description="File with the signing key of links; empty: made in home.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the order of precedence: what the code gives, the environment, the file."""
        return init_settings, env_settings, _FromHere(settings_cls)

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("takes an IANA time zone such as Europe/London") from error
        return zone

    @field_validator("public_url", "hub_url", "console_url", "oidc_issuer")
    @classmethod
    def _web_address(cls, url: str, info: ValidationInfo) -> str:
        if not url and info.field_name in {"hub_url", "oidc_issuer"}:
            return url
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("takes a web address such as https://news.example.org")
        # Whether a slash ends a provider's name is part of the name (OpenID Connect Discovery 1.0, 4.3).
        return url if info.field_name == "oidc_issuer" else url.rstrip("/")

    @field_validator("from_address")
    @classmethod
    def _mail_address(cls, address: str) -> str:
        if not re.fullmatch(r"[^@\s<>\"(),:;\\]+@[A-Za-z0-9.-]+\.[A-Za-z0-9-]+", address):
            raise ValueError("takes one mail address such as hello@news.example.org")
        return address

    @field_validator("delivery_window")
    @classmethod
    def _window(cls, text: str) -> str:
        read_window(text, "UTC")
        return text

    @field_validator("bounce_imap", "bounce_listen")
    @classmethod
    def _service(cls, url: str, info: ValidationInfo) -> str:
        parts, known = urlsplit(url), _SERVICES[str(info.field_name)]
        if url and (parts.scheme not in known.schemes or not known.complete(parts)):
            raise ValueError(f"takes an address such as {known.example}")
        return url

    @field_validator("webhook_secrets")
    @classmethod
    def _known_providers(cls, given: dict[str, SecretStr]) -> dict[str, SecretStr]:
        if unknown := sorted(set(given) - WEBHOOK_PROVIDERS):
            raise ValueError(f"knows {', '.join(sorted(WEBHOOK_PROVIDERS))}, not {unknown[0]}")
        return given

    @field_validator("logo_image", "display_font", "text_font")
    @classmethod
    def _fit_for_a_look(cls, value: str, info: ValidationInfo) -> str:
        try:
            Look(name="-", site_url="https://news.example.org", **{str(info.field_name): value})  # type: ignore[arg-type]
        except ValueError as error:
            raise ValueError(str(error).removeprefix(f"{info.field_name} ").partition(", got")[0]) from error
        return value

    @field_validator("light_colours", "dark_colours")
    @classmethod
    def _readable(cls, colours: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        recoloured(DARK if info.field_name == "dark_colours" else LIGHT, colours)
        return colours

    @field_validator("newsletter", "title", "tagline", "logo_text", "from_name", "postal_address")
    @classmethod
    def _one_line(cls, text: str) -> str:
        if any(ord(c) < 32 for c in text):
            raise ValueError("takes one line of text, without control characters")
        return text

    @model_validator(mode="after")
    def _a_selector_for_each_key(self) -> "Settings":
        if len(self.dkim_key_files) != len(self.dkim_selectors):
            raise ValueError(
                f"dkim_selectors needs one for each of dkim_key_files, got {len(self.dkim_selectors)} "
                f"for {len(self.dkim_key_files)}"
            )
        return self

    @property
    def sending_domain(self) -> str:
        """Return the domain that our mail is from."""
        return self.from_address.rpartition("@")[2]

    @property
    def agent(self) -> str:
        """Return what we call ourselves where we fetch something."""
        return f"beauty-newsletter (+{self.public_url})"

    @property
    def store_url(self) -> str:
        """Return the database's URL, the embedded one unless another is set."""
        return self.database_url or f"sqlite:///{(self.home / 'store.db').as_posix()}"

    def password(self) -> str:
        """Return the mail server's password, from the environment or from the file that is named.

        Raises:
            SettingsError: The file cannot be read.
        """
        return self.secret("smtp_password")

    def secret(self, name: str) -> str:
        """Return the secret `name`, from the environment or from the file that `name`_file names.

        Raises:
            SettingsError: The file cannot be read.
        """
        file: Path | None = getattr(self, f"{name}_file")
        if file is None:
            given: SecretStr = getattr(self, name)
            return given.get_secret_value()
        try:
            return file.read_text().strip()
        except OSError as error:
            raise SettingsError(f"{name}_file {str(file)!r}: {error.strerror}") from error

    def key(self) -> bytes:
        """Return the key that signs personal links; the first call on a new machine makes it.

        Raises:
            SettingsError: The file cannot be read or made, or holds too little.
        """
        path = self.key_file or self.home / "key"
        try:
            if self.key_file is None and not path.exists():
                keep_first(path, secrets.token_hex(KEY_BYTES))
            key = path.read_text().strip().encode()
        except OSError as error:
            raise SettingsError(f"the key file {str(path)!r} cannot be used: {error.strerror}") from error
        if len(key) < KEY_BYTES:
            raise SettingsError(f"the key file {str(path)!r} holds {len(key)} characters; it needs {KEY_BYTES} or more")
        return key


class _Service(NamedTuple):
    """What the address of a service consists of."""

    schemes: frozenset[str]
    complete: Callable[[SplitResult], object]
    example: str


_SERVICES = {
    "bounce_imap": _Service(
        frozenset({"imaps"}), lambda parts: parts.hostname and parts.username, "imaps://bounces@mail.example.org/INBOX"
    ),
    "bounce_listen": _Service(
        frozenset({"lmtp", "smtp"}), lambda parts: parts.hostname and parts.port is not None, "lmtp://127.0.0.1:2424"
    ),
}


def load(file: Path | None = None, **overrides: object) -> Settings:
    """Return the settings from `file`, the environment and `overrides`.

    Without `file` the environment's NEWSLETTER_CONFIG names it, so that flows and servers find the same one; without
    either it is newsletter.toml in the working directory, if there is one.

    Raises:
        SettingsError: A value is wrong, or the named file is not there.
    """
    if file is None and CONFIG_VARIABLE in os.environ:
        file = Path(os.environ[CONFIG_VARIABLE])
    if file is not None and not file.is_file():
        raise SettingsError(f"the settings file {str(file)!r} is not there; 'newsletter init' writes one")

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=file or DEFAULT_FILE)

    try:
        return FromFile(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError("; ".join(_explain(e) for e in error.errors())) from None
    except ValueError as error:  # a TOML file that is none
        raise SettingsError(f"{file or DEFAULT_FILE}: {error}") from error


def _explain(error: object) -> str:
    e = dict(error)  # type: ignore[call-overload]
    name = ".".join(str(part) for part in e["loc"]) or "settings"
    said = e["msg"].removeprefix("Value error, ")
    if e["type"] == "extra_forbidden":
        return f"{name} is no setting; see docs/operations.md for the list"
    if not e["loc"]:  # about several settings at once; the input would be all of them
        return str(said)
    return f"{name}: {said}, got {e['input']!r}"
