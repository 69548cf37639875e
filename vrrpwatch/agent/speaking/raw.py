"""The kernel's sockets for adverts and announcements, and reading whole IP packets from them; no router is known here.

Options and control messages are those of socket(7), ip(7), ipv6(7), packet(7) and their header files.
"""

import contextlib
import fcntl
import socket
import struct
from typing import NamedTuple

from vrrpwatch.core.model import NANOSECONDS, Instant
from vrrpwatch.wire.checksum import PROTOCOL
from vrrpwatch.wire.values import IPAddress, Mac

# asm-generic/socket.h, which Python does not name.
_SO_RCVBUFFORCE, _SO_RXQ_OVFL, _SO_BINDTOIFINDEX, _SO_TIMESTAMPNS_NEW = 33, 40, 62, 64
# linux/in.h, linux/in6.h.
_IP_MULTICAST_ALL, _IPV6_MULTICAST_ALL, _IPV6_HDRINCL, _IPV6_FREEBIND = 49, 29, 36, 78
# linux/sockios.h, linux/if_arp.h.
_SIOCGIFHWADDR, _ARPHRD_ETHER = 0x8927, 1

# linux/pkt_sched.h TC_PRIO_INTERACTIVE, the highest without a privilege of its own: ahead of bulk in the card's queue.
_PRIORITY = 6
# A second of 255 routers at 10 cs from one peer each is 2,550 adverts, of which each takes less than 1 KiB of kernel
# memory; what waits for longer is of no use.
_RECEIVE_BUFFER = 1 << 22
# More than an advert of 255 IPv6 addresses and a trailer; what is longer is cut, and so malformed.
_LARGEST = 8_192

_TIMESPEC = struct.Struct("=qq")
_COUNT = struct.Struct("=I")
_HEADER6 = struct.Struct(">IHBB")
_CONTROL = socket.CMSG_SPACE(_TIMESPEC.size) + socket.CMSG_SPACE(_COUNT.size)
_CONTROL6 = _CONTROL + socket.CMSG_SPACE(20) + socket.CMSG_SPACE(_COUNT.size)

SocketAddress = tuple[str, int] | tuple[str, int, int, int]


class Received(NamedTuple):
    """A whole IP packet; ``wall`` is when the kernel got it (ns since 1970), ``None`` where it does not say.

    ``dropped`` is how many it had no room for since the socket was opened, ``None`` for as many as before.
    """

    packet: bytes
    wall: Instant | None
    dropped: int | None


def open_receiver(index: int, family: int, protocol: int) -> socket.socket:
    """A socket that hears ``protocol`` on one interface: what is sent to the host, and to groups joined on this socket.

    Raises :class:`OSError`.
    """
    made = _raw(index, family, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS_NEW, 1)
        made.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
        # Not all who may have raw sockets may exceed the system's limit.
        with contextlib.suppress(PermissionError):
            made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
        if family == 6:
            made.setsockopt(socket.IPPROTO_IPV6, _IPV6_MULTICAST_ALL, 0)
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
        else:
            made.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
    except BaseException:
        made.close()
        raise
    return made


def open_sender(index: int, source: IPAddress) -> socket.socket:
    """A socket that sends whole IP packets from one device, and receives nothing; raises :class:`OSError`.

    ``source`` is the address in them, which need not be the device's: that of the interface below a macvlan.
    """
    made = _raw(index, source.version, socket.IPPROTO_RAW)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, _PRIORITY)
        if source.version == 6:
            made.setsockopt(socket.IPPROTO_IPV6, _IPV6_HDRINCL, 1)
            # The kernel looks for an address of the device, and fails where it has none, unless it is given one.
            made.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
            made.bind((str(source), 0, 0, index if source.is_link_local else 0))
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
        else:
            made.setsockopt(socket.IPPROTO_IP, socket.IP_HDRINCL, 1)
            made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
    except BaseException:
        made.close()
        raise
    return made


def open_announcer() -> socket.socket:
    """A socket that sends Ethernet frames from any device, and receives nothing; raises :class:`OSError`."""
    return socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)


def _raw(index: int, family: int, protocol: int) -> socket.socket:
    kind = socket.AF_INET6 if family == 6 else socket.AF_INET
    made = socket.socket(kind, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol)
    try:
        # By number: a name may be another interface's by now.
        made.setsockopt(socket.SOL_SOCKET, _SO_BINDTOIFINDEX, index)
    except BaseException:
        made.close()
        raise
    return made


def membership(made: socket.socket, group: bytes, index: int, *, join: bool) -> None:
    """Joins or leaves a group, given as its packed address, on one interface; raises :class:`OSError`."""
    if len(group) == 16:
        option = socket.IPV6_JOIN_GROUP if join else socket.IPV6_LEAVE_GROUP
        made.setsockopt(socket.IPPROTO_IPV6, option, group + struct.pack("=I", index))
    else:
        option = socket.IP_ADD_MEMBERSHIP if join else socket.IP_DROP_MEMBERSHIP
        made.setsockopt(socket.IPPROTO_IP, option, group + struct.pack("=4xI", index))


def receive(made: socket.socket) -> Received:
    """The next packet; raises :class:`BlockingIOError` where there is none, :class:`OSError` where there never will be.

    The kernel keeps IPv6 headers to itself, so one is made of what it tells: source, destination and hop limit.
    """
    six = made.family == socket.AF_INET6
    data, control, _, address = made.recvmsg(_LARGEST, _CONTROL6 if six else _CONTROL)
    wall = dropped = None
    limit, destination = 0, bytes(16)
    for level, kind, value in control:
        if level == socket.SOL_SOCKET:
            if kind == _SO_TIMESTAMPNS_NEW:
                seconds, rest = _TIMESPEC.unpack(value)
                wall = seconds * NANOSECONDS + rest
            elif kind == _SO_RXQ_OVFL:
                (dropped,) = _COUNT.unpack(value)
        elif kind == socket.IPV6_HOPLIMIT:
            (limit,) = _COUNT.unpack(value)
        elif kind == socket.IPV6_PKTINFO:
            destination = value[:16]
    if six:
        header = _HEADER6.pack(6 << 28, len(data), PROTOCOL, limit & 0xFF)
        data = header + socket.inet_pton(socket.AF_INET6, address[0].partition("%")[0]) + destination + data
    return Received(data, wall, dropped)


def ethernet_address(made: socket.socket, device: str) -> Mac | None:
    """The MAC address of a device, ``None`` where it is no Ethernet; raises :class:`OSError` where there is no such.

    ``made`` is any socket: the request goes to its namespace (netdevice(7)).
    """
    answer = fcntl.ioctl(made.fileno(), _SIOCGIFHWADDR, struct.pack("16s16x8x", device.encode()))
    kind, address = struct.unpack_from("=H6s", answer, 16)
    return address.hex(":") if kind == _ARPHRD_ETHER else None
