"""A wrong setting is one line: the name, the value, what would do."""

from datetime import timedelta
from pathlib import Path

import pytest

from newsletter.settings import _PATHS, Settings, SettingsError, load
from newsletter.wiring import open_house


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_defaults_stand_alone() -> None:
    assert load().store_url == "sqlite:///var/store.db"


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "newsletter.toml").write_text('title = "From the file"\nsmtp_port = 2525\n')
    monkeypatch.setenv("NEWSLETTER_TITLE", "From outside")

    settings = load()

    assert (settings.title, settings.smtp_port) == ("From outside", 2525)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("smtp_timeout", "soon", "smtp_timeout: .* got 'soon'"),
        ("smtp_timeout", "0", "smtp_timeout: .*greater than 0, got '0'"),
        ("smtp_port", "65536", "smtp_port: .* got '65536'"),
        ("zone", "Mars/Olympus", "zone: takes an IANA time zone such as Europe/London, got 'Mars/Olympus'"),
        ("zone", "../etc/passwd", "zone: takes an IANA time zone"),
        ("public_url", "news.example.org", "public_url: takes a web address"),
        ("from_address", "Ann <a@example.org>", "from_address: takes one mail address"),
        ("title", "Beauty\r\nBcc: x@example.org", "title: takes one line"),
        ("newsletter", "Beauty News", "newsletter: .* got 'Beauty News'"),
        ("logo_image", "logo.png", "logo_image: takes an https address of an image, got 'logo.png'"),
        ("text_font", "x;}", "text_font: takes font names"),
        ("light_colours", '{"brand": "#000000"}', "light_colours: 'brand' is no colour of ours"),
        ("light_colours", '{"accent": "#ff66aa"}', "light_colours: accent on paper has a contrast of 2.7; needs 4.5"),
        ("dark_colours", '{"paper": "#ffffff"}', "dark_colours: the paper of the dark scheme must be dark"),
    ],
)
def test_a_wrong_value_is_named_with_what_would_do(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"NEWSLETTER_{name.upper()}", value)

    with pytest.raises(SettingsError, match=said):
        load()


def test_an_unknown_setting_is_refused(tmp_path: Path) -> None:
    (tmp_path / "newsletter.toml").write_text("colour = 'red'\n")

    with pytest.raises(SettingsError, match="colour is no setting"):
        load()


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "newsletter.toml").write_text("title = \n")

    with pytest.raises(SettingsError, match=r"newsletter\.toml"):
        load()


def test_a_missing_file_is_named() -> None:
    with pytest.raises(SettingsError, match=r"elsewhere\.toml.*newsletter init"):
        load(Path("elsewhere.toml"))


def test_the_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)

    assert settings.key() == settings.key()
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "short").write_text("abc")

    with pytest.raises(SettingsError, match="holds 3 characters"):
        Settings(key_file=tmp_path / "short").key()


def test_no_secret_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSLETTER_SMTP_PASSWORD", "hunter2")

    settings = load()

    assert "hunter2" not in repr(settings)
    assert settings.password() == "hunter2"


def test_flows_and_servers_find_the_file_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other.toml").write_text('title = "Another"\n')
    monkeypatch.setenv("NEWSLETTER_CONFIG", str(tmp_path / "other.toml"))

    assert load().title == "Another"


def test_a_lease_lasts_as_long_as_is_set(tmp_path: Path) -> None:
    with open_house(Settings(home=tmp_path, lease_seconds=90)) as house:
        assert house.ledger.lease == timedelta(seconds=90)


def test_paths_in_a_named_file_are_meant_from_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "newsletter.toml").write_text(
        'home = "var"\nkey_file = "/etc/key"\nsmtp_password_file = "secret"\ndatabase_url = "sqlite:///a/store.db"\n'
        'dkim_key_files = ["dkim.pem"]\ndkim_selectors = ["s"]\n'
    )
    monkeypatch.setenv("NEWSLETTER_MAIL_FOLDER", "outbox")  # from the environment: as it stands
    monkeypatch.chdir(tmp_path)

    given = load(folder / "newsletter.toml")

    assert (given.home, given.key_file, given.mail_folder) == (folder / "var", Path("/etc/key"), Path("outbox"))
    assert given.smtp_password_file == folder / "secret"
    assert given.dkim_key_files == (folder / "dkim.pem",)
    assert given.store_url == f"sqlite:///{folder}/a/store.db"


def test_every_setting_that_is_a_path_is_meant_so() -> None:
    paths = {name for name, field in Settings.model_fields.items() if field.annotation in {Path, Path | None}}

    assert paths == _PATHS
