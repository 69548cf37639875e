"""Asks a running agent on its control socket, and waits for the answer."""

import json
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from vrrpwatch.agent.telling.requests import RequestError
from vrrpwatch.core.model import Seconds

# 2,048 routers with 100 trackers each, and each with its line, would be below it.
MAX_ANSWER: Final = 64 * 1024 * 1024
_CHUNK: Final = 1024 * 1024


class UnreachableError(Exception):
    """No agent answers there, or what answers is none; ``forbidden`` is whether the right to ask is missing."""

    def __init__(self, text: str, *, forbidden: bool = False) -> None:
        super().__init__(text)
        self.forbidden = forbidden


def ask(path: Path, request: Mapping[str, Any], timeout: Seconds) -> dict[str, Any]:
    """The answer to one request; raises :class:`UnreachableError`, or the agent's own :class:`RequestError`."""
    deadline = time.monotonic() + timeout
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(str(path))
            connection.sendall(json.dumps(request).encode() + b"\n")
            line = _line(connection, deadline)
        except PermissionError:
            raise UnreachableError(
                f"{path}: no right to ask the agent: run as root, or as a member of the socket's group", forbidden=True
            ) from None
        except (FileNotFoundError, ConnectionRefusedError):
            raise UnreachableError(f"{path}: no agent answers: start it, or name its socket with --socket") from None
        except TimeoutError:
            raise UnreachableError(f"{path}: no answer within {timeout:g} s: is the agent still running?") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise UnreachableError(f"{path}: the agent cannot be asked ({reason})") from None
    return _answer(path, line)


def _line(connection: socket.socket, deadline: float) -> bytes:
    pieces: list[bytes] = []
    length = 0
    while not pieces or not pieces[-1].endswith(b"\n"):
        connection.settimeout(max(deadline - time.monotonic(), 0.001))
        piece = connection.recv(_CHUNK)
        if not piece:
            raise ConnectionResetError(None, "it ended while it answered")
        pieces.append(piece)
        length += len(piece)
        if length > MAX_ANSWER:
            raise ValueError(f"its answer is longer than {MAX_ANSWER} bytes")
    return b"".join(pieces)


def _answer(path: Path, line: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict) or not str(answer.get("schema", "")).startswith("vrrpwatch/agent/"):
        raise UnreachableError(f"{path}: what answers there is no agent: name its socket with --socket")
    error = answer.get("error")
    if isinstance(error, dict):
        lines = error.get("lines")
        raise RequestError(error.get("fault", "failed"), *(map(str, lines) if isinstance(lines, list) else ()))
    return answer
