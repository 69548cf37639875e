"""Waits until a scratch host's devices carry frames: the kernel opens a device's queue some time after it is set up."""

import errno
import socket
import struct
import time
from typing import Final

from vrrpwatch.firewall.replay_network import CLOCK_FAR, CLOCK_NEAR, Network
from vrrpwatch.firewall.replay_programs import ReplayError

# linux/if_ether.h, linux/if_packet.h.
ETH_P_ALL: Final = 0x0003
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23
_PACKET_QDISC_BYPASS: Final = 20
# IEEE's first EtherType for local experiments.
OWN_TYPE: Final = 0x88B5
# Seconds; the kernel looks after links once a second when there is much to do.
PATIENCE: Final = 20
_PAUSE: Final = 0.02


def cable_socket() -> socket.socket:
    """A socket to send frames by the cables: it need not wait for queues to open, and no rule sees what it sends."""
    cable = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    cable.setsockopt(SOL_PACKET, _PACKET_QDISC_BYPASS, 1)
    return cable


def await_ready(network: Network) -> None:
    """Returns once every pair carries frames both ways, and a bridge from every port to every other."""
    with (
        cable_socket() as cable,
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as card,
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as tap,
    ):
        tap.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        tap.settimeout(_PAUSE)
        deadline = time.monotonic() + PATIENCE
        for number, (sender, hearers) in enumerate(_ways(network)):
            frame = struct.pack("!6s6sHQ", b"\xff" * 6, b"\x02vrrpw", OWN_TYPE, number)
            missing = set(hearers)
            while missing:
                if time.monotonic() > deadline:
                    raise ReplayError(f"{sender} does not carry frames to {min(missing)} within {PATIENCE} s")
                _send(card if sender in network.far else cable, sender, frame)
                _listen(tap, frame, missing)


def _send(by: socket.socket, device: str, frame: bytes) -> None:
    try:
        by.sendto(frame, (device, OWN_TYPE))
    except OSError as error:
        # A closed queue refuses frames, or loses them without a word.
        if error.errno != errno.ENOBUFS:
            raise


def _ways(network: Network) -> list[tuple[str, set[str]]]:
    far = set(network.far.values())
    ways = [(CLOCK_FAR, {CLOCK_NEAR})]
    for device, cable in network.far.items():
        ways += [(device, {cable}), (cable, {device} | (far - {cable} if network.bridge else set()))]
    return ways


def _listen(tap: socket.socket, frame: bytes, missing: set[str]) -> None:
    while missing:
        try:
            data, address = tap.recvfrom(2048)
        except TimeoutError:
            return
        if data == frame:
            missing.discard(address[0])
