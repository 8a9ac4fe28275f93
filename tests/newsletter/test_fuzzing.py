"""What fuzzing has found stays mended, and the texts it begins with break nothing."""

import pytest

from tests.newsletter.fuzzing import PARSERS, found, parse, seeds


@pytest.mark.parametrize("row", found(), ids=lambda row: f"{row['parser']}: {row['was']}")
def test_what_was_found_by_fuzzing_stays_mended(row: dict[str, str]) -> None:
    parse(row["parser"], row["content"].encode("latin-1"))


@pytest.mark.parametrize("parser", PARSERS)
def test_the_seeds_break_nothing(parser: str) -> None:
    texts = list(seeds(parser))

    assert texts
    for text in texts:
        parse(parser, text)


@pytest.mark.parametrize("parser", PARSERS)
def test_an_empty_text_breaks_nothing(parser: str) -> None:
    parse(parser, b"")
