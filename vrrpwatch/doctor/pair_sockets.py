"""The sockets of a probe: a UDP socket for the talk and a packet socket for the test frames, and their loop."""

import ctypes
import errno
import os
import select
import socket
import struct
import time
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple

from vrrpwatch.doctor.facts import Facts
from vrrpwatch.doctor.pair import NONCE, PORT, Datagram, Pair, Result, Timing
from vrrpwatch.doctor.pair_frames import PROTOCOL, group_mac
from vrrpwatch.wire.macs import virtual_router
from vrrpwatch.wire.values import IPAddress, Mac

# linux/if_ether.h, linux/if_packet.h, asm-generic/socket.h: the socket module has no names for them.
_ETH_P_ALL: Final = 0x0003
_PACKET_OUTGOING: Final = 4
_SOL_PACKET: Final = 263
_PACKET_ADD_MEMBERSHIP: Final = 1
_PACKET_MR_MULTICAST, _PACKET_MR_UNICAST = 0, 3
_SO_ATTACH_FILTER: Final = 26
# Classic BPF (linux/filter.h): IPv4 with protocol 253, or IPv6 with that next header; all of the packet, else nothing.
_FILTER: Final = (
    (0x28, 0, 0, 12),
    (0x15, 0, 3, 0x0800),
    (0x30, 0, 0, 23),
    (0x15, 4, 0, PROTOCOL),
    (0x06, 0, 0, 0),
    (0x15, 0, 3, 0x86DD),
    (0x30, 0, 0, 20),
    (0x15, 0, 1, PROTOCOL),
    (0x06, 0, 0, 2048),
    (0x06, 0, 0, 0),
)
# A full queue, or a peer that ARP does not find yet: the next one may get through.
_PASSING: Final = frozenset({errno.ENETUNREACH, errno.ENOBUFS, errno.EHOSTDOWN, errno.EHOSTUNREACH})
# Frames or datagrams taken at once, so that a flood of either cannot keep the timers from running.
MAX_AT_ONCE = 64
DEFAULT_VRID: Final = 254


class ProbeError(Exception):
    """The probe cannot be made like this; the message says what and what to do."""


class Ends(NamedTuple):
    """Who talks to whom."""

    ip: IPAddress
    mac: Mac
    peer: IPAddress
    vrid: int


def ends(facts: Facts, peer: IPAddress, vrid: int | None) -> Ends:
    """Chooses this side's address and VRID; raises :class:`ProbeError` where there is none that would do."""
    link = facts.link
    if link.mac is None or not link.up:
        raise ProbeError(f"{link.name}: not an Ethernet interface that is up, so there is nothing to probe with")
    own = [a.interface for a in facts.addresses if a.interface.version == peer.version and not a.dad_failed]
    near = [interface for interface in own if _without_scope(peer) in interface.network] or own
    if not near:
        raise ProbeError(f"{link.name}: has no IPv{peer.version} address to talk to {peer} from")
    if any(_without_scope(peer) == interface.ip for interface in own):
        raise ProbeError(f"{peer}: is this host; name the other one")
    used = {router.id for _, mac in facts.virtual_neighbours if (router := virtual_router(mac))}
    used |= {router.id for mac in (link.mac, *(c.mac for c in facts.children)) if (router := virtual_router(mac))}
    if vrid is not None and vrid in used:
        raise ProbeError(f"VRID {vrid} is in use on this segment; choose another with --vrid")
    if vrid is None:
        vrid = next((number for number in range(DEFAULT_VRID, 0, -1) if number not in used), None)
        if vrid is None:
            raise ProbeError("every VRID is in use on this segment")
    return Ends(near[0].ip, link.mac, _without_scope(peer), vrid)


def _without_scope(address: IPAddress) -> IPAddress:
    return IPv6Address(address.packed) if isinstance(address, IPv6Address) else address


def probe(
    facts: Facts, chosen: Ends, timing: Timing, *, clock: Callable[[], float] = time.monotonic, port: int = PORT
) -> Result:
    """Talks to the peer and sends frames, for a limited time.

    Raises :class:`PermissionError` without CAP_NET_RAW and other :class:`OSError` where the network refuses.
    """
    link = facts.link
    family = socket.AF_INET if isinstance(chosen.ip, IPv4Address) else socket.AF_INET6
    scope = (0, link.ifindex) if family == socket.AF_INET6 else ()
    with (
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as packets,
        socket.socket(family, socket.SOCK_DGRAM) as talk,
    ):
        _open_packets(packets, link.name, link.ifindex, group_mac(chosen.ip))
        talk.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, os.fsencode(link.name) + b"\0")
        talk.bind((str(chosen.ip), port, *scope))
        for one in (packets, talk):
            one.setblocking(False)
        pair = Pair(chosen.ip, chosen.mac, chosen.peer, chosen.vrid, os.urandom(NONCE), clock(), timing)
        loop = _Loop(pair, packets, talk, (str(chosen.peer), port, *scope), link.ifindex)
        while not pair.finished(now := clock()):
            loop.send(now)
            ready = select.select((packets, talk), (), (), max(0.0, pair.deadline - clock()))[0]
            loop.receive(ready, clock())
        loop.send(clock())
        result = pair.result()
    if not result.met and loop.refused:
        raise ProbeError(
            f"{link.name}: a packet filter here drops UDP to {chosen.peer} port {port}; let it pass for the probe"
        )
    return result


class _Loop:
    """Moves octets between the sockets and the state machine."""

    def __init__(
        self, pair: Pair, packets: socket.socket, talk: socket.socket, peer: tuple[object, ...], ifindex: int
    ) -> None:
        self._pair, self._packets, self._talk, self._peer, self._ifindex = pair, packets, talk, peer, ifindex
        self._listening: Mac | None = None
        self.refused = False

    def send(self, now: float) -> None:
        for item in self._pair.due(now):
            try:
                if isinstance(item, Datagram):
                    self._talk.sendto(item.data, self._peer)
                else:
                    self._packets.send(item.data)
            except (BlockingIOError, ConnectionError):
                # The peer not started yet answers that the port is unreachable.
                continue
            except PermissionError:
                # Not a missing capability, the sockets are open: a packet filter of this host's own.
                self.refused = True
            except OSError as error:
                if error.errno not in _PASSING:
                    raise

    def receive(self, ready: list[socket.socket], now: float) -> None:
        if self._talk in ready:
            for data, source in _drain(self._talk):
                self._pair.hear_datagram(data, _address(source[0]), now)
        virtual = self._pair.virtual
        if virtual is not None and self._listening is None:
            # The card must let the borrowed MAC in as it would for a virtual router, promiscuous mode apart.
            _join(self._packets, self._ifindex, _PACKET_MR_UNICAST, virtual)
            self._listening = virtual
        if self._packets in ready:
            for frame, source in _drain(self._packets):
                # The kernel spares a socket its own frames; what others send from here did not arrive either.
                if source[2] != _PACKET_OUTGOING:
                    self._pair.hear_frame(frame)


def _address(text: str) -> IPAddress:
    host = text.partition("%")[0]
    return IPv6Address(host) if ":" in host else IPv4Address(host)


def _drain(file: socket.socket) -> list[tuple[bytes, tuple[str, int, int]]]:
    found = []
    for _ in range(MAX_AT_ONCE):
        try:
            found.append(file.recvfrom(2048))
        except (BlockingIOError, ConnectionError):
            break
        except OSError as error:
            if error.errno not in _PASSING:
                raise
            break
    return found


def _open_packets(packets: socket.socket, name: str, ifindex: int, group: Mac) -> None:
    program = b"".join(struct.pack("HBBI", *instruction) for instruction in _FILTER)
    memory = ctypes.create_string_buffer(program)
    packets.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(_FILTER), ctypes.addressof(memory)))
    packets.bind((name, _ETH_P_ALL))
    _join(packets, ifindex, _PACKET_MR_MULTICAST, group)


def _join(packets: socket.socket, ifindex: int, kind: int, mac: Mac) -> None:
    address = bytes.fromhex(mac.replace(":", ""))
    packets.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, struct.pack("iHH8s", ifindex, kind, 6, address))
