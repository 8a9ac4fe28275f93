"""A program that talks to the API of an office, for tests."""

from dataclasses import dataclass

from httpx2 import Response
from starlette.testclient import TestClient

from newsletter.admitting import NEEDS, Admitting
from newsletter.staffing import may
from newsletter.storage.tokens import Scope
from tests.newsletter.office import Office

ROOT = "/api/v1"


@dataclass
class Program:
    """One program with a token."""

    office: Office
    secret: str

    def __post_init__(self) -> None:
        base = self.office.settings.console_url + ROOT
        self.client = TestClient(self.office.app, base_url=base, raise_server_exceptions=False, follow_redirects=False)

    def get(self, path: str, **headers: str) -> Response:
        """Read something."""
        return self.client.get(path, headers=self._headers(headers))

    def post(self, path: str, body: object = None, **headers: str) -> Response:
        """Do something; names of headers have underscores."""
        return self.client.post(path, json={} if body is None else body, headers=self._headers(headers))

    def _headers(self, more: dict[str, str]) -> dict[str, str]:
        token = {"Authorization": f"Bearer {self.secret}"} if self.secret else {}
        return token | {name.replace("_", "-"): value for name, value in more.items()}


def program_of(office: Office, name: str, *scopes: Scope) -> Program:
    """Return a program of one of the staff, with every scope that they may have unless some are named."""
    owner = office.staffing.staff.at(f"{name.lower()}@example.org")
    assert owner
    wanted = scopes or tuple(s for s in Scope if may(owner, NEEDS[s]))
    _, secret = Admitting(office.house.engine).make(owner, "a program", wanted, 30, by="test", now=office.now)
    return Program(office, secret)
