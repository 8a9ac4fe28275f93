"""Signing in and out, the authenticator, and one's own account."""

import io

import pyotp
import segno
from starlette.responses import RedirectResponse, Response

from newsletter.staffing import FRESH, Denied, Opened, Permission, StaffingError, needs_factor
from newsletter.storage.sessions import Level
from newsletter.web.console.asking import Ask, Door, safe_next, with_query


def show_sign_in(ask: Ask) -> Response:
    """Show the form that asks for address and password."""
    if ask.session is not None and ask.session.level is Level.FULL:
        return ask.go("/")
    return ask.show("sign_in", next=safe_next(ask.query("next")), problem="", address="")


def sign_in(ask: Ask) -> Response:
    """Check address and password."""
    form, after = ask.form, safe_next(ask.form.one("next"))
    found = ask.console.staffing.sign_in(form.one("address")[:254], form.one("password"), ask.visitor, ask.now)
    if isinstance(found, Denied):
        status = 429 if found is Denied.THROTTLED else 422
        return ask.show("sign_in", status, next=after, problem=found.value, address=form.one("address")[:254])
    return _let_in(ask, found, after)


def show_welcome(ask: Ask) -> Response:
    """Show the form that opens an account with a code."""
    return ask.show("welcome", problem="", is_first=not ask.console.is_set_up())


def welcome(ask: Ask) -> Response:
    """Open an account with a code and a new password."""
    problem, status = "The two passwords differ. Type the same one twice.", 422
    try:
        if ask.form.one("password") == ask.form.one("again"):
            code, password = ask.form.one("code")[:100], ask.form.one("password")
            found = ask.console.staffing.welcome(code, password, ask.visitor, ask.now)
            if isinstance(found, Opened):
                return _let_in(ask, found, "/")
            status = 429 if found is Denied.THROTTLED else 422
            problem = "That code does not open an account, or not any more. Ask for a new one."
    except StaffingError as error:
        problem = str(error)
    return ask.show("welcome", status, problem=problem, is_first=not ask.console.is_set_up())


def show_code(ask: Ask) -> Response:
    """Show the form that asks for the authenticator's code."""
    return ask.show("code", next=safe_next(ask.query("next")), problem="", again=False)


def check_code(ask: Ask) -> Response:
    """Check the authenticator's code."""
    assert ask.session
    after = safe_next(ask.form.one("next"))
    found = ask.console.staffing.check_code(ask.session, ask.form.one("code")[:40], ask.visitor, ask.now)
    if isinstance(found, Denied):
        status = 429 if found is Denied.THROTTLED else 422
        problem = "That code did not match. Type the newest one." if found is Denied.WRONG else found.value
        return ask.show("code", status, next=after, problem=problem, again=False)
    return _let_in(ask, found, after)


def show_again(ask: Ask) -> Response:
    """Ask who is signed in already to prove it once more."""
    return ask.show(
        "code", next=safe_next(ask.query("next")), problem="", again=True, by_password=not ask.me.has_factor
    )


def check_again(ask: Ask) -> Response:
    """Check the proof, and go on."""
    assert ask.session
    staffing, after = ask.console.staffing, safe_next(ask.form.one("next"))
    if ask.me.has_factor:
        found = staffing.check_code(ask.session, ask.form.one("code")[:40], ask.visitor, ask.now)
    else:
        found = staffing.sign_in(ask.me.address, ask.form.one("code"), ask.visitor, ask.now)
        if isinstance(found, Opened):
            staffing.sessions.close(ask.session.hash)
    if isinstance(found, Denied):
        problem = "That did not match. Try again." if found is Denied.WRONG else found.value
        by_password = not ask.me.has_factor
        return ask.show("code", 422, next=after, problem=problem, again=True, by_password=by_password)
    return _let_in(ask, found, after)


def show_factor(ask: Ask) -> Response:
    """Show how to set up an authenticator."""
    return _show_factor(ask, pyotp.random_base32(), "")


def set_up_factor(ask: Ask) -> Response:
    """Keep the authenticator; show the recovery codes, this once."""
    assert ask.session
    secret = ask.form.one("secret")
    # Whoever holds the password alone must not put an authenticator of their own in place of the old one.
    if ask.me.has_factor and (ask.session.level is not Level.FULL or ask.now - ask.session.proved_at > FRESH):
        return ask.go("/again" if ask.session.level is Level.FULL else "/code", next="/factor")
    if len(secret) != 32 or not secret.isalnum():
        return ask.go("/factor")
    try:
        found, codes = ask.console.staffing.set_up_factor(
            ask.session, secret, ask.form.one("code")[:20], ask.visitor, ask.now
        )
    except StaffingError as error:
        return _show_factor(ask, secret, str(error), 422)
    ask.session = found.session
    answer = ask.show("recovery", codes=codes)
    ask.console.sign_in_cookie(answer, found.id)
    return answer


def sign_out(ask: Ask) -> Response:
    """End this session."""
    assert ask.session
    ask.console.staffing.sessions.close(ask.session.hash)
    ask.did(ask.me.id)
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(ask.console.cookie, path="/", secure=ask.console.on_tls, httponly=True)
    return answer


def show_account(ask: Ask) -> Response:
    """Show one's own account: sessions, password, authenticator, how pages behave."""
    return _show_account(ask)


def change_password(ask: Ask) -> Response:
    """Change one's own password; every session ends, this one too."""
    form = ask.form
    if form.one("password") != form.one("again"):
        return _show_account(ask, "The two new passwords differ. Type the same one twice.", 422)
    try:
        if not ask.console.staffing.change_password(ask.me, form.one("old"), form.one("password"), ask.now):
            return _show_account(ask, "The old password is not right. Nothing was changed.", 422)
    except StaffingError as error:
        return _show_account(ask, str(error), 422)
    ask.session = None
    return ask.go("/sign-in", "Your password is changed, and every session has ended. Sign in with the new one.")


def change_profile(ask: Ask) -> Response:
    """Keep whether single keys act."""
    shortcuts = ask.form.has("shortcuts")
    ask.console.staffing.staff.set_profile(ask.me.id, zone=ask.me.zone, shortcuts=shortcuts)
    ask.did(ask.me.id, shortcuts=shortcuts)
    return ask.go("/account", "Saved.")


def end_session(ask: Ask) -> Response:
    """End one of one's own sessions, or all the others."""
    assert ask.session
    sessions = ask.console.staffing.sessions
    wanted = ask.form.one("session")
    mine = [s for s in sessions.of(ask.me.id, ask.now) if s.hash != ask.session.hash]
    chosen = mine if wanted == "others" else [s for s in mine if s.hash[:16] == wanted]
    for session in chosen:
        sessions.close(session.hash, ask.me.id)
    ask.did(ask.me.id, ended=len(chosen))
    return ask.go("/account", f"{len(chosen)} session{'' if len(chosen) == 1 else 's'} ended.")


def _let_in(ask: Ask, found: Opened, after: str) -> Response:
    ask.session = found.session
    if found.session.level is Level.FULL:
        answer = ask.go(after)
    else:
        member = ask.console.staffing.staff.find(found.session.staff)
        answer = ask.go(with_query("/code", {"next": after}) if member and member.has_factor else "/factor")
    ask.console.sign_in_cookie(answer, found.id)
    return answer


def _show_factor(ask: Ask, secret: str, problem: str, status: int = 200) -> Response:
    issuer = ask.console.house.settings.title
    uri = pyotp.TOTP(secret).provisioning_uri(name=ask.me.address, issuer_name=issuer)
    picture = io.BytesIO()
    # Without a size and a style of its own: our policy allows no style but our files.
    segno.make(uri, error="m").save(
        picture, kind="svg", xmldecl=False, svgns=True, omitsize=True, border=2, dark="#000"
    )
    grouped = " ".join(secret[i : i + 4] for i in range(0, len(secret), 4))
    values = {"secret": secret, "grouped": grouped, "picture": picture.getvalue().decode(), "problem": problem}
    return ask.show("factor", status, required=needs_factor(ask.me), **values)


def _show_account(ask: Ask, problem: str = "", status: int = 200) -> Response:
    staffing = ask.console.staffing
    return ask.show(
        "account",
        status,
        problem=problem,
        sessions=staffing.sessions.of(ask.me.id, ask.now),
        recovery_left=staffing.staff.recovery_left(ask.me.id),
    )


DOORS = (
    Door(path="/sign-in", view=show_sign_in, may=None),
    Door(path="/sign-in", view=sign_in, may=None, act="sign-in"),
    Door(path="/welcome", view=show_welcome, may=None),
    Door(path="/welcome", view=welcome, may=None, act="staff.welcome"),
    Door(path="/code", view=show_code, may=Permission.OWN, level=Level.PASSWORD),
    Door(path="/code", view=check_code, may=Permission.OWN, act="sign-in.code", level=Level.PASSWORD),
    Door(path="/factor", view=show_factor, may=Permission.OWN, level=Level.PASSWORD),
    Door(path="/factor", view=set_up_factor, may=Permission.OWN, act="staff.factor", level=Level.PASSWORD),
    Door(path="/again", view=show_again, may=Permission.OWN),
    Door(path="/again", view=check_again, may=Permission.OWN, act="sign-in.again"),
    Door(path="/sign-out", view=sign_out, may=Permission.OWN, act="sign-out", level=Level.PASSWORD),
    Door(path="/account", view=show_account, may=Permission.OWN),
    Door(path="/account/password", view=change_password, may=Permission.OWN, act="staff.password"),
    Door(path="/account/profile", view=change_profile, may=Permission.OWN, act="staff.profile"),
    Door(path="/account/sessions", view=end_session, may=Permission.OWN, act="session.end"),
)
