"""Editions become pages of the public site: one per edition, one per article, and the lists that lead there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import files

from content.editions import Edition, Story, section_anchor
from content.looks import Look
from content.markup import clean_line, safe_link
from content.places import Places, article_path, edition_path, heading_levels, topic_path, without_lead
from newsletter.rendering.email import preheader_of
from newsletter.templating import catalogue, day, environment, page_direction

#: Forms of the feed that every page announces: ending, media type, name.
FORMS = (
    (".rss", "application/rss+xml", "RSS"),
    (".atom", "application/atom+xml", "Atom"),
    (".json", "application/feed+json", "JSON Feed"),
)

#: The feed that every page announces.
MAIN_FEED = "feeds/all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One line of a list: what it leads to."""

    path: str
    title: str
    over: str = ""  #: the small line above the title
    summary: str = ""
    image: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a page says of itself to search engines and to those who share it."""

    path: str
    url: str
    canonical: str
    title: str
    description: str
    heading: str = ""
    kind: str = "website"  #: of Open Graph
    image: str = ""
    linked_data: Mapping[str, object] = field(default_factory=dict)


def edition_page(edition: Edition, look: Look) -> str:
    """Return the archive page of `edition`."""
    path = edition_path(edition.key)
    description = preheader_of(edition)
    page = Page(
        path=path,
        url=look.url(path),
        canonical=look.url(path),
        title=edition.title,
        description=description,
        kind="article",
        image=_share_image(edition.stories),
        linked_data=_collection(edition, look, description),
    )
    return _render("edition", page, look, edition.language, edition=edition, places=Places(edition, look))


def article_page(story: Story, edition: Edition, look: Look) -> str:
    """Return the page of one article as `edition` prints it. Canonical is the article at its source, if it has one."""
    path = article_path(story.slug)
    page = Page(
        path=path,
        url=look.url(path),
        canonical=safe_link(story.url) or look.url(path),
        title=story.title,
        description=story.summary or story.title,
        kind="article",
        image=_share_image([story]),
        linked_data=_news_article(story, edition, look),
    )
    return _render("article", page, look, edition.language, story=story, edition=edition, places=Places(edition, look))


def list_page(
    path: str,
    heading: str,
    cards: Sequence[Card],
    look: Look,
    language: str,
    *,
    others: Sequence[Card] = (),
    topics: Sequence[Card] = (),
    hero: Card | None = None,
    inside: Sequence[Card] = (),
) -> str:
    """Return a page that lists `cards`.

    Args:
        path: Of the page, below the site's root.
        heading: What stands above the list.
        cards: What is listed.
        look: The newsletter's.
        language: Of the page's own words.
        others: Pages of years, named below the list.
        topics: Pages of topics, named there too.
        hero: What is shown large, above the list.
        inside: What the hero holds.
    """
    page = Page(
        path=path,
        url=look.url(path),
        canonical=look.url("" if path == "index.html" else path),
        title=look.name if heading == look.name else f"{heading} – {look.name}",
        description=look.tagline or heading,
        heading=heading,
        linked_data={
            "@context": "https://schema.org",
            "@type": "CollectionPage",
            "name": heading,
            "url": look.url(path),
            "inLanguage": language,
        },
    )
    return _render("index", page, look, language, hero=hero, inside=inside, cards=cards, others=others, topics=topics)


def feeds_page(path: str, feeds: Sequence[tuple[str, str]], look: Look, language: str) -> str:
    """Return the page that lists feeds, given as path without ending and title, each in all its forms."""
    heading = catalogue(language).gettext("Feeds")
    page = Page(
        path=path,
        url=look.url(path),
        canonical=look.url(path),
        title=f"{heading} – {look.name}",
        description=f"{look.name}: RSS, Atom, JSON Feed",
        heading=heading,
    )
    names = [(feed, title.removeprefix(f"{look.name}: ")) for feed, title in feeds]
    rows = [{"title": n[:1].upper() + n[1:], "forms": [(feed + e, f) for e, _, f in FORMS]} for feed, n in names]
    return _render("feeds", page, look, language, rows=rows)


def search_page(path: str, look: Look, language: str) -> str:
    """Return the page that searches the site in the reader's own browser: no server, and nobody learns what for."""
    heading = catalogue(language).gettext("Search")
    page = Page(
        path=path,
        url=look.url(path),
        canonical=look.url(path),
        title=f"{heading} – {look.name}",
        description=f"{heading} – {look.name}",
        heading=heading,
    )
    return _render("search", page, look, language)


def search_script() -> str:
    """Return the script of the search page."""
    return (files("templates") / "web" / "search.js").read_text("utf-8")


def card_of_edition(edition: Edition, look: Look) -> Card:
    """Return the line that leads to an edition's page."""
    return Card(
        path=edition_path(edition.key),
        title=edition.title,
        over=f"{edition.label or edition.period} · {day(edition.published_at, edition.language, look.zone)}",
        summary=preheader_of(edition),
        image=_share_image(edition.stories),
    )


def card_of_story(story: Story, edition: Edition, look: Look) -> Card:
    """Return the line that leads to an article's page."""
    return Card(
        path=article_path(story.slug),
        title=story.title,
        over=day(edition.published_at, edition.language, look.zone),
        summary=story.summary,
        image=_share_image([story]),
    )


def style_sheet(look: Look) -> str:
    """Return the site's one style sheet."""
    return environment().get_template("web/style.css.jinja").render(look=look)


def icon(look: Look) -> str:
    """Return the mark that browsers show in a tab, as SVG."""
    return environment().get_template("web/icon.svg.jinja").render(look=look)


def feed_style_sheet(look: Look) -> str:
    """Return the style sheet with which browsers show a feed."""
    return environment().get_template("feeds/feed.css.jinja").render(look=look)


def _render(name: str, page: Page, look: Look, language: str, **more: object) -> str:
    template = environment(language).get_template(f"web/{name}.html.jinja")
    return template.render(
        page=page,
        look=look,
        language=language,
        page_direction=page_direction(language),
        root="../" * page.path.count("/"),
        feeds=[{"path": MAIN_FEED + e, "type": t, "title": f"{look.name} ({n})", "label": n} for e, t, n in FORMS],
        day=lambda when: day(when, language, look.zone),
        lead=without_lead,
        levels_of=heading_levels,
        section_anchor=section_anchor,
        article_path=article_path,
        edition_path=edition_path,
        topic_path=topic_path,
        **more,
    )


def _share_image(stories: Sequence[Story]) -> str:
    images = (safe_link(s.image.src) for s in stories if s.image)
    return next((src for src in images if src.startswith("http")), "")


def _publisher(look: Look) -> dict[str, object]:
    return {"@type": "Organization", "name": look.name, "url": look.site_url}


def _collection(edition: Edition, look: Look, description: str) -> dict[str, object]:
    return {
        "@context": "https://schema.org",
        "@type": "CollectionPage",
        "name": clean_line(edition.title),
        "description": clean_line(description),
        "url": look.url(edition_path(edition.key)),
        "inLanguage": edition.language,
        "datePublished": edition.published_at.isoformat(),
        "dateModified": edition.updated_at.isoformat(),
        "publisher": _publisher(look),
        "hasPart": [
            {"@type": "NewsArticle", "headline": clean_line(s.title), "url": look.url(article_path(s.slug))}
            for s in edition.stories
        ],
    }


def _news_article(story: Story, edition: Edition, look: Look) -> dict[str, object]:
    published: datetime = story.published_at or edition.published_at
    data: dict[str, object] = {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "headline": clean_line(story.title),
        "description": clean_line(story.summary),
        "url": look.url(article_path(story.slug)),
        "mainEntityOfPage": safe_link(story.url) or look.url(article_path(story.slug)),
        "inLanguage": story.language,
        "datePublished": published.isoformat(),
        "dateModified": (story.updated_at or published).isoformat(),
        "keywords": [clean_line(t) for t in story.topics],
        "publisher": _publisher(look),
    }
    if story.author:
        data["author"] = {"@type": "Person", "name": clean_line(story.author)}
    if image := _share_image([story]):
        data["image"] = [image]
    if story.correction:
        data["correction"] = clean_line(story.correction)
    return data
