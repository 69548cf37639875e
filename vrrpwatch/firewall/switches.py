"""Access lists for switches and routers of Cisco (IOS), Juniper (Junos) and Arista (EOS): one for each segment.

They are to be applied inbound on ports: those of a speaker let its flows in, others none.  None of them sees the VRID.
They cannot be tried here; read them before they are loaded.
"""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from vrrpwatch.firewall.flows import AH, FAMILIES, UDP, Family, FlowError, Place, Plan
from vrrpwatch.firewall.words import comment
from vrrpwatch.wire.values import IPAddress

# Writes a list by its name, family and entries, and whether the unlisted are logged.
Writer = Callable[[str, Family, "list[_Entry]", bool], Iterator[str]]

_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")


class _Entry(NamedTuple):
    """One line of an access list; ``source`` and ``destination`` are any where ``None``, so is ``protocol``."""

    allowed: bool
    protocol: int | None
    source: IPAddress | None
    destination: IPAddress | None
    port: int | None
    ttl: int | None
    remark: str


def cisco_ios(plan: Plan) -> str:
    """Named extended access lists, as typed in configuration mode."""
    return _text(plan, "Cisco IOS", "!", _ios)


def arista_eos(plan: Plan) -> str:
    """Access lists as typed in configuration mode; entries are counted."""
    return _text(plan, "Arista EOS", "!", _eos)


def junos(plan: Plan) -> str:
    """Firewall filters as ``set`` commands; terms are counted."""
    return _text(plan, "Junos", "#", _junos)


def _text(plan: Plan, system: str, mark: str, write: Writer) -> str:
    if plan.unlisted == "limit":
        raise FlowError(('unlisted "limit": access lists do not count packets a second: use "drop" or "log"',))
    lines = [
        f"{mark} vrrpwatch access lists ({system}) for ports of a {plan.role}; unlisted: {plan.unlisted}",
        f"{mark} Not provable here: no such system was at hand. They see neither the VRID nor rates.",
    ]
    for number, place in enumerate(plan.places, 1):
        for family in FAMILIES:
            name = f"VRRPWATCH{'6' if family == 6 else ''}-{number}-{_name(place)}"
            lines.append(f"{mark} {comment(place.segment)}: apply inbound on its ports")
            lines += write(name, family, list(_entries(plan, place, family)), plan.unlisted == "log")
    return "".join(f"{line}\n" for line in lines)


def _name(place: Place) -> str:
    """What all systems take in a name; the number before it keeps two apart."""
    return "".join(char if char in _PLAIN else "-" for char in place.segment[:32])


def _entries(plan: Plan, place: Place, family: Family) -> Iterator[_Entry]:
    heard = [*plan.permitted("input"), *(flow for flow in plan.permitted("forward") if flow.routed)]
    for flow in dict.fromkeys(heard):
        if flow.family == family and (flow.routed or flow.place == place):
            for protocol, port in flow.messages():
                yield _Entry(True, protocol, flow.source, flow.destination, port, flow.ttl, flow.serves)
    # Membership reports go to the groups that they join.
    yield _Entry(True, 2 if family == 4 else 58, None, None, None, None, "memberships")
    for guard in plan.guards:
        if guard.family == family and guard.protocol != AH:
            for destination, port in guard.targets():
                yield _Entry(plan.unlisted != "drop", guard.protocol, None, destination, port, None, "unlisted")
    yield _Entry(True, None, None, None, None, None, "everything else")


def _ios(name: str, family: Family, entries: list[_Entry], log: bool) -> Iterator[str]:
    yield f"ip access-list extended {name}" if family == 4 else f"ipv6 access-list {name}"
    remark = ""
    for entry in entries:
        if entry.remark != remark:
            remark = entry.remark
            yield f" remark {comment(remark)}"
        yield f" {_line(entry, family, log)}"
    yield "exit"


def _eos(name: str, family: Family, entries: list[_Entry], log: bool) -> Iterator[str]:
    yield f"{'ip' if family == 4 else 'ipv6'} access-list {name}"
    yield "   counters per-entry"
    remark = ""
    for entry in entries:
        if entry.remark != remark:
            remark = entry.remark
            yield f"   remark {comment(remark)}"
        # EOS takes the TTL at the end of an IPv4 entry.
        ttl = f" ttl eq {entry.ttl}" if entry.ttl is not None and family == 4 else ""
        yield f"   {_line(entry, family, log)}{ttl}"
    yield "exit"


def _line(entry: _Entry, family: Family, log: bool) -> str:
    verb = "permit" if entry.allowed else "deny"
    # Both know 51 as ahp (IOS) or ah (EOS), and all others by number too.
    protocol = ("ip" if family == 4 else "ipv6") if entry.protocol is None else str(entry.protocol)
    port = "" if entry.port is None else f" eq {entry.port}"
    ends = f"{_end(entry.source)} {_end(entry.destination)}{port}"
    return f"{verb} {'udp' if entry.protocol == UDP else protocol} {ends}" + (" log" if _is_logged(entry, log) else "")


def _end(address: IPAddress | None) -> str:
    return "any" if address is None else f"host {address}"


def _is_logged(entry: _Entry, log: bool) -> bool:
    return log and entry.remark == "unlisted"


def _junos(name: str, family: Family, entries: list[_Entry], log: bool) -> Iterator[str]:
    inet, protocol, hops = ("inet", "protocol", "ttl") if family == 4 else ("inet6", "next-header", "hop-limit")
    length = 32 if family == 4 else 128
    for number, entry in enumerate(entries, 1):
        term = f"set firewall family {inet} filter {name} term {number:04}"
        yield f"# {comment(entry.remark)}"
        if entry.source is not None:
            yield f"{term} from source-address {entry.source}/{length}"
        if entry.destination is not None:
            yield f"{term} from destination-address {entry.destination}/{length}"
        if entry.protocol is not None:
            yield f"{term} from {protocol} {entry.protocol}"
        if entry.port is not None:
            yield f"{term} from destination-port {entry.port}"
        if entry.ttl is not None:
            yield f"{term} from {hops} {entry.ttl}"
        yield f"{term} then count {name}-{number:04}"
        if _is_logged(entry, log):
            yield f"{term} then syslog"
        yield f"{term} then {'accept' if entry.allowed else 'discard'}"
