"""A secret is kept whole or not at all, for its owner alone; of two who make it at once the first wins."""

import stat
from pathlib import Path

import pytest

from newsletter.keeping import keep, keep_first
from newsletter.settings import Settings, SettingsError
from tests.newsletter.disks import full_disk


def test_a_secret_is_its_owners_alone_and_the_first_stays(tmp_path: Path) -> None:
    file = tmp_path / "new" / "key"

    keep_first(file, "one")
    keep_first(file, "two")

    assert file.read_text() == "one"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    keep(file, "three")
    assert file.read_text() == "three"
    assert [path.name for path in file.parent.iterdir()] == ["key"]


def test_on_a_full_disk_the_old_secret_stays_and_no_half_one_is_left(tmp_path: Path) -> None:
    file = tmp_path / "key"
    keep(file, "the old one")

    with full_disk(3):
        with pytest.raises(OSError, match="File too large"):
            keep(file, "the new one")
        with pytest.raises(OSError, match="File too large"):
            keep_first(tmp_path / "other", "another one")

    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"key": "the old one"}


def test_a_signing_key_that_could_not_be_made_is_made_when_there_is_room(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)

    with full_disk(), pytest.raises(SettingsError, match="cannot be used: File too large"):
        settings.key()

    assert len(settings.key()) == 64
