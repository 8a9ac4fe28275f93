"""Rendering: one mail for everybody against one per person; feeds; a site at once against a site that grows.

    python -m benchmarks.rendering [--quick] [--json]

Both ways of making a mail run in the same process, in turns, several rounds; the medians are compared. The peer is a
full Jinja render per person with the very templates of the product, the way most newsletter tools work. The merge
makes the finished message, encoded and with its header; the peer only fills its templates, so the ratio is a lower
bound. The incremental build is measured on a small and on a big archive: the aim is that its cost is the same. All
figures are seconds of CPU.
"""

import argparse
import json
import platform
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

from content.articles import Block, BlockKind, Mark, MarkKind
from content.editions import Edition, Pointer, Statement, Story, StorySection, fingerprint
from content.looks import Look
from newsletter.feeds.entries import FEED_ENTRIES, Feed, entries_of
from newsletter.feeds.jsonfeed import json_feed
from newsletter.feeds.xml import atom, rss
from newsletter.rendering.email import render_email
from newsletter.rendering.mime import Identity, Template, fill
from newsletter.syndicating import Listed, build_site

LOOK = Look(name="The Quiet Shelf", site_url="https://news.example.org", postal_address="12 Rue des Fleurs, Lyon")
IDENTITY = Identity(
    from_name="News", from_address="hello@news.example.org", list_id="beauty.news.example.org", list_name="Beauty"
)
START = datetime(2006, 1, 2, 7, tzinfo=UTC)
WORDS = """
    skin serum needle collagen evening morning cream gentle slow acid oil water light rest scar redness week sunscreen
    barrier cleanse brush petal amber vetiver wax balm pigment sheer matte dermatologist patience routine shelf winter
""".split()  # noqa: SIM905 - a text of words

#: What is measured, as (quick, full).
PEOPLE, RENDERS, ROUNDS = (20_000, 100_000), (30, 60), 5
SMALL, BIG = (75, 150), (150, 1_000)

Seconds = float


def edition(number: int, stories: int = 12) -> Edition:
    """Return an edition of our own words, the same at every run."""
    dice = random.Random(number)
    at = START + timedelta(weeks=number)
    return Edition(
        newsletter="beauty",
        rhythm="weekly",
        period=f"{at:%G-W%V}",
        title=_sentence(dice, 4),
        subject=_sentence(dice, 6),
        preheader=_sentence(dice, 9),
        label=f"Week {at:%V}",
        published_at=at,
        stories=tuple(_story(dice, f"https://www.example.org/{number}/{n}") for n in range(stories)),
    )


def _story(dice: random.Random, address: str) -> Story:
    opening = Block(BlockKind.PARAGRAPH, _sentence(dice, 40), (Mark(4, 12, MarkKind.LINK, f"{address}/study"),))
    sections = [StorySection(heading="", blocks=(_image(address), opening))]
    for position in range(1, 4):
        blocks = (Block(BlockKind.PARAGRAPH, _sentence(dice, 45)), Block(BlockKind.BULLET, _sentence(dice, 9)))
        kept = (Statement(Block(BlockKind.PARAGRAPH, _sentence(dice, 12)), f"{address}/e", "An echo"),)
        sections.append(
            StorySection(
                heading=_sentence(dice, 4),
                position=position,
                blocks=blocks,
                kept=kept if position == 1 else (),
                also_in=(Pointer(f"{address}/e", "An echo", f"{address}/e"),) if position == 1 else (),
            )
        )
    return Story(
        article=address,
        revision=address,
        title=_sentence(dice, 6),
        url=address,
        author="Inès Moreau",
        topics=(dice.choice(("Skin care", "Scent", "Hair", "Lips", "Hands")),),
        sections=tuple(sections),
    )


def _image(address: str) -> Block:
    return Block(BlockKind.IMAGE, "A glass bottle on linen", src=f"{address}.jpg")


def _sentence(dice: random.Random, words: int) -> str:
    return " ".join(dice.choices(WORDS, k=words)).capitalize() + "."


def timed(work: Callable[[], object]) -> Seconds:
    """Return the seconds of CPU that `work` takes: what else the machine does makes no difference."""
    began = time.process_time()
    work()
    return time.process_time() - began


def measure_mail(people: int, renders: int) -> dict[str, float]:
    """Return microseconds per message of both ways, and the bytes of a message."""
    one = edition(1)
    template = Template(render_email(one, LOOK), IDENTITY)
    slots = [_slots(n) for n in range(1_000)]

    def merge() -> None:
        for n in range(people // ROUNDS):
            _message(template, n, slots[n % 1_000])

    def full() -> None:
        for n in range(renders // ROUNDS):
            mail = render_email(one, LOOK)
            fill(mail.html, slots[n])
            fill(mail.text, slots[n])

    merge_us, full_us = [], []
    for _ in range(ROUNDS):
        merge_us.append(timed(merge) / (people // ROUNDS) * 1e6)
        full_us.append(timed(full) / (renders // ROUNDS) * 1e6)
    merged, rendered = statistics.median(merge_us), statistics.median(full_us)
    return {
        "merge_us": round(merged, 2),
        "full_render_us": round(rendered, 1),
        "ratio": round(rendered / merged, 1),
        "bytes": len(_message(template, 1, slots[1])),
    }


def _message(template: Template, number: int, slots: dict[str, str]) -> bytes:
    to, message_id = f"reader{number}@example.org", f"{number}@news.example.org"
    return b"".join(template.merge("", to, message_id, START, slots))


def _slots(number: int) -> dict[str, str]:
    return {
        "name": f"Reader {number}",
        "unsubscribe_url": f"https://news.example.org/u/{number:08x}",
        "preferences_url": f"https://news.example.org/p/{number:08x}",
    }


def measure_feeds() -> float:
    """Return milliseconds to make RSS, Atom and JSON of a full feed."""
    editions = [edition(n) for n in range(5)]

    def build() -> None:
        entries = entries_of(editions, LOOK)[:FEED_ENTRIES]
        feed = Feed(path="feeds/all", title="x", description="x", language="en", home=LOOK.url(""), entries=entries)
        for form in (rss, atom, json_feed):
            form(feed, LOOK)

    return round(statistics.median(timed(build) for _ in range(ROUNDS)) * 1e3, 1)


def measure_site(editions: int) -> tuple[Seconds, Seconds, int]:
    """Return seconds to build a site of that many editions, to change its newest one, and how many files it has."""
    all_of_it = [edition(n) for n in range(editions)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        full = timed(lambda: build_site(folder, [_listed(e) for e in all_of_it], LOOK))
        growth = []
        for version in range(3):
            newest = replace(all_of_it[-1], title=f"Version {version}")
            listed = [_listed(e) for e in (*all_of_it[:-1], newest)]
            growth.append(timed(lambda listed=listed: build_site(folder, listed, LOOK)))  # type: ignore[misc]
        return full, statistics.median(growth), sum(1 for p in folder.rglob("*") if p.is_file())


def _listed(one: Edition) -> Listed:
    return Listed(
        key=one.key,
        fingerprint=fingerprint(one),
        newsletter=one.newsletter,
        published_at=one.published_at,
        load=lambda: one,
    )


def measure(quick: bool) -> dict[str, object]:
    """Return every figure."""
    at = 0 if quick else 1
    figures: dict[str, object] = {**measure_mail(PEOPLE[at], RENDERS[at]), "feeds_ms": measure_feeds()}
    small_full, small_growth, _ = measure_site(SMALL[at])
    full, growth, files = measure_site(BIG[at])
    return figures | {
        "site_full_s": round(full, 2),
        "site_incremental_s": round(growth, 3),
        "site_incremental_small_s": round(small_growth, 3),
        "site_editions": BIG[at],
        "site_editions_small": SMALL[at],
        "site_full_small_s": round(small_full, 2),
        "site_files": files,
        "people": PEOPLE[at],
        "peer": f"full render per person, Jinja2 {version('jinja2')} and css-inline {version('css-inline')}",
        "python": platform.python_version(),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer people and editions; ends within 50 s")
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")
    wanted = parser.parse_args()
    figures = measure(wanted.quick)
    if wanted.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:26} {value}")


if __name__ == "__main__":
    main()
