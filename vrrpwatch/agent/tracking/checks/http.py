"""Does a web server answer a GET with the right status, and with the right text in it?"""

import asyncio
import ssl
from concurrent.futures import Executor
from functools import cache
from typing import Final

import httpx

from vrrpwatch import __version__
from vrrpwatch.agent.config.trackers import HttpTracker
from vrrpwatch.agent.tracking.checks.base import CheckError, Result, reason
from vrrpwatch.agent.tracking.checks.tcp import Resolver, Target

# A page that is looked through; what a server sends beyond is not read.
MAX_BODY: Final = 1024 * 1024
_PORTS: Final = {"http": 80, "https": 443}


class HttpCheck:
    """Makes a connection of its own each time, since one that is kept says nothing about new ones."""

    def __init__(self, tracker: HttpTracker, pool: Executor) -> None:
        self._tracker = tracker
        try:
            self._url = httpx.URL(tracker.url)
            port = self._url.port or _PORTS[self._url.scheme]
        except (httpx.InvalidURL, KeyError):
            raise CheckError("the URL cannot be read: correct it") from None
        self._text = None if tracker.contains is None else tracker.contains.encode()
        self._resolver = Resolver(self._url.host, port, pool)
        self._client: httpx.AsyncClient | None = None

    async def run(self) -> Result:
        if self._client is None:
            self._client = self._new_client()
        unreachable: httpx.ConnectError | None = None
        for target in await self._resolver.targets():
            try:
                return await self._get(self._client, target)
            except httpx.ConnectError as error:
                unreachable = error
            except (httpx.HTTPError, ssl.SSLError) as error:
                raise CheckError(str(error) or type(error).__name__) from None
        raise CheckError(f"no connection: {_cause(unreachable)}")

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def _get(self, client: httpx.AsyncClient, target: Target) -> Result:
        # To an address that has been looked up without stopping the loop; the name stays what is asked for and proved.
        url = self._url.copy_with(host=target.host)
        headers = {"Host": self._url.netloc.decode()}
        names = {"sni_hostname": self._url.host}
        async with client.stream("GET", url, headers=headers, extensions=names) as response:
            if response.status_code != self._tracker.status:
                return Result(False, f"answered {response.status_code}, not {self._tracker.status}")
            if self._text is None or await _holds(response, self._text):
                return Result(True, f"answered {response.status_code}")
        return Result(False, f"answered {response.status_code} without the text")

    def _new_client(self) -> httpx.AsyncClient:
        # The environment could redirect what is asked, or add credentials from a .netrc: only the settings count.
        return httpx.AsyncClient(
            verify=_trust(self._tracker.verify),
            trust_env=False,
            follow_redirects=False,
            timeout=None,  # noqa: S113  # who runs a check cancels it in time
            limits=httpx.Limits(max_keepalive_connections=0),
            # Compressed, a little could become a lot.
            headers={"Accept-Encoding": "identity", "User-Agent": f"vrrpwatch/{__version__}", "Connection": "close"},
        )


def _cause(error: BaseException | None) -> str:
    """What the kernel or the TLS library said, which the layers above have wrapped."""
    said = ""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return str(error)
        said = reason(error) if isinstance(error, OSError) and error.errno else said or str(error)
        error = error.__cause__ or error.__context__
    return said


@cache
def _trust(verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def _holds(response: httpx.Response, text: bytes) -> bool:
    seen = 0
    # What was read last, as far as the text may begin in it.
    rest = b""
    async for piece in response.aiter_raw():
        rest += piece
        if text in rest:
            return True
        rest = rest[max(0, len(rest) - len(text) + 1) :]
        seen += len(piece)
        if seen >= MAX_BODY:
            raise CheckError(f"its first {MAX_BODY} bytes do not hold the text")
        # A server that never ends must not keep the others waiting.
        await asyncio.sleep(0)
    return False
