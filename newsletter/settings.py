"""Every setting of the product: read once, from `newsletter.toml` and the environment, and then frozen."""

import os
import re
import secrets
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

#: Where `newsletter` looks for its file unless `--config` names another.
DEFAULT_FILE = Path("newsletter.toml")

#: Names the settings file for processes that have no command line of ours: flows and servers.
CONFIG_VARIABLE = "NEWSLETTER_CONFIG"

#: A key shorter than this can be guessed (NIST SP 800-107: at least the output length of the hash, 32 octets).
KEY_BYTES = 32


class SettingsError(Exception):
    """A setting is wrong; the message names it, shows the value, says what would do."""


class Settings(BaseSettings):
    """What the product is told from outside. Relative paths are relative to the working directory."""

    model_config = SettingsConfigDict(env_prefix="NEWSLETTER_", frozen=True, extra="forbid")

    home: Path = Field(Path("var"), description="Folder for everything the product writes.")
    database_url: str = Field("", description="sqlite:///FILE or postgresql://...; empty: store.db in home.")
    public_url: str = Field("https://news.example.org", description="Address of the public site, as readers see it.")

    newsletter: str = Field("beauty", pattern=r"^[a-z0-9][a-z0-9-]{0,40}$", description="Short name, used in keys.")
    title: str = Field("Beauty resources, tips, and news", min_length=1, max_length=120)
    tagline: str = Field("", max_length=160, description="One line under the name, on pages and in feeds.")
    hub_url: str = Field("", description="WebSub hub that is told when a feed changes; empty: none.")
    rhythm: Literal["daily", "weekly", "monthly"] = Field("weekly", description="How often an edition is due.")
    zone: str = Field("Europe/London", description="IANA time zone that decides which day and week it is.")
    language: str = Field("en", description="Language of the newsletter's own words.")
    minimum_stories: Annotated[int, Field(ge=1)] = Field(1, description="A thinner edition is held.")
    maximum_stories: Annotated[int, Field(ge=1)] = Field(12, description="The rest waits for the next edition.")

    from_name: str = Field("Beauty News", description="Sender's name in From.")
    from_address: str = Field("hello@news.example.org", description="Sender's address in From.")
    bounce_domain: str = Field("bounces.news.example.org", description="Domain of the envelope sender.")
    postal_address: str = Field("", description="Postal address in every mail's footer; the law asks for one.")

    smtp_host: str = Field("localhost", description="Mail server that takes our messages.")
    smtp_port: Annotated[int, Field(ge=1, le=65535)] = 25
    smtp_security: Literal["none", "starttls", "tls"] = "none"
    smtp_username: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_password_file: Path | None = None
    smtp_connections: Annotated[int, Field(ge=1, le=200)] = 10
    smtp_timeout: Annotated[float, Field(gt=0)] = Field(60.0, description="Seconds to wait for the mail server.")
    send_rate: Annotated[float, Field(ge=0)] = Field(0.0, description="Messages a second at most; 0: no limit.")
    hold_minutes: Annotated[int, Field(ge=0, le=60)] = Field(0, description="Time to say stop before the first mail.")
    journal_fsync: bool = Field(False, description="Whether a loss of power leaves nobody uncertain; slower.")
    dkim_key_files: tuple[Path, ...] = Field((), description="PEM keys that sign each mail; empty: the relay signs.")
    dkim_selectors: tuple[str, ...] = Field((), description="Selector of each key, in the same order.")
    local_hours: bool = Field(True, description="Whether mail leaves at each reader's own hour.")
    on_uncertain: Literal["hold", "resend"] = Field("hold", description="What to do when a reply never came.")

    source_secrets: dict[str, SecretStr] = Field(
        {}, description='By source, as JSON: WordPress "user:application password", Ghost the Content API key.'
    )
    fetch_loopback: bool = Field(False, description="Let sources on this machine be read: for trials only.")

    similarity: Literal["lexical", "semantic"] = Field(
        "lexical", description="semantic: repeats in other words are found too, with the extra of that name."
    )
    edition_approval: Literal["automatic", "person"] = Field(
        "automatic", description="automatic: an edition of approved articles that nothing holds goes out by itself."
    )
    bounce_maildir: Path | None = Field(None, description="Maildir in which bounces and complaints arrive.")
    behind_proxy: bool = Field(False, description="Whether a proxy of ours says in X-Forwarded-For who asks.")
    console_url: str = Field("http://127.0.0.1:8100", description="Address of the console, as staff see it.")
    second_person_above: Annotated[int, Field(ge=0)] = Field(
        0, description="An edition for more people than this is approved by another than its last editor; 0: never."
    )
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
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("takes an IANA time zone such as Europe/London") from error
        return zone

    @field_validator("public_url", "hub_url", "console_url")
    @classmethod
    def _web_address(cls, url: str, info: ValidationInfo) -> str:
        if not url and info.field_name == "hub_url":
            return url
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("takes a web address such as https://news.example.org")
        return url.rstrip("/")

    @field_validator("from_address")
    @classmethod
    def _mail_address(cls, address: str) -> str:
        if not re.fullmatch(r"[^@\s<>\"(),:;\\]+@[A-Za-z0-9.-]+\.[A-Za-z0-9-]+", address):
            raise ValueError("takes one mail address such as hello@news.example.org")
        return address

    @field_validator("newsletter", "title", "tagline", "from_name", "postal_address")
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
    def store_url(self) -> str:
        """Return the database's URL, the embedded one unless another is set."""
        return self.database_url or f"sqlite:///{(self.home / 'store.db').as_posix()}"

    def password(self) -> str:
        """Return the mail server's password, from the environment or from the file that is named.

        Raises:
            SettingsError: The file cannot be read.
        """
        if self.smtp_password_file is None:
            return self.smtp_password.get_secret_value()
        try:
            return self.smtp_password_file.read_text().strip()
        except OSError as error:
            raise SettingsError(f"smtp_password_file {str(self.smtp_password_file)!r}: {error.strerror}") from error

    def key(self) -> bytes:
        """Return the key that signs personal links; the first call on a new machine makes it.

        Raises:
            SettingsError: The file cannot be read or made, or holds too little.
        """
        path = self.key_file or self.home / "key"
        try:
            if self.key_file is None and not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch(mode=0o600, exist_ok=False)
                path.write_text(secrets.token_hex(KEY_BYTES))
            key = path.read_text().strip().encode()
        except OSError as error:
            raise SettingsError(f"the key file {str(path)!r} cannot be used: {error.strerror}") from error
        if len(key) < KEY_BYTES:
            raise SettingsError(f"the key file {str(path)!r} holds {len(key)} characters; it needs {KEY_BYTES} or more")
        return key


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
