"""An edition is made once per period, of approved revisions, and held when a person has something to decide."""

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from lxml import etree

from content.approvals import Decision
from content.articles import Article, Block, BlockKind
from newsletter.publishing import BY_RULE, PublishingError, approve, draft, find, flags, retell, told
from newsletter.releasing import release
from newsletter.scheduling import SchedulingError, finish, stop
from newsletter.settings import Settings
from newsletter.storage.acceptances import Acceptance
from newsletter.storage.editions import EditionState
from newsletter.storage.sources import SourceRecord
from newsletter.wiring import House, open_house, publish_site
from subscribers.people import Reason, SubscriptionState, Suppression
from tests.builders import IN_CI, MONDAY, make_approval, make_article, make_subscriber, paragraph
from tests.editions import image, linked
from tests.newsletter.hostile import ok, serve

KEY = "beauty-weekly-2026-W48"
SCARS = make_article("scars.md", paragraph("Acne scars fade slowly."), title="Scars")
LINES = make_article("lines.md", paragraph("Fine lines soften with time."), title="Lines")


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, database_url=database_url, postal_address="1 Example Street")


@pytest.fixture
def house(settings: Settings) -> Iterator[House]:
    with open_house(settings) as house:
        people = [make_subscriber("ada"), make_subscriber("bea")]
        house.people.add(people, "beauty", MONDAY, SubscriptionState.CONFIRMED)
        yield house


def _approve(house: House, *articles: Article) -> None:
    house.articles.record(articles, MONDAY)
    house.articles.decide(make_approval(a) for a in articles)


def test_approved_articles_become_an_edition_that_nothing_holds(house: House) -> None:
    _approve(house, SCARS, LINES)

    record = draft(house, MONDAY)

    assert record
    assert (record.edition.key, record.state, record.reason) == (KEY, EditionState.APPROVED, "")
    assert {s.article for s in record.edition.stories} == {"scars.md", "lines.md"}
    assert record.approved_by.startswith("rule:")


def test_without_an_approved_article_there_is_nothing_to_say(house: House) -> None:
    house.articles.record([SCARS], MONDAY)

    assert draft(house, MONDAY) is None
    assert house.editions.all() == ()


def test_publishing_twice_does_nothing_the_second_time(house: House) -> None:
    _approve(house, SCARS)
    first = draft(house, MONDAY)

    _approve(house, LINES)
    second = draft(house, MONDAY + timedelta(days=2))

    assert first == second


def test_an_article_is_told_once(house: House) -> None:
    _approve(house, SCARS)
    draft(house, MONDAY)
    _approve(house, LINES)

    record = draft(house, MONDAY + timedelta(weeks=1))

    assert record
    assert [s.article for s in record.edition.stories] == ["lines.md"]


def test_what_is_too_much_for_one_edition_waits_for_the_next(house: House, settings: Settings) -> None:
    _approve(house, *(make_article(f"{n}.md", paragraph(f"Text {n}."), title=f"T{n}") for n in range(14)))

    first, second = draft(house, MONDAY), draft(house, MONDAY + timedelta(weeks=1))

    assert first
    assert second
    assert [len(first.edition.manifest.revisions), len(second.edition.manifest.revisions)] == [12, 2]


CLASH = (
    make_article(
        "a.md", paragraph("Wait 24 hours before you wear make-up after microneedling."), title="Microneedling"
    ),
    make_article(
        "b.md", paragraph("Wait 72 hours before you wear make-up after microneedling."), title="Microneedling"
    ),
)


@pytest.mark.parametrize(
    ("changes", "articles", "reason"),
    [
        ({}, CLASH, "1 pair of sentences contradicts itself"),
        ({"postal_address": ""}, (SCARS,), "there is no postal address in the footer"),
        ({"minimum_stories": 2}, (SCARS,), "it has 1 story, minimum_stories is 2"),
        ({"edition_approval": "person"}, (SCARS,), "waits for a person's approval"),
    ],
    ids=["contradiction", "no address", "thin", "person"],
)
def test_what_a_person_must_decide_holds_the_edition(
    settings: Settings, changes: dict[str, object], articles: tuple[Article, ...], reason: str
) -> None:
    with open_house(settings.model_copy(update=changes)) as house:
        _approve(house, *articles)

        record = draft(house, MONDAY)

        assert record
        assert record.state is EditionState.HELD
        assert reason in record.reason
        with pytest.raises(PublishingError, match="held, not approved"):
            release(house, KEY, MONDAY)


def test_an_editor_may_approve_what_waits_for_a_person_or_is_thin(settings: Settings) -> None:
    with open_house(settings.model_copy(update={"edition_approval": "person", "minimum_stories": 2})) as house:
        _approve(house, SCARS)
        draft(house, MONDAY)

        assert approve(house, KEY, by="Ines", now=MONDAY).approved_by == "Ines"
        # Her three-word story fills no preheader; that is accepted beforehand.
        assert [(a.rule, a.by) for a in house.acceptances.of(KEY)] == [("preheader", "Ines")]


def test_a_blocker_stops_an_approval_whatever_is_accepted(settings: Settings) -> None:
    with open_house(settings.model_copy(update={"postal_address": ""})) as house:
        _approve(house, SCARS)
        draft(house, MONDAY)

        with pytest.raises(PublishingError, match=f"{KEY} cannot be approved: there is no postal address"):
            approve(house, KEY, by="Ines", now=MONDAY, accept=["sender"])
        assert find(house, KEY).state is EditionState.HELD


def test_a_warning_is_accepted_by_the_name_of_its_rule_and_it_is_kept_who_did_so_and_when(house: House) -> None:
    _approve(house, *CLASH)
    draft(house, MONDAY)

    with pytest.raises(PublishingError, match=r"contradictions warns: two articles disagree.*--accept contradictions$"):
        approve(house, KEY, by="Ines", now=MONDAY, accept=["links"])
    with pytest.raises(PublishingError, match="there is no rule 'everything'"):
        approve(house, KEY, by="Ines", now=MONDAY, accept=["everything"])
    assert house.acceptances.of(KEY) == ()
    later = MONDAY + timedelta(hours=1)
    approve(house, KEY, by="Ines", now=later, accept=["contradictions"])

    (accepted,) = house.acceptances.of(KEY)
    assert (accepted.rule, accepted.by, accepted.at) == ("contradictions", "Ines", later)
    assert accepted.message.startswith("two articles disagree: 'Wait 24 hours")


PLAIN_HTTP = make_article(
    "plain.md", linked("Read the old study before you begin.", "old study", "http://old.example.org/"), title="Old"
)


def test_an_automatic_approval_accepts_what_the_settings_name_and_says_so(house: House) -> None:
    _approve(house, PLAIN_HTTP)

    record = draft(house, MONDAY)

    assert record
    assert record.state is EditionState.APPROVED
    (accepted,) = house.acceptances.of(KEY)
    assert accepted == Acceptance(
        rule="links", message="the link http://old.example.org/ is not on https", by=BY_RULE, at=MONDAY
    )


def test_a_warning_that_nobody_has_accepted_holds_an_edition(settings: Settings) -> None:
    with open_house(settings.model_copy(update={"accepted_warnings": ("preheader",)})) as house:
        _approve(house, PLAIN_HTTP)

        record = draft(house, MONDAY)

        assert record
        assert (record.state, record.reason) == (
            EditionState.HELD,
            "links warns: the link http://old.example.org/ is not on https; to accept what warns: --accept links",
        )
        assert house.acceptances.of(KEY) == ()
        approve(house, KEY, by="Ines", now=MONDAY, accept=["links"])
        assert [a.by for a in house.acceptances.of(KEY)] == ["Ines"]


def test_what_was_accepted_of_a_draft_is_forgotten_with_it(house: House) -> None:
    _approve(house, *CLASH)
    draft(house, MONDAY)
    approve(house, KEY, by="Ines", now=MONDAY, accept=["contradictions"])
    house.articles.record([make_article("a.md", paragraph("Wait a day."), title="Microneedling")], MONDAY)
    with pytest.raises(PublishingError, match="is held"):
        release(house, KEY, MONDAY)

    draft(house, MONDAY, again=True)

    assert house.acceptances.of(KEY) == ()


@pytest.mark.skipif(shutil.which("spamassassin") is None and not IN_CI, reason="SpamAssassin is not installed")
def test_a_spam_filter_is_asked_before_an_edition_is_approved(settings: Settings) -> None:
    shout = make_article(
        "viagra.md",
        paragraph("CHEAP VIAGRA AND CIALIS! 100% FREE $$$ MAKE MONEY FAST! " * 8),
        title="V1AGRA",
    )
    asking = {"spam_filter": "spamassassin"}
    with open_house(settings.model_copy(update=asking)) as house:
        _approve(house, SCARS)
        assert draft(house, MONDAY).state is EditionState.APPROVED  # type: ignore[union-attr]
    with open_house(settings.model_copy(update=asking)) as house:
        _approve(house, shout)

        record = draft(house, MONDAY + timedelta(days=7))

    assert record
    assert record.state is EditionState.HELD
    assert "a spam filter gives it" in record.reason


def test_the_audience_is_frozen_once_with_its_exclusions(house: House) -> None:
    _approve(house, SCARS)
    draft(house, MONDAY)
    house.people.suppress(Suppression("bea@example.org", Reason.COMPLAINED, MONDAY))

    tally = release(house, KEY, MONDAY)
    house.people.add([make_subscriber("cyd")], "beauty", MONDAY, SubscriptionState.CONFIRMED)
    again = release(house, KEY, MONDAY)

    assert tally == again
    assert (tally.candidates, tally.pending, dict(tally.excluded)) == (2, 1, {"complained": 1})


@pytest.mark.parametrize("what", ["edit", "withdrawal"])
def test_a_change_after_approval_drops_the_edition_back_and_names_it(house: House, what: str) -> None:
    _approve(house, SCARS)
    draft(house, MONDAY)
    if what == "edit":
        house.articles.record([make_article("scars.md", paragraph("Acne scars fade slowly!"), title="Scars")], MONDAY)
    else:
        house.articles.decide([make_approval(SCARS, Decision.WITHDRAWN)])

    with pytest.raises(PublishingError, match=r"held: 'scars\.md' was withdrawn or edited"):
        release(house, KEY, MONDAY)

    assert find(house, KEY).state is EditionState.HELD
    assert told(house) == ()
    with pytest.raises(PublishingError, match="draft --again"):
        approve(house, KEY, by="Ines", now=MONDAY)


def test_a_held_edition_is_made_anew_on_request(house: House) -> None:
    _approve(house, SCARS)
    draft(house, MONDAY)
    _approve(house, make_article("scars.md", paragraph("Acne scars fade slowly!"), title="Scars"))
    with pytest.raises(PublishingError):
        release(house, KEY, MONDAY)

    record = draft(house, MONDAY, again=True)

    assert record
    assert record.state is EditionState.APPROVED
    assert release(house, KEY, MONDAY).candidates == 2


def test_a_cancelled_edition_frees_its_articles_and_stops_its_messages(house: House) -> None:
    _approve(house, SCARS)
    draft(house, MONDAY)
    release(house, KEY, MONDAY)

    stopped = stop(house, KEY, by="ines", now=MONDAY, reason="wrong week")

    assert stopped == 2
    assert house.ledger.tally(KEY).withdrawn == 2
    later = draft(house, MONDAY + timedelta(weeks=1))
    assert later
    assert [s.article for s in later.edition.stories] == ["scars.md"]


def test_an_edition_is_sent_when_nobody_is_left(house: House) -> None:
    _approve(house, SCARS)
    draft(house, MONDAY)
    assert not finish(house, KEY, MONDAY)
    release(house, KEY, MONDAY)
    assert not finish(house, KEY, MONDAY)

    house.ledger.stop(KEY, "test")

    assert finish(house, KEY, MONDAY)
    assert find(house, KEY).state is EditionState.SENT
    with pytest.raises(SchedulingError, match=r"is sent by the dispatcher at .*; stop is not possible from there"):
        stop(house, KEY, by="ines", now=MONDAY, reason="too late")


def test_an_edition_that_is_not_there_is_named(house: House) -> None:
    with pytest.raises(PublishingError, match="no edition 'nothing'"):
        find(house, "nothing")
    with pytest.raises(PublishingError, match="no edition yet"):
        find(house, "")


def test_with_four_eyes_whoever_approved_an_article_does_not_approve_the_edition(settings: Settings) -> None:
    with open_house(settings.model_copy(update={"four_eyes": True})) as house:
        _approve(house, SCARS, LINES)
        record = draft(house, MONDAY)
        assert record
        assert record.reason == "it waits for a person who has approved none of its articles, as four_eyes says"

        with pytest.raises(PublishingError, match=r"ines has approved '\w+\.md' in it; with four_eyes somebody else"):
            approve(house, KEY, by=" ines ", now=MONDAY)

        assert approve(house, KEY, by="Zoe", now=MONDAY).approved_by == "Zoe"


@pytest.mark.parametrize("holds", [True, False], ids=["holds", "does not"])
def test_a_source_that_fails_holds_an_edition_only_if_it_is_set_so(house: House, holds: bool) -> None:
    house.sources.add(SourceRecord(name="blog", kind="feed", location="x", added_at=MONDAY, holds=holds))
    house.sources.failed("blog", "it does not answer", MONDAY)
    _approve(house, SCARS)

    record = draft(house, MONDAY)

    assert record
    words = "the source 'blog' fails, and editions wait for it: it does not answer"
    assert (record.state, record.reason) == ((EditionState.HELD, words) if holds else (EditionState.APPROVED, ""))
    house.sources.succeeded("blog", {}, MONDAY)
    again = draft(house, MONDAY, again=True)
    assert again
    assert again.state is EditionState.APPROVED


def test_in_place_of_a_picture_that_no_mail_can_show_stand_its_words(settings: Settings) -> None:
    with serve({"/photo": ok(b"<!doctype html><title>Sign in</title>")}) as site:
        picture = Block(BlockKind.IMAGE, "Rain on a window", src=f"{site.url}/photo")
        looking = settings.model_copy(update={"check_links": True, "fetch_loopback": True})
        with open_house(looking) as house:
            _approve(house, make_article("rain.md", picture, paragraph("It rains."), title="Rain"))
            record = draft(house, MONDAY)

            assert record
            again = retell(house, record.edition, [revision for _, revision in record.edition.manifest.revisions])

    assert again == record.edition
    assert [b.kind for b in record.edition.stories[0].blocks] == [BlockKind.PARAGRAPH, BlockKind.PARAGRAPH]
    assert json.loads(record.folding)["pictures"] == {
        f"{site.url}/photo": "is a page, not a picture: a sign-in or an error stands in its place"
    }


def test_what_became_of_its_articles_is_flagged_before_anything_leaves(house: House) -> None:
    """Rows A39 and A42: edited since, gone from the source, the source disabled."""
    edited, gone, off = (
        make_article(f"{name}.md", paragraph(f"{name} costs 19 euros."), title=name, source=name)
        for name in ("edited", "gone", "off")
    )
    _approve(house, edited, gone, off)
    record = draft(house, MONDAY)
    assert record
    assert flags(house, record) == ()

    house.articles.record([make_article("edited.md", paragraph("edited costs 29 euros."), title="edited")], MONDAY)
    house.articles.note_gone(["gone.md"], MONDAY)
    house.sources.add(SourceRecord(name="off", kind="feed", location="x", added_at=MONDAY))
    house.sources.disable("off", "Zoe said so")

    assert flags(house, record) == (
        "'edited.md' was withdrawn or edited since",
        "'gone.md' is gone from its source since 23 Nov 2026",
        "the source 'off' of 'off.md' is disabled: Zoe said so",
    )


def test_links_and_images_are_looked_at_first_where_the_setting_says_so(settings: Settings) -> None:
    bottle = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (600).to_bytes(4) + (400).to_bytes(4)
    with serve({"/serum.png": ok(bottle.ljust(1000, b"x"))}) as site:
        shown = make_article(
            "shown.md",
            image("A glass bottle", f"{site.url}/serum.png"),
            linked("Read the lost study before you begin.", "lost study", f"{site.url}/lost"),
            title="Shown",
        )
        looking = settings.model_copy(update={"check_links": True, "fetch_loopback": True})
        with open_house(looking) as house:
            _approve(house, shown)

            draft(house, MONDAY)
            publish_site(house)

            assert f"the link {site.url}/lost is dead" in " ".join(a.message for a in house.acceptances.of(KEY))
            feed = etree.parse(house.settings.home / "site/feeds/all.rss")
            assert [e.get("length") for e in feed.iterfind(".//enclosure")] == ["1000"]
