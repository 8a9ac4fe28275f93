"""Files folded into one readable page or text, for `newsletter fold`."""

from content.editions import Edition
from newsletter.rendering.plaintext import wrap
from newsletter.templating import environment


def folded_html(edition: Edition) -> str:
    """Return one page on which every explainer stands once."""
    return environment(edition.language).get_template("fold/page.html.jinja").render(edition=edition) + "\n"


def folded_text(edition: Edition) -> str:
    """Return one text in which every explainer stands once; a plus sign marks what an echo adds."""
    template = environment(edition.language).get_template("fold/text.txt.jinja")
    return template.render(edition=edition, wrap=wrap).rstrip() + "\n"
