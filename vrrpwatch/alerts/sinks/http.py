"""A JSON body posted over HTTP: the part that webhooks and Alertmanagers have in common."""

import asyncio
import ssl
import threading
from collections.abc import Mapping
from typing import Any, Final

import httpx

from vrrpwatch import __version__
from vrrpwatch.alerts.settings import Http
from vrrpwatch.alerts.sinks.base import Refused, Retry, SinkError, unanswered
from vrrpwatch.core.model import Seconds
from vrrpwatch.wire.text import safe_text

# An answer says nothing but its status; what a receiver sends beyond is not read.
_TRANSIENT: Final = frozenset({408, 429})


class Poster:
    """Posts from one thread; a delivery takes ``timeout`` at most, however slowly the receiver drips its answer."""

    def __init__(self, settings: Http, address: str) -> None:
        self._url = address
        # A URL from a file is a secret, of which only the host is named.
        self._shown = settings.url or httpx.URL(settings.address).host
        self._timeout = settings.timeout
        self._headers = {"Content-Type": "application/json", "User-Agent": f"vrrpwatch/{__version__}"}
        if settings.token_file is not None:
            self._headers["Authorization"] = f"Bearer {settings.token_file}"
        self._settings = settings
        self._tls = self._trust()
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._runner: asyncio.Runner | None = None
        self._client: httpx.AsyncClient | None = None

    def _trust(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._settings.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise SinkError(
                f"sink {self._settings.name}: {self._settings.ca_file}: cannot be used as ca_file "
                f"({error.strerror or error}); name a PEM file of certificates"
            ) from None

    def post(self, body: bytes) -> None:
        """Posts and judges the answer; raises :class:`Retry` or :class:`Refused`."""
        if self._runner is None:
            self._runner = asyncio.Runner()
        try:
            status, after = self._runner.run(self._exchange(body))
        except (TimeoutError, httpx.TimeoutException):
            raise Retry(f"{self._shown}: {unanswered(self._timeout)}") from None
        except asyncio.CancelledError:
            raise Retry(f"{self._shown}: interrupted") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise Retry(f"{self._shown}: {safe_text(str(error) or type(error).__name__)}") from None
        if 200 <= status < 300:
            return
        reason = f"{self._shown}: answered {status} {httpx.codes.get_reason_phrase(status)}".rstrip()
        if 400 <= status < 500 and status not in _TRANSIENT:
            raise Refused(reason)
        raise Retry(reason, after)

    async def _exchange(self, body: bytes) -> tuple[int, Seconds]:
        with self._lock:
            self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        try:
            async with asyncio.timeout(self._timeout):
                if self._client is None:
                    self._client = self._new_client()
                async with self._client.stream("POST", self._url, content=body, headers=self._headers) as response:
                    return response.status_code, _after(response.headers)
        finally:
            with self._lock:
                self._task = None

    def _new_client(self) -> httpx.AsyncClient:
        # The environment could redirect what is posted, or add credentials from a .netrc: only the settings count.
        return httpx.AsyncClient(
            verify=self._tls, timeout=self._timeout, proxy=self._settings.proxy, trust_env=False, follow_redirects=False
        )

    def interrupt(self) -> None:
        with self._lock:
            if self._loop is not None and self._task is not None:
                self._loop.call_soon_threadsafe(self._task.cancel)

    def close(self) -> None:
        if self._runner is not None:
            if self._client is not None:
                self._runner.run(self._client.aclose())
                self._client = None
            self._runner.close()
            self._runner = None


def _after(headers: Mapping[str, str]) -> Seconds:
    """What ``Retry-After`` asks for (RFC 9110 §10.2.3), in seconds; a date in it is not honoured."""
    text = headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0.0
