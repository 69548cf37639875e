# mypy: disable-error-code="import-untyped"
"""Joins multicast groups on watched interfaces, so that a snooping switch lets their traffic through.

This is the one thing that makes a host send reports (IGMP, MLD) because it watches.  IPv6 needs an address on the
interface; :func:`own_addresses` tells which reports are the sniffer's own.
"""

import errno
import socket
import struct
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from vrrpwatch.wire.values import IPAddress

# Linux lets a socket join 20 IPv4 groups (net.ipv4.igmp_max_memberships).
_PER_SOCKET = 20


class Memberships:
    """The groups that are joined: give :meth:`join` to the sniffer as ``opened``."""

    def __init__(self, groups: Sequence[IPAddress], told: Callable[[str], None]) -> None:
        """``told`` is given one line for each group that cannot be joined.  Raises :class:`ValueError` for no group."""
        wrong = next((group for group in groups if not group.is_multicast), None)
        if wrong is not None:
            raise ValueError(f"{wrong} is no multicast address: join groups such as 225.0.0.50 or ff02::12")
        self._groups = tuple(dict.fromkeys(groups))
        self._told = told
        self._joined: dict[int, list[socket.socket]] = {}

    def join(self, name: str, number: int) -> None:
        """Joins on an interface, which may have been there before under that number."""
        self._leave(number)
        sockets = self._joined[number] = []
        if self._groups and name != "lo":
            for start in range(0, len(self._groups), _PER_SOCKET):
                for family in (socket.AF_INET, socket.AF_INET6):
                    self._join(name, number, family, self._groups[start : start + _PER_SOCKET], sockets)

    def close(self) -> None:
        """Leaves all groups."""
        for number in tuple(self._joined):
            self._leave(number)

    def _leave(self, number: int) -> None:
        for one in self._joined.pop(number, ()):
            one.close()

    def _join(
        self,
        name: str,
        number: int,
        family: socket.AddressFamily,
        groups: Sequence[IPAddress],
        sockets: list[socket.socket],
    ) -> None:
        version = IPv4Address if family == socket.AF_INET else IPv6Address
        mine = [group for group in groups if isinstance(group, version)]
        if not mine:
            return
        try:
            one = socket.socket(family, socket.SOCK_DGRAM)
        except OSError as error:
            self._told(f"{name}: groups such as {mine[0]} cannot be joined ({error.strerror})")
            return
        sockets.append(one)
        for group in mine:
            try:
                if family == socket.AF_INET:
                    request = struct.pack("=4s4si", group.packed, bytes(4), number)
                    one.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
                else:
                    request = struct.pack("=16si", group.packed, number)
                    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, request)
            except OSError as error:
                reason = "the limit of memberships" if error.errno == errno.ENOBUFS else error.strerror
                self._told(f"{name}: {group} cannot be joined ({reason})")


def own_addresses(interfaces: Sequence[str]) -> frozenset[IPAddress]:
    """The addresses of these interfaces (of all for none), which this host's reports come from.

    Reports from an interface without an address come from 0.0.0.0, as everybody's do who has none: that is not told.
    """
    # Heavy, and needed only where groups are joined.
    from pyroute2 import IPRoute

    found: set[IPAddress] = set()
    with IPRoute() as route:
        numbers = {number for name in interfaces for number in route.link_lookup(ifname=name)}
        for message in route.get_addr():
            if not interfaces or message["index"] in numbers:
                text = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
                if text:
                    found.add(ip_address(text))
    return frozenset(found)
