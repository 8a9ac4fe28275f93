"""What search engines read first: site maps by year (sitemaps.org) and robots.txt."""

from collections.abc import Iterable
from datetime import datetime

from lxml import etree

from content.looks import Look

_NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"

#: What one site map may hold at most; a year of daily editions with a dozen stories stays below a tenth of it.
SITEMAP_ADDRESSES = 50_000


def sitemap(pages: Iterable[tuple[str, datetime]], look: Look) -> bytes:
    """Return the site map of `pages`, given as path and the time of their last change."""
    return _document("urlset", "url", pages, look)


def sitemap_index(maps: Iterable[str], look: Look) -> bytes:
    """Return the list of site maps, given as paths."""
    return _document("sitemapindex", "sitemap", ((path, None) for path in maps), look)


def robots(sitemap_path: str, look: Look) -> bytes:
    """Return a robots.txt that welcomes everybody and names the site map."""
    return f"User-agent: *\nAllow: /\n\nSitemap: {look.url(sitemap_path)}\n".encode()


def _document(root: str, item: str, entries: Iterable[tuple[str, datetime | None]], look: Look) -> bytes:
    document = etree.Element(root, xmlns=_NAMESPACE)
    for path, changed in entries:
        element = etree.SubElement(document, item)
        etree.SubElement(element, "loc").text = look.url(path)
        if changed:
            etree.SubElement(element, "lastmod").text = changed.isoformat()
    return etree.tostring(document, xml_declaration=True, encoding="UTF-8", pretty_print=True)
