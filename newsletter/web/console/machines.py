"""Machines: the tokens with which programs use the API."""

from starlette.responses import Response

from newsletter.admitting import LONGEST, NEEDS, Admitting
from newsletter.staffing import Permission
from newsletter.storage.tokens import Scope
from newsletter.web.console.asking import Ask, Door


def show_tokens(ask: Ask) -> Response:
    """Show every token, and the form that makes one."""
    return _show_tokens(ask)


def make_token(ask: Ask) -> Response:
    """Make a token in one's own name, and show it, this once."""
    text = ask.form.one("days")
    days = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0
    scopes = {Scope(s) for s in ask.form.all("scope") if s in set(Scope)}
    admitting = Admitting(ask.console.house.engine)
    token, secret = admitting.make(ask.me, ask.form.one("name"), scopes, days, by=ask.me.id, now=ask.now)
    return _show_tokens(ask, made=token.name, secret=secret)


def revoke_token(ask: Ask) -> Response:
    """Let a token open nothing any more."""
    gone = Admitting(ask.console.house.engine).revoke(ask.form.one("token"), by=ask.me.id, now=ask.now)
    return ask.go("/settings/tokens", f"{gone.name} opens nothing any more.")


def _show_tokens(ask: Ask, made: str = "", secret: str = "") -> Response:
    staff = ask.console.staffing.staff
    return ask.show(
        "tokens",
        tokens=Admitting(ask.console.house.engine).store.all(),
        names={m.id: m.name for m in staff.all()},
        scopes=[(scope, NEEDS[scope], ask.may(NEEDS[scope])) for scope in Scope],
        longest=LONGEST.days,
        url=ask.console.url,
        made=made,
        secret=secret,
    )


DOORS = (
    Door(path="/settings/tokens", view=show_tokens, may=Permission.MANAGE),
    Door(path="/settings/tokens", view=make_token, may=Permission.MANAGE, act="token.new", fresh=True),
    Door(path="/settings/tokens/revoke", view=revoke_token, may=Permission.MANAGE, act="token.revoke"),
)
