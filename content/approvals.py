"""An approval is pinned to one revision: an edited article needs another one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Decision(StrEnum):
    """What an editor decided about one revision."""

    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Who decided what about one revision, and when. Approvals are only ever added."""

    revision: str
    decision: Decision
    by: str
    at: datetime
    note: str = ""


def decision_in_force(approvals: Iterable[Approval]) -> Approval | None:
    """Return the approval that holds among those of one revision: the latest. None when nobody has decided."""
    return max(approvals, key=lambda a: a.at, default=None)
