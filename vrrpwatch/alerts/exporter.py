"""Serves metrics over HTTP: few connections at a time, and none for long."""

import socket
import socketserver
import threading
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

from vrrpwatch.core.model import Seconds

LOCAL: Final = "127.0.0.1"
PORT: Final = 9_112
# Prometheus opens one connection, a person another; who opens more has to wait.
MAX_CONNECTIONS: Final = 16
# A client that sends no request within this is cut off.
TIMEOUT: Final[Seconds] = 10.0


class ExporterError(Exception):
    """The address cannot be listened on; the text says which, why, and what to do."""


class _Handler(WSGIRequestHandler):
    timeout = TIMEOUT

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Scrapes are no news."""


class _Server(WSGIServer):
    """A thread per connection, at most so many."""

    # A restart must not wait for old connections to time out.
    allow_reuse_address = True

    def __init__(self, address: str, port: int, family: socket.AddressFamily) -> None:
        self.address_family = family
        self._free = threading.BoundedSemaphore(MAX_CONNECTIONS)
        super().__init__((address, port), _Handler)

    def server_bind(self) -> None:
        """As HTTPServer does, but without looking up the host's name, which may take long."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        threading.Thread(target=self._serve, args=(request, client_address), daemon=True).start()

    def _serve(self, request: Any, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        except OSError:
            # The client has gone or said nothing; that is its own affair.
            return
        finally:
            self._free.release()
            self.shutdown_request(request)


class Exporter:
    """A server that answers from :meth:`start` to :meth:`close`; ``port`` is the one that it really listens on.

    It listens from the beginning, since that may need a right that is given up before any thread is started.
    """

    def __init__(self, registry: CollectorRegistry, address: str = LOCAL, port: int = PORT) -> None:
        """Serves ``registry`` on ``address`` (0 for any free ``port``); raises :class:`ExporterError`."""
        try:
            family = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
            self._server = _Server(address, port, family)
        except (OSError, OverflowError, ValueError) as error:
            # What no host can be called is refused before anybody is asked.
            reason = "no host can have this name" if isinstance(error, ValueError) else getattr(error, "strerror", None)
            raise ExporterError(
                f"{address} port {port}: cannot listen for metrics ({reason or error}); choose another address or port"
            ) from None
        self._server.set_app(make_wsgi_app(registry))
        self.port = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.2}, name="metrics", daemon=True
        )

    def start(self) -> None:
        """Answers from now on, in a thread of its own."""
        self._thread.start()

    def close(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
