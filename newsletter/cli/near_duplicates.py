"""`newsletter fold` and `newsletter duplicates`: which sections explain the same, and one text without the repeats."""

import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from content.articles import Article
from content.assembly import assemble
from content.clusters import Cluster, Ruling, cluster, examine
from content.editions import Edition
from content.embeddings import Vectors
from content.folding import Folding
from content.folding import fold as fold_sections
from content.periods import Rhythm, period_of
from content.reports import as_json, clusters_as_json
from content.sections import NOT_APPROVED, Section, split
from newsletter.cli.console import Exit, JsonOption, ProcessesOption, err, now, out, print_json, settings, watched
from newsletter.ports import SourceError
from newsletter.publishing import sections_of
from newsletter.rendering.comparison import comparison_html
from newsletter.rendering.folded import folded_html, folded_text
from newsletter.semantics import choose_vectors
from newsletter.sources.folder import read
from newsletter.wiring import open_house
from newsletter.working import processes, undisturbed

SemanticOption = Annotated[
    bool, typer.Option("--semantic", help="Find repeats in other words too; needs the extra `semantic`.")
]
Paths = Annotated[list[Path], typer.Argument(help="Files or folders: Markdown, HTML, DOCX, plain text.")]


def fold(
    paths: Paths,
    as_json_: JsonOption = False,
    as_html: Annotated[bool, typer.Option("--html", help="Print one readable page.")] = False,
    as_text: Annotated[bool, typer.Option("--text", help="Print one readable text; the default.")] = False,
    semantic: SemanticOption = False,
) -> None:
    """Fold files into one text: each explainer once, no fact lost, every drop explained (--json).

    Ends with 3 when sentences contradict each other: both are printed, marked, and an editor has to choose.

    Example: newsletter fold needling.md peels.docx --html > folded.html
    """
    if as_json_ + as_html + as_text > 1:
        raise typer.BadParameter("--json, --html and --text exclude each other; name one")
    articles = _articles(paths)
    sections = [s for article, approved_at in articles for s in split(article, approved_at)]
    vectors = _vectors(semantic)
    folding = fold_sections(sections, cluster(sections, vectors=vectors), vectors=vectors)
    if as_json_:
        print_json(as_json(folding))
    else:
        edition = _edition(folding, [article for article, _ in articles])
        sys.stdout.write(folded_html(edition) if as_html else folded_text(edition))
        _say(folding)
    if folding.held:
        raise typer.Exit(Exit.HELD)


def duplicates(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files or folders: Markdown, HTML, DOCX, plain text.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Compare all approved articles of the store.")] = False,
    number: ProcessesOption = 1,
    as_json_: JsonOption = False,
    as_html: Annotated[bool, typer.Option("--html", help="Print a page with each pair side by side.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Say for each pair why it belongs together.")] = False,
    semantic: SemanticOption = False,
) -> None:
    """Show which sections of the files, or of all approved articles, explain the same thing, with score and rule.

    Example: newsletter duplicates --all --processes 4
    """
    if bool(paths) is every:
        raise typer.BadParameter("name files, or --all for the approved articles of the store; one of the two")
    with processes(number) as mapper, undisturbed():
        sections, rulings = _stored(context) if every else (_sections(paths or []), ())
        clustering = examine(sections, rulings, watched(mapper), _vectors(semantic))
    clusters = clustering.clusters
    if as_json_:
        return print_json([_as_json(c) for c in clusters])
    if as_html:
        sys.stdout.write(comparison_html(clusters))
        return None
    for number, found in enumerate(clusters, start=1):
        out.print(f"{number}. {_name(found.canonical)}", style="bold", markup=False)
        for echo in found.echoes:
            best = max((x for x in found.links if echo.id in (x.a, x.b)), key=lambda x: x.score)
            out.print(f"   = {_name(echo)}  [{best.score:.2f}, {best.rule}]", markup=False)
            if explain:
                out.print(f"     {best.evidence}", style="dim", markup=False)
    out.print(f"{len(clusters)} explainers repeat." if clusters else "No explainer repeats.")
    if clustering.passed_over:
        err.print(
            f"{clustering.passed_over:,} words were too common to look up: look-alikes may be missing.", style="dim"
        )
    return None


def _sections(paths: list[Path]) -> list[Section]:
    return [s for article, approved_at in _articles(paths) for s in split(article, approved_at)]


def _stored(context: typer.Context) -> tuple[list[Section], tuple[Ruling, ...]]:
    with open_house(settings(context)) as house:
        return sections_of(house.articles.approved()), tuple(house.rulings.in_force())


def _vectors(semantic: bool) -> Vectors | None:
    return choose_vectors("semantic" if semantic else "lexical")


def _articles(paths: list[Path]) -> list[tuple[Article, datetime]]:
    """Return the articles of all files with the time each was approved; what cannot be read is said.

    Raises:
        SourceError: There is nothing to fold.
    """
    found: dict[str, tuple[Article, datetime]] = {}
    problems = 0
    for path in track(paths, description="Reading", console=err, transient=True, disable=len(paths) < 2):
        pull = read(path)
        approved = {a.revision: a.at for a in pull.approvals}
        problems += len(pull.problems)
        for problem in pull.problems:
            err.print(f"left out {problem.item}: {problem.reason}", style="yellow", markup=False)
        for article in pull.articles:
            # Two folders may hold files of one name.
            name = article.id if article.id not in found else f"{path.as_posix()}:{article.id}"
            found[name] = (replace(article, id=name), approved.get(article.revision, NOT_APPROVED))
    if not found:
        raise SourceError("there is no article to fold" + (", see above" if problems else f" in {paths[0]}"))
    return list(found.values())


def _edition(folding: Folding, articles: list[Article]) -> Edition:
    today = now()
    return assemble(
        folding,
        articles,
        newsletter="fold",
        period=period_of(Rhythm.DAILY, today.date()),
        title=articles[0].title,
        language=articles[0].language,
        published_at=today,
        templates=(),
    )


def _say(folding: Folding) -> None:
    summary = as_json(folding)["summary"]
    err.print(
        f"{summary['articles']} articles, {summary['sections']} sections, {summary['clusters']} repeated explainers: "
        f"{summary['printed']} of {summary['sentences']} sentences printed, {summary['dropped']} repeats dropped, "
        f"{summary['contradictions']} contradictions.",
        style="dim",
    )


def _as_json(found: Cluster) -> dict[str, object]:
    sections = [
        {"id": m.id, "article": m.article, "title": m.article_title, "heading": m.heading} for m in found.members
    ]
    return clusters_as_json(found) | {"sections": sections}


def _name(section: Section) -> str:
    return f"{section.heading or _opening(section)} ({section.article})"


def _opening(section: Section) -> str:
    return f"“{section.text[:50].rsplit(' ', 1)[0]} …”"
