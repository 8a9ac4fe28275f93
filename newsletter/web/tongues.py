"""In which language a page is drawn: its person's own where it is somebody's page, else what their browser asks for."""

from contextvars import ContextVar

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from newsletter.templating import N_, catalogue, languages

#: Set for each request and read wherever its page is drawn, in worker threads too: a page is drawn in twenty places,
#: and none of them has another use for the request.
_spoken: ContextVar[str] = ContextVar("spoken", default="en")

#: What the pure rooms say to people, for the catalogues.
SAID = (
    N_("Choose at least one topic. To hear nothing more, unsubscribe instead."),
    N_("Choose from the topics shown."),
    N_("Choose one of the rhythms shown."),
    N_("Choose an hour from 0 to 23."),
    N_("Enter an email address."),
    N_("This address is too long."),
    N_("Enter only the address, without a name"),
    N_("An email address has an @ in it."),
    N_("Nothing can be delivered to this domain."),
    N_("The part after the @ needs a dot, as in example.org."),
    N_("This is not a valid email address."),
)


class Tongues:
    """Notes for each request which of our languages its browser prefers."""

    def __init__(self, app: ASGIApp, home: str) -> None:
        """Speak `home` to browsers that ask for none of our languages."""
        self._app = app
        self._home = home

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] == "http":
            _spoken.set(preferred(Headers(scope=scope).get("accept-language", ""), self._home))
        await self._app(scope, receive, send)


def preferred(accepted: str, home: str) -> str:
    """Return the language that a browser asks for (RFC 9110, 12.5.4) among ours; `home` when it asks for none."""
    ranges: list[tuple[float, str]] = []
    for part in accepted[:1000].split(","):
        tag, _, weight = part.partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=")) if weight.strip() else 1.0
        except ValueError:
            continue
        ranges.append((quality, tag.strip().lower().partition("-")[0]))
    ranges.sort(key=lambda wish: -wish[0])
    return next((tag for quality, tag in ranges if quality > 0 and tag in languages()), home)


def spoken() -> str:
    """Return the language of the request that is being answered."""
    return _spoken.get()


def speak(language: str) -> None:
    """Answer the request in a person's own language, where it is one of ours."""
    code = language.partition("-")[0].lower()
    if code in languages():
        _spoken.set(code)


def say(text: str) -> str:
    """Return one of our sentences in the language of the request; what follows a colon is the reader's own."""
    if not text:  # the catalogues keep their own head under it
        return ""
    words, colon, theirs = text.partition(": ")
    gettext = catalogue(spoken()).gettext
    known = gettext(text)
    return f"{gettext(words)}{colon}{theirs}" if known == text and colon else known
