"""Plans an issue for everybody on a list, and hands the audience to the ledger in the order in which it is due."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from tempfile import TemporaryFile
from typing import IO

from newsletter.storage.history import HistoryStore
from newsletter.storage.people import PeopleStore
from subscribers.issues import Issue, Variant
from subscribers.memory import recall
from subscribers.planning import Plan, Planned, Rules, pool_of, rhythms_of, that_matter, within_reach
from subscribers.preferences import MailingList

#: Stands between the fields of a line in a spool: no address, name or key holds a control character.
_FIELD = "\x1f"


@dataclass(frozen=True, slots=True)
class Wave:
    """Everybody for whom an issue is due at one moment."""

    due: datetime
    people: int


class Planning:
    """One issue, planned for everybody; read the people out once, wave by wave.

    A million people do not fit into memory twice, and nobody may be promised a variant that is not kept yet: the
    outcome for each waits in temporary files, one for each moment, until the variants are kept.
    """

    def __init__(self, issue: Issue) -> None:
        self.issue = issue
        self._stack = ExitStack()
        self._spools: dict[datetime, IO[str]] = {}
        self._people: dict[datetime, int] = defaultdict(int)

    def __enter__(self) -> "Planning":
        """Keep the files until the block ends."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the files."""
        self._stack.close()

    @property
    def waves(self) -> tuple[Wave, ...]:
        """Return the moments at which the issue is due for somebody, in order."""
        return tuple(Wave(due, self._people[due]) for due in sorted(self._spools))

    def people(self, due: datetime) -> Iterator[Planned]:
        """Yield those for whom the issue is due at one moment."""
        spool = self._spools[due]
        spool.seek(0)
        for line in spool:
            subscriber, address, name, variant, excluded = line.rstrip("\n").split(_FIELD)
            yield Planned(subscriber, address, name, variant, due, excluded)

    def everybody(self) -> Iterator[Planned]:
        """Yield everybody, those first for whom the issue is due first."""
        for wave in self.waves:
            yield from self.people(wave.due)

    def take(self, planned: Iterable[Planned]) -> None:
        """Write a page of people down."""
        pages: dict[datetime, list[str]] = defaultdict(list)
        for p in planned:
            pages[p.due].append(_FIELD.join((p.subscriber, p.address, p.name, p.variant, p.excluded)))
        for due, lines in pages.items():
            spool = self._spools.get(due)
            if spool is None:
                file = TemporaryFile("w+", encoding="utf-8", newline="\n")  # noqa: SIM115 - the stack closes it
                spool = self._stack.enter_context(file)
                self._spools[due] = spool
            spool.write("\n".join(lines) + "\n")
            self._people[due] += len(lines)


def plan_issue(
    people: PeopleStore, history: HistoryStore, mailing_list: MailingList, issue: Issue, rules: Rules, now: datetime
) -> Planning:
    """Decide for everybody on the list what they get of `issue`, and keep its variants.

    Planning twice changes nothing: the same people with the same history get the same.
    """
    for past in history.issues(mailing_list.slug):
        history.settle(past.edition, now)
    plan = _plan(history, mailing_list, issue, rules, now)
    planning = Planning(issue)
    try:
        for page in people.candidates(mailing_list.slug, rhythms_of(issue.rhythm, mailing_list.rhythms[0])):
            planning.take(plan.page(page))
    except BaseException:
        planning.__exit__()
        raise
    history.put_issue(mailing_list.slug, issue)
    history.put_variants(issue.edition, plan.variants.values())
    return planning


def foresee(
    people: PeopleStore,
    history: HistoryStore,
    mailing_list: MailingList,
    issue: Issue,
    rules: Rules,
    now: datetime,
    subscriber: str,
) -> tuple[Planned, Variant | None] | None:
    """Return what one person would get of `issue` if it were planned now; nothing is kept.

    The variant is None for whoever would get nothing; None for whoever is not among the readers of this rhythm.
    """
    plan = _plan(history, mailing_list, issue, rules, now)
    for page in people.candidates(mailing_list.slug, rhythms_of(issue.rhythm, mailing_list.rhythms[0]), subscriber):
        for planned in plan.page(page):
            return planned, plan.variants.get(planned.variant)
    return None


def _plan(history: HistoryStore, mailing_list: MailingList, issue: Issue, rules: Rules, now: datetime) -> Plan:
    known = history.issues(mailing_list.slug)
    earlier = within_reach(issue, known)
    memory = recall(
        pool_of(issue, earlier),
        [e.edition for e in earlier],
        history.past(that_matter(issue, known, rules)),
        people=history.people(),
        day=issue.day,
        forgotten_after=rules.forgotten_after,
    )
    return Plan(issue, earlier, memory, rules, now)
