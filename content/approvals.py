"""An approval is pinned to one revision: an edited article needs another one."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Decision(StrEnum):
    """What an editor decided about one revision."""

    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    REOPENED = "reopened"  #: taken back: as if nobody had decided yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Who decided what about one revision, and when. Approvals are only ever added."""

    revision: str
    decision: Decision
    by: str
    at: datetime
    note: str = ""
