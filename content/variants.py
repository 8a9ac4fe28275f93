"""Makes the edition that one kind of reader gets: their stories, and no explainer that they have already."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from content.assembly import subject_of
from content.editions import Edition, Reference, Story, StorySection, section_anchor

#: Sections that a story did not have itself get positions from here on, so that no two anchors are the same.
GUEST_POSITION = 1_000


@dataclass(frozen=True, slots=True)
class Earlier:
    """Where a reader has an explainer from: the edition's page, and its day."""

    url: str
    day: date


def personalise(
    edition: Edition, pool: Mapping[str, Story], stories: Sequence[str], folded: Mapping[str, Earlier]
) -> Edition:
    """Return `edition` with these stories only, each explainer printed once, and those in `folded` as one line.

    An explainer is printed where the first of the stories has it. If none of them has it itself, because the one that
    printed it is not among them, it is printed at the first that referred to it: nobody is sent to a place they
    do not have. A subject that names the stories names these; one that an editor wrote stays.

    Args:
        edition: The edition as everybody would get it.
        pool: Every story that may be told, by article: the edition's own, and those of earlier ones.
        stories: The articles of this variant, in order.
        folded: The explainers that these readers have already, and where from.
    """
    chosen = [pool[article] for article in stories]
    hosts = _hosts(chosen)
    texts = {x.explainer: x for story in pool.values() for x in story.sections if x.explainer}
    told = tuple(_retell(story, hosts, texts, folded) for story in chosen)
    if edition.subject != subject_of([story.title for story in edition.stories]):
        return replace(edition, stories=told)  # an editor's words: everybody reads them
    subject = subject_of([story.title for story in told]) or edition.subject
    return replace(edition, stories=told, subject=subject, title=subject)


def _hosts(stories: Sequence[Story]) -> dict[str, tuple[Story, bool]]:
    """Return the story that prints each explainer, and whether it has the section itself."""
    hosts: dict[str, tuple[Story, bool]] = {}
    for story in stories:
        for section in story.sections:
            if section.explainer and not hosts.get(section.explainer, (story, False))[1]:
                hosts[section.explainer] = (story, True)
        for reference in story.references:
            if reference.explainer:
                hosts.setdefault(reference.explainer, (story, False))
    return hosts


def _retell(
    story: Story,
    hosts: Mapping[str, tuple[Story, bool]],
    texts: Mapping[str, StorySection],
    folded: Mapping[str, Earlier],
) -> Story:
    sections: list[StorySection] = []
    references: list[Reference] = []
    for section in story.sections:
        explainer = section.explainer
        if explainer in folded:
            references.append(_read_already(section.heading, story.title, explainer, folded[explainer]))
        elif explainer and hosts[explainer][0] is not story:
            host = hosts[explainer][0]
            references.append(_elsewhere(section.heading, explainer, host, texts[explainer]))
        else:
            sections.append(section)
    for reference in story.references:
        explainer = reference.explainer
        if explainer in folded:
            references.append(_read_already(reference.heading, reference.title, explainer, folded[explainer]))
        elif explainer not in texts:
            references.append(reference)
        elif hosts[explainer][0] is story:
            if not hosts[explainer][1]:
                position = GUEST_POSITION + len(sections)
                sections.append(replace(texts[explainer], position=position))
        else:
            references.append(_elsewhere(reference.heading, explainer, hosts[explainer][0], texts[explainer]))
    return replace(story, sections=tuple(sections), references=tuple(references))


def _read_already(heading: str, title: str, explainer: str, earlier: Earlier) -> Reference:
    return Reference(heading=heading, title=title, url=earlier.url, read_on=earlier.day, explainer=explainer)


def _elsewhere(heading: str, explainer: str, host: Story, text: StorySection) -> Reference:
    own = next((x for x in host.sections if x.explainer == explainer), None)
    anchor = section_anchor(host.article, own.position) if own else host.anchor
    return Reference(heading=heading or text.heading, title=host.title, anchor=anchor, explainer=explainer)
