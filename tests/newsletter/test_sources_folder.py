"""A folder gives all the articles in it; what is wrong with one file is said in one line, and harms no other."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from content.approvals import Approval, Decision
from content.articles import Article, Block, BlockKind, Mark, MarkKind
from newsletter.ports import Problem, Pull, SourceError
from newsletter.sources.collecting import merged
from newsletter.sources.folder import FILE_BYTES, FolderSource, read
from tests.builders import heading, paragraph
from tests.newsletter.word import make_docx

MARKDOWN = """---
title: Retinol, Slowly
author: Ines Moreau
language: en
tags: [Skin, Night care]
published: 2026-10-02
approved_by: Ines
approved_at: 2026-10-03T09:30:00+02:00
---
Vitamin A for **patient** people.

## How Retinol Works

It binds to receptors in the skin. [Read the study](https://example.org/a?utm_source=x&page=2).

- start twice a week
- wear sunscreen
"""


def _write(folder: Path, **files: str | bytes) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def test_a_markdown_article_comes_with_its_facts_and_its_approval(tmp_path: Path) -> None:
    _write(tmp_path, **{"skin/retinol.md": MARKDOWN})

    pull = FolderSource("desk", tmp_path).pull({})

    article = Article(
        id="desk:skin/retinol.md",
        title="Retinol, Slowly",
        author="Ines Moreau",
        topics=("skin", "night care"),
        published_at=datetime(2026, 10, 2, tzinfo=UTC),
        blocks=(
            Block(BlockKind.PARAGRAPH, "Vitamin A for patient people.", (Mark(14, 21, MarkKind.STRONG),)),
            heading("How Retinol Works"),
            Block(
                BlockKind.PARAGRAPH,
                "It binds to receptors in the skin. Read the study.",
                (Mark(35, 49, MarkKind.LINK, "https://example.org/a?page=2"),),
            ),
            Block(BlockKind.BULLET, "start twice a week"),
            Block(BlockKind.BULLET, "wear sunscreen"),
        ),
        source="desk",
    )
    approval = Approval(
        revision=article.revision,
        decision=Decision.APPROVED,
        by="Ines",
        at=datetime(2026, 10, 3, 7, 30, tzinfo=UTC),
    )
    assert pull == Pull(articles=(article,), approvals=(approval,))


def test_an_approval_stands_beside_the_article_and_changes_no_byte_of_it(tmp_path: Path) -> None:
    _write(tmp_path, **{"a.md": MARKDOWN})
    before = read(tmp_path).articles
    _write(tmp_path, **{"a.md": MARKDOWN.replace("approved_by: Ines", "approved_by: Noor")})

    after = read(tmp_path)

    assert after.articles == before
    assert after.approvals[0].by == "Noor"


def test_the_same_folder_elsewhere_gives_the_same_articles(tmp_path: Path) -> None:
    for place in ("here", "there/deeper"):
        _write(tmp_path / place, **{"b/one.md": "# One\n\nText.", "a.txt": "Two\nText."})

    assert read(tmp_path / "here") == read(tmp_path / "there/deeper")


def test_a_single_file_is_a_source_too(tmp_path: Path) -> None:
    _write(tmp_path, **{"one.md": "# One\n\nText.", "two.md": "# Two\n\nText."})

    assert [article.id for article in read(tmp_path / "one.md").articles] == ["one.md"]


def test_articles_that_share_a_file_are_counted(tmp_path: Path) -> None:
    _write(tmp_path, **{"tips.txt": "Oil For Dry Skin\nOil feeds.\n---\nClay For Oily Skin\nClay dries."})

    assert [(a.id, a.title) for a in read(tmp_path).articles] == [
        ("tips.txt#1", "Oil For Dry Skin"),
        ("tips.txt#2", "Clay For Oily Skin"),
    ]


def test_html_gives_its_head_and_its_article_without_what_acts(tmp_path: Path) -> None:
    page = """<!doctype html><html lang="en-GB"><head><title>Peels | The Desk</title>
    <meta name="author" content="Noor Haddad"><meta name="keywords" content="Peels, Skin">
    <meta name="approved-by" content="Ines"><meta name="approved-at" content="2026-11-01">
    <link rel="canonical" href="https://example.org/peels/"><script>steal()</script></head>
    <body><nav><a href="/">Home</a></nav><article><h1>Chemical Peels</h1>
    <p onclick="steal()">Acid <a href="../sun">before</a> <a href="javascript:steal()">sun</a>.</p>
    <img src="/peel.jpg" alt="A peel"><style>p{color:red}</style></article><footer>© The Desk</footer></body></html>"""
    _write(tmp_path, **{"peels.html": page})

    pull = read(tmp_path)

    assert pull.articles == (
        Article(
            id="https://example.org/peels/",
            title="Chemical Peels",
            url="https://example.org/peels/",
            author="Noor Haddad",
            language="en-GB",
            topics=("peels", "skin"),
            blocks=(
                Block(
                    BlockKind.PARAGRAPH, "Acid before sun.", (Mark(5, 11, MarkKind.LINK, "https://example.org/sun"),)
                ),
                Block(BlockKind.IMAGE, "A peel", src="https://example.org/peel.jpg"),
            ),
        ),
    )
    assert [approval.by for approval in pull.approvals] == ["Ines"]


def test_a_word_document_says_in_its_sidecar_what_it_cannot_hold(tmp_path: Path) -> None:
    word = make_docx(
        ("Title", "Brow Lamination"),
        ("", "Hair is set upright."),
        ("Heading2", "Aftercare"),
        ("", "Keep dry for 24 hours."),
        properties={"dc:creator": "Noor Haddad", "cp:keywords": "Brows; Salon"},
    )
    _write(tmp_path, **{"brows.docx": word, "brows.docx.meta.yaml": "approved_by: Ines\napproved_at: 2026-11-02"})

    pull = read(tmp_path)

    assert pull.articles == (
        Article(
            id="brows.docx",
            title="Brow Lamination",
            author="Noor Haddad",
            topics=("brows", "salon"),
            blocks=(paragraph("Hair is set upright."), heading("Aftercare"), paragraph("Keep dry for 24 hours.")),
        ),
    )
    assert [approval.at for approval in pull.approvals] == [datetime(2026, 11, 2, tzinfo=UTC)]


def test_the_sidecar_of_a_shared_file_speaks_of_each_article_in_turn(tmp_path: Path) -> None:
    sidecar = "author: Noor\narticles:\n- {title: Oils}\n- {approved_by: Ines, approved_at: 2026-11-02}\n"
    _write(tmp_path, **{"t.txt": "Oil feeds.\n---\nClay\nClay dries.", "t.txt.meta.yaml": sidecar})

    pull = read(tmp_path)

    assert [(a.title, a.author) for a in pull.articles] == [("Oils", "Noor"), ("Clay", "Noor")]
    assert [a.revision for a in pull.approvals] == [pull.articles[1].revision]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.md", b"", "a.md is empty: write the article or remove the file"),
        ("a.txt", b" \n\t\n", "a.txt is empty: write the article or remove the file"),
        ("a.docx", b"", "a.docx is empty: write the article or remove the file"),
        ("a.html", b"<p></p>", "a.html has no title: begin it with a heading, or say `title:` in its front matter"),
        ("a.md", b"\x89PNG\x00\x01", "a.md is not a text file: save the article as .md, .html, .docx or .txt"),
        ("a.txt", "Café".encode("latin-1"), "a.txt is not written in UTF-8 (byte 4): save it as UTF-8"),
        (
            "a.html",
            b'<meta charset="utf-32">abc',
            "a.html says it is written in utf-32, and is not: save it as UTF-8",
        ),
        ("a.docx", b"PK no zip", "a.docx is not a Word document: open it in Word and save it as .docx again"),
        (
            "a.md",
            b"---\ntitle: [\n---\nText.",
            "a.md has front matter that is not YAML on line 2: write one `name: value` on each line",
        ),
        (
            "a.md",
            b"---\ntitle: A\nText.",
            "a.md has front matter without a closing line: end it with a line of three hyphens",
        ),
        (
            "a.md",
            b"---\ntitle: A\napproved_at: soon\n---\nText.",
            "a.md says approved_at: 'soon', which takes a date like 2026-11-23 or 2026-11-23T09:00:00Z",
        ),
        ("a.md", b"Text.", "a.md has no title: begin it with a heading, or say `title:` in its front matter"),
        ("a.md", b"# Title", "a.md has a title and no text: write the article or remove the file"),
        (
            "a.pdf",
            b"%PDF",
            "a.pdf is not a kind of file we read: save it as .docx, .htm, .html, .markdown, .md, .txt",
        ),
        ("a.txt", b"A word. " * 125_001, "a.txt is longer than 1,000 KB: split it into several files"),
        ("a.md", b"# T\n\n" + b"A word. " * 125_001, "a.md is longer than 1,000 KB: split it into several articles"),
        (
            "a.html",
            b"<h1>T</h1>" + b"<div>" * 100_000,
            "a.html nests tags more than 100 deep: it is damaged, save it again",
        ),
    ],
    ids=str,
)
def test_a_bad_file_is_one_clear_line_and_its_neighbour_is_read(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    _write(tmp_path, **{name: content, "b.md": "# Good\n\nText."})

    pull = read(tmp_path)

    assert pull.problems == (Problem(name, reason),)
    assert [article.id for article in pull.articles] == ["b.md"]


def test_a_file_of_fifty_megabytes_is_not_even_opened(tmp_path: Path) -> None:
    with (tmp_path / "a.md").open("wb") as file:
        file.truncate(50_000_000)  # sparse: it takes no room

    assert FILE_BYTES < 50_000_000
    assert read(tmp_path).problems == (Problem("a.md", "a.md has 50 MB, and an article at most 20: split it"),)


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.md").symlink_to(tmp_path / "gone.md")

    assert read(tmp_path).problems == (
        Problem("a.md", "a.md cannot be read (No such file or directory): check its permissions"),
    )


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    _write(tmp_path, **{"secret.md": "# Secret\n\nText."})
    (tmp_path / "articles").mkdir()
    (tmp_path / "articles" / "a.md").symlink_to(tmp_path / "secret.md")

    pull = read(tmp_path / "articles")

    assert pull == Pull(problems=(Problem("a.md", "a.md leads out of the folder: put the file itself there"),))


def test_of_two_files_with_one_id_the_first_is_kept_and_both_are_named(tmp_path: Path) -> None:
    for name in ("a.md", "b.md"):
        _write(tmp_path, **{name: f"---\nid: lips\ntitle: {name}\n---\nText."})

    pull = read(tmp_path)

    assert [article.title for article in pull.articles] == ["a.md"]
    assert pull.problems == (Problem("b.md", "b.md has the same id as a.md (lips): give one of them another id"),)


def test_half_an_approval_approves_nothing_and_says_so(tmp_path: Path) -> None:
    _write(tmp_path, **{"a.md": "---\ntitle: A\napproved_by: Ines\n---\nText."})

    pull = read(tmp_path)

    assert (len(pull.articles), pull.approvals) == (1, ())
    assert pull.problems == (Problem("a.md", "a.md is read, but not approved: `approved_at` is missing beside it"),)


def test_pictures_sidecars_and_hidden_files_are_no_articles(tmp_path: Path) -> None:
    _write(tmp_path, **{"a.md": "# A\n\nText.", "a.png": b"\x89PNG", ".git/x.md": "# X\n\nText.", "~$a.docx": b"lock"})

    pull = read(tmp_path)

    assert ([article.id for article in pull.articles], pull.problems) == (["a.md"], ())


def test_a_folder_that_does_not_exist_is_an_error_that_stays() -> None:
    with pytest.raises(SourceError, match="There is no file or folder 'nowhere/at/all'") as caught:
        read(Path("nowhere/at/all"))
    assert not caught.value.transient


def test_language_no_is_norwegian(tmp_path: Path) -> None:
    _write(tmp_path, **{"a.md": "---\ntitle: No\nlanguage: no\n---\nHud."})

    assert [(a.title, a.language) for a in read(tmp_path).articles] == [("No", "no")]


def test_a_large_folder_comes_in_parts_that_together_are_the_same(tmp_path: Path) -> None:
    for number in range(450):
        _write(tmp_path, **{f"{number:03}.md": f"---\nid: {number % 449}\n---\n# T{number}\n\nText."})
    source = FolderSource("desk", tmp_path)

    parts = list(source.pulls({}))

    assert [len(part.articles) for part in parts] == [200, 200, 49]
    assert [problem.item for part in parts for problem in part.problems] == ["449.md"]
    assert merged(parts) == source.pull({})
