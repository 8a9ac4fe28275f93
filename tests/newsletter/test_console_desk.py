"""What staff do in the console counts for what they saw; whoever was faster is named, and nothing of theirs is lost."""

import re
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from content.articles import Block, BlockKind, Mark, MarkKind
from content.clusters import Ruling, RulingKind
from content.compositions import AS_IT_COMES, Composition, moved
from newsletter.approving import Choice, Seen, decide_seen
from newsletter.publishing import EVERYBODY, ComposedElsewhereError, PublishingError, compose, draft, find
from newsletter.releasing import release
from newsletter.storage.editions import EditionState
from newsletter.storage.staff import Role
from newsletter.web.console.charts import Bar, bars
from tests.builders import heading, make_article, paragraph
from tests.newsletter.desks import serving_feed
from tests.newsletter.office import AT_HOME, NEEDLING, REWORDED, Browser, Office, needling, said

KEY = "beauty-weekly-2026-W48"


@pytest.fixture
def office(engine: Engine, tmp_path: Path) -> Office:
    made = Office(engine, tmp_path)
    made.hire("Ines", Role.ADMIN)
    made.subscribe("ada", "bob")
    return made


@pytest.fixture
def ines(office: Office) -> Browser:
    return office.sign_in("Ines")


def test_a_decision_counts_for_the_wording_that_was_seen(office: Office) -> None:
    office.bring(NEEDLING)
    seen = Seen(NEEDLING.revision, "pending")
    edited = needling("needling.md", "Microneedling for acne scars", paragraph("Edited."))
    office.bring(edited)

    decided = decide_seen(office.house.articles, [seen], Choice.APPROVE, by="Ines", note="", now=office.now)

    assert decided.new == ()
    assert "was edited at its source" in decided.refused[0]


def test_what_somebody_else_decided_meanwhile_stays(office: Office) -> None:
    office.bring(NEEDLING)
    seen, store = Seen(NEEDLING.revision, "pending"), office.house.articles
    decide_seen(store, [seen], Choice.REJECT, by="Paul", note="too long", now=office.now)

    decided = decide_seen(store, [seen], Choice.APPROVE, by="Ines", note="", now=office.now)

    assert decided.new == ()
    assert "Paul has rejected it since" in decided.refused[0]
    assert [s.word for s in store.standings()] == ["rejected"]


def test_a_bulk_decision_is_taken_back_as_a_whole(office: Office, ines: Browser) -> None:
    office.bring(NEEDLING, AT_HOME)
    chosen = [f"{a.revision}:pending" for a in (NEEDLING, AT_HOME)]

    answer = ines.post("/articles", chosen=chosen, do="approve", back="/articles")
    line = re.search(r'name="line" value="(\d+)"', answer.text)
    assert said(answer).startswith("2 articles approved.")
    assert line

    assert said(ines.post("/undo", line=line[1])) == "Taken back: 2 articles waiting again."
    assert {s.word for s in office.house.articles.standings()} == {"pending"}


def test_only_a_decision_about_articles_is_taken_back_so(office: Office, ines: Browser) -> None:
    for line in ("1", "999", "x", ""):
        assert "cannot be taken back" in said(ines.post("/undo", line=line))


def test_a_ruling_on_a_group_holds_and_the_later_one_counts(office: Office, ines: Browser) -> None:
    office.bring(NEEDLING, REWORDED, approved=True)
    page = ines.get("/duplicates").text
    group = re.search(r"/duplicates/([0-9a-f]{16})", page)
    assert group
    shown = ines.get(f"/duplicates/{group[1]}").text
    members = {title: id for id, title in re.findall(r'name="keep" value="([^"]+)"[^>]*> <span>([^,]+),', shown)}
    assert set(members) == {NEEDLING.title, REWORDED.title}

    left, right = members.values()
    for title in (REWORDED.title, NEEDLING.title):
        answer = ines.post(f"/duplicates/{group[1]}", left=left, right=right, keep=members[title], do="keep")
        assert said(answer).startswith(f"The wording of “{title}” is printed")
        assert f"Printed: “{title}”" in ines.get(f"/duplicates/{group[1]}").text

    ines.post(f"/duplicates/{group[1]}", left=left, right=right, do="split")
    assert office.house.rulings.in_force()[-1].kind is RulingKind.DIFFERENT
    assert f"/duplicates/{group[1]}" not in ines.get("/duplicates").text


def test_between_the_very_same_words_there_is_nothing_to_choose(office: Office, ines: Browser) -> None:
    office.bring(NEEDLING, AT_HOME, approved=True)
    group = re.search(r"/duplicates/([0-9a-f]{16})", ines.get("/duplicates").text)
    assert group
    shown = ines.get(f"/duplicates/{group[1]}").text
    (keep,) = re.findall(r'name="keep" value="([^"]+)"', shown)

    assert "All 2 say exactly this" in shown
    assert "not duplicates</button>" not in shown
    answer = ines.post(f"/duplicates/{group[1]}", left="", right="", keep=keep, do="keep")
    assert said(answer).startswith("Settled: the same words are printed once.")
    assert "Decided 1" in answer.text


def test_sentences_that_contradict_each_other_are_settled(office: Office, ines: Browser) -> None:
    one = make_article(
        "a.md", heading("Aftercare"), paragraph("Avoid sunscreen for 24 hours after microneedling."), title="Needles A"
    )
    other = make_article(
        "b.md", heading("Aftercare"), paragraph("Avoid sunscreen for 72 hours after microneedling."), title="Needles B"
    )
    office.bring(one, other, approved=True)
    page = ines.get("/duplicates").text
    (group,) = re.findall(r"/duplicates/([0-9a-f]{16})", page)
    shown = ines.get(f"/duplicates/{group}").text
    a, b = (re.search(rf'name="{n}" value="([^"]+)"', shown)[1] for n in "ab")  # type: ignore[index]

    assert said(ines.post("/duplicates/sentences", a=a, b=b, do="b")).startswith("Settled")
    assert office.house.rulings.in_force() == (Ruling(RulingKind.PREFER, b, a),)


def test_an_edition_follows_what_was_composed(office: Office) -> None:
    office.bring(NEEDLING, AT_HOME, approved=True)
    draft(office.house, office.now, by_hand=True)
    wish = Composition(order=("home.md",), subject="Needles", preheader="At last", intro="One.\n\nTwo <b>.")

    record = compose(office.house, KEY, wish, after=0, by="Ines", now=office.now)

    assert [s.article for s in record.edition.stories] == ["home.md"]
    assert record.edition.subject == record.edition.title == "Needles"
    assert record.state is EditionState.HELD
    rendering = office.house.editions.rendering(KEY, EVERYBODY)
    assert rendering
    assert "Two &lt;b&gt;." in rendering.html
    assert "Two <b>." in rendering.text
    again = draft(office.house, record.created_at, again=True)
    assert again
    assert again.edition == record.edition


def test_composing_an_approved_edition_takes_the_approval_back(office: Office) -> None:
    office.bring(NEEDLING, approved=True)
    record = draft(office.house, office.now)
    assert record
    assert record.state is EditionState.APPROVED

    record = compose(office.house, KEY, Composition(subject="Other"), after=0, by="Ines", now=office.now)

    assert record.state is EditionState.HELD
    release_fails = pytest.raises(PublishingError, match="held, not approved")
    with release_fails:
        release(office.house, KEY, office.now)


def test_of_two_who_compose_the_second_is_told(office: Office, ines: Browser) -> None:
    office.bring(NEEDLING, approved=True)
    ines.post("/digests")
    compose(office.house, KEY, Composition(subject="Mia's"), after=0, by="Mia", now=office.now)

    with pytest.raises(ComposedElsewhereError, match="Mia"):
        compose(office.house, KEY, Composition(subject="Ines'"), after=0, by="Ines", now=office.now)
    answer = ines.post(f"/digests/{KEY}", version="0", do="save", subject="My own words", preheader="", intro="")

    assert answer.status_code == 409
    assert "Mia saved this digest" in answer.text
    assert 'value="My own words"' in answer.text
    assert office.house.compositions.latest(KEY).composition.subject == "Mia's"


def test_an_edition_keeps_at_least_one_story(office: Office) -> None:
    office.bring(NEEDLING, approved=True)
    draft(office.house, office.now)

    with pytest.raises(PublishingError, match="at least one"):
        compose(office.house, KEY, Composition(order=("gone.md",)), after=0, by="Ines", now=office.now)
    assert office.house.compositions.latest(KEY).composition == AS_IT_COMES


def test_what_is_on_its_way_is_not_composed(office: Office) -> None:
    office.bring(NEEDLING, approved=True)
    draft(office.house, office.now)
    release(office.house, KEY, office.now)

    with pytest.raises(PublishingError, match="on its way"):
        compose(office.house, KEY, Composition(subject="Late"), after=0, by="Ines", now=office.now)


def test_a_second_person_approves_what_the_first_composed(engine: Engine, tmp_path: Path) -> None:
    office = Office(engine, tmp_path, second_person_above=1, accepted_warnings=())
    office.hire("Ines", Role.APPROVER)
    office.hire("Paul", Role.APPROVER)
    office.subscribe("ada", "bob")
    office.bring(NEEDLING, approved=True)
    ines, paul = office.sign_in("Ines"), office.sign_in("Paul")
    ines.post("/digests")
    ines.post(f"/digests/{KEY}", version="0", do="save", subject="Mine", preheader="A line", intro="")

    assert ines.post(f"/digests/{KEY}/approve").status_code == 403
    assert paul.post(f"/digests/{KEY}/approve").status_code == 422, "a warning is not accepted by itself"
    assert said(paul.post(f"/digests/{KEY}/approve", accept="preheader")).startswith("Approved.")


def test_an_old_page_moves_no_send(office: Office, ines: Browser) -> None:
    office.bring(NEEDLING, approved=True)
    draft(office.house, office.now)
    office.hire("Paul", Role.APPROVER)
    paul = office.sign_in("Paul")
    version = re.search(r'name="version" value="(\d+)"', ines.get(f"/digests/{KEY}/review").text)
    assert version
    paul.post(f"/digests/{KEY}/schedule", do="set", day="2026-11-25", time="09:00", version=version[1])

    answer = ines.post(f"/digests/{KEY}/schedule", do="set", day="2026-11-26", time="09:00", version=version[1])

    assert answer.status_code == 409
    assert "Paul" in answer.text


def test_the_spring_hour_that_does_not_exist_is_said(engine: Engine, tmp_path: Path) -> None:
    office = Office(engine, tmp_path, zone="Europe/Paris")
    office.hire("Ines", Role.ADMIN)
    office.bring(NEEDLING, approved=True)
    draft(office.house, office.now)

    answer = office.sign_in("Ines").post(
        f"/digests/{KEY}/schedule", do="set", day="2027-03-28", time="02:30", version="0"
    )

    assert "does not exist in Europe/Paris" in answer.text


def test_a_send_is_watched_to_its_end_and_its_numbers_add_up(office: Office, ines: Browser) -> None:
    office.bring(NEEDLING, AT_HOME, approved=True)
    draft(office.house, office.now)
    release(office.house, KEY, office.now)
    office.now += timedelta(seconds=5)

    page = ines.get(f"/digests/{KEY}/send").text

    assert "0 of 2 accepted" in page
    assert "The parts add up to everybody." in page
    assert said(ines.post(f"/digests/{KEY}/press", do="pause")).startswith("Paused.")
    assert "Tick the box" in said(ines.post(f"/digests/{KEY}/press", do="stop"))
    assert said(ines.post(f"/digests/{KEY}/press", do="stop", certain="yes")).startswith("Stopped. 2 people")


def test_an_editor_pauses_and_does_not_stop(office: Office) -> None:
    office.hire("Mia", Role.EDITOR)
    office.bring(NEEDLING, approved=True)
    draft(office.house, office.now)
    release(office.house, KEY, office.now)
    mia = office.sign_in("Mia")

    assert mia.post(f"/digests/{KEY}/press", do="stop", certain="yes").status_code == 403
    assert said(mia.post(f"/digests/{KEY}/press", do="pause")).startswith("Paused.")
    assert mia.post(f"/digests/{KEY}/press", do="resume").status_code == 403


def test_dead_links_are_named_before_anything_leaves(engine: Engine, tmp_path: Path) -> None:
    office = Office(engine, tmp_path, fetch_loopback=True)
    office.hire("Ines", Role.ADMIN)
    ines = office.sign_in("Ines")
    with serving_feed() as fine:
        dead = fine.replace("/feed.xml", "/gone")
        words = "Lip oils shine longer than gloss."
        marks = (Mark(0, 8, MarkKind.LINK, fine), Mark(28, 33, MarkKind.LINK, dead))
        office.bring(make_article("a.md", Block(BlockKind.PARAGRAPH, words, marks=marks)), approved=True)
        ines.post("/digests")
        assert "Answers</th>" not in ines.get(f"/digests/{KEY}/preview").text

        assert said(ines.post(f"/digests/{KEY}/links")).startswith("Every link is being looked at")
        for thread in threading.enumerate():
            if thread.name == "beside a page":
                thread.join(30)

    rows = re.findall(r'<td class="mono">([^<]+)</td><td>(.*?)</td>', ines.get(f"/digests/{KEY}/preview").text)
    answers = {url: "dead" if "dead" in told else "fine" if "fine" in told else "ours" for url, told in rows}
    assert answers[dead] == "dead"
    assert answers[fine] == "fine"
    assert set(answers.values()) == {"dead", "fine", "ours"}


def test_secrets_are_never_shown(engine: Engine, tmp_path: Path) -> None:
    office = Office(engine, tmp_path, smtp_password="hunter2-hunter2")
    office.hire("Ines", Role.ADMIN)

    page = office.sign_in("Ines").get("/settings").text

    assert "hunter2" not in page
    assert re.search(r"smtp_password</th><td[^>]*>set<", page)


def test_a_folder_is_no_source_that_a_browser_may_name(office: Office, ines: Browser) -> None:
    answer = ines.post("/health/sources", name="etc", kind="folder", location="/etc")

    assert "command line" in said(answer)
    assert office.house.sources.all() == ()


@pytest.mark.parametrize(
    ("by", "after"),
    [(-1, ("b", "a", "c")), (1, ("a", "c", "b")), (-9, ("b", "a", "c")), (9, ("a", "c", "b"))],
)
def test_a_story_moves_as_far_as_it_goes(by: int, after: tuple[str, ...]) -> None:
    assert moved(("a", "b", "c"), "b", by) == after
    assert moved(("a", "b", "c"), "x", by) == ("a", "b", "c")


def test_a_chart_escapes_its_words_and_says_its_numbers() -> None:
    drawn = bars("A <b>", [Bar("<i>", 3), Bar("x", 0)])

    assert "<b>" not in drawn
    assert "<i>" not in drawn
    assert "style" not in drawn
    assert "&lt;i&gt;: 3" in drawn
    assert bars("nothing", []) == ""


def test_what_can_be_added_is_found_by_its_title(engine: Engine, tmp_path: Path) -> None:
    office = Office(engine, tmp_path, maximum_stories=1)
    office.hire("Ines", Role.ADMIN)
    articles = [make_article(f"{n}.md", paragraph(f"About lips {n}."), title=f"Lip oil {n}") for n in range(12)]
    office.bring(*articles, approved=True)
    ines = office.sign_in("Ines")
    ines.post("/digests")

    assert re.findall(r'value="add ([^"]+)"', ines.get(f"/digests/{KEY}?q=OIL 7").text) == ["7.md"]
    assert "No approved article has “serum” in its title" in ines.get(f"/digests/{KEY}?q=serum").text

    ines.post(f"/digests/{KEY}", version="0", do="add 7.md", subject="", preheader="", intro="")
    assert [article for article, _ in find(office.house, KEY).edition.manifest.revisions] == ["0.md", "7.md"]
