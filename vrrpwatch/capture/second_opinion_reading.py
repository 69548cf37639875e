"""What a program says of one VRRP or CARP packet, in one form, so that two can be compared field by field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from ipaddress import ip_address
from typing import Literal

from vrrpwatch.wire.carp import AUTHLEN, CARP
from vrrpwatch.wire.values import Camp, Carp, IPAddress, Ipv4, Ipv6, Malformed, Packet, Vrrp

Verdict = Literal["good", "bad"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Every field that a program reads from one packet; ``None`` is a field that it says nothing about.

    ``ip_protocol`` is the number in the IP header, ``id`` the VRID or VHID; ``interval`` and ``advbase`` are seconds,
    ``length`` is the IP payload's in bytes, ``checksum`` is the program's verdict and ``auth`` the simple password up
    to its first NUL, made printable.
    """

    protocol: Literal["vrrp", "carp"]
    source: IPAddress | None = None
    destination: IPAddress | None = None
    ttl: int | None = None
    ip_protocol: int | None = None
    vlans: tuple[int, ...] | None = None
    spi: int | None = None
    sequence: int | None = None
    icv: str | None = None
    version: int | None = None
    type: int | None = None
    id: int | None = None
    priority: int | None = None
    count: int | None = None
    auth_type: int | None = None
    auth: str | None = None
    interval: float | None = None
    checksum: Verdict | None = None
    checksum_value: int | None = None
    addresses: tuple[IPAddress, ...] | None = None
    length: int | None = None
    advbase: int | None = None
    advskew: int | None = None
    authlen: int | None = None
    demotion: int | None = None
    counter: int | None = None
    digest: str | None = None


FIELDS = tuple(field.name for field in fields(Reading))


def differences(ours: Reading, theirs: Reading) -> list[tuple[str, object, object]]:
    """Every field that ``theirs`` states and that ``ours`` does not state alike, as (name, ours, theirs)."""
    pairs = ((name, getattr(ours, name), getattr(theirs, name)) for name in FIELDS)
    return [(name, mine, other) for name, mine, other in pairs if other is not None and mine != other]


def printable(data: bytes) -> str:
    """A password up to its first NUL; what is no graphic ASCII as tcpdump writes it (``^J``, ``M-x``)."""
    out = []
    for byte in data.split(b"\0", 1)[0]:
        low = byte & 0x7F
        mark = "" if byte == low else "M-"
        out.append(mark + (chr(low) if 0x20 <= low < 0x7F else "^" + chr(low ^ 0x40)))
    return "".join(out)


def our_reading(packet: Packet, message: Vrrp | Carp | Malformed, camp: Camp | None) -> Reading:
    """What our decoder says; ``camp`` is its checksum verdict (``None``: it gives none)."""
    network, seal = packet.network, packet.authentication
    frame = {
        "source": network.source if network else None,
        "destination": network.destination if network else None,
        "ttl": None if network is None else network.ttl if isinstance(network, Ipv4) else network.hop_limit,
        "ip_protocol": None if network is None else _next(network),
        "vlans": packet.vlans,
        "spi": seal.spi if seal else None,
        "sequence": seal.sequence if seal else None,
        "icv": seal.icv.hex() if seal else None,
        "checksum": None if camp is None else "bad" if camp == "bad" else "good",
        "checksum_value": message.checksum,
        "length": message.length,
    }
    match message:
        case Carp():
            said: dict[str, object] = {
                "protocol": "carp",
                "version": 2,
                "type": 1,
                "id": message.vhid,
                "advbase": message.advbase,
                "advskew": message.advskew,
                "authlen": message.authlen,
                "demotion": message.demotion,
                "counter": message.counter,
                "digest": None if message.digest is None else message.digest.hex(),
            }
        case Vrrp():
            said = {
                "protocol": "vrrp",
                "version": message.version,
                "type": 1,
                "id": message.vrid,
                "priority": message.priority,
                "count": message.count,
                "auth_type": message.auth_type,
                "auth": printable(message.auth_data[:8]) if message.auth_type == 1 else None,
                "interval": message.interval,
                "addresses": message.addresses,
            }
        case Malformed() if message.version == 2 and (message.count, message.length) == (AUTHLEN, CARP.size):
            said = {
                "protocol": "carp",
                "version": 2,
                "type": message.type,
                "id": message.id,
                "advbase": None if message.interval is None else int(message.interval),
                "advskew": message.priority,
                "authlen": message.count,
            }
        case Malformed():
            said = {
                "protocol": "vrrp",
                "version": message.version,
                "type": message.type,
                "id": message.id,
                "priority": message.priority,
                "count": message.count,
                "auth_type": message.auth_type,
                "interval": message.interval,
                "addresses": message.addresses,
            }
    return Reading(**(frame | said))  # type: ignore[arg-type]  # the keys are the fields, each of its own type


def _next(network: Ipv4 | Ipv6) -> int:
    return network.protocol if isinstance(network, Ipv4) else network.next_header


def tshark_reading(layers: Sequence[str], values: Mapping[str, Sequence[str]]) -> Reading | None:
    """What tshark says; ``None`` where it calls the packet neither VRRP nor CARP.

    ``layers`` are the protocols that tshark names, outermost first; ``values`` are the fields by Wireshark's names,
    each as often as it occurs, passwords and digests in hexadecimal.  In a tunnel the innermost IP header counts.
    """
    said = {layer: position for position, layer in enumerate(layers) if layer in ("vrrp", "carp")}
    if not said:
        return None

    def number(name: str) -> int | None:
        found = values.get(name)
        return int(found[-1], 0) if found else None

    def address(name: str) -> IPAddress | None:
        found = values.get(name)
        return ip_address(found[-1]) if found else None

    def text(name: str) -> str | None:
        found = values.get(name)
        return found[-1].replace(":", "") if found else None

    below = [layer for layer in layers[: min(said.values())] if layer in ("ip", "ipv6")]
    family = below[-1] if below else "ip"
    protocol: Literal["vrrp", "carp"] = "carp" if "carp" in said else "vrrp"
    seconds, centiseconds = number("vrrp.adver_int"), number("vrrp.short_adver_int")
    password = text("vrrp.auth_string")
    addresses = values.get("vrrp.ip_addr") or values.get("vrrp.ipv6_addr")
    return Reading(
        protocol=protocol,
        source=address(f"{family}.src"),
        destination=address(f"{family}.dst"),
        ttl=number("ip.ttl" if family == "ip" else "ipv6.hlim"),
        ip_protocol=number("ip.proto" if family == "ip" else "ipv6.nxt"),
        vlans=_vlans(layers, values),
        spi=number("ah.spi"),
        sequence=number("ah.sequence"),
        icv=text("ah.icv"),
        version=number(f"{protocol}.version"),
        type=number(f"{protocol}.type"),
        id=number("vrrp.virt_rtr_id" if protocol == "vrrp" else "carp.vhid"),
        priority=number("vrrp.prio"),
        count=number("vrrp.addr_count"),
        auth_type=number("vrrp.auth_type"),
        auth=None if password is None else printable(bytes.fromhex(password)),
        interval=centiseconds / 100 if centiseconds is not None else None if seconds is None else float(seconds),
        checksum=_VERDICTS.get(number(f"{protocol}.checksum.status")),
        checksum_value=number(f"{protocol}.checksum"),
        addresses=None if addresses is None else tuple(map(ip_address, addresses)),
        advbase=number("carp.adver_int"),
        advskew=number("carp.advskew"),
        authlen=number("carp.authlen"),
        demotion=number("carp.demotion"),
        counter=number("carp.counter"),
        digest=text("carp.hmac"),
    )


def _vlans(layers: Sequence[str], values: Mapping[str, Sequence[str]]) -> tuple[int, ...] | None:
    """The VIDs, outermost first; Wireshark has one dissector for 802.1Q tags and another for 802.1ad's."""
    names = {"vlan": "vlan.id", "ieee8021ad": "ieee8021ad.id"}
    tags = [names[layer] for layer in layers if layer in names]
    vids = {name: iter(values.get(name, ())) for name in tags}
    found = [next(vids[name], None) for name in tags]
    if None in found:
        # Not asked for every tag: what is left would be taken for the wrong ones.
        return None
    # VID 0 is a priority tag, which names no VLAN (IEEE 802.1Q §9.6).
    return tuple(vid for vid in (int(value, 0) for value in found if value) if vid) or None


# PROTO_CHECKSUM_E_* of Wireshark's epan/proto.h; 2 is "unverified".
_VERDICTS: dict[int | None, Verdict] = {0: "bad", 1: "good"}
