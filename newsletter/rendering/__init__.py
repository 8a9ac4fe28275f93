"""Turns editions into mail and pages."""
