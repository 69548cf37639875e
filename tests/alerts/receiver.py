"""A web service on loopback that keeps what is posted to it, answers as told, and can be slow or away."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# Far beyond what anything here takes; only a failure waits for it.
LIMIT = 20.0


class Receiver(ThreadingHTTPServer):
    """``answer`` is given how many requests came before and says with which status to answer, or takes its time."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away or shakes no hands is part of the play."""

    def __init__(self, port: int = 0, answer: Callable[[int], int] = lambda _: 200) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.bodies: list[Any] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.statuses: list[tuple[Any, int]] = []
        self.changed = threading.Condition()
        self.answer = answer

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"

    def wait(self, count: int) -> list[Any]:
        """The first ``count`` bodies, once there are so many."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.bodies) >= count, LIMIT), self.bodies
            return self.bodies[:count]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        receiver = self.server
        with receiver.changed:
            before = len(receiver.bodies)
            receiver.bodies.append(body)
            receiver.headers.append(dict(self.headers))
            receiver.paths.append(self.path)
            receiver.changed.notify_all()
        status = receiver.answer(before)
        with receiver.changed:
            receiver.statuses.append((body, status))
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Requests are no news."""


@contextmanager
def listening(
    port: int = 0, answer: Callable[[int], int] = lambda _: 200, *, receiver: Receiver | None = None
) -> Iterator[Receiver]:
    if receiver is None:
        receiver = Receiver(port, answer)
    thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        thread.join()
        receiver.server_close()


def until(condition: Callable[[], object], what: str = "") -> None:
    """Waits until ``condition`` holds."""
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, what or "it never came to be"
        time.sleep(0.01)
