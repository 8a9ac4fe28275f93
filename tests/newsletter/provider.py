"""A small OpenID Connect provider on this machine: real keys, real signatures, and every lie that a test asks for."""

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey

CLIENT, SECRET = "newsletter", "a secret that both know"


@dataclass
class Provider:
    """Who signs in there, and what it says of them."""

    url: str = ""
    calls_itself: str = ""  #: empty: by its address
    key: ECKey = field(
        default_factory=lambda: ECKey.generate_key("P-256", {"kid": "one", "alg": "ES256", "use": "sig"})
    )
    signs_with: Any = None  #: None: with its key
    algorithm: str = "ES256"
    claims: dict[str, object] = field(default_factory=dict)  #: said instead of the truth; None: not said
    now: int = 0
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)

    def sign_in(self, url: str, **instead: str) -> str:
        """Do what a browser does there: read the request, agree, and return the address to which it leads back."""
        asked = dict(parse_qsl(urlsplit(url).query)) | instead
        self.asked.append(asked)
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        back = {"code": code, "state": asked["state"], "iss": self.url}
        return f"{asked['redirect_uri']}?{urlencode(back)}"

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, object]]:
        """Return what the token endpoint answers."""
        basic = base64.b64encode(f"{CLIENT}:{SECRET.replace(' ', '+')}".encode()).decode()
        plain = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        asked = self.codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        knows_us = authorization in {f"Basic {basic}", f"Basic {plain}"}
        proves = asked is not None and asked.get("code_challenge") == challenge.decode().rstrip("=")
        if not knows_us or not proves or asked is None or form.get("redirect_uri") != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        claims: dict[str, object] = {
            "iss": self.calls_itself or self.url,
            "sub": "1",
            "aud": CLIENT,
            "iat": self.now,
            "exp": self.now + 300,
            "nonce": asked["nonce"],
            "email": "ines@example.org",
            "email_verified": True,
        }
        said = {name: value for name, value in (claims | self.claims).items() if value is not None}
        return 200, {"access_token": "x", "token_type": "Bearer", "expires_in": 300, "id_token": self._signed(said)}

    def _signed(self, claims: dict[str, object]) -> str:
        if self.algorithm == "none":
            parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
            return ".".join(base64.urlsafe_b64encode(p).decode().rstrip("=") for p in parts) + "."
        header = {"alg": self.algorithm, "kid": "one"}
        return jwt.encode(header, claims, self.signs_with or self.key, algorithms=[self.algorithm])


def secret_key() -> OctKey:
    """Return the client's secret as a key, for a token that anybody who knows it could sign."""
    return OctKey.import_key(SECRET.encode() + b"." * 32)


@contextmanager
def providing() -> Iterator[Provider]:
    """Yield a provider that is served on this machine."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers: dict[str, Callable[[], object]] = {
                "/.well-known/openid-configuration": lambda: {
                    "issuer": provider.calls_itself or provider.url,
                    "authorization_endpoint": f"{provider.url}/authorize",
                    "token_endpoint": f"{provider.url}/token",
                    "jwks_uri": f"{provider.url}/keys",
                },
                "/keys": lambda: KeySet([provider.key]).as_dict(private=False),
            }
            answer = answers.get(self.path)
            self._say(200 if answer else 404, answer() if answer else {})

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(text).items()}
            self._say(*provider.token(form, self.headers.get("Authorization", "")))

        def _say(self, status: int, value: object) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    provider.url = f"http://127.0.0.1:{server.server_port}"
    yield provider
    server.shutdown()
    server.server_close()
    thread.join(10)
