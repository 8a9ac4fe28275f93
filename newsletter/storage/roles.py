"""Which PostgreSQL role may do what: the site, the senders and the console get what they need, and nothing else."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Engine, func, select

from newsletter.storage.engine import MIGRATION_LOCK
from newsletter.storage.errors import StoreError
from newsletter.storage.schema import every_table


class Role(StrEnum):
    """A login of the database; the owner of the tables, who migrates and types commands, is none of these."""

    WEB = "newsletter_web"  #: the public site, which anybody may talk to
    SENDER = "newsletter_sender"  #: workers, dispatcher, figures
    CONSOLE = "newsletter_console"  #: the staff's pages


@dataclass(frozen=True, slots=True)
class Grant:
    """What one role may do with a table, as SQL says it; columns in parentheses."""

    web: str = ""
    sender: str = "SELECT"
    console: str = "SELECT, INSERT, UPDATE, DELETE"


_ALL = "SELECT, INSERT, UPDATE, DELETE"
_KEEP = "SELECT, INSERT"  # what is only ever added: nobody rewrites history
_THEIRS = Grant(web=_ALL, sender="SELECT, UPDATE, DELETE")  # people: the site writes, the retention job forgets
_WORK = Grant(sender=_ALL)
_STAFF = Grant(sender="")  # who works here, their sessions, what they did

#: Every table of the store. One that is not here fails a test: it needs a decision.
GRANTS: Mapping[str, Grant] = {
    # What we say: sources are read by workers; the site shows files, and never looks here.
    "articles": _WORK,
    "revisions": _WORK,
    "approvals": Grant(sender=_KEEP, console=_KEEP),
    "corrections": Grant(console=_KEEP),
    "images": Grant(web="SELECT", sender=_ALL),
    "sources": Grant(sender="SELECT, UPDATE"),
    "rulings": Grant(),
    "editions": _WORK,
    "renderings": _WORK,
    "acceptances": Grant(),
    "compositions": Grant(),
    "jottings": Grant(sender=""),
    "segments": Grant(sender=""),  # a digest that goes to one keeps its rules as they were
    "indexed_editions": _WORK,
    "indexed_sections": _WORK,
    "word_holders": _WORK,
    "word_rows": _WORK,
    # Who hears it. A sender can subscribe nobody.
    "subscribers": _THEIRS,
    "subscriptions": _THEIRS,
    "consents": _THEIRS,
    "wordings": Grant(web=_KEEP),
    "letters": _THEIRS,
    "attempts": _THEIRS,
    "lists": Grant(web="SELECT, INSERT, UPDATE", sender="SELECT, INSERT, UPDATE"),
    "suppressions": Grant(web=_ALL, sender=_ALL),
    "counters": Grant(web=_ALL, sender=_ALL),
    "tags": Grant(web="SELECT, DELETE", sender="SELECT, DELETE"),
    "clicks": Grant(web=_ALL, sender="SELECT, DELETE"),
    "targets": Grant(web="SELECT", sender=_KEEP),  # whoever makes mails says where their links lead
    "feed_fetches": Grant(web=_ALL),
    "imports": Grant(),
    "imported": Grant(web="SELECT, DELETE", sender="SELECT, DELETE"),
    # What became of it. The site takes reports, pauses what bounces, and empties what names an erased person.
    "issues": _WORK,
    "variants": _WORK,
    "receipts": _WORK,
    "mailings": Grant(web="SELECT, UPDATE (state, reason)", sender=_ALL),
    "audience": Grant(web="SELECT, UPDATE (address, name, key)", sender=_ALL),
    "chunks": Grant(web="SELECT", sender=_ALL),
    "outcomes": Grant(web="SELECT, INSERT, UPDATE (kind, cause, code, enhanced, reply, at)", sender=_ALL),
    "retries": Grant(web="SELECT, UPDATE (reply)", sender=_ALL),
    "delivery_events": Grant(web="SELECT, INSERT, DELETE", sender=_ALL),
    "allowances": _WORK,
    # When it happens.
    "sends": _WORK,
    "send_changes": Grant(sender=_KEEP, console=_KEEP),
    "marks": _WORK,
    # Whom we tell. Site and console write messages with the changes; the dispatcher, which delivers, reads secrets.
    "hooks": Grant(web="SELECT (id, events, state)", sender="SELECT, UPDATE"),
    "outbox": Grant(web="INSERT", sender=_ALL),
    # Who works here.
    "staff": _STAFF,
    "sessions": _STAFF,
    "staff_codes": _STAFF,
    "recovery_codes": _STAFF,
    "sign_in_failures": _STAFF,
    "tokens": _STAFF,
    "token_replies": _STAFF,
    "audit": Grant(sender="", console=_KEEP),
    # Of the migrations.
    "alembic_version": Grant(web="SELECT", sender="SELECT", console="SELECT"),
}


def statements(schema: str = "public") -> Iterator[str]:
    """Yield the SQL that makes the roles and gives them their rights; running it again changes nothing.

    The owner of the tables runs it, after each migration that makes a table. Passwords are set apart from it.
    """
    for role in Role:
        # CREATE ROLE knows no IF NOT EXISTS.
        yield f"DO $$ BEGIN CREATE ROLE {role} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
        yield f"GRANT USAGE ON SCHEMA {schema} TO {role}"
        yield f"REVOKE CREATE ON SCHEMA {schema} FROM {role}"
        yield f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role}"
        yield f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role}"
        yield f"ALTER ROLE {role} SET statement_timeout = '{_PATIENCE[role]}'"
    for table in sorted({"alembic_version", *(t.name for t in every_table())}):
        grant = GRANTS.get(table, Grant(sender="", console=""))
        for role, rights in ((Role.WEB, grant.web), (Role.SENDER, grant.sender), (Role.CONSOLE, grant.console)):
            if rights:
                yield f'GRANT {rights} ON {schema}."{table}" TO {role}'


def apply(engine: Engine, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Make the roles in the database of `engine`, whose login owns the tables; return whose passwords were set.

    Args:
        engine: Of the owner.
        environment: Holds a role's password under the name of PASSWORDS, or nothing.

    Raises:
        StoreError: It is no PostgreSQL.
    """
    if engine.dialect.name != "postgresql":
        raise StoreError("logins are PostgreSQL's; an SQLite file belongs to whoever may open it")
    given = {role: environment[name] for role, name in PASSWORDS.items() if environment.get(name)}
    with engine.begin() as connection:
        connection.execute(select(func.pg_advisory_xact_lock(MIGRATION_LOCK)))
        for statement in statements():
            connection.exec_driver_sql(statement)
        for role, password in given.items():
            # A password is a literal there, never a parameter; `format` quotes it.
            quoted = connection.execute(select(func.quote_literal(password))).scalar_one()
            connection.exec_driver_sql(f"ALTER ROLE {role} PASSWORD {quoted}".replace("%", "%%"))
    return tuple(given)


#: Where each role's password stands in the environment.
PASSWORDS: Mapping[Role, str] = {
    Role.WEB: "NEWSLETTER_WEB_PASSWORD",
    Role.SENDER: "NEWSLETTER_SENDER_PASSWORD",
    Role.CONSOLE: "NEWSLETTER_CONSOLE_PASSWORD",
}

#: How long one statement of each role may take: a reader waits for seconds; freezing a million people takes minutes.
_PATIENCE: Mapping[Role, str] = {Role.WEB: "15s", Role.SENDER: "30min", Role.CONSOLE: "60s"}
