"""Measures how fast articles are read, against the bare cost of fetching and parsing them in the same run.

    python -m benchmarks.ingest [--quick] [--json]

*Posts* come from a local server that pages as WordPress does, in a process of its own; *files* are Markdown in a
folder. The bare cost is that of the libraries everybody would use: requests and BeautifulSoup for posts, markdown-it
and BeautifulSoup for files; they clean nothing, check nothing and keep nothing. A ratio of 1 means that cleaning,
checking, approvals and identities come free. Memory is the peak of a fresh process that reads the files.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import requests
from bs4 import BeautifulSoup
from lxml import html as lxml_html
from markdown_it import MarkdownIt

from newsletter.fetching.addresses import Reach
from newsletter.fetching.client import HttpFetcher, Limits
from newsletter.ports import Response, Validators
from newsletter.sources.folder import FolderSource
from newsletter.sources.wordpress import PAGE, WordPressSource

ROUNDS = 5
#: What a section of a real article looks like: a heading, two paragraphs with marks and a link, and a list.
SECTION = (
    "<h2>How Retinol Works {n}</h2><p>Retinol is a form of <strong>vitamin A</strong>. In the skin it is turned in two"
    " steps into retinoic acid, which binds to receptors in the cell and speeds up renewal.</p><p>Read <a href="
    '"https://example.org/study?utm_source=blog&amp;id={n}">the study</a> &#8211; it is short.</p>'
    "<ul><li>start twice a week</li><li>wear <em>sunscreen</em></li></ul>"
)
MARKDOWN = (
    "## How Retinol Works {n}\n\nRetinol is a form of **vitamin A**. In the skin it is turned in two steps into"
    " retinoic acid, which binds to receptors in the cell and speeds up renewal.\n\nRead [the study]"
    "(https://example.org/study?utm_source=blog&id={n}) – it is short.\n\n- start twice a week\n- wear *sunscreen*\n\n"
)
SECTIONS = 6


class Counting:
    """A fetcher that counts what it is asked for."""

    def __init__(self, fetcher: HttpFetcher) -> None:
        self.requests = 0
        self._fetcher = fetcher

    def get(
        self,
        url: str,
        *,
        validators: Validators | None = None,
        headers: Mapping[str, str] | None = None,
        credentials: tuple[str, str] | None = None,
    ) -> Response:
        """Count, and pass on."""
        self.requests += 1
        return self._fetcher.get(url, validators=validators, headers=headers, credentials=credentials)


def measure_posts(number: int) -> dict[str, float]:
    """Return how long it takes to pull `number` posts, ours and bare, and what an unchanged pull asks for."""
    with _server(number) as url:
        fetcher = Counting(HttpFetcher("benchmark", limits=Limits(pause=0), reach=Reach(loopback=True)))
        source = WordPressSource("blog", url, fetcher)
        ours, soup, tree = _alternate(
            lambda: len(source.pull({}).articles),
            lambda: _bare_posts(url, _soup),
            lambda: _bare_posts(url, lambda text: lxml_html.fromstring(text).text_content()),
            expected=number,
        )
        memory = source.pull({}).memory
        fetcher.requests = 0
        source.pull(memory)
    return {
        "posts": number,
        "articles_per_s": number / ours,
        "overhead_ratio": ours / soup,
        "overhead_ratio_to_lxml": ours / tree,
        "requests_unchanged": fetcher.requests,
        "pages": -(-number // PAGE),
    }


def measure_files(number: int) -> dict[str, float]:
    """Return how long it takes to read `number` files, ours and bare, and the peak memory over their number."""
    with tempfile.TemporaryDirectory() as parent:
        few, many = Path(parent, "few"), Path(parent, "many")
        _write_files(few, number // 10)
        _write_files(many, number)
        ours, bare = _alternate(
            lambda: sum(len(part.articles) for part in FolderSource("desk", few).pulls({})),
            lambda: _bare_files(few),
            expected=number // 10,
        )
        return {
            "files": number,
            "files_per_s": number / 10 / ours,
            "overhead_ratio_files": ours / bare,
            "peak_rss_mb": _peak(many),
            "peak_rss_mb_at_a_tenth": _peak(few),
        }


def _alternate(*tasks: Callable[[], int], expected: int) -> list[float]:
    """Return the median seconds of each task; they take turns, so that a busy machine is unfair to none."""
    seconds: list[list[float]] = [[] for _ in tasks]
    for _ in range(ROUNDS):
        for task, taken in zip(tasks, seconds, strict=True):
            started = time.perf_counter()
            assert task() == expected
            taken.append(time.perf_counter() - started)
    return [statistics.median(taken) for taken in seconds]


def _soup(text: str) -> str:
    return BeautifulSoup(text, "lxml").get_text()


def _bare_posts(url: str, parse: Callable[[str], str]) -> int:
    session, number, page, pages = requests.Session(), 0, 1, 1
    while page <= pages:
        answer = session.get(
            f"{url}/wp-json/wp/v2/posts", params={"per_page": PAGE, "page": page, "_fields": "all"}, timeout=30
        )
        for post in answer.json():
            assert parse(post["content"]["rendered"])
            number += 1
        page, pages = page + 1, int(answer.headers["X-WP-TotalPages"])
    session.close()
    return number


def _bare_files(folder: Path) -> int:
    converter = MarkdownIt("commonmark").enable("table")
    return sum(
        bool(_soup(converter.render(file.read_text(encoding="utf-8").partition("\n---\n")[2])))
        for file in sorted(folder.iterdir())
    )


def _write_files(folder: Path, number: int) -> None:
    folder.mkdir()
    for n in range(number):
        facts = f"title: Retinol {n}\ntopics: [skin, night]\napproved_by: Ines\napproved_at: 2026-11-01T09:00:00Z"
        body = "".join(MARKDOWN.format(n=f"{n}-{section}") for section in range(SECTIONS))
        (folder / f"{n:06}.md").write_text(f"---\n{facts}\n---\n{body}", encoding="utf-8")


def _peak(folder: Path) -> float:
    program = (
        "import sys; from pathlib import Path; from newsletter.sources.folder import FolderSource\n"
        "assert sum(len(part.articles) for part in FolderSource('desk', Path(sys.argv[1])).pulls({}))\n"
        # The peak that getrusage tells begins with that of the process that started this one.
        "print(next(int(line.split()[1]) / 1024 for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    child = subprocess.run([sys.executable, "-c", program, folder], capture_output=True, text=True, check=True)
    return float(child.stdout)


@contextmanager
def _server(number: int) -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.ingest", "--serve", str(number)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        assert child.stdin
        yield child.stdout.readline().strip()
        child.stdin.close()


def _serve(number: int) -> None:
    """Serve until standard input ends."""
    from tests.newsletter.cms import make_post, serve_site

    body = "".join(SECTION.format(n=section) for section in range(SECTIONS))
    with serve_site(*(make_post(n, html=body) for n in range(1, number + 1))) as site:
        print(site.url, flush=True)
        sys.stdin.read()


def main() -> None:
    """Measure and print; the last line is one JSON object if it is asked for."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true", help="fewer articles; ends within 50 s")
    arguments.add_argument("--json", action="store_true", help="end with one JSON object")
    arguments.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    asked = arguments.parse_args()
    if asked.serve:
        return _serve(asked.serve)
    posts, files = (300, 2000) if asked.quick else (1000, 10_000)
    result = {
        **measure_posts(posts),
        **measure_files(files),
        "python": platform.python_version(),
        "peers": {name: version(name) for name in ("requests", "beautifulsoup4", "lxml", "markdown-it-py")},
    }
    for name, value in result.items():
        print(f"{name:>24}  {value:.2f}" if isinstance(value, float) else f"{name:>24}  {value}")
    if asked.json:
        print(json.dumps(result))
    return None


if __name__ == "__main__":
    main()
