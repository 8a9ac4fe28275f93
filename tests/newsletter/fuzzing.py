"""Feeds every parser of texts from outside with what libFuzzer thinks of; a crash, a hang or a glutton ends it.

    python -m tests.newsletter.fuzzing [PARSER...] [--seconds 600] [--keep FOLDER]

Each parser runs in a process of its own, at low priority, one after the other, with our awkward examples as seeds. What
may be said about a damaged text is one of our own errors; anything else is a bug, and so is an answer after more than
five seconds of work or with more than 500 MB. The input that shows it stands in the folder; it becomes a row of
`tests/data/found_by_fuzzing.jsonl`, which `test_fuzzing.py` reads ever after.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from content.articles import SLOT_CLOSE, SLOT_OPEN, canonical_content, parse_content
from newsletter.ports import Problem, Pull, Response, SourceError
from newsletter.sources import docx, html, markdown, text
from newsletter.sources.collecting import Collector
from newsletter.sources.documents import Document, DocumentError
from newsletter.sources.feed import read_feed
from newsletter.sources.feed_xml import parse_xml
from newsletter.sources.markup import read_markup
from newsletter.sources.sanitising import MarkupError
from newsletter.sources.web import extract, read_sitemap

#: Of the processor, so that a busy machine finds no bugs; by the clock, for what waits instead of working.
SECONDS_EACH, SECONDS_BY_THE_CLOCK = 5, 60
MEMORY_MB = 500
#: Longer texts are cleaned in a process of their own, where nothing can be watched.
INPUT_BYTES = 20_000

DATA = Path(__file__).parents[1] / "data"
EXAMPLES = Path(__file__).parents[2] / "examples" / "articles"
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
REFUSALS = (DocumentError, MarkupError, SourceError)


def parse(parser: str, content: bytes) -> None:
    """Read `content` with one parser and look at what came out.

    Raises:
        AssertionError: What came out breaks a promise that sources make.
        Exception: The parser broke.
    """
    try:
        PARSERS[parser](content)
    except REFUSALS as refusal:
        if not str(refusal).strip():
            raise AssertionError("a refusal says nothing") from refusal


def _parse_in_time(parser: str, content: bytes) -> None:
    began = time.process_time()
    parse(parser, content)
    took = time.process_time() - began
    if took > SECONDS_EACH:
        raise AssertionError(f"it took {took:.1f} s")


def _documents(read: Callable[[bytes], tuple[Document, ...]]) -> Callable[[bytes], None]:
    def run(content: bytes) -> None:
        collector = Collector("fuzz")
        for number, document in enumerate(read(content)):
            collector.keep(document, str(number), f"item {number}")
        _look_at(collector.result())

    return run


def _feed(content: bytes) -> None:
    _look_at(read_feed(_response(content), "fuzz", parse=parse_xml))


def _markup(content: bytes) -> None:
    read_markup(content.decode("utf-8", "replace"), "https://example.org/")


def _page(content: bytes) -> None:
    extract(_response(content))


def _sitemap(content: bytes) -> None:
    assert all(url.startswith("http") for url, _ in read_sitemap(_response(content))[1])


def _response(content: bytes) -> Response:
    return Response(url="https://example.org/", status=200, headers={}, body=content, at=NOW)


def _look_at(pull: Pull) -> None:
    """Hold what came out to what every source promises."""
    for article in pull.articles:
        assert parse_content(canonical_content(article), article.source) == article
        assert article.title.strip()
        for block in article.blocks:
            assert not {SLOT_OPEN, SLOT_CLOSE}.intersection(block.text), "a text holds the mark of a personal slot"
            assert all(0 <= m.start < m.end <= len(block.text) for m in block.marks)
            assert all(m.href.startswith(("http:", "https:", "mailto:")) for m in block.marks if m.href)
            assert block.src.startswith("https:") or not block.src
    assert all(isinstance(p, Problem) and p.reason for p in (*pull.problems, *pull.notes))


PARSERS: Mapping[str, Callable[[bytes], None]] = {
    "markdown": _documents(markdown.read),
    "html": _documents(html.read),
    "docx": _documents(docx.read),
    "text": _documents(text.read),
    "feed": _feed,
    "markup": _markup,
    "page": _page,
    "sitemap": _sitemap,
}

_SITEMAP = (
    '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><url><loc>https://example.org/a</loc>'
    "<lastmod>2026-11-20</lastmod></url></urlset>"
)


def seeds(parser: str) -> Iterator[bytes]:
    """Yield texts to begin with: what is awkward already, and what is ordinary."""
    yield from (row["content"].encode("latin-1") for row in found() if row["parser"] == parser)
    endings = {"markdown": ".md", "text": ".txt", "html": ".html", "docx": ".docx"}
    if parser in endings:
        yield from (file.read_bytes() for file in EXAMPLES.rglob(f"*{endings[parser]}"))
    if parser in {"html", "page"}:
        yield from (file.read_bytes() for file in (DATA / "pages").glob("*.html"))
    if parser in {"html", "markup"}:
        yield from (text.encode() for text in _awkward("bad_articles.jsonl", "html"))
    if parser == "feed":
        yield from (text.encode() for text in _awkward("bad_feeds.jsonl", "feed"))
    if parser == "sitemap":
        yield _SITEMAP.encode()


def _awkward(name: str, column: str) -> Iterator[str]:
    """Yield the short texts among our awkward examples."""
    rows = (json.loads(line)[column] for line in (DATA / name).read_text().splitlines())
    return (row for row in rows if isinstance(row, str))


def found() -> list[dict[str, str]]:
    """Return what fuzzing has found so far: the parser, the input (as Latin-1), and what was wrong."""
    lines = (DATA / "found_by_fuzzing.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def _fuzz(parser: str, seconds: int, folder: Path) -> None:
    """Run one parser until the time is over; never returns."""
    import atheris
    import trafilatura  # noqa: F401 - loaded now, so that it is watched too

    corpus = folder / parser
    corpus.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(seeds(parser)):
        if len(content) <= INPUT_BYTES:
            (corpus / f"seed-{number:04}").write_bytes(content)
    atheris.instrument_all()
    options = [f"-max_total_time={seconds}", f"-timeout={SECONDS_BY_THE_CLOCK}", f"-rss_limit_mb={MEMORY_MB}"]
    options += [f"-max_len={INPUT_BYTES}", f"-artifact_prefix={corpus}-", "-print_final_stats=1", "-verbosity=1"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], lambda content: _parse_in_time(parser, content))
    atheris.Fuzz()


def main() -> int:
    """Run the parsers one after the other; return 0 when none of them broke."""
    options = argparse.ArgumentParser(description="Fuzz the parsers of texts from outside.")
    options.add_argument("parsers", nargs="*", metavar="PARSER", help=f"of {', '.join(PARSERS)}; all when left out")
    options.add_argument("--seconds", type=int, default=600, help="for each parser")
    options.add_argument("--keep", type=Path, help="folder for inputs that break something and for the corpus")
    options.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if unknown := set(chosen.parsers) - set(PARSERS):
        options.error(f"there is no parser {sorted(unknown)[0]!r}; there are {', '.join(PARSERS)}")
    folder = chosen.keep or Path(tempfile.mkdtemp(prefix="fuzz-"))
    if chosen.here:
        _fuzz(chosen.parsers[0], chosen.seconds, folder)
    broken = []
    for parser in chosen.parsers or PARSERS:
        again = [sys.executable, "-m", __spec__.name, parser, "--seconds", str(chosen.seconds), "--keep", str(folder)]
        run = subprocess.run(
            [*again, "--here"], stderr=subprocess.PIPE, text=True, check=False, preexec_fn=lambda: os.nice(15)
        )
        (folder / f"{parser}.log").write_text(run.stderr)
        sys.stdout.write(f"{parser}: {'BROKEN' if run.returncode else 'ok'}, {_stats(run.stderr)}\n")
        sys.stdout.flush()
        if run.returncode:
            broken.append(parser)
    sys.stdout.write(f"inputs and logs: {folder}\n")
    return 1 if broken else 0


def _stats(log: str) -> str:
    """Return how much was tried and the most memory it took, as libFuzzer says it."""
    told = dict(line.removeprefix("stat::").split(":", 1) for line in log.splitlines() if line.startswith("stat::"))
    return f"{told.get('number_of_executed_units', '?').strip()} inputs, {told.get('peak_rss_mb', '?').strip()} MB"


if __name__ == "__main__":
    sys.exit(main())
