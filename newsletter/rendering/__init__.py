"""Turns editions into mail and pages, and mail into messages for one person each."""
