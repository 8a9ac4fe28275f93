"""How much of an article we find on pages of our own, and how much else, beside trafilatura alone.

    python -m benchmarks.extraction [--json]

Each page in `tests/data/pages` has the text of its article beside it, as a person would copy it. Words are counted,
each as often as it stands there: recall is the share of the article's words that was found, precision the share of the
found words that are the article's, and F1 is what balances the two. The pages whose name begins with "held" were
written after the rules of `newsletter/sources/pages.py`, and no rule was changed for them.
"""

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from content.articles import BlockKind
from newsletter.ports import Response
from newsletter.sources.documents import DocumentError
from newsletter.sources.web import document_on, extract

PAGES = Path(__file__).parents[1] / "tests" / "data" / "pages"
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Score:
    """How well one text stands for another, from 0 to 1."""

    precision: float
    recall: float
    f1: float


def score(found: str, wanted: str) -> Score:
    """Return how well the words of `found` are those of `wanted`, each counted as often as it stands there."""
    ours, theirs = _words(found), _words(wanted)
    both = (ours & theirs).total()
    precision, recall = (both / max(words.total(), 1) for words in (ours, theirs))
    return Score(precision, recall, 2 * both / max(ours.total() + theirs.total(), 1))


def pages() -> Mapping[str, tuple[bytes, str]]:
    """Return each page with the text of its article, by name."""
    return {
        file.stem: (file.with_suffix(".html").read_bytes(), file.read_text(encoding="utf-8"))
        for file in sorted(PAGES.glob("*.txt"))
    }


def ours(name: str, page: bytes) -> str:
    """Return the article as the web source reads it, title and all."""
    response = Response(url=f"https://pages.example/{name}", status=200, headers={}, body=page, at=NOW)
    try:
        document = document_on(extract(response), response.url)
    except DocumentError:
        return ""
    texts = (block.text for block in document.blocks if block.kind is not BlockKind.IMAGE)
    return "\n".join((document.title, *texts))


def alone(name: str, page: bytes) -> str:
    """Return the article as trafilatura finds it with its own defaults, without comments."""
    import trafilatura

    title = trafilatura.extract_metadata(page)
    text = trafilatura.extract(page, url=f"https://pages.example/{name}", include_comments=False) or ""
    return f"{title.title or ''}\n{text}" if title and (title.title or "") not in text else text


def measure(read: Callable[[str, bytes], str]) -> dict[str, Score]:
    """Return the score of one way of reading for each page."""
    return {name: score(read(name, page), wanted) for name, (page, wanted) in pages().items()}


def mean(scores: Mapping[str, Score]) -> Score:
    """Return the mean of scores."""
    each = scores.values()
    p, r, f = (sum(values) / len(scores) for values in zip(*((s.precision, s.recall, s.f1) for s in each), strict=True))
    return Score(p, r, f)


def _words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text.casefold()))


def main() -> int:
    """Print a line for each page, and the means."""
    options = argparse.ArgumentParser(description="Compare extraction with trafilatura alone.")
    options.add_argument("--json", action="store_true", help="print one JSON object")
    options.add_argument("--quick", action="store_true", help="the same: it takes seconds")
    as_json = options.parse_args().json
    found, peer = measure(ours), measure(alone)
    if as_json:
        means = {"ours": asdict(mean(found)), "trafilatura": asdict(mean(peer))}
        sys.stdout.write(json.dumps({**means, "pages": len(found), "version": version("trafilatura")}) + "\n")
        return 0
    for name, mine in found.items():
        sys.stdout.write(f"{name:16} ours {_shown(mine)}   trafilatura {_shown(peer[name])}\n")
    held = {name for name in found if name.startswith("held")}
    for label, chosen in (("mean", set(found)), ("mean of held", held)):
        two = (mean({name: s for name, s in each.items() if name in chosen}) for each in (found, peer))
        sys.stdout.write("{:16} ours {}   trafilatura {}\n".format(label, *map(_shown, two)))
    return 0


def _shown(s: Score) -> str:
    return f"P {s.precision:.3f} R {s.recall:.3f} F1 {s.f1:.3f}"


if __name__ == "__main__":
    sys.exit(main())
