"""Editions as mail: renderings, and messages made from them."""
