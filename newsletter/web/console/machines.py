"""Machines: the tokens with which programs use the API, and the webhooks by which programs are told."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from newsletter.admitting import LONGEST, NEEDS, Admitting
from newsletter.hooking import ABOUT_PEOPLE, add_hook, ping, remove, replay, rotate
from newsletter.staffing import Permission
from newsletter.storage.outbox import Event, Hook, OutboxStore, PostState
from newsletter.storage.tokens import Scope
from newsletter.web.console.asking import Ask, Door
from newsletter.web.console.words import count
from newsletter.wiring import make_poster, reach_of


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


def show_webhooks(ask: Ask) -> Response:
    """Show every webhook with its last messages, and the form that adds one."""
    return _show_webhooks(ask)


def add_webhook(ask: Ask) -> Response:
    """Add a webhook, and show its secret, this once."""
    house, form = ask.console.house, ask.form
    events = {Event(e) for e in form.all("event") if e in set(Event)}
    hook = add_hook(
        house.engine,
        form.one("url").strip(),
        form.one("name"),
        events,
        with_addresses=form.has("addresses"),
        reach=reach_of(house.settings),
        by=ask.me.id,
        now=ask.now,
    )
    return _show_webhooks(ask, hook)


def change_webhook(ask: Ask) -> Response:
    """Test a webhook, send it what was parked or one message once more, give it a new secret, or remove it."""
    house, act = ask.console.house, ask.form.one("do")
    engine, hook = house.engine, OutboxStore(house.engine).find(ask.part("hook"))
    if hook is None:
        raise HTTPException(404)
    if act == "rotate":
        return _show_webhooks(ask, rotate(engine, hook, by=ask.me.id, now=ask.now))
    if act == "test":
        return _test(ask, hook)
    if act == "replay":
        sent = replay(engine, hook, by=ask.me.id, now=ask.now, id_=ask.form.one("message")[:40])
        return ask.go("/settings/webhooks", f"{count(sent, 'message')} to {hook.name} go out again.")
    if act != "remove":
        raise HTTPException(400)
    remove(engine, hook, by=ask.me.id, now=ask.now)
    return ask.go("/settings/webhooks", f"{hook.name} is told nothing any more.")


def _test(ask: Ask, hook: Hook) -> Response:
    poster = make_poster(ask.console.house.settings)
    try:
        post = ping(ask.console.house.engine, hook, poster, now=ask.now)
    finally:
        poster.close()
    ask.did(hook.id, do="test", status=post.status)
    if post.state is PostState.DELIVERED:
        return ask.go("/settings/webhooks", f"{hook.name} has taken the test ({post.status}).")
    said = f"{hook.name} has not taken the test: {post.status or 'no answer'} {post.said}"
    return ask.go("/settings/webhooks", said, is_problem=True)


def _show_webhooks(ask: Ask, made: Hook | None = None) -> Response:
    store = OutboxStore(ask.console.house.engine)
    return ask.show(
        "webhooks",
        hooks=[(h, store.posts(h.id, 10)) for h in store.hooks()],
        events=[e for e in Event if e is not Event.PING],
        about_people=sorted(ABOUT_PEOPLE),
        made=made,
    )


DOORS = (
    Door(path="/settings/tokens", view=show_tokens, may=Permission.MANAGE),
    Door(path="/settings/tokens", view=make_token, may=Permission.MANAGE, act="token.new", fresh=True),
    Door(path="/settings/tokens/revoke", view=revoke_token, may=Permission.MANAGE, act="token.revoke"),
    Door(path="/settings/webhooks", view=show_webhooks, may=Permission.MANAGE),
    Door(path="/settings/webhooks", view=add_webhook, may=Permission.MANAGE, act="webhook.add", fresh=True),
    Door(
        path="/settings/webhooks/{hook}",
        view=change_webhook,
        may=Permission.MANAGE,
        act="webhook.change",
        fresh=True,
    ),
)
