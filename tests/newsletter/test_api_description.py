"""The description of the API says what the API does: schemathesis asks the real one whatever the description allows."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema import Draft202012Validator
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from starlette.routing import Mount, Route

from newsletter.publishing import draft
from newsletter.storage.engine import migrate, open_engine
from newsletter.storage.staff import Role
from newsletter.web.api.calling import Operation
from newsletter.web.api.operations import CREATES, OPERATIONS
from tests.newsletter.office import AT_HOME, NEEDLING, Office
from tests.newsletter.programs import ROOT, Program, program_of

#: Values that exist, so that calls reach what lies behind the 404.
PLACES: dict[str, str] = {"revision": NEEDLING.revision, "key": "beauty-weekly-2026-W48", "person": "id-ada"}

#: Calls of each operation. More are made by hand: EXAMPLES=1000 takes ten minutes.
EXAMPLES = 6

load_all_checks()
#: A well-formed value may still be none that can be done (an address without a mailbox, a time that is past), so not
#: all of them are accepted. That no call passes without a token is tested of every operation in test_api_doors.py.
NOT_CHECKED = [CHECKS.get_one(name) for name in ("positive_data_acceptance", "ignored_auth")]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    home = tmp_path_factory.mktemp("office")
    engine = open_engine(f"sqlite:///{home}/store.db")
    migrate(engine)
    office = Office(engine, home, url="http://testserver")  # as schemathesis calls what it tests
    office.hire("Ines", Role.ADMIN)
    office.subscribe("ada")
    office.bring(NEEDLING, AT_HOME, approved=True)
    draft(office.house, office.now, by_hand=True)
    yield program_of(office, "Ines")
    engine.dispose()


def test_the_description_names_every_route_and_no_other(program: Program) -> None:
    document = program.get("/openapi.json").json()
    (mount,) = (r for r in program.office.app.routes if isinstance(r, Mount) and r.path == ROOT)
    routes = {(r.path, m) for r in mount.routes if isinstance(r, Route) for m in (r.methods or set()) - {"HEAD"}} - {
        ("/openapi.json", "GET")
    }

    described = {(path, method.upper()) for path, methods in document["paths"].items() for method in methods}

    assert described == routes == {(o.path, o.method) for o in OPERATIONS}
    assert len({o.name for o in OPERATIONS}) == len(OPERATIONS)
    assert {o.name for o in OPERATIONS if o.status in {201, 202}} == CREATES


def test_the_description_is_valid_and_says_something_of_everything(program: Program) -> None:
    document = program.get("/openapi.json").json()

    assert document["openapi"] == "3.1.0"
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    operations = [o for methods in document["paths"].values() for o in methods.values()]
    assert [o["operationId"] for o in operations if not o["summary"].endswith(".")] == []
    assert program.client.get("/openapi.json").status_code == 200


@pytest.fixture(scope="module")
def described(program: Program) -> Any:
    return schemathesis.openapi.from_asgi(f"{ROOT}/openapi.json", program.office.app)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.name)
def test_the_api_answers_as_described_whatever_is_sent(program: Program, described: Any, operation: Operation) -> None:
    one = described[operation.path][operation.method]
    places = {name: value for name, value in PLACES.items() if f"{{{name}}}" in operation.path}
    # Wrong tokens and places are tested in test_api_doors.py; of those that schemathesis makes, some leave the API.
    fixed: dict[str, Any] = {"headers": {"Authorization": f"Bearer {program.secret}"}}
    fixed |= {"path_parameters": places} if places else {}
    cases = one.as_strategy(GenerationMode.POSITIVE, **fixed) | one.as_strategy(GenerationMode.NEGATIVE, **fixed)
    statuses = set()
    program.office.now += timedelta(minutes=1)  # the limit of calls begins anew

    @settings(max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(case=cases)
    def ask(case: Any) -> None:
        if case.headers:  # one that never fits would end every call with 412; test_api.py has those
            case.headers.pop("If-Match", None)
        answer = case.call()
        statuses.add(answer.status_code)
        case.validate_response(answer, excluded_checks=NOT_CHECKED)

    ask()

    assert statuses
    assert max(statuses) < 500
