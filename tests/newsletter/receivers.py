"""A receiver of webhooks on this machine, which answers as a test says."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Receiver:
    """What came, and what is answered to it."""

    url: str = ""
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    hangs: threading.Event | None = None  #: answers once this is set
    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def told(self) -> list[dict]:  # type: ignore[type-arg]
        """Return what the messages say."""
        return [json.loads(body) for _, body in self.came]

    @property
    def ids(self) -> list[str]:
        """Return the ids of the messages, in the order in which they came."""
        return [headers["webhook-id"] for headers, _ in self.came]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Yield a receiver that is served on this machine."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.came.append(({name.lower(): value for name, value in self.headers.items()}, body))
            if receiver.hangs is not None:
                receiver.hangs.wait(10)
            self.send_response(receiver.status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(receiver.body)))
            self.end_headers()
            self.wfile.write(receiver.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}/hooks"
    yield receiver
    if receiver.hangs is not None:
        receiver.hangs.set()
    server.shutdown()
    server.server_close()
    thread.join(10)
