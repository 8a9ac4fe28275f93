"""Every door of the console, in one table: what is not here is not there."""

from newsletter.web.console import (
    articles,
    audience,
    care,
    digests,
    groups,
    identity,
    machines,
    mending,
    planning,
    previewing,
    results,
    reviewing,
    rulings,
    segments,
    signing,
    today,
)
from newsletter.web.console.asking import Door

#: In the order in which addresses are matched: what is named stands before what is a part.
DOORS: tuple[Door, ...] = (
    *signing.DOORS,
    *identity.DOORS,
    *today.DOORS,
    *articles.DOORS,
    *mending.DOORS,
    *rulings.DOORS,
    *groups.DOORS,
    *previewing.DOORS,
    *reviewing.DOORS,
    *digests.DOORS,
    *planning.DOORS,
    *segments.DOORS,
    *audience.DOORS,
    *results.DOORS,
    *care.DOORS,
    *machines.DOORS,
)
