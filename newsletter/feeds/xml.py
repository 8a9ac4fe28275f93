"""A feed as RSS 2.0 and as Atom (RFC 4287), the same bytes at every build."""

from feedgen.feed import FeedGenerator

from content.looks import Look
from newsletter.feeds.entries import Entry, Feed, feed_id
from newsletter.feeds.extension import EntryLinks, FeedLinks, Link

#: Ending and media type of each form.
RSS, ATOM = (".rss", "application/rss+xml"), (".atom", "application/atom+xml")

#: The style sheet that lets a browser show a feed as a page. XSLT, the usual way, is being removed from browsers.
STYLESHEET = "feeds/feed.css"


def rss(feed: Feed, look: Look) -> bytes:
    """Return `feed` as RSS 2.0. Not for two threads at once: feedgen sets the process's locale to write a date."""
    return _styled(_generator(feed, look, RSS).rss_str(), look)


def atom(feed: Feed, look: Look) -> bytes:
    """Return `feed` as Atom."""
    return _styled(_generator(feed, look, ATOM).atom_str(), look)


def _generator(feed: Feed, look: Look, form: tuple[str, str]) -> FeedGenerator:
    fg = FeedGenerator()
    fg.register_extension("links", FeedLinks, EntryLinks)
    fg.id(feed_id(look, feed.path))
    fg.title(feed.title)
    fg.subtitle(feed.description)
    fg.description(feed.description)
    fg.language(feed.language)
    fg.author({"name": look.name})
    fg.generator("newsletter")
    # Always from data: feedgen's own default is the time of the build, and no ETag would ever match.
    fg.updated(feed.updated)
    fg.lastBuildDate(feed.updated)
    # The alternate link only: feedgen makes the last link of any kind the channel's own.
    fg.link(href=feed.home, rel="alternate", type="text/html")
    fg.links.set(_feed_links(feed, look, form), archive=bool(feed.current))
    for entry in feed.entries:
        _add(fg, entry)
    return fg


def _feed_links(feed: Feed, look: Look, form: tuple[str, str]) -> list[Link]:
    ending, kind = form
    paths = {"self": feed.path, "current": feed.current, "prev-archive": feed.older, "next-archive": feed.newer}
    links = [
        {"href": look.url(path + ending), "rel": relation, "type": kind} for relation, path in paths.items() if path
    ]
    return links + ([{"href": look.hub_url, "rel": "hub"}] if look.hub_url and not feed.current else [])


def _add(fg: FeedGenerator, entry: Entry) -> None:
    fe = fg.add_entry(order="append")
    fe.id(entry.id)
    fe.title(entry.title)
    fe.link(href=entry.link, rel="alternate")
    fe.summary(entry.summary or entry.title)
    fe.content(entry.html or entry.summary or entry.title, type="html")
    fe.published(entry.published)
    fe.updated(entry.updated)
    fe.category([{"term": topic} for topic in entry.topics])
    if entry.author:
        fe.author({"name": entry.author})
    fe.links.set(_entry_links(entry), entry.author, entry.summary or entry.title)


def _entry_links(entry: Entry) -> list[Link]:
    links = [{"href": entry.link, "rel": "alternate", "type": "text/html"}]
    if entry.source_url:
        links.append({"href": entry.source_url, "rel": "via", "type": "text/html"})
    if entry.image:
        image = entry.image
        links.append(
            {"href": image.url, "rel": "enclosure", "type": image.type, "length": str(image.length)},
        )
    return links


def _styled(xml: bytes, look: Look) -> bytes:
    declaration, _, rest = xml.partition(b"?>\n")
    style = f'<?xml-stylesheet type="text/css" href="{look.url(STYLESHEET)}"?>'
    return declaration + b"?>\n" + style.encode() + b"\n" + rest + b"\n"
