"""A server on this machine that answers exactly the bytes it is told, however wrong they are."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

#: Bytes to send and then close; or a function that is given the socket, and an event that ends it.
Answer = bytes | Callable[[socket.socket, threading.Event], None]


@dataclass(slots=True)
class Hostile:
    """What the server answers to each path, and what it was asked."""

    url: str
    answers: dict[str, Answer] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    def paths(self) -> list[str]:
        """Return the paths that were asked for, in order."""
        return [request.split(" ", 2)[1] for request in self.requests]


def ok(body: bytes = b"", **headers: str) -> bytes:
    """Return a plain answer 200."""
    return answer(200, body, **headers)


def answer(status: int, body: bytes = b"", **headers: str) -> bytes:
    """Return an answer with its length; a header's name is written with underscores."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def drip(first: bytes, piece: bytes = b"x") -> Answer:
    """Return an answer that never ends: a piece every 20 ms, so that no single read waits for long."""

    def send(sock: socket.socket, stop: threading.Event) -> None:
        sock.sendall(first)
        while not stop.wait(0.02):
            sock.sendall(piece)

    return send


def silent(_: socket.socket, stop: threading.Event) -> None:
    """Answer nothing."""
    stop.wait(10)


@contextmanager
def serve(answers: Mapping[str, Answer] | None = None) -> Iterator[Hostile]:
    """Serve until the end of the block."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        hostile = Hostile(f"http://127.0.0.1:{listener.getsockname()[1]}", dict(answers or {}))
        thread = threading.Thread(target=_accept, args=(listener, hostile, stop), daemon=True)
        thread.start()
        try:
            yield hostile
        finally:
            stop.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _accept(listener: socket.socket, hostile: Hostile, stop: threading.Event) -> None:
    workers = []
    while not stop.is_set():
        try:
            sock, _ = listener.accept()
        except OSError:
            break
        workers.append(threading.Thread(target=_speak, args=(sock, hostile, stop), daemon=True))
        workers[-1].start()
    for worker in workers:
        worker.join()


def _speak(sock: socket.socket, hostile: Hostile, stop: threading.Event) -> None:
    with sock, suppress(OSError):
        sock.settimeout(5)
        asked = b""
        while b"\r\n\r\n" not in asked:
            if not (piece := sock.recv(65_536)):
                return
            asked += piece
        hostile.requests.append(asked.decode("latin-1"))
        path = hostile.paths()[-1]
        reply = hostile.answers.get(path) or hostile.answers.get(path.partition("?")[0], answer(404))
        if callable(reply):
            reply(sock, stop)
        else:
            sock.sendall(reply)
