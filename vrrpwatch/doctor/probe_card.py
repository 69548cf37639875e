"""Facts from the ethtool ioctl (linux/ethtool.h): driver, speed, duplex and the VLAN filter of a network card."""

import array
import fcntl
import os
import socket
import struct
from typing import Final, NamedTuple

from pyroute2.ethtool.ioctl import EthtoolError, IoctlEthtool  # type: ignore[import-untyped]

_SIOCETHTOOL: Final = 0x8946
_SIOCGIWNAME: Final = 0x8B01
_ETHTOOL_GDRVINFO: Final = 3
# struct ethtool_drvinfo: the command, then the driver's name in 32 octets, and 160 of other things.
_DRVINFO: Final = 196
_SPEED_UNKNOWN: Final = (0, -1, 0xFFFF, 0xFFFFFFFF)
# DUPLEX_HALF and DUPLEX_FULL.
_DUPLEX: Final = {0: False, 1: True}


class Card(NamedTuple):
    """What the card's driver tells; ``None`` where it does not. ``speed`` in Mbit/s."""

    driver: str | None = None
    speed: int | None = None
    full_duplex: bool | None = None
    vlan_filter: bool | None = None
    wireless: bool = False


def card(interface: str) -> Card:
    """Asks the driver; a virtual interface may answer nothing, and that is no error."""
    found = Card(driver=_driver(interface), wireless=_is_wireless(interface))
    asked = IoctlEthtool()
    try:
        asked.change_ifname(interface)
        found = _settings(asked, found)
        found = found._replace(vlan_filter=bool(asked.get_features().is_active("rx-vlan-filter")))
    except (OSError, ValueError, LookupError, EthtoolError):
        # An old driver, or a name that is no text: what is known stands.
        pass
    finally:
        asked.close()
    return found


def _settings(asked: IoctlEthtool, found: Card) -> Card:
    try:
        settings = asked.get_link_settings()
    except (OSError, EthtoolError):
        return found
    if settings.speed in _SPEED_UNKNOWN:
        return found
    return found._replace(speed=int(settings.speed), full_duplex=_DUPLEX.get(int(settings.duplex)))


def _driver(interface: str) -> str | None:
    answer = array.array("B", bytes(_DRVINFO))
    struct.pack_into("=I", answer, 0, _ETHTOOL_GDRVINFO)
    if _ioctl(interface, _SIOCETHTOOL, struct.pack("P", answer.buffer_info()[0])) is None:
        return None
    return answer.tobytes()[4:36].split(b"\0")[0].decode(errors="replace") or None


def _is_wireless(interface: str) -> bool:
    # Only a wireless driver knows this request (linux/wireless.h).
    return _ioctl(interface, _SIOCGIWNAME, b"") is not None


def _ioctl(interface: str, request: int, data: bytes) -> bytes | None:
    """One request about an interface (struct ifreq: 16 octets of name, 24 of union)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as file:
        try:
            return fcntl.ioctl(file, request, struct.pack("16s24s", os.fsencode(interface)[:15], data))
        except OSError:
            return None
