"""Subscribers of this newsletter over the API: list, find, add with proof of consent, unsubscribe, erase."""

from newsletter.enrolling import owning
from newsletter.enrolling.choosing import leave, leave_all
from newsletter.enrolling.joining import SignUp, sign_up
from newsletter.enrolling.rules import TooManyError
from newsletter.releasing import mailing_list_of
from newsletter.staffing import Permission
from newsletter.storage.enrolments import EnrolmentStore
from newsletter.storage.tokens import Scope
from newsletter.web.api import shapes
from newsletter.web.api.calling import Answer, Call, Operation, ProblemError, read_cursor, write_cursor, wrong
from subscribers.addresses import Address, AddressError, read_address
from subscribers.consent import Door
from subscribers.names import clean_name
from subscribers.tokens import Claims


def list_subscribers(call: Call) -> Answer:
    """List everybody who ever asked for the newsletter, whatever became of them, by id."""
    wanted = call.wanted(shapes.Paged)
    place = read_cursor(wanted.cursor, 1)
    slug = call.house.settings.newsletter
    rows = call.house.people.page(slug, after=place[0] if place else "", limit=wanted.limit + 1)
    page = rows[: wanted.limit]
    items = [
        shapes.SubscriberRow(id=p.id, address=p.address, name=p.name, state=s.state, since=s.since) for p, s in page
    ]
    more = len(rows) > wanted.limit
    return Answer(shapes.Subscribers(items=items, next=write_cursor(page[-1][0].id) if more else None))


def show_subscriber(call: Call) -> Answer:
    """Show one person: how they stand, what they chose, why nothing is sent to them if so."""
    return Answer(shape_of(call))


def find_subscriber(call: Call) -> Answer:
    """Find the person with an address."""
    person = call.house.people.find(_address(call.said(shapes.Wanted).address).text)
    return Answer(_shape(call, person.id if person else ""))


def add_subscriber(call: Call) -> Answer:
    """Ask a person by mail to confirm, and keep what they agreed to. Nothing else is sent there before they do."""
    said, house = call.said(shapes.Adding), call.house
    mailing_list = mailing_list_of(house)
    for topic in said.topics:
        if topic not in mailing_list.topic_slugs:
            raise wrong("topics", "names a topic that the list does not have", topic)
    asked = SignUp(
        address=_address(said.address),
        mailing_list=mailing_list.slug,
        name=clean_name(said.name),
        language=said.language,
        topics=frozenset(said.topics),
        rhythm=said.rhythm,
        door=Door.API,
        wording=said.wording,
        form=said.form,
    )
    try:
        sign_up(EnrolmentStore(house.engine), call.ask.console.keys, asked, call.now)
    except TooManyError as error:
        raise ProblemError(
            429, "too many sign-ups came in lately; try again", headers={"Retry-After": "600"}
        ) from error
    call.did("one person")
    return Answer(shapes.Added(), 202)


def unsubscribe(call: Call) -> Answer:
    """Unsubscribe a person, at once. The goodbye letter has a link that puts them back."""
    before = call.stood(shapes.Subscriber)
    store, slug = EnrolmentStore(call.house.engine), call.house.settings.newsletter
    if call.said(shapes.Leaving).everything:
        leave_all(store, Claims(before.id), Door.API, call.now)
    else:
        leave(store, Claims(before.id, slug), Door.API, call.now)
    call.did(before.id, how="unsubscribe")
    return Answer(shape_of(call))


def erase(call: Call) -> Answer:
    """Erase a person for good."""
    before = call.stood(shapes.Subscriber)
    owning.erase(EnrolmentStore(call.house.engine), call.ask.console.keys, Claims(before.id), call.now)
    call.did(before.id)
    return Answer(shapes.Erased())


def shape_of(call: Call) -> shapes.Subscriber:
    """Return the person that the address names."""
    return _shape(call, call.ask.part("person"))


def _shape(call: Call, person_id: str) -> shapes.Subscriber:
    slug = call.house.settings.newsletter
    with EnrolmentStore(call.house.engine).reading() as desk:
        person, stands = desk.person(person_id), desk.subscription(slug, person_id)
        held = desk.suppressions([person.key]) if person else ()
    if person is None or stands is None:  # nobody, or somebody of another newsletter: the same answer
        raise ProblemError(404, "there is no such subscriber")
    return shapes.Subscriber(
        id=person.id,
        address=person.address,
        name=person.name,
        language=person.language,
        zone=person.zone,
        state=stands.state,
        since=stands.since,
        confirmed_at=stands.confirmed_at,
        topics=sorted(stands.preferences.topics),
        rhythm=stands.preferences.rhythm,
        suppressed=sorted(s.reason for s in held if s.holds_at(call.now)),
    )


def _address(text: str) -> Address:
    try:
        return read_address(text)
    except AddressError as error:
        raise wrong("address", str(error), text) from error


_ONE = "/subscribers/{person}"
OPERATIONS = (
    Operation(
        name="listSubscribers",
        path="/subscribers",
        view=list_subscribers,
        scope=Scope.SUBSCRIBERS_READ,
        may=Permission.PEOPLE,
        query=shapes.Paged,
        gives=shapes.Subscribers,
    ),
    Operation(
        name="addSubscriber",
        path="/subscribers",
        view=add_subscriber,
        scope=Scope.SUBSCRIBERS_WRITE,
        may=Permission.PEOPLE,
        act="person.add",
        method="POST",
        body=shapes.Adding,
        gives=shapes.Added,
        status=202,
    ),
    Operation(
        name="findSubscriber",
        path="/subscribers/find",
        view=find_subscriber,
        scope=Scope.SUBSCRIBERS_READ,
        may=Permission.PEOPLE,
        method="POST",
        body=shapes.Wanted,
        gives=shapes.Subscriber,
    ),
    Operation(
        name="showSubscriber",
        path=_ONE,
        view=show_subscriber,
        scope=Scope.SUBSCRIBERS_READ,
        may=Permission.PEOPLE,
        gives=shapes.Subscriber,
    ),
    Operation(
        name="unsubscribe",
        path=f"{_ONE}/unsubscribe",
        view=unsubscribe,
        scope=Scope.SUBSCRIBERS_WRITE,
        may=Permission.PEOPLE,
        act="person.suppress",
        method="POST",
        body=shapes.Leaving,
        gives=shapes.Subscriber,
        about=shape_of,
    ),
    Operation(
        name="eraseSubscriber",
        path=f"{_ONE}/erase",
        view=erase,
        scope=Scope.SUBSCRIBERS_WRITE,
        may=Permission.CROWD,
        act="person.erase",
        method="POST",
        body=shapes.Erasing,
        gives=shapes.Erased,
        about=shape_of,
    ),
)
