"""Connects only where we may, at the very moment of connecting, and never for longer than agreed."""

import contextlib
import os
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterable

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from newsletter.fetching.addresses import AddressError, Reach, is_allowed

#: Returns the numeric addresses of a host.
Resolve = Callable[[str, int], Iterable[str]]
#: Opens a socket to a numeric address and port, within so many seconds.
Connect = Callable[[tuple[str, int], float], socket.socket]

#: How long one address of a host may take to answer before the next is tried.
CONNECT_SECONDS = 10.0


class TooSlowError(Exception):
    """The time agreed for the whole request is over."""


class Deadline:
    """The end of one request: when it comes, every socket of the request is shut, whatever it waits for.

    Timeouts of a socket only bound a single read, so a server that sends a byte each second holds us for ever.
    """

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._watched: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._shut)
        self._timer.daemon = True
        self._timer.start()

    @property
    def passed(self) -> bool:
        """Tell whether the time is over."""
        return self.remaining() <= 0

    def remaining(self) -> float:
        """Return the seconds that are left, 0 or less when none are."""
        return self._ends - time.monotonic()

    def wait(self) -> float:
        """Return the seconds that are left.

        Raises:
            TooSlowError: None are.
        """
        left = self.remaining()
        if left <= 0:
            raise TooSlowError
        return left

    def watch(self, sock: socket.socket) -> None:
        """Shut `sock` when the time is over. It is watched through a copy, for TLS takes the original over."""
        with self._lock:
            self._watched.append(socket.socket(fileno=os.dup(sock.fileno())))
        if self.passed:
            self._shut()

    def end(self) -> None:
        """Forget the sockets; the request is over."""
        self._timer.cancel()
        with self._lock:
            for sock in self._watched:
                sock.close()
            self._watched.clear()

    def _shut(self) -> None:
        with self._lock:
            for sock in self._watched:
                with contextlib.suppress(OSError):  # already closed by the other side
                    sock.shutdown(socket.SHUT_RDWR)


class Gate:
    """Opens sockets for one client: asks the resolver once, and connects to the very address it checked."""

    def __init__(self, reach: Reach, resolve: Resolve | None = None, connect: Connect | None = None) -> None:
        self.deadline: Deadline | None = None
        self._reach = reach
        self._resolve = resolve or resolve_by_system
        self._connect = connect or socket.create_connection

    def open(self, host: str, port: int) -> socket.socket:
        """Return a socket to `host`, all of whose addresses are public.

        Raises:
            AddressError: One of them is not: a name that leads inside is no accident.
            TooSlowError: The time of the request is over.
            OSError: None of them answers.
        """
        assert self.deadline
        addresses = list(dict.fromkeys(self._look_up(host, port)))
        refused = [address for address in addresses if not is_allowed(address, self._reach)]
        if refused or not addresses:
            raise AddressError(f"leads to {', '.join(refused) or 'no address'}, which is not public")
        failure: OSError = OSError("no address")
        for address in addresses:
            try:
                return self._connect((address, port), min(CONNECT_SECONDS, self.deadline.wait()))
            except OSError as error:
                failure = error
        raise failure

    def _look_up(self, host: str, port: int) -> Iterable[str]:
        """Ask the resolver in a thread of its own: it cannot be interrupted, only left behind."""
        assert self.deadline
        answers: queue.SimpleQueue[Iterable[str] | OSError | UnicodeError] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answers.put(self._resolve(host, port))
            except (OSError, UnicodeError) as error:
                answers.put(error)

        threading.Thread(target=ask, daemon=True).start()
        try:
            answer = answers.get(timeout=self.deadline.wait())
        except queue.Empty:
            raise TooSlowError from None
        if isinstance(answer, Exception):
            raise OSError(f"the name {host} is not known") from answer
        return answer


def resolve_by_system(host: str, port: int) -> list[str]:
    """Return the addresses of `host` as the machine knows them."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class GuardedAdapter(HTTPAdapter):
    """Lets requests connect through a `Gate` alone."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        super().__init__(pool_connections=4, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: object) -> None:
        """Make the pools of connections that go through the gate."""
        super().init_poolmanager(connections, maxsize, block, **options)
        self.poolmanager.pool_classes_by_scheme = _pools(self._gate)


def _pools(gate: Gate) -> dict[str, type[HTTPConnectionPool]]:
    class Guarded:
        """What plain and TLS connections share. `_new_conn` is where urllib3 resolves and connects."""

        def _new_conn(self) -> socket.socket:
            assert gate.deadline
            sock = gate.open(self.host, self.port)  # type: ignore[attr-defined]
            gate.deadline.watch(sock)
            sock.settimeout(self.timeout)  # type: ignore[attr-defined]
            return sock

        def getresponse(self) -> HTTPResponse:
            assert gate.deadline
            gate.deadline.watch(self.sock)  # type: ignore[attr-defined]
            answer: HTTPResponse = super().getresponse()  # type: ignore[misc]
            return answer

    class GuardedHTTP(Guarded, HTTPConnection):  # type: ignore[misc]
        pass

    class GuardedHTTPS(Guarded, HTTPSConnection):  # type: ignore[misc]
        pass

    class Pool(HTTPConnectionPool):
        ConnectionCls = GuardedHTTP

    class TLSPool(HTTPSConnectionPool):
        ConnectionCls = GuardedHTTPS

    return {"http": Pool, "https": TLSPool}
