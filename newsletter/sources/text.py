"""Reads plain text: one article, or several one after another (`content.compound`)."""

from content.articles import Block, BlockKind
from content.compound import Part, divide
from newsletter.sources.characters import clean, clean_line
from newsletter.sources.documents import Document, DocumentError, decode
from newsletter.sources.facts import FactsError, split_front_matter
from newsletter.sources.sanitising import ARTICLE_BYTES


def read(content: bytes) -> tuple[Document, ...]:
    """Return the articles in `content`, in order. Front matter may stand at the top.

    Raises:
        DocumentError: It cannot be read.
    """
    if len(content) > ARTICLE_BYTES:
        raise DocumentError(f"is longer than {ARTICLE_BYTES // 1000:,} KB: split it into several files")
    try:
        facts, text = split_front_matter(decode(content))
    except FactsError as error:
        raise DocumentError(str(error)) from error
    parts = divide(clean(text)).parts
    if not parts:
        raise DocumentError("is empty: write the article or remove the file")
    if len(parts) == 1 and facts.title:
        return (Document(title=facts.title, blocks=_under(facts.title, parts[0]), facts=facts),)
    return tuple(Document(title=clean_line(part.title), blocks=part.blocks, facts=facts) for part in parts)


def _under(title: str, part: Part) -> tuple[Block, ...]:
    """Return the text of `part` under another title; its own becomes a heading."""
    if not part.titled or part.title.casefold() == title.casefold():
        return part.blocks
    return (Block(BlockKind.HEADING, part.title, level=2), *part.blocks)
