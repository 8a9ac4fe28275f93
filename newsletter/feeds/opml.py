"""All feeds in one OPML 2.0 file, for readers that subscribe to many at once."""

from collections.abc import Sequence

from lxml import etree

from content.looks import Look
from content.markup import clean_line
from newsletter.feeds.xml import ATOM


def opml(feeds: Sequence[tuple[str, str]], look: Look) -> bytes:
    """Return the list of `feeds`, given as path without ending and title; their Atom form is the one listed."""
    root = etree.Element("opml", version="2.0")
    head = etree.SubElement(root, "head")
    owner = {"title": look.name, "ownerName": look.name, "ownerEmail": look.contact}
    for name, value in owner.items():
        if clean_line(value):
            etree.SubElement(head, name).text = clean_line(value)
    body = etree.SubElement(root, "body")
    for path, title in feeds:
        name = clean_line(title)
        address = look.url(path + ATOM[0])
        # "rss" is the OPML word for any feed; `version` would tell the form, but knows no Atom.
        etree.SubElement(body, "outline", type="rss", text=name, title=name, xmlUrl=address, htmlUrl=look.url(""))
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
