"""Whatever HTML comes in, what comes out is plain text with honest links, soon, or a reason."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from content.articles import Block, BlockKind, Mark, MarkKind
from newsletter.sources.characters import clean, clean_line
from newsletter.sources.markup import read_markup
from newsletter.sources.sanitising import IN_PROCESS_CHARACTERS, MarkupError, sanitise

PAGE = "https://example.org/skin/page"
#: One bad input in a line: how to make it, and what a reader may see of it (nothing told: only that it is harmless).
ROWS = [
    json.loads(line) for line in (Path(__file__).parents[1] / "data" / "bad_articles.jsonl").read_text().splitlines()
]

#: Nothing may take longer than this; the slowest row takes a hundredth of it.
SECONDS = 12

_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069\ue000-\uf8ff\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff]"
)
_ADDRESS = re.compile(r"(?:https?://[^\s/@]+(?:/\S*|\?\S*)?|mailto:\S+@\S+)")


def _make(html: object) -> str:
    if isinstance(html, dict):
        number, piece = html["times"]
        return f"{html.get('before', '')}{number * piece}{html.get('after', '')}"
    return str(html)


def _shown(blocks: Iterable[Block]) -> list[list[str]]:
    return [[block.kind.value, block.text, *_addresses(block)] for block in blocks]


def _addresses(block: Block) -> list[str]:
    return [mark.href for mark in block.marks if mark.href] + ([block.src] if block.src else [])


def _assert_harmless(blocks: Iterable[Block]) -> None:
    for block in blocks:
        assert not _FORBIDDEN.search(block.text)
        assert all(_ADDRESS.fullmatch(address) for address in _addresses(block))
        assert not block.src or block.src.startswith("https://")
        assert all(0 <= mark.start < mark.end <= len(block.text) for mark in block.marks)


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_bad_html_ends_as_harmless_text_or_as_a_reason(row: dict[str, object]) -> None:
    source = _make(row["html"])
    started = time.monotonic()

    if "refused" in row:
        with pytest.raises(MarkupError, match=str(row["refused"])):
            read_markup(source, PAGE)
        return
    blocks = read_markup(source, PAGE).blocks

    assert time.monotonic() - started < SECONDS
    _assert_harmless(blocks)
    assert "PWN" not in repr(blocks)
    if "shows" in row:
        wanted = [[part for part in block if part] for block in row["shows"]]  # type: ignore[attr-defined]
        assert [shown[: len(want)] for shown, want in zip(_shown(blocks), wanted, strict=True)] == wanted
        unlinked = [block for block in row["shows"] if len(block) == 3 and not block[2]]  # type: ignore[attr-defined]
        assert not unlinked or not any(_addresses(block) for block in blocks)


_PIECES = (
    "<p>", "</p>", "<b>", "</b>", "<a href='//x.example/y'>", "</a>", "<ul>", "<li>", "</ul>", "<table>", "<td>",
    "<br>", "<svg>", "<style>", "</style>", "<math>", "<mtext>", "<!--", "-->", "<h2>", "</h2>", "<script>",
    "<img src=/i.png alt='", "'>", "</script>", "javascript:", "\u202e", "\ue000", "&#xe000;", "text", " ", "&lt;",
    "\x00", "\u0301", "<q>",
)  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(st.lists(st.sampled_from(_PIECES), max_size=40).map("".join))
def test_no_mixture_of_tags_gets_through_as_anything_but_text(source: str) -> None:
    try:
        blocks = read_markup(source, PAGE).blocks
    except MarkupError:
        return

    _assert_harmless(blocks)


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=200))
def test_cleaning_what_is_clean_changes_nothing(text: str) -> None:
    assert clean(clean(text)) == clean(text)
    assert clean_line(clean_line(text)) == clean_line(text)
    once = sanitise(text).html
    assert sanitise(once).html == once


def test_marks_follow_their_words() -> None:
    source = '<p>Wear <b>SPF <a href="/spf">fifty</a></b> <i> daily </i>, <em><p>please</p></em></p>'

    assert read_markup(source, PAGE).blocks == (
        Block(
            BlockKind.PARAGRAPH,
            "Wear SPF fifty daily ,",
            (
                Mark(5, 14, MarkKind.STRONG),
                Mark(9, 14, MarkKind.LINK, "https://example.org/spf"),
                Mark(15, 20, MarkKind.EMPHASIS),
            ),
        ),
        Block(BlockKind.PARAGRAPH, "please", (Mark(0, 6, MarkKind.EMPHASIS),)),
    )


def test_a_short_bold_paragraph_above_another_is_a_heading() -> None:
    source = (
        "<p><b>How It Works</b></p><p>Oil feeds.</p><p><strong>What you need:</strong></p><ul><li>oil</li></ul>"
        "<p><b>Oil is not wax.</b></p><p>It <b>runs</b>.</p><p><b>Buy now</b></p>"
    )

    assert [(block.kind.value, block.text) for block in read_markup(source).blocks] == [
        ("heading", "How It Works"),
        ("paragraph", "Oil feeds."),
        ("heading", "What you need:"),
        ("bullet", "oil"),
        ("paragraph", "Oil is not wax."),
        ("paragraph", "It runs."),
        ("paragraph", "Buy now"),
    ]


def test_what_was_taken_out_is_told_with_its_number() -> None:
    source = (
        "<script>a</script><script>b</script><img src=x.png><a href='javascript:c'>d</a><a href='/e'>f</a>"
        "<p hidden>e</p><img src='https://t.example/p' width=1><!-- f"
    )

    assert dict(read_markup(source).removed) == {
        "script": 2,
        "picture without a public address": 1,
        "link that is no web address": 1,
        "link without a public address": 1,
        "hidden passage": 1,
        "measuring pixel": 1,
        "passage in a comment that never ends": 1,
    }


def test_a_long_article_is_cleaned_in_a_child_with_the_same_result() -> None:
    piece = "<p>Wear <b>sunscreen</b> &amp; a hat, café <script>x</script>.</p>"
    long = piece * (IN_PROCESS_CHARACTERS // len(piece) + 1)

    assert read_markup(long).blocks == read_markup(piece).blocks * (IN_PROCESS_CHARACTERS // len(piece) + 1)


def test_without_the_sanitiser_nothing_starts() -> None:
    program = "import sys; sys.modules['nh3'] = None; import newsletter.sources.markup"

    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=Path(__file__).parents[2])

    assert run.returncode == 1
    assert "nh3" in run.stderr.splitlines()[-1]
