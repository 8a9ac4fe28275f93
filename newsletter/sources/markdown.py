"""Reads Markdown (CommonMark with tables), with front matter between two lines of hyphens."""

from functools import cache

from markdown_it import MarkdownIt

from newsletter.sources.documents import Document, DocumentError, decode, lift_title
from newsletter.sources.facts import FactsError, split_front_matter
from newsletter.sources.markup import read_markup
from newsletter.sources.sanitising import MarkupError


def read(content: bytes) -> tuple[Document, ...]:
    """Return the one article in `content`. HTML inside the Markdown is cleaned like any other.

    Raises:
        DocumentError: It cannot be read.
    """
    try:
        facts, text = split_front_matter(decode(content))
        markup = read_markup(_converter().render(text), facts.url)
    except (FactsError, MarkupError) as error:
        raise DocumentError(str(error)) from error
    title, body = lift_title(markup.blocks, facts.title)
    return (Document(title=title, blocks=body, facts=facts, removed=markup.removed),)


@cache
def _converter() -> MarkdownIt:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"])
