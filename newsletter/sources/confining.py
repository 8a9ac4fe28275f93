"""Runs what a hostile input could keep busy for hours in a process that can be stopped."""

import importlib
import json
import os
import resource
import selectors
import subprocess
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

#: Nothing that is an article or a feed takes a hundredth of this.
SECONDS = 10.0
#: Address space of the process; the libraries it loads take a third of it.
MEMORY_BYTES = 1024 * 1024 * 1024

#: A function `module:name` of JSON values.
Task = Any

_START = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from newsletter.sources.confining import serve; serve()"
)


class ConfinedError(Exception):
    """The task was stopped, or broke; the message says which, in words that follow the name of the thing."""


class Worker:
    """A process that does one kind of task, one after another; it is started when it is needed.

    Args:
        function: The function that does it, `module:name`; it takes and returns what JSON can hold.
        seconds: How long one task may take.
    """

    def __init__(self, function: str, seconds: float = SECONDS) -> None:
        self._function = function
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.close()

    def do(self, task: Task) -> Task:
        """Return what the function makes of `task`.

        Raises:
            ConfinedError: It took too long or too much, or the function failed.
        """
        process = self._process = self._process or _start(self._function)
        try:
            answer = json.loads(_ask(process, json.dumps(task).encode() + b"\n", time.monotonic() + self._seconds))
        except TimeoutError as error:
            self.close()
            raise ConfinedError(f"takes longer than {self._seconds:g} s to read: it is damaged") from error
        except (OSError, ValueError) as error:  # it died: the machine or the limit stopped it
            self.close()
            raise ConfinedError("takes more memory than it may: it is damaged") from error
        if "failed" in answer:
            raise ConfinedError(f"cannot be understood ({answer['failed']}): it is damaged")
        return answer["made"]

    def close(self) -> None:
        """Stop the process, whatever it does."""
        if self._process:
            self._process.kill()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe:
                    pipe.close()
            self._process.wait()
            self._process = None


def serve() -> None:
    """Do the tasks that come in on standard input, one JSON value a line, until it ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    module, _, name = sys.argv[2].partition(":")
    function: Callable[[Task], Task] = getattr(importlib.import_module(module), name)
    # What a library prints must not be taken for an answer.
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        for line in sys.stdin.buffer:
            answers.write(json.dumps(_try(function, json.loads(line))).encode() + b"\n")
            answers.flush()


def _try(function: Callable[[Task], Task], task: Task) -> dict[str, Task]:
    try:
        return {"made": function(task)}
    except Exception as error:  # the door of this process: the other side reports it
        return {"failed": type(error).__name__}


def _start(function: str) -> "subprocess.Popen[bytes]":
    # Our secrets stand in the environment, and are no business of what reads the texts of strangers.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NEWSLETTER_")}
    return subprocess.Popen(
        [sys.executable, "-c", _START, json.dumps(sys.path), function],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )


def _ask(process: "subprocess.Popen[bytes]", question: bytes, until: float) -> bytes:
    """Write the question and read one line, both without waiting beyond `until`."""
    assert process.stdin
    assert process.stdout
    os.set_blocking(process.stdin.fileno(), False)
    answer = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        selector.register(process.stdin, selectors.EVENT_WRITE)
        while not answer.endswith(b"\n"):
            ready = selector.select(max(until - time.monotonic(), 0))
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                if key.fileobj is process.stdout:
                    if not (piece := os.read(key.fd, 1 << 20)):
                        raise ValueError("it ended without an answer")
                    answer += piece
                else:
                    question = question[os.write(key.fd, question[: 1 << 16]) :]
                    if not question:
                        selector.unregister(process.stdin)
    return bytes(answer)
