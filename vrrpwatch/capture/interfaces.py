"""What the kernel says of network interfaces: whether they are there and up, and what kind of link they are.

Asked with the ioctls of netdevice(7) and told by rtnetlink(7), which need no rights.
"""

import errno
import fcntl
import socket
import struct
from typing import NamedTuple

from vrrpwatch.capture.bpf import ARPHRD_ETHER, ARPHRD_LOOPBACK

# IFNAMSIZ, its closing NUL counted (linux/if.h).
MAX_NAME = 16
ANY = "any"
_SIOCGIFNAME, _SIOCGIFFLAGS, _SIOCGIFHWADDR, _SIOCGIFINDEX = 0x8910, 0x8913, 0x8927, 0x8933
_IFF_UP, _IFF_RUNNING = 1, 1 << 6
_RTMGRP_LINK = 1
# Messages that are read away at a time; more are as good as these.
_MAX_MESSAGES = 64


class Link(NamedTuple):
    """An interface as it is now; ``up`` says whether frames may pass.

    ``number`` is the kernel's (ifindex), ``hatype`` one of ARPHRD_* (linux/if_arp.h).
    """

    name: str
    number: int
    hatype: int
    up: bool

    @property
    def ethernet(self) -> bool:
        return is_ethernet(self.hatype)


class Changes:
    """Readable once any interface has come, gone, or changed its state or name, until :meth:`pending` is asked.

    Raises :class:`OSError` where the kernel tells nobody.
    """

    def __init__(self) -> None:
        kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        self._socket = socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE)
        try:
            self._socket.bind((0, _RTMGRP_LINK))
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        return self._socket.fileno()

    def pending(self) -> bool:
        """Whether anything has changed since this was asked last; what it was is for who looks."""
        for count in range(_MAX_MESSAGES):
            try:
                self._socket.recv(1)
            except BlockingIOError:
                return count > 0
            except OSError as error:
                # There were more than it had room for, and then anything may have changed.
                if error.errno != errno.ENOBUFS:
                    raise
        return True

    def close(self) -> None:
        self._socket.close()


def is_ethernet(hatype: int) -> bool:
    """Whether frames of such a link begin with an Ethernet header."""
    return hatype in (ARPHRD_ETHER, ARPHRD_LOOPBACK)


def look_up(name: str) -> Link | None:
    """The interface of that name; ``None`` where there is none now."""
    request = struct.pack("16s24x", name.encode())
    with _control() as control:
        try:
            index, flags, hatype = (
                struct.unpack_from(form, fcntl.ioctl(control, number, request), 16)[0]
                for number, form in ((_SIOCGIFINDEX, "=i"), (_SIOCGIFFLAGS, "=H"), (_SIOCGIFHWADDR, "=H"))
            )
        except OSError:
            return None
    return Link(name, index, hatype, flags & (_IFF_UP | _IFF_RUNNING) == _IFF_UP | _IFF_RUNNING)


def name_of(index: int) -> str | None:
    """What the interface with that number is called now; ``None`` where there is none."""
    with _control() as control:
        try:
            answer = fcntl.ioctl(control, _SIOCGIFNAME, struct.pack("16si20x", b"", index))
        except OSError:
            return None
    return answer[:MAX_NAME].rstrip(b"\0").decode(errors="replace")


def is_name(name: str) -> bool:
    """Whether an interface can be called so (``dev_valid_name`` in the kernel's net/core/dev.c)."""
    encoded = name.encode(errors="surrogateescape")
    if not 0 < len(encoded) < MAX_NAME or name in (".", ".."):
        return False
    return not any(character in "/:" or character.isspace() for character in name) and b"\0" not in encoded


def _control() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
