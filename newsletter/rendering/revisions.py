"""What an edit did to an article, as a page or as lines for a terminal."""

from collections.abc import Iterator

from content.articles import Article
from content.revisions import Difference, Piece, State
from newsletter.templating import environment

#: How a terminal without colours shows what went and what came, as `git diff --word-diff` does.
_SIGNS = {State.GONE: ("[-", "-]"), State.NEW: ("{+", "+}"), State.SAME: ("", "")}


def revisions_html(before: Article, after: Article, difference: Difference) -> str:
    """Return a page on which the words that went are struck out and those that came are marked."""
    template = environment().get_template("fold/revisions.html.jinja")
    return template.render(before=before, after=after, difference=difference) + "\n"


def revisions_text(difference: Difference) -> Iterator[tuple[Piece, ...]]:
    """Yield lines in pieces, signs around what went and what came; passages that stayed are left out."""
    for fact in difference.facts:
        pieces = (Piece(fact.before, State.GONE), Piece(fact.after, State.NEW))
        name = Piece(f"{fact.name}: ", State.SAME)
        yield (name, *(_signed(piece) for piece in pieces if piece.text))
    for passage in difference.passages:
        if passage.state is not State.SAME:
            yield tuple(_signed(piece) for piece in passage.pieces)


def _signed(piece: Piece) -> Piece:
    before, after = _SIGNS[piece.state]
    return Piece(f"{before}{piece.text.rstrip()}{after}{_space(piece.text)}", piece.state)


def _space(text: str) -> str:
    return text[len(text.rstrip()) :]
