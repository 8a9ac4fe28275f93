"""Health and settings: sources, what runs where, who may do what, and the log of what was done."""

import platform
import re
from importlib.metadata import version

from pydantic import SecretStr
from starlette.exceptions import HTTPException
from starlette.responses import Response

from newsletter.ingesting import ingest
from newsletter.settings import Settings
from newsletter.staffing import GRANTS, INVITATION_KEPT, Permission
from newsletter.storage.engine import size_bytes
from newsletter.storage.letters import LetterStore
from newsletter.storage.sources import Policy, SourceRecord
from newsletter.storage.staff import Member, Role
from newsletter.web.console.asking import Ask, Door
from newsletter.web.console.words import count
from newsletter.wiring import SOURCE_KINDS, make_source

#: Settings by what they are about, in the order of the page. The rest follows.
_GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Identity", ("title", "tagline", "newsletter", "language", "from_name", "from_address", "postal_address")),
    ("When", ("rhythm", "zone", "hold_minutes", "late_minutes", "local_hours", "minimum_stories", "maximum_stories")),
    ("Approval", ("edition_approval", "second_person_above", "similarity")),
    ("Addresses", ("public_url", "console_url", "hub_url", "bounce_domain")),
)

#: Database engines as people write them.
_ENGINES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}

#: What an empty setting stops, in words.
_BLOCKS = {"postal_address": "Nothing may leave: the law asks for a postal address in every mail."}

#: Lines of the log on one page.
LINES = 50


def show_health(ask: Ask) -> Response:
    """Show the sources, what waits, and which versions run."""
    house = ask.console.house
    return ask.show(
        "health",
        sources=house.sources.all(),
        kinds=SOURCE_KINDS,
        unfinished=house.ledger.unfinished(),
        next_due=house.ledger.next_due(),
        letters=LetterStore(house.engine).waiting(),
        database=_ENGINES.get(house.engine.dialect.name, house.engine.dialect.name),
        size=size_bytes(house.engine),
        versions={
            "Python": platform.python_version(),
            **{name: version(name) for name in ("starlette", "SQLAlchemy", "jinja2", "prefect")},
        },
    )


def add_source(ask: Ask) -> Response:
    """Add a source, after a look at it."""
    form, house = ask.form, ask.console.house
    name, kind, location = form.one("name").strip(), form.one("kind"), form.one("location").strip()[:1000]
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,40}", name) or kind not in SOURCE_KINDS or not location:
        return ask.go(
            "/health", "A source needs a short name (small letters, digits, hyphens) and a place.", is_problem=True
        )
    if kind == "folder":
        # A folder is a path on this machine: who may name one may read every file that we can.
        return ask.go(
            "/health", "Folders are added on the command line: newsletter source add NAME FOLDER.", is_problem=True
        )
    policy = Policy.TRUSTED if form.has("trusted") else Policy.FLAG
    record = SourceRecord(name=name, kind=kind, location=location, policy=policy, added_at=ask.now)
    pull = make_source(record, house.settings).pull({})
    house.sources.add(record)
    ask.did(name, kind=kind)
    return ask.go(
        "/health", f"Added {name}: {count(len(pull.articles), 'article')} there now. Pull it to bring them in."
    )


def pull_source(ask: Ask) -> Response:
    """Pull one source, or all, now."""
    house = ask.console.house
    wanted = ask.form.one("name")
    chosen = [s for s in house.sources.all() if wanted in ("", s.name)]
    if not chosen:
        return ask.go("/health", "There is no such source.", is_problem=True)
    new = changed = 0
    problems: list[str] = []
    for record in chosen:
        report = ingest(make_source(record, house.settings), house.sources, house.articles, ask.now)
        new, changed = new + report.change.new, changed + report.change.changed
        problems += [report.error] if report.error else []
    ask.did(wanted or "all", new=new, changed=changed)
    ask.console.cache.forget()
    said = f"{count(new, 'new article')}, {changed} edited." + (f" {problems[0]}" if problems else "")
    return ask.go("/health", said, is_problem=bool(problems))


def remove_source(ask: Ask) -> Response:
    """Forget a source; its articles stay."""
    name = ask.form.one("name")
    if not ask.console.house.sources.remove(name):
        return ask.go("/health", "There is no such source.", is_problem=True)
    ask.did(name)
    return ask.go("/health", f"Removed {name}. Its articles stay.")


def show_settings(ask: Ask) -> Response:
    """Show every setting; of a secret only whether it is set."""
    settings = ask.console.house.settings
    known = [name for _, names in _GROUPS for name in names]
    groups = [*_GROUPS, ("Everything else", tuple(n for n in Settings.model_fields if n not in known))]
    return ask.show(
        "settings",
        groups=[
            (title, [_setting(settings, n) for n in names if n in Settings.model_fields]) for title, names in groups
        ],
        blocks=[words for name, words in _BLOCKS.items() if not getattr(settings, name)],
    )


def show_staff(ask: Ask) -> Response:
    """Show who may do what."""
    staffing = ask.console.staffing
    members = staffing.staff.all()
    return ask.show(
        "staff",
        members=[(m, len(staffing.sessions.of(m.id, ask.now))) for m in members],
        roles=list(Role),
        grants=GRANTS,
        permissions=list(Permission),
    )


def invite(ask: Ask) -> Response:
    """Add a colleague; show the code for them, this once."""
    roles = {Role(r) for r in ask.form.all("role") if r in set(Role)}
    member, code = ask.console.staffing.invite(
        ask.form.one("address"), ask.form.one("name"), roles, by=ask.me.id, now=ask.now, kept=INVITATION_KEPT
    )
    ask.did(member.id, invited=True)
    return ask.show("invited", member=member, code=code, url=ask.console.url)


def change_member(ask: Ask) -> Response:
    """Change a colleague's roles, end their sessions, close their account, or make them a new code."""
    member = _member(ask)
    staffing, act = ask.console.staffing, ask.form.one("do")
    if act == "code":
        code = staffing.make_code(member, by=ask.me.id, now=ask.now, kept=INVITATION_KEPT)
        ask.did(member.id, do=act)
        return ask.show("invited", member=member, code=code, url=ask.console.url)
    if act == "roles":
        staffing.set_roles(member, {Role(r) for r in ask.form.all("role") if r in set(Role)}, by=ask.me.id, now=ask.now)
        said = f"{member.name} signs in again with the new roles."
    elif act in {"end", "close"}:
        ended = staffing.revoke(member, by=ask.me.id, now=ask.now, account=act == "close")
        said = f"{member.name}: {count(ended, 'session')} ended."
    elif act == "open":
        staffing.staff.set_left(member.id, None)
        said = f"{member.name} may sign in again."
    else:
        raise HTTPException(400)
    ask.did(member.id, do=act)
    return ask.go("/settings/staff", said)


def show_audit(ask: Ask) -> Response:
    """Show what staff did, the newest first, and whether every line holds."""
    audit = ask.console.staffing.audit
    act, before = ask.query("act"), ask.number("before")
    lines = audit.page(before=before, act=act, limit=LINES + 1)
    names = {m.id: m.name for m in ask.console.staffing.staff.all()}
    broken = audit.verify() if ask.query("verify") else 0
    return ask.show(
        "audit",
        lines=lines[:LINES],
        more=len(lines) > LINES,
        names=names,
        act=act,
        verified=bool(ask.query("verify")),
        broken=broken,
    )


def _member(ask: Ask) -> Member:
    member = ask.console.staffing.staff.find(ask.part("member"))
    if member is None:
        raise HTTPException(404)
    return member


def _setting(settings: Settings, name: str) -> tuple[str, str, str]:
    value, description = getattr(settings, name), Settings.model_fields[name].description or ""
    is_secret = isinstance(value, SecretStr) or any(word in name for word in ("password", "secret", "token", "key"))
    if is_secret:
        held = value.get_secret_value() if isinstance(value, SecretStr) else value
        return name, "set" if held else "not set", description
    if isinstance(value, bool):
        return name, "yes" if value else "no", description
    return name, "–" if value in ("", None, (), {}) else str(value), description


DOORS = (
    Door(path="/health", view=show_health, may=Permission.SEE),
    Door(path="/health/sources", view=add_source, may=Permission.OPERATE, act="source.add"),
    Door(path="/health/sources/pull", view=pull_source, may=Permission.OPERATE, act="source.pull"),
    Door(path="/health/sources/remove", view=remove_source, may=Permission.OPERATE, act="source.remove"),
    Door(path="/settings", view=show_settings, may=Permission.SEE),
    Door(path="/settings/staff", view=show_staff, may=Permission.MANAGE),
    Door(path="/settings/staff", view=invite, may=Permission.MANAGE, act="staff.add", fresh=True),
    Door(path="/settings/staff/{member}", view=change_member, may=Permission.MANAGE, act="staff.change", fresh=True),
    Door(path="/settings/audit", view=show_audit, may=Permission.MANAGE),
)
