"""Writes the public site: editions, articles, lists, feeds, search, into a folder that any web server can serve."""

from newsletter.syndicating.site import Listed, build_site, write_site

__all__ = ["Listed", "build_site", "write_site"]
