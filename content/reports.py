"""Writes a folding down as plain data, in a shape that stays: for `--json`, for scripts, for tests."""

from typing import Any

from content.clusters import Cluster
from content.folding import Folding, Printed, See
from content.statements import Statement
from content.text import sentences


def as_json(folding: Folding) -> dict[str, Any]:
    """Return everything about a folding as lists, dictionaries, strings and numbers."""
    printed = [_printed(part) for story in folding.stories for part in story.parts]
    kept = sum(len(part.kept) for part in folding.printed)
    total = sum(len(sentences(s.blocks)) for s in folding.sections)
    return {
        "articles": [
            {
                "id": story.article,
                "title": story.title,
                "revision": story.revision,
                "sections": [
                    {
                        "id": part.section.id,
                        "heading": part.section.heading,
                        "sentences": [x.text for x in sentences(part.section.blocks)],
                    }
                    for part in story.parts
                ],
            }
            for story in folding.stories
        ],
        "clusters": [clusters_as_json(c) for c in folding.clusters],
        "printed": printed,
        "dropped": [
            {**_statement(d.statement), "kept": _statement(d.kept), "score": d.score, "rule": d.rule.value}
            for d in folding.drops
        ],
        "contradictions": [{"a": _statement(c.a), "b": _statement(c.b), "why": c.why} for c in folding.contradictions],
        "furniture": [{**_statement(statement), "kind": kind.value} for statement, kind in folding.furniture],
        "held": folding.held,
        "summary": {
            "articles": len(folding.stories),
            "sections": len(folding.sections),
            "clusters": len(folding.clusters),
            "sentences": total,
            "printed": sum(len(part.statements) for part in folding.printed) + kept,
            "dropped": len(folding.drops),
            "kept": kept,
            "contradictions": len(folding.contradictions),
        },
    }


def clusters_as_json(cluster: Cluster) -> dict[str, Any]:
    """Return one cluster as plain data."""
    return {
        "id": cluster.id,
        "canonical": cluster.canonical.id,
        "members": [m.id for m in cluster.members],
        "links": [
            {"a": x.a, "b": x.b, "score": x.score, "rule": x.rule, "evidence": x.evidence} for x in cluster.links
        ],
    }


def _printed(part: Printed | See) -> dict[str, Any]:
    if isinstance(part, See):
        return {**_place(part), "sentences": [], "kept": [], "see": part.canonical.id}
    return {
        **_place(part),
        "sentences": [x.text for x in part.statements],
        "kept": [
            {
                "text": k.statement.text,
                "article": k.statement.article,
                "section": k.statement.section,
                "sentence": k.statement.index,
                "after": k.after,
            }
            for k in part.kept
        ],
        "see": None,
        "also_in": [{"article": r.article, "title": r.title, "section": r.section} for r in part.also_in],
    }


def _place(part: Printed | See) -> dict[str, Any]:
    return {"section": part.section.id, "heading": part.section.heading, "article": part.section.article}


def _statement(statement: Statement) -> dict[str, Any]:
    return {
        "sentence": statement.text,
        "section": statement.section,
        "article": statement.article,
        "index": statement.index,
    }
