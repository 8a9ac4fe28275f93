"""Counts, shows and reads the people of a segment; each condition becomes an expression, and no text becomes SQL."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Engine,
    Select,
    and_,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    true,
)

from newsletter.storage.clicks import clicks
from newsletter.storage.consents import consents
from newsletter.storage.engine import reading
from newsletter.storage.imports import tags
from newsletter.storage.people import PAGE, read_subscriber, subscribers, subscriptions
from subscribers.clicks import Follower
from subscribers.consent import Act
from subscribers.people import Subscriber, SubscriptionState
from subscribers.segments import CameBy, Clicked, Condition, Joined, LanguageIs, RhythmIs, Segment, Tagged, TopicIs

#: People shown of a segment.
SAMPLES = 10


@dataclass(frozen=True, slots=True)
class Look:
    """What a segment looks like now: how many it holds, and some of them."""

    count: int
    samples: tuple[Subscriber, ...]


class SegmentStore:
    """Segments of the lists on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def look(self, mailing_list: str, segment: Segment) -> Look:
        """Return how many people a segment holds now, and ten of them."""
        wanted = _people(mailing_list, segment)
        counting = wanted.with_only_columns(func.count())
        with reading(self._engine) as connection:
            count = connection.execute(counting).scalar_one()
            rows = connection.execute(wanted.order_by(subscribers.c.id).limit(SAMPLES)).all()
        return Look(count, tuple(read_subscriber(row) for row in rows))

    def holds(self, mailing_list: str, segment: Segment, subscriber: str) -> bool:
        """Tell whether one person is in a segment now."""
        query = _people(mailing_list, segment).with_only_columns(subscribers.c.id)
        with reading(self._engine) as connection:
            return connection.execute(query.where(subscribers.c.id == subscriber)).first() is not None

    def ids(self, mailing_list: str, segment: Segment) -> Iterator[str]:
        """Yield the ids of everybody in a segment."""
        query = _people(mailing_list, segment).with_only_columns(subscribers.c.id)
        with reading(self._engine) as connection:
            yield from connection.execute(query.execution_options(yield_per=PAGE)).scalars()


def _people(mailing_list: str, segment: Segment) -> Select[Any]:
    return (
        select(subscribers)
        .join(subscriptions, subscriptions.c.subscriber == subscribers.c.id)
        .where(
            subscriptions.c.list == mailing_list,
            subscriptions.c.state == SubscriptionState.CONFIRMED.value,
            and_(true(), *(_applies(c) for c in segment.conditions)),
            ~or_(false(), *(_applies(c) for c in segment.exceptions)),
        )
    )


def _applies(condition: Condition) -> ColumnElement[bool]:
    return _EXPRESSIONS[type(condition)](condition)


def _topic(condition: TopicIs) -> ColumnElement[bool]:
    # A space before and after makes the short names of a row comparable as whole words.
    among = literal(" ") + subscriptions.c.topics + literal(" ")
    named = (among.contains(f" {topic} ", autoescape=True) for topic in condition.topics)
    return or_(subscriptions.c.topics == "", *named)


def _joined(condition: Joined) -> ColumnElement[bool]:
    joined = subscriptions.c.confirmed_at
    since = joined >= _midnight(condition.since) if condition.since else true()
    return and_(since, joined < _midnight(condition.before) if condition.before else true())


def _tagged(condition: Tagged) -> ColumnElement[bool]:
    return exists().where(tags.c.subscriber == subscribers.c.id, tags.c.tag.in_(condition.tags))


def _clicked(condition: Clicked) -> ColumnElement[bool]:
    by_person = clicks.c.kind == Follower.PERSON.value
    theirs = clicks.c.subscriber == subscribers.c.id
    return exists().where(theirs, by_person, clicks.c.at >= _midnight(condition.since))


def _came_by(condition: CameBy) -> ColumnElement[bool]:
    return exists().where(
        consents.c.subscriber == subscribers.c.id,
        consents.c.list == subscriptions.c.list,
        consents.c.act.in_([Act.ASKED.value, Act.IMPORTED.value]),
        consents.c.door.in_([d.value for d in condition.doors]),
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), UTC)


_EXPRESSIONS: Mapping[type[Condition], Callable[[Any], ColumnElement[bool]]] = {
    TopicIs: _topic,
    Joined: _joined,
    RhythmIs: lambda c: subscriptions.c.rhythm.in_([r.value for r in c.rhythms]),
    LanguageIs: lambda c: subscribers.c.language.in_(c.languages),
    Tagged: _tagged,
    Clicked: _clicked,
    CameBy: _came_by,
}
