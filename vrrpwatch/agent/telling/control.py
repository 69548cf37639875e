"""The socket on which a running agent is asked for its status and told to drain: who may, and how long it may take.

Whoever asks can neither hold the agent up nor fill its memory: lines, clients and waits are limited, and a status is
made and sent in small pieces.
"""

import asyncio
import errno
import fcntl
import grp
import os
import select
import socket
import stat
import struct
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from vrrpwatch.agent.telling.requests import MAX_REQUEST, Commands, Request, RequestError, dump, error, parse
from vrrpwatch.agent.telling.status import encode
from vrrpwatch.core.model import Seconds

# One person asks at a time, and a few scripts; more are sent away.
MAX_CLIENTS: Final = 32
# Clients let in before the event loop does anything else.
_AT_ONCE: Final = 4
# How long a client may take to send a line, and to take what it is sent.
PATIENCE: Final[Seconds] = 10.0
# How often it is looked whether a client that waits is still there.
_LOOK: Final[Seconds] = 0.5
# How long one that was refused may go on sending.
_FAREWELL: Final[Seconds] = 1.0
# What is kept for a client that is slow to read, before making more of it waits.
_MOST_UNSENT: Final = 65_536
# sun_path of struct sockaddr_un (unix(7)), with the zero at its end.
_LONGEST_PATH: Final = 107
# Under this ending a socket is made, before it takes its place.
_NEW: Final = ".new"
# asm-generic/socket.h; the credentials are those at connect(2), so they cannot change under way.
_SO_PEERGROUPS: Final = 59
_CREDENTIALS: Final = struct.Struct("=3i")
# As many groups as Python lets getsockopt(2) return, in bytes.
_MOST_GROUPS: Final = 1024


class ControlError(Exception):
    """There can be no control socket: one line that says why and what to do."""


class Control:
    """Serves ``commands`` at ``path`` to root, to the agent's own user and to ``group``."""

    def __init__(self, path: Path, group: str | None, commands: Commands) -> None:
        self._path, self._commands = path, commands
        self._group = os.getegid() if group is None else _number(group)
        self._lock: int | None = None
        self._identity: os.stat_result | None = None
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Begins to serve; raises :class:`ControlError`, also where another agent serves there."""
        path = self._path
        if len(os.fsencode(path)) + len(_NEW) > _LONGEST_PATH:
            raise ControlError(f"{path}: is too long for a socket: {_LONGEST_PATH - len(_NEW)} bytes are the most")
        try:
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            self._lock = _locked(path)
            listener = self._bind()
        except OSError as failure:
            await self.close()
            raise ControlError(f"{path}: no socket can be made there ({failure.strerror})") from None
        except ControlError:
            await self.close()
            raise
        self._server = await asyncio.start_unix_server(self._accept, sock=listener, limit=MAX_REQUEST, backlog=_AT_ONCE)

    async def close(self) -> None:
        """Ends at once, whatever clients wait for, and removes the socket."""
        if self._server is not None:
            self._server.close()
        for client in tuple(self._clients):
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        with suppress(OSError):
            if self._identity is not None and os.path.samestat(self._path.lstat(), self._identity):
                self._path.unlink()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _bind(self) -> socket.socket:
        """A socket that appears with its rights, in place of one that a crash has left behind."""
        path = self._path
        _refuse_others(path)
        new = path.with_name(path.name + _NEW)
        new.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.setblocking(False)
            listener.bind(str(new))
            os.chown(new, -1, self._group)
            new.chmod(0o660)
            listener.listen(_AT_ONCE)
            self._identity = new.lstat()
            new.rename(path)
        except OSError as failure:
            listener.close()
            with suppress(OSError):
                new.unlink()
            if failure.errno == errno.EPERM:
                raise ControlError(
                    f"{path}: its group cannot become {self._group}: run the agent as root, or as a member of the group"
                ) from None
            raise
        return listener

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._clients.add(task)
            task.add_done_callback(self._clients.discard)
        writer.transport.set_write_buffer_limits(_MOST_UNSENT)
        try:
            if len(self._clients) > MAX_CLIENTS:
                raise RequestError("busy", "too many clients ask at once: try again")
            if not self._may_ask(writer.get_extra_info("socket")):
                raise RequestError("forbidden", "only root and the socket's group may ask")
            await self._serve(reader, writer)
        except RequestError as failure:
            with suppress(OSError, TimeoutError):
                await self._send(writer, (error(failure.fault, *failure.lines),))
                await self._hear_out(reader, writer)
        except (OSError, TimeoutError, asyncio.CancelledError):
            # It has left, or it is slow, or the agent ends: there is nobody to tell.
            writer.transport.abort()
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await asyncio.wait_for(_line(reader), PATIENCE)
        while line:
            following = asyncio.create_task(_line(reader))
            answering = asyncio.create_task(self._answer(line, writer))
            try:
                await asyncio.wait((following, answering), return_when=asyncio.FIRST_COMPLETED)
                while not answering.done() and not _hung_up(writer):
                    await asyncio.wait((answering,), timeout=_LOOK)
                if not answering.done():
                    return
                await answering
                line = await asyncio.wait_for(following, PATIENCE)
            finally:
                following.cancel()
                answering.cancel()
                await asyncio.gather(following, answering, return_exceptions=True)

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        try:
            request = parse(line)
            if request.command == "status":
                await self._send(writer, (piece.encode() for piece in encode(self._commands.status())))
            else:
                await self._send(writer, (await self._do(request),))
        except RequestError as failure:
            await self._send(writer, (error(failure.fault, *failure.lines),))

    async def _do(self, request: Request) -> bytes:
        commands = self._commands
        if request.command == "drain":
            handed = await commands.drain(request.routers, request.wait)
            return dump({"routers": [{**one._asdict(), "to": one.to and str(one.to)} for one in handed]})
        if request.command == "undrain":
            return dump({"routers": list(await commands.undrain(request.routers))})
        return dump({"changed": list(await commands.reload())})

    async def _send(self, writer: asyncio.StreamWriter, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            writer.write(piece)
            await asyncio.wait_for(writer.drain(), PATIENCE)
            # Adverts that are due meanwhile are on time.
            await asyncio.sleep(0)

    async def _hear_out(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Lets a client take its answer: a socket that is closed with something unread resets the connection."""
        if len(self._clients) > 2 * MAX_CLIENTS:
            return
        writer.write_eof()
        async with asyncio.timeout(_FAREWELL):
            while await reader.read(MAX_REQUEST):
                pass

    def _may_ask(self, client: socket.socket) -> bool:
        """Also without the file's rights, which somebody may have changed."""
        _, uid, gid = _CREDENTIALS.unpack(client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
        if uid in (0, os.geteuid()) or gid == self._group:
            return True
        try:
            data = client.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _MOST_GROUPS)
        except OSError:
            # More groups than that.
            return False
        return self._group in struct.unpack(f"={len(data) // 4}I", data)


def _number(group: str) -> int:
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise ControlError(f"socket_group: there is no group {group!a}: correct the name") from None


async def _line(reader: asyncio.StreamReader) -> bytes:
    """The next line, empty at the end; raises :class:`RequestError` for one that is too long."""
    try:
        line = await reader.readline()
    except ValueError:
        raise RequestError(
            "usage", f"the request is longer than {MAX_REQUEST} bytes: name fewer routers, or none for all"
        ) from None
    return line if line.endswith(b"\n") else b""


def _hung_up(writer: asyncio.StreamWriter) -> bool:
    """Whether the client has gone; one that only says that nothing more will be asked still waits for its answer."""
    look = select.poll()
    look.register(writer.get_extra_info("socket").fileno(), 0)
    return bool(look.poll(0))


def _locked(path: Path) -> int:
    """A lock that ends with the agent, however that ends; of two that start at once, one gets it."""
    lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise ControlError(f"{path}: another agent runs and serves there: stop it, or set another socket") from None
    return lock


def _refuse_others(path: Path) -> None:
    """Leaves alone what is no socket, and a socket that some program serves."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise ControlError(f"{path}: is no socket, and is not replaced: set another path")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        code = probe.connect_ex(str(path))
    if code not in (errno.ECONNREFUSED, errno.ENOENT):
        raise ControlError(f"{path}: another program serves there: stop it, or set another socket")
