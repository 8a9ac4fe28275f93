"""What we promise. Never remove this file: without it `tests/content` would be imported as `content`."""
