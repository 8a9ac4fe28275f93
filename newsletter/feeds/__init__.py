"""Turns editions into RSS, Atom, JSON Feed and OPML."""
