"""Colours, fonts and the logo that staff set reach every output: mail, archive, letters, the pages people act on."""

from pathlib import Path

from starlette.testclient import TestClient

from newsletter.publishing import look_of
from newsletter.rendering.email import render_email
from newsletter.settings import load
from newsletter.storage.engine import migrate, open_engine
from newsletter.syndicating import write_site
from newsletter.web.public import PublicSite, create_public_app
from tests.builders import MONDAY
from tests.editions import full_edition
from tests.newsletter.site import KEYS, Town

SETTINGS = """
title = "The Quiet Shelf"
postal_address = "1 Rose Lane, London"
logo_text = "TQS"
logo_image = "https://cdn.example.org/logo.png"
logo_width = 120
display_font = "Didot,Georgia,serif"

[light_colours]
accent = "#006030"

[dark_colours]
accent = "#80e0b0"
"""
LOGO = '<img src="https://cdn.example.org/logo.png" alt="TQS" width="120"'


def test_one_look_dresses_everything(tmp_path: Path) -> None:
    (tmp_path / "newsletter.toml").write_text(SETTINGS)
    look = look_of(load(tmp_path / "newsletter.toml"))

    mail = render_email(full_edition(), look).html
    write_site(tmp_path / "site", [full_edition()], look)
    pages, sheet = pages_of(tmp_path, look)

    archive = (tmp_path / "site/index.html").read_text()
    assert LOGO in mail
    assert LOGO in archive
    assert '<a class="name" href="/">TQS</a>' in pages  # their policy loads no image from elsewhere
    for style in (mail, (tmp_path / "site/style.css").read_text(), sheet):
        for value in ("#006030", "#80e0b0", "Didot,Georgia,serif"):
            assert value in style
        assert "#9b2c4d" not in style


def pages_of(folder: Path, look) -> tuple[str, str]:
    """Return the sign-up page of a site with this look, and its style sheet."""
    engine = open_engine(f"sqlite:///{folder}/store.db")
    migrate(engine)
    town = Town(engine, folder / "site")
    site = PublicSite(
        store=town.people,
        keys=KEYS,
        mailing_list="beauty",
        title=look.name,
        public_url=look.site_url,
        contact="privacy@news.example.org",
        folder=folder / "site",
        clock=lambda: MONDAY,
        look=look,
    )
    browser = TestClient(create_public_app(site), base_url=look.site_url)
    page = browser.get("/subscribe").text
    sheet = page.partition('<link rel="stylesheet" href="')[2].partition('"')[0]
    text = browser.get(sheet).text
    engine.dispose()
    return page, text
