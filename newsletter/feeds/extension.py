"""What feedgen 1.0 gets wrong or leaves out, put right through its own door for extensions.

It writes Atom links of an entry without their rel, type and length once there is an enclosure (its issue 135), so that
readers take the image for the article; and hub and archive links never reach RSS (its issue 122).
"""

from html import escape

from feedgen.ext.base import BaseEntryExtension, BaseExtension
from lxml.etree import QName, SubElement, _Element

ATOM = "http://www.w3.org/2005/Atom"
DUBLIN_CORE = "http://purl.org/dc/elements/1.1/"
FEED_HISTORY = "http://purl.org/syndication/history/1.0"

#: RSS insists on a length and takes 0 for "unknown"; in Atom it is a hint and better left out (RFC 4287 4.2.7.6).
UNKNOWN_LENGTH = ("length", "0")

#: A link's attributes, in the order they are written.
Link = dict[str, str]


class FeedLinks(BaseExtension):  # type: ignore[misc]
    """Links of the feed itself: self, hub, archive pages; and the mark of an archive page (RFC 5005)."""

    def __init__(self) -> None:
        self._links: list[Link] = []
        self._archive = False

    def set(self, links: list[Link], archive: bool) -> None:
        """Take the links beside the alternate one, and whether this feed never changes any more."""
        self._links, self._archive = links, archive

    def extend_ns(self) -> dict[str, str]:
        """Return the name spaces we write."""
        return {"dc": DUBLIN_CORE} | ({"fh": FEED_HISTORY} if self._archive else {})

    def extend_atom(self, feed: _Element) -> _Element:
        """Add the links to an Atom feed. No name space: feedgen writes Atom's as a plain attribute of the root."""
        self._mark(feed)
        for link in self._links:
            SubElement(feed, "link", link)
        return feed

    def extend_rss(self, feed: _Element) -> _Element:
        """Add the links to the channel of an RSS feed."""
        self._mark(feed[0])
        for link in self._links:
            SubElement(feed[0], QName(ATOM, "link"), link)
        return feed

    def _mark(self, parent: _Element) -> None:
        if self._archive:
            SubElement(parent, QName(FEED_HISTORY, "archive"))


class EntryLinks(BaseEntryExtension):  # type: ignore[misc]
    """Links of an entry, its image, its author's name in RSS, its summary as HTML there."""

    def __init__(self) -> None:
        self._links: list[Link] = []
        self._author = ""
        self._summary = ""

    def set(self, links: list[Link], author: str, summary: str) -> None:
        """Take every link of the entry, the alternate one first."""
        self._links, self._author, self._summary = links, author, summary

    def extend_atom(self, entry: _Element) -> _Element:
        """Write the links afresh: feedgen's own are broken."""
        for broken in entry.findall("link"):
            entry.remove(broken)
        for link in self._links:
            known = {name: value for name, value in link.items() if (name, value) != UNKNOWN_LENGTH}
            SubElement(entry, "link", known)
        return entry

    def extend_rss(self, item: _Element) -> _Element:
        """Add author and enclosure. RSS 2.0 reads a description as HTML, so plain text is escaped once more."""
        description = item.find("description")
        if description is not None and item.find("{*}encoded") is not None:
            description.text = escape(self._summary, quote=False)
        if self._author:
            # <author> wants a mail address, which we do not give away.
            SubElement(item, QName(DUBLIN_CORE, "creator")).text = self._author
        for link in self._links:
            if link["rel"] == "enclosure":
                SubElement(item, "enclosure", url=link["href"], length=link["length"], type=link["type"])
        return item
