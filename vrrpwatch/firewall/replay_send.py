"""Sends frames through the scratch host and sees what comes out, as daemons and cables would see it.

What the host hears itself a raw socket tells; what leaves it, the far ends of its devices.  Between two frames goes one
on a pair of its own: once it has come through, everything before it has been dealt with.
"""

import errno
import fcntl
import socket
import struct
import time
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Final, Self

from vrrpwatch.firewall.replay_job import Answer, Trial
from vrrpwatch.firewall.replay_network import CLOCK_FAR, CLOCK_NEAR, Network
from vrrpwatch.firewall.replay_programs import ReplayError
from vrrpwatch.firewall.replay_ready import ETH_P_ALL, OWN_TYPE, PACKET_IGNORE_OUTGOING, SOL_PACKET, cable_socket

# linux/if_ether.h, linux/if_packet.h, linux/sockios.h, linux/in.h, linux/in6.h.
_IPV4, _IPV6 = 0x0800, 0x86DD
_TAGS: Final = (0x8100, 0x88A8, 0x9100)
_SO_RCVBUFFORCE: Final = 33
_SIOCGIFHWADDR: Final = 0x8927
_IPV6_HDRINCL: Final = 36
_PACKET_STATISTICS: Final = 6
# linux/mroute.h: the kernel forwards multicast only where a routing daemon asks it to; here that is this socket.
_MRT_INIT, _MRT_ADD_VIF, _MRT_DEL_VIF, _MRT_ADD_MFC, _MRT_DEL_MFC = 200, 202, 203, 204, 205
_VIFF_USE_IFINDEX: Final = 0x8
_VIF: Final = struct.Struct("=HBBIi4s")
_MFC: Final = struct.Struct("=4s4sH32B2xIIIi")
# Seconds until the kernel must have dealt with a frame; it takes microseconds.
PATIENCE: Final = 10
# Frames that may be on their way at once: the queue of a socket holds some two hundred and fifty.
MAX_UNSEEN: Final = 128
# Octets of the queue for what comes out: a long frame comes out of a bridge by every port at once.
QUEUE: Final = 16_000_000
# Groups that one socket joins: beyond some thousand its option memory (net.core.optmem_max) is used up.
MAX_JOINS: Final = 200


class Host:
    """The sockets around one scratch host, for a given list of trials."""

    def __init__(self, network: Network, trials: Iterable[Trial]) -> None:
        self._network = network
        self._stack = ExitStack()
        self._device = {far: near for near, far in network.far.items()}
        self._ticks = 0
        # On a bridge, a frame comes in once and goes out by every other port.
        self._stretch = max(1, MAX_UNSEEN // (2 * len(self._device)))
        self._trials = trials

    def __enter__(self) -> Self:
        self._cable = self._stack.enter_context(cable_socket())
        self._card = self._socket(socket.AF_PACKET, 0)
        self._tap = self._socket(socket.AF_PACKET, socket.htons(ETH_P_ALL))
        self._tap.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self._widen(self._tap)
        # The clock has a socket of its own, whose queue nothing else fills.
        self._clock = self._socket(socket.AF_PACKET, 0)
        self._clock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self._clock.bind((CLOCK_NEAR, OWN_TYPE))
        self._clock.settimeout(PATIENCE)
        self._out4 = self._socket(socket.AF_INET, socket.IPPROTO_RAW)
        self._out4.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self._out6 = self._socket(socket.AF_INET6, socket.IPPROTO_RAW)
        self._out6.setsockopt(socket.IPPROTO_IPV6, _IPV6_HDRINCL, 1)
        self._ears: dict[tuple[int, int], socket.socket | None] = {}
        joins = set()
        for trial in self._trials:
            body = _body(trial.frame)
            if trial.course == "input" and trial.incoming is not None and trial.protocol is not None:
                self._ear(body, trial.protocol)
                joins.add((trial.incoming, _addresses(body)[1]))
        self._join(sorted(joins))
        self._macs = {device: self._mac(device) for device in self._network.far}
        self._router: socket.socket | None = None
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def attempt(self, trial: Trial) -> Answer:
        """Sends a trial's copies and counts what came through."""
        body = _body(trial.frame)
        mark = _mark(body, trial.frame)
        ear = None
        if trial.course == "input" and trial.protocol is not None:
            ear = self._ear(body, trial.protocol)
        if ear is not None:
            # A host also hears the groups that it sends to itself, and those that it forwards.
            _drain(ear)
        frame = self._prepare(trial)
        routed = trial.course == "forward" and self._carry(trial, body)
        # The host itself speaks up now and then, to say which groups it has joined.
        _drain(self._tap)
        self._lost()
        seen: dict[str, int] = {}
        started = time.monotonic()
        for first in range(0, trial.copies, self._stretch):
            for _ in range(min(self._stretch, trial.copies - first)):
                self._send(trial, frame, body)
            self._settle(mark, seen)
            if ear is not None:
                # A raw IPv6 socket gives what follows the headers only.
                heard = sum(data.endswith(mark) or (len(data) > 0 and mark.endswith(data)) for data, _ in _drain(ear))
                if heard:
                    seen[""] = seen.get("", 0) + heard
        seconds = time.monotonic() - started
        if routed:
            self._uncarry(body)
        return Answer(seen, seconds)

    def _socket(self, family: int, protocol: int, kind: int = socket.SOCK_RAW) -> socket.socket:
        return self._stack.enter_context(socket.socket(family, kind, protocol))

    def _widen(self, listening: socket.socket) -> None:
        try:
            listening.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, QUEUE)
        except PermissionError:
            # An ordinary user's queue is as long as the administrator lets it be (net.core.rmem_max).
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, QUEUE)

    def _mac(self, device: str) -> bytes:
        answer: bytes = fcntl.ioctl(self._out4, _SIOCGIFHWADDR, struct.pack("16s24x", device.encode()))
        return answer[18:24]

    def _ear(self, body: bytes, protocol: int) -> socket.socket | None:
        """The raw socket that hears what the host takes in of one protocol; some are none that anybody can hear."""
        family = socket.AF_INET if body[0] >> 4 == 4 else socket.AF_INET6
        key = (family, protocol)
        if key not in self._ears:
            try:
                self._ears[key] = self._socket(family, protocol)
            except OSError as error:
                if error.errno not in (errno.EPROTONOSUPPORT, errno.EINVAL):
                    raise
                self._ears[key] = None
        return self._ears[key]

    def _join(self, groups: Iterable[tuple[str, bytes]]) -> None:
        members: dict[int, socket.socket] = {}
        for number, (device, group) in enumerate(groups):
            index = self._network.index[device]
            if number % MAX_JOINS == 0:
                members.clear()
            if len(group) == 4 and _is_group(group) and group != b"\xff" * 4:
                member = members.get(4) or members.setdefault(4, self._socket(socket.AF_INET, 0, socket.SOCK_DGRAM))
                request = group + bytes(4) + struct.pack("=i", index)
                member.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
            elif len(group) == 16 and _is_group(group):
                member = members.get(6) or members.setdefault(6, self._socket(socket.AF_INET6, 0, socket.SOCK_DGRAM))
                member.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group + struct.pack("=I", index))

    def _prepare(self, trial: Trial) -> bytes:
        """The frame as the cable brings it: a host hears unicast only where it is sent to its own MAC address."""
        self._network.route(
            trial.outgoing if trial.course in ("output", "forward") else None, *self._own_address(trial)
        )
        if trial.course in ("input", "forward") and trial.incoming is not None and not trial.frame[0] & 1:
            return self._macs[trial.incoming] + trial.frame[6:]
        return trial.frame

    def _own_address(self, trial: Trial) -> tuple[str | None, str | None]:
        """The address that is the host's own: where a packet to it goes, and where one of its own comes from."""
        if trial.course in ("forward", "bridge"):
            return None, None
        source, destination = _addresses(_body(trial.frame))
        address = destination if trial.course == "input" else source
        if _is_group(address) or not any(address):
            return None, None
        family = socket.AF_INET if len(address) == 4 else socket.AF_INET6
        return socket.inet_ntop(family, address), trial.incoming or trial.outgoing

    def _send(self, trial: Trial, frame: bytes, body: bytes) -> None:
        try:
            if trial.course == "output" and trial.outgoing is not None:
                self._speak(trial.outgoing, body)
            elif trial.course == "egress" and trial.outgoing is not None:
                self._card.sendto(frame, (trial.outgoing, _type(frame)))
            elif trial.incoming is not None:
                self._cable.sendto(frame, (self._network.far[trial.incoming], _type(frame)))
        except OSError as error:
            # A rule that drops what a host sends is told to the sender; so is an address that nothing can be sent to.
            if error.errno in (errno.ENETDOWN, errno.ENODEV, errno.ENXIO):
                raise ReplayError(f"{trial.outgoing or trial.incoming}: {error.strerror}") from None

    def _speak(self, device: str, body: bytes) -> None:
        index = self._network.index[device]
        destination = _addresses(body)[1]
        if len(destination) == 4:
            self._out4.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode() + b"\0")
            self._out4.sendto(body, (socket.inet_ntoa(destination), 0))
        else:
            self._out6.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode() + b"\0")
            self._out6.sendto(body, (socket.inet_ntop(socket.AF_INET6, destination), 0, 0, index))

    def _settle(self, mark: bytes, seen: dict[str, int]) -> None:
        """Waits until the kernel has dealt with all that was sent, and counts by device what has left."""
        self._ticks += 1
        tick = struct.pack("!6s6sHQ", b"\x02vtick", b"\x02vtock", OWN_TYPE, self._ticks)
        self._cable.sendto(tick, (CLOCK_FAR, OWN_TYPE))
        try:
            while self._clock.recv(64) != tick:
                pass
        except TimeoutError:
            raise ReplayError(f"the kernel has not dealt with a frame within {PATIENCE} s") from None
        for data, name in _drain(self._tap):
            device = self._device.get(name)
            if device is not None and data.endswith(mark):
                seen[device] = seen.get(device, 0) + 1
        if self._lost():
            raise ReplayError("frames were lost before they could be counted: try again with less at work here")

    def _lost(self) -> int:
        """How many frames the tap's queue had no room for since this was asked last (linux/if_packet.h)."""
        statistics = self._tap.getsockopt(SOL_PACKET, _PACKET_STATISTICS, 8)
        return int(struct.unpack("=II", statistics)[1])

    def _carry(self, trial: Trial, body: bytes) -> bool:
        """Has the kernel route an IPv4 group from one device to the other, as a multicast router would."""
        source, group = _addresses(body)
        if trial.incoming is None or trial.outgoing is None or len(group) != 4 or group[0] >> 4 != 0xE:
            return False
        if self._router is None:
            self._router = self._socket(socket.AF_INET, socket.IPPROTO_IGMP)
            try:
                self._router.setsockopt(socket.IPPROTO_IP, _MRT_INIT, 1)
            except OSError:
                # A kernel that routes no multicast forwards none either.
                return False
        for number, device in enumerate((trial.incoming, trial.outgoing)):
            vif = _VIF.pack(number, _VIFF_USE_IFINDEX, 1, 0, self._network.index[device], bytes(4))
            self._router.setsockopt(socket.IPPROTO_IP, _MRT_ADD_VIF, vif)
        self._router.setsockopt(socket.IPPROTO_IP, _MRT_ADD_MFC, _forwarding(source, group))
        return True

    def _uncarry(self, body: bytes) -> None:
        if self._router is not None:
            self._router.setsockopt(socket.IPPROTO_IP, _MRT_DEL_MFC, _forwarding(*_addresses(body)))
            for number in (0, 1):
                vif = _VIF.pack(number, 0, 0, 0, 0, bytes(4))
                self._router.setsockopt(socket.IPPROTO_IP, _MRT_DEL_VIF, vif)


def _forwarding(source: bytes, group: bytes) -> bytes:
    """linux/mroute.h, struct mfcctl: from interface 0 to interface 1, whatever the TTL."""
    return _MFC.pack(source, group, 0, *(1 if number == 1 else 255 for number in range(32)), 0, 0, 0, 0)


def _type(frame: bytes) -> int:
    return int.from_bytes(frame[12:14], "big")


def _body(frame: bytes) -> bytes:
    """What follows the Ethernet header and its tags."""
    offset = 12
    while int.from_bytes(frame[offset : offset + 2], "big") in _TAGS:
        offset += 4
    return frame[offset + 2 :]


def _addresses(body: bytes) -> tuple[bytes, bytes]:
    return (body[12:16], body[16:20]) if body[0] >> 4 == 4 else (body[8:24], body[24:40])


def _is_group(address: bytes) -> bool:
    """Whether it is a multicast address or IPv4's limited broadcast."""
    return address[0] == 0xFF if len(address) == 16 else address[0] >> 4 == 0xE or address == b"\xff" * 4


def _mark(body: bytes, frame: bytes) -> bytes:
    """What stays the same on every way: a packet from its addresses on, else all that follows the Ethernet header."""
    ethertype = int.from_bytes(frame[len(frame) - len(body) - 2 : len(frame) - len(body)], "big")
    return body[12:] if ethertype == _IPV4 else body[8:] if ethertype == _IPV6 else body


def _drain(listening: socket.socket) -> list[tuple[bytes, str]]:
    """What a socket has heard, and on a packet socket by which interface."""
    heard: list[tuple[bytes, str]] = []
    while True:
        try:
            data, address = listening.recvfrom(65600, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return heard
        heard.append((data, address[0]))
