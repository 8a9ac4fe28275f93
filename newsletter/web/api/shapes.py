"""What goes over the API's wire: every field with its bounds; a field that is not here is refused."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from content.articles import BlockKind
from content.sends import Press, SendState
from newsletter.rendering.gates import Severity
from newsletter.storage.editions import EditionState
from subscribers.people import Reason, SubscriptionState
from subscribers.preferences import Rhythm

#: One line: no control characters. PostgreSQL keeps no NUL, and a subject with a line break is another header.
Line = Annotated[str, Field(max_length=250, pattern=r"^[^\x00-\x1f\x7f]*$")]
#: Paragraphs: line breaks and tabs, no other control character.
Text = Annotated[str, Field(max_length=4000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")]
#: Says why: more than blanks, in one line.
Why = Annotated[
    str, Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$")
]
Version = Annotated[int, Field(ge=0, le=1_000_000_000)]
ArticleState = Literal["pending", "approved", "rejected", "withdrawn"]


class Shape(BaseModel):
    """One value on the wire."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Nothing(Shape):
    """A request that says nothing."""


class WrongField(Shape):
    """One field that is not as it should be."""

    field: str
    message: str
    value: str


class Problem(Shape):
    """What went wrong (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[WrongField] = []


class Paged(Shape):
    """Which part of a list is wanted."""

    limit: Annotated[int, Field(ge=1, le=200, description="How many at most.")] = 50
    cursor: Annotated[
        str, Field(max_length=400, pattern=r"^[A-Za-z0-9_-]*$", description="`next` of the page before.")
    ] = ""


class ArticlesWanted(Paged):
    """Which articles are wanted."""

    state: Annotated[
        Literal["", "pending", "approved", "rejected", "withdrawn"], Field(description="Only those in this state.")
    ] = ""
    source: Annotated[Line, Field(description="Only those of this source.")] = ""
    q: Annotated[Line, Field(description="What the title has in it.")] = ""


class ArticleRow(Shape):
    """One article in a list."""

    id: str
    revision: Annotated[str, Field(description="The wording: decisions are about exactly this.")]
    title: str
    source: str
    state: ArticleState
    pulled_at: datetime
    decided_by: str
    note: str


class Articles(Shape):
    """One page of articles, the newest first."""

    items: list[ArticleRow]
    next: Annotated[str | None, Field(description="The cursor of the next page; null on the last.")]


class ArticleBlock(Shape):
    """One block of an article."""

    kind: BlockKind
    text: str


class Article(Shape):
    """One wording of an article."""

    id: str
    revision: str
    title: str
    source: str
    url: str
    author: str
    language: str
    topics: list[str]
    published_at: datetime | None
    state: ArticleState
    is_current: Annotated[bool, Field(description="Whether the source shows this wording now.")]
    decided_by: str
    note: str
    blocks: list[ArticleBlock]


class Approving(Shape):
    """An approval of a wording."""

    note: Line = ""


class Refusing(Shape):
    """A rejection, with its reason for colleagues."""

    note: Why


class Withdrawing(Shape):
    """A withdrawal, with its reason."""

    note: Annotated[Why, Field(description="Why, for the record.")]
    public: Annotated[Line, Field(description="Why, in words that readers see; empty for none.")] = ""


class EditionRow(Shape):
    """One edition in a list."""

    key: str
    state: EditionState
    reason: str
    subject: str
    created_at: datetime
    approved_by: str
    approved_at: datetime | None
    send: SendState


class Editions(Shape):
    """One page of editions, the newest first."""

    items: list[EditionRow]
    next: Annotated[str | None, Field(description="The cursor of the next page; null on the last.")]


class Story(Shape):
    """One story of an edition."""

    article: str
    revision: str
    title: str


class Edition(Shape):
    """One edition as it would leave, or left."""

    key: str
    state: EditionState
    reason: str
    subject: str
    preheader: str
    intro: str
    label: str
    created_at: datetime
    approved_by: str
    approved_at: datetime | None
    version: Annotated[int, Field(description="Of what was composed by hand; 0: nothing was.")]
    stories: list[Story]


class Composing(Shape):
    """What an editor wants; a field that is left out stays as it is."""

    order: Annotated[list[Line], Field(max_length=200, description="Ids of the articles to tell, in this order.")] = []
    subject: Line = ""
    preheader: Line = ""
    intro: Text = ""
    version: Annotated[Version | None, Field(description="Of the edition that was read; with If-Match not needed.")] = (
        None
    )


class Accepting(Shape):
    """An approval of an edition, and the rules whose warnings it accepts."""

    accept: Annotated[list[Line], Field(max_length=20)] = []


class Finding(Shape):
    """One thing that is not as it should be with a mail."""

    rule: str
    severity: Severity
    message: str


class Checked(Shape):
    """Everything that a check of an edition's mail found, blockers first."""

    findings: list[Finding]
    changed: Annotated[list[str], Field(description="What is no longer as it was when the edition was made.")]


class Numbers(Shape):
    """How many people stand where; the parts add up to the candidates."""

    candidates: int
    accepted: int
    refused: int
    excluded: dict[str, int]
    deferred: int
    pending: int
    uncertain: int
    withdrawn: int


class Send(Shape):
    """When an edition leaves, and how far that has come."""

    edition: str
    state: SendState
    due_at: datetime | None
    hold_until: datetime | None
    zone: str
    version: int
    reason: str
    by: str
    at: datetime | None
    may: Annotated[list[Press], Field(description="What a person may press now.")]
    numbers: Annotated[Numbers | None, Field(description="null before the audience is frozen.")]


class Pressing(Shape):
    """A press on a send."""

    reason: Line = ""
    version: Annotated[Version | None, Field(description="Of the send that was read; with If-Match not needed.")] = None


class Timing(Shape):
    """When an edition is to leave."""

    at: Annotated[
        str,
        Field(
            pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?$",
            description="A moment, with an offset, or what a clock in `zone` shows: 2026-12-01T09:00.",
        ),
    ]
    zone: Annotated[Line, Field(max_length=64, description="IANA zone; empty: the newsletter's.")] = ""
    version: Annotated[Version | None, Field(description="Of the send that was read; with If-Match not needed.")] = None


class Subscriber(Shape):
    """One person, and how they stand to the newsletter."""

    id: str
    address: str
    name: str
    language: str
    zone: str
    state: SubscriptionState
    since: datetime
    confirmed_at: datetime | None
    topics: Annotated[list[str], Field(description="Empty: every topic.")]
    rhythm: Rhythm
    suppressed: Annotated[list[Reason], Field(description="Why nothing is sent there, if so.")]


class SubscriberRow(Shape):
    """One person in a list."""

    id: str
    address: str
    name: str
    state: SubscriptionState
    since: datetime


class Subscribers(Shape):
    """One page of people, by id."""

    items: list[SubscriberRow]
    next: Annotated[str | None, Field(description="The cursor of the next page; null on the last.")]


class Wanted(Shape):
    """Whom to find. In the body, because addresses of pages end up in logs."""

    address: Annotated[Line, Field(min_length=3)]


class Adding(Shape):
    """A person who asked to get the newsletter, and what they had before them when they did."""

    address: Annotated[Line, Field(min_length=3)]
    wording: Annotated[Text, Field(min_length=1, description="The words the person agreed to, kept as proof.")]
    form: Annotated[Line, Field(max_length=32, description="Which form it was, or its version.")] = ""
    name: Line = ""
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}$")] = "en"
    topics: Annotated[list[Line], Field(max_length=50, description="Empty: every topic.")] = []
    rhythm: Rhythm = Rhythm.EACH


class Added(Shape):
    """What became of adding a person: they were asked by mail, whether we knew them or not."""

    asked: Literal[True] = True


class Leaving(Shape):
    """An unsubscribing on behalf of a person."""

    everything: Annotated[bool, Field(description="From every list of this house, not this alone.")] = False


class Erasing(Shape):
    """An erasure, which nobody can take back."""

    word: Annotated[Literal["erase"], Field(description="Says that it is meant.")]


class Erased(Shape):
    """What is left of a person: nothing but a keyed hash, so that no import brings them back."""

    erased: Literal[True] = True
