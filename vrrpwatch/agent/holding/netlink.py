"""Netlink messages and sockets: requests sent whole in one call, refusals read without waiting, bounded questions.

What requests and answers say is not known here.  Layouts are those of linux/netlink.h.
"""

import os
import socket
import struct
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

HEADER: Final = struct.Struct("=IHHII")
_ATTRIBUTE: Final = struct.Struct("=HH")
_SEQUENCE: Final = struct.Struct("=I")

NLMSG_ERROR, NLMSG_DONE, NLMSG_MIN_TYPE = 2, 3, 16
NLM_F_REQUEST, NLM_F_MULTI, NLM_F_ACK, NLM_F_DUMP_INTR = 0x1, 0x2, 0x4, 0x10
NLM_F_DUMP: Final = 0x300
NLM_F_EXCL, NLM_F_CREATE = 0x200, 0x400
NLM_F_CAPPED, NLM_F_ACK_TLVS = 0x100, 0x200
_NLMSGERR_ATTR_MSG = 1
_SOL_NETLINK = 270
NETLINK_ADD_MEMBERSHIP = 1
_NETLINK_CAP_ACK, _NETLINK_EXT_ACK, _NETLINK_GET_STRICT_CHK = 10, 11, 12
_SO_SNDBUFFORCE, _SO_RCVBUFFORCE = 32, 33
NETLINK_ROUTE, NETLINK_NETFILTER = 0, 12

# Where one router holds 255 addresses, 1,000 routes and 1,000 rules, its requests are 200 kB, and each refusal of one
# takes a kilobyte of the kernel's memory.
_BUFFER = 4 << 20
# The kernel fills no more than this at once, however much room there is (netlink_dump).
READ = 1 << 16
# Seconds; the kernel answers at once unless something keeps the lock of its network configuration.
PATIENCE: Final = 5.0
# In the place of a request's number: it is about all of them.
ALL: Final = -1


class NetlinkError(Exception):
    """The kernel refused; ``number`` is the errno, the message says what it said."""

    def __init__(self, number: int, words: str = "") -> None:
        super().__init__(words or os.strerror(number))
        self.number = number


class Message(NamedTuple):
    """One message: the fields of ``nlmsghdr``, and what follows it."""

    kind: int
    flags: int
    sequence: int
    port: int
    body: bytes


class Refusal(NamedTuple):
    """One request that the kernel did not grant: its number, the errno, and the kernel's words where it has any."""

    request: int
    error: int
    words: str

    @property
    def reason(self) -> str:
        return f"{os.strerror(self.error)} ({self.words})" if self.words else os.strerror(self.error)


def message(kind: int, flags: int, body: bytes) -> bytes:
    """A request with the number 0; ``flags`` without NLM_F_REQUEST."""
    return HEADER.pack(HEADER.size + len(body), kind, flags | NLM_F_REQUEST, 0, 0) + body


def attribute(kind: int, payload: bytes) -> bytes:
    """One attribute (``nlattr``), padded to four octets."""
    size = _ATTRIBUTE.size + len(payload)
    return _ATTRIBUTE.pack(size, kind) + payload + b"\0" * (-size % 4)


def numbered(requests: Iterable[bytes]) -> bytes:
    """Messages for one send, numbered from 0, so that a refusal tells which it is about."""
    joined = bytearray()
    for number, request in enumerate(requests):
        start = len(joined)
        joined += request
        joined += b"\0" * (-len(request) % 4)
        _SEQUENCE.pack_into(joined, start + 8, number)
    return bytes(joined)


def messages(data: bytes) -> Iterator[Message]:
    """The messages of one read; what is damaged ends it."""
    start, end = 0, len(data)
    while start + HEADER.size <= end:
        length, kind, flags, sequence, port = HEADER.unpack_from(data, start)
        if not HEADER.size <= length <= end - start:
            return
        yield Message(kind, flags, sequence, port, data[start + HEADER.size : start + length])
        start += length + (-length % 4)


def attributes(body: bytes, start: int) -> dict[int, bytes]:
    """The attributes of a message from ``start`` on, by kind, the flags in its upper bits cut off."""
    found: dict[int, bytes] = {}
    end = len(body)
    while start + _ATTRIBUTE.size <= end:
        length, kind = _ATTRIBUTE.unpack_from(body, start)
        if not _ATTRIBUTE.size <= length <= end - start:
            break
        found[kind & 0x3FFF] = body[start + _ATTRIBUTE.size : start + length]
        start += length + (-length % 4)
    return found


def refusal(said: Message) -> Refusal | None:
    """What an NLMSG_ERROR message says; ``None`` where it says that all is well."""
    if len(said.body) < 4:
        return Refusal(said.sequence, 0, "an error without a number")
    number = -struct.unpack_from("=i", said.body)[0]
    if number == 0:
        return None
    words = b""
    if said.flags & NLM_F_ACK_TLVS:
        # The refused message stands between the number and the kernel's words, only its header where capped.
        length = 0 if said.flags & NLM_F_CAPPED or len(said.body) < 8 else struct.unpack_from("=I", said.body, 4)[0]
        start = 4 + max(HEADER.size, length + (-length % 4))
        words = attributes(said.body, start).get(_NLMSGERR_ATTR_MSG, b"").rstrip(b"\0")
    return Refusal(said.sequence, number, words.decode(errors="replace"))


def opened(family: int, groups: Sequence[int] = ()) -> socket.socket:
    """A netlink socket that never blocks, with room for the longest of our requests, bound to ``groups``."""
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, family)
    try:
        made.setsockopt(_SOL_NETLINK, _NETLINK_CAP_ACK, 1)
        made.setsockopt(_SOL_NETLINK, _NETLINK_EXT_ACK, 1)
        if family == NETLINK_ROUTE:
            made.setsockopt(_SOL_NETLINK, _NETLINK_GET_STRICT_CHK, 1)
        for option, forced in ((socket.SO_SNDBUF, _SO_SNDBUFFORCE), (socket.SO_RCVBUF, _SO_RCVBUFFORCE)):
            try:
                made.setsockopt(socket.SOL_SOCKET, forced, _BUFFER)
            except PermissionError:
                made.setsockopt(socket.SOL_SOCKET, option, _BUFFER)
        made.bind((0, 0))
        for group in groups:
            made.setsockopt(_SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
    except OSError:
        made.close()
        raise
    return made


class Channel:
    """Requests to one part of the kernel.  Raises :class:`OSError` where that part is missing."""

    def __init__(self, family: int = NETLINK_ROUTE) -> None:
        self._socket = opened(family)
        self._sequence = 0

    def close(self) -> None:
        self._socket.close()

    def do(self, requests: bytes) -> list[Refusal]:
        """Has the kernel do what :func:`numbered` joined, all of it before this returns; what it refused is returned.

        rtnetlink and nfnetlink work through all messages within the call that sends them, and answer only the refused
        ones, so nothing is waited for.
        """
        if not requests:
            return []
        try:
            self._socket.send(requests)
        except OSError as error:
            return [Refusal(ALL, error.errno or 0, "nothing could be sent")]
        refused: list[Refusal] = []
        while True:
            try:
                data = self._socket.recv(READ)
            except BlockingIOError:
                return refused
            except OSError as error:
                # There was no room for some of the answers (ENOBUFS).
                refused.append(Refusal(ALL, error.errno or 0, "what was refused is lost"))
                continue
            for said in messages(data):
                made = refusal(said) if said.kind == NLMSG_ERROR else None
                if made is not None:
                    refused.append(made)

    def ask(self, kind: int, flags: int, body: bytes) -> list[Message]:
        """The kernel's answers to one question; raises :class:`NetlinkError`, also where none comes in time."""
        for _ in range(3):
            answers, torn = self._answers(kind, flags, body)
            if not torn:
                break
            # What it lists changed meanwhile: ask again, and if it never rests, take what there is.
        return answers

    def _answers(self, kind: int, flags: int, body: bytes) -> tuple[list[Message], bool]:
        self._sequence += 1
        request = bytearray(message(kind, flags, body))
        _SEQUENCE.pack_into(request, 8, self._sequence)
        found: list[Message] = []
        torn = False
        deadline = time.monotonic() + PATIENCE
        self._socket.settimeout(PATIENCE)
        try:
            self._socket.send(request)
            while time.monotonic() < deadline:
                for said in messages(self._socket.recv(READ)):
                    if said.sequence != self._sequence:
                        continue
                    torn |= bool(said.flags & NLM_F_DUMP_INTR)
                    if said.kind == NLMSG_DONE:
                        return found, torn
                    if said.kind == NLMSG_ERROR:
                        refused = refusal(said)
                        if refused is not None:
                            raise NetlinkError(refused.error, refused.reason)
                        return found, torn
                    found.append(said)
                    if not said.flags & NLM_F_MULTI:
                        return found, torn
        except OSError as error:
            raise NetlinkError(error.errno or 0, f"netlink: {error.strerror or error}") from None
        finally:
            self._socket.setblocking(False)
        raise NetlinkError(0, f"netlink: no end of its answer within {PATIENCE:g} s")
