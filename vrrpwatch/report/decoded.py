"""Every decoded field of one packet as an object, for NDJSON, JSON and CSV: the keys always in the same order."""

from typing import Any, Final

from vrrpwatch.core.dialect import carp_interval
from vrrpwatch.core.instants import rfc3339
from vrrpwatch.core.model import Instant
from vrrpwatch.report.decode_line import Message, auth_name, hop_limit, password_text
from vrrpwatch.report.json import unicode_text
from vrrpwatch.wire.values import (
    Camp,
    Carp,
    Conntrackd,
    Glbp,
    Hsrp,
    IpvsSync,
    Malformed,
    Packet,
    Pfsync,
    Vrrp,
)

# The keys of every advertisement; those of companions (``--all``) follow in :data:`COMPANION_KEYS`.
KEYS: Final = (
    "packet",
    "at",
    "segment",
    "source",
    "destination",
    "source_mac",
    "ttl",
    "protocol",
    "version",
    "id",
    "priority",
    "interval",
    "addresses",
    "auth",
    "checksum",
    "length",
    "advbase",
    "advskew",
    "demotion",
    "counter",
    "digest",
    "spi",
    "sequence",
    "icv",
    "error",
    "password",
    "destination_mac",
    "capture",
)
# Of those, the ones that only some messages have; CARP has all of the first.
CARP_KEYS: Final = frozenset(("advbase", "advskew", "demotion", "counter", "digest"))
OPTIONAL_KEYS: Final = CARP_KEYS | {"spi", "sequence", "icv", "error", "password"}
COMPANION_KEYS: Final = ("state", "opcode", "hold", "type", "action", "flags", "count")


def record(
    packet_number: int,
    at: Instant,
    segment: str,
    capture: str,
    packet: Packet,
    message: Message,
    *,
    checksum: Camp | None = None,
    reveal: bool = False,
) -> dict[str, Any]:
    """The fields of one packet in the order of :data:`KEYS`, ``None`` where unknown or cut off by the capture.

    Of :data:`OPTIONAL_KEYS` only those are there that the message has: ``error`` only in a malformed one.

    ``length`` is the message's in octets, as the IP header gives it; ``interval`` is in seconds.
    """
    network = packet.network
    fields: dict[str, Any] = dict.fromkeys(KEYS)
    fields |= {
        "packet": packet_number,
        "at": rfc3339(at),
        "segment": unicode_text(segment),
        "source": None if network is None else str(network.source),
        "destination": None if network is None else str(network.destination),
        "source_mac": packet.source_mac,
        "ttl": hop_limit(packet),
        "length": packet.payload_length,
        "destination_mac": packet.destination_mac,
        "capture": unicode_text(capture),
    }
    if packet.authentication is not None:
        header = packet.authentication
        fields |= {"spi": header.spi, "sequence": header.sequence, "icv": header.icv.hex()}
    fields |= _message(message, reveal)
    # Whatever the message says, a packet inside AH is authenticated by AH.
    if packet.authentication is not None:
        fields["auth"] = "ah"
    if isinstance(message, Vrrp | Carp):
        fields["checksum"] = checksum
    has = CARP_KEYS if isinstance(message, Carp) else frozenset()
    return {key: value for key, value in fields.items() if value is not None or key not in OPTIONAL_KEYS - has}


def _message(message: Message, reveal: bool) -> dict[str, Any]:
    match message:
        case Vrrp():
            simple = message.auth_type == 1
            return {
                "protocol": "vrrp",
                "version": message.version,
                "id": message.vrid,
                "priority": message.priority,
                "interval": message.interval,
                "addresses": [str(address) for address in message.addresses],
                "auth": "hmac" if message.trailer else auth_name(message.auth_type),
                "length": message.length,
                "digest": message.trailer.digest.hex() if message.trailer else None,
                "counter": message.trailer.counter if message.trailer else None,
                "password": password_text(message.auth_data, reveal) if simple else None,
            }
        case Carp():
            return {
                "protocol": "carp",
                "version": 2,
                "id": message.vhid,
                "interval": carp_interval(message.advbase, message.advskew),
                "auth": "carp",
                "length": message.length,
                "advbase": message.advbase,
                "advskew": message.advskew,
                "demotion": message.demotion,
                "counter": message.counter,
                "digest": None if message.digest is None else message.digest.hex(),
            }
        case Malformed():
            return {
                "protocol": "vrrp",
                "version": message.version,
                "id": message.id,
                "priority": message.priority,
                "interval": message.interval,
                "addresses": [str(address) for address in message.addresses] or None,
                "auth": None if message.auth_type is None else auth_name(message.auth_type),
                "length": message.length,
                "error": message.reason,
            }
    return _companion(message, reveal)


def _companion(message: Hsrp | Glbp | Pfsync | Conntrackd | IpvsSync, reveal: bool) -> dict[str, Any]:
    match message:
        case Hsrp():
            return {
                "protocol": "hsrp",
                "version": message.version,
                "id": message.group,
                "priority": message.priority,
                "interval": message.hello,
                "addresses": [str(address) for address in message.addresses],
                "auth": "simple" if message.auth == "text" else message.auth,
                "password": password_text(message.auth_data, reveal) if message.auth == "text" else None,
                "state": message.state,
                "opcode": message.opcode,
                "hold": message.hold,
            }
        case Glbp():
            return {
                "protocol": "glbp",
                "version": message.version,
                "id": message.group,
                "priority": message.priority,
                "interval": message.hello,
                "addresses": [str(address) for address in message.addresses],
                "auth": "simple" if message.auth == "text" else message.auth,
                "state": message.state,
                "hold": message.hold,
            }
        case Pfsync():
            facts = {"protocol": "pfsync", "action": message.action, "count": message.count}
        case Conntrackd():
            facts = {
                "protocol": "conntrackd",
                "type": message.type,
                "flags": message.flags,
                "sequence": message.sequence,
                "length": message.length,
            }
        case IpvsSync():
            facts = {"protocol": "ipvs", "id": message.syncid, "count": message.connections, "length": message.size}
    return {**facts, "version": message.version}
