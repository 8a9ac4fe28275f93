"""Every address of the API, in one table: what is not here is not there."""

from newsletter.web.api import articles, editions, sends, subscribers
from newsletter.web.api.calling import Operation

OPERATIONS: tuple[Operation, ...] = (
    *articles.OPERATIONS,
    *editions.OPERATIONS,
    *subscribers.OPERATIONS,
    *sends.OPERATIONS,
)

#: The tables of operations that create something: for these an Idempotency-Key is kept.
CREATES = frozenset({"makeEdition", "addSubscriber"})
