"""What became of one edition's messages, broken down: by hour, by receiving domain, by what servers said."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, Engine, Integer, and_, case, func, select

from newsletter.storage.consents import consents
from newsletter.storage.engine import reading
from newsletter.storage.ledger_tables import audience, mailings, outcomes
from subscribers.consent import Act
from subscribers.deliveries import Outcome

#: Outcomes that somebody may want to look at.
_TROUBLE = (Outcome.REFUSED.value, Outcome.UNCERTAIN.value)


@dataclass(frozen=True, slots=True)
class Reply:
    """What receiving servers said of some messages that did not arrive for sure."""

    kind: str
    code: int
    text: str
    messages: int


@dataclass(frozen=True, slots=True)
class DomainRow:
    """How the people of one receiving domain fared."""

    domain: str
    accepted: int
    refused: int
    uncertain: int

    @property
    def messages(self) -> int:
        """Return how many messages went there."""
        return self.accepted + self.refused + self.uncertain


class Breakdowns:
    """Breakdowns on one database. Each reads every message of the edition: keep what they return for a while."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def replies(self, edition: str, limit: int = 8) -> tuple[Reply, ...]:
        """Return what servers said of messages that were refused or are uncertain, the most frequent first."""
        number = func.count().label("n")
        query = (
            select(outcomes.c.kind, outcomes.c.code, outcomes.c.reply, number)
            .where(_of(edition), outcomes.c.kind.in_(_TROUBLE))
            .group_by(outcomes.c.kind, outcomes.c.code, outcomes.c.reply)
            .order_by(number.desc(), outcomes.c.reply)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return tuple(Reply(*row) for row in connection.execute(query))

    def hours(self, edition: str) -> tuple[tuple[datetime, int], ...]:
        """Return how many messages were accepted within which hour, in UTC, in order."""
        with reading(self._engine) as connection:
            hour = _hour(connection).label("hour")
            query = select(hour, func.count()).where(_of(edition), outcomes.c.kind == Outcome.ACCEPTED.value)
            rows = connection.execute(query.group_by(hour).order_by(hour)).all()
        return tuple((datetime.strptime(row[0], "%Y-%m-%d %H").replace(tzinfo=UTC), row[1]) for row in rows)

    def domains(self, edition: str, limit: int = 12) -> tuple[DomainRow, ...]:
        """Return the receiving domains with the most messages, and how they fared."""
        with reading(self._engine) as connection:
            domain = _domain(connection).label("domain")
            sums = [_sum(kind) for kind in (Outcome.ACCEPTED, Outcome.REFUSED, Outcome.UNCERTAIN)]
            person = and_(audience.c.mailing == outcomes.c.mailing, audience.c.idx == outcomes.c.idx)
            query = (
                select(domain, *sums)
                .select_from(outcomes.join(audience, person))
                .where(_of(edition), outcomes.c.kind.in_([Outcome.ACCEPTED.value, *_TROUBLE]))
                .group_by(domain)
                .order_by(func.count().desc(), domain)
                .limit(limit)
            )
            return tuple(DomainRow(row[0], row[1], row[2], row[3]) for row in connection.execute(query))

    def left(self, mailing_list: str, since: datetime, until: datetime) -> int:
        """Return how many people left a list, or everything, from `since` up to but not including `until`."""
        query = select(func.count(func.distinct(consents.c.subscriber))).where(
            consents.c.at >= since,
            consents.c.at < until,
            consents.c.act == Act.LEFT.value,
            consents.c.list.in_(["", mailing_list]),
        )
        with reading(self._engine) as connection:
            return int(connection.execute(query).scalar_one())


def _of(edition: str) -> ColumnElement[bool]:
    number = select(mailings.c.id).where(mailings.c.edition == edition).scalar_subquery()
    return outcomes.c.mailing == number


def _sum(kind: Outcome) -> ColumnElement[int]:
    return func.sum(case((outcomes.c.kind == kind.value, 1), else_=0), type_=Integer)


def _hour(connection: Connection) -> ColumnElement[str]:
    if connection.dialect.name == "sqlite":
        return func.strftime("%Y-%m-%d %H", outcomes.c.at)
    return func.to_char(func.timezone("UTC", outcomes.c.at), "YYYY-MM-DD HH24")


def _domain(connection: Connection) -> ColumnElement[str]:
    if connection.dialect.name == "sqlite":
        return func.substr(audience.c.key, func.instr(audience.c.key, "@") + 1)
    return func.split_part(audience.c.key, "@", 2)
