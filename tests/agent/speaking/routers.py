"""Routers as their settings give them, and the frames that real daemons sent in the sample captures."""

from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from tests.lab.frames import read_frames
from vrrpwatch.agent.config.routers import CarpRouter, Router, VrrpRouter
from vrrpwatch.agent.speaking.frames import Composer
from vrrpwatch.agent.speaking.sequences import Replays, Sequences
from vrrpwatch.agent.speaking.verifying import Verifier
from vrrpwatch.core.model import NANOSECONDS

CAPTURES = Path(__file__).parents[3] / "captures"
# 2026-01-31 21:03:07.5 UTC.
WALL = 1_769_893_387 * NANOSECONDS + NANOSECONDS // 2
COOKIE = 0x0123_4567_89AB_CDEF

# A secret's file is named like what is in it.
_CONTEXT = {"read": lambda path: str(path).encode()}


def vrrp(**given: Any) -> VrrpRouter:
    """VRID 51 for 192.0.2.1, unless it says otherwise; ``auth`` is a type and a secret."""
    made = {"name": "web", "interface": "eth0", "id": 51, "addresses": ["192.0.2.1/24"]} | given
    if "auth" in given:
        kind, secret = given["auth"]
        made["auth"] = {"type": kind, "secret_file": secret, "key_id": 5}
    return VrrpRouter.model_validate(made, context=_CONTEXT)


def carp(**given: Any) -> CarpRouter:
    made = {"name": "web", "protocol": "carp", "interface": "eth0", "id": 42, "addresses": ["192.0.2.2/24"]}
    return CarpRouter.model_validate(made | {"passphrase_file": "lab"} | given, context=_CONTEXT)


def composer(router: Router, source: str, sequences: Sequences | None = None) -> Composer:
    return Composer(router, ip_address(source), sequences or Sequences(COOKIE))


def verifier(router: Router, source: str, sequences: Sequences | None = None) -> Verifier:
    return Verifier(router, ip_address(source), sequences or Sequences(COOKIE + 1), Replays())


@cache
def frames(name: str) -> tuple[bytes, ...]:
    """The Ethernet frames of a sample capture."""
    found = [path for path in CAPTURES.glob(f"{name}.pcap*") if path.suffix in (".pcap", ".pcapng")]
    return tuple(frame.data for frame in read_frames(found[0]))


def adverts(name: str, source: str) -> list[bytes]:
    """The IP packets of protocol 112 and 51 from one sender in a sample capture, without link padding."""
    packed = ip_address(source).packed
    four = [frame[14:] for frame in frames(name) if frame[12:14] == b"\x08\0" and frame[23] in (51, 112)]
    six = [frame[14:] for frame in frames(name) if frame[12:14] == b"\x86\xdd" and frame[20] == 112]
    found = [packet[: int.from_bytes(packet[2:4])] for packet in four if packet[12:16] == packed]
    return found + [packet for packet in six if packet[8:24] == packed]
