"""Verdicts on the kernel's settings: reverse path filter, ARP, nonlocal binding, duplicate address detection."""

from collections.abc import Iterator
from shlex import quote

from vrrpwatch.doctor.checks import Check, Verdict, check
from vrrpwatch.doctor.facts import Facts
from vrrpwatch.wire.macs import virtual_router

_OK, _WARNING, _PROBLEM = Verdict.OK, Verdict.WARNING, Verdict.PROBLEM


def judge(facts: Facts) -> Iterator[Check]:
    """Every setting that decides whether adverts are heard and ARP is answered as the virtual router needs it."""
    yield _rp_filter(facts)
    yield _arp_ignore(facts)
    yield _arp_announce(facts)
    yield _arp_filter(facts)
    yield _accept_local(facts)
    yield _gratuitous(facts)
    yield _unsolicited_na(facts)
    yield _nonlocal_bind(facts)
    yield _accept_dad(facts)
    yield _max_memberships(facts)


def _setting(facts: Facts, family: str, name: str, value: int, scope: str | None = None) -> str:
    # sysctl(8) reads a slash in a key as the dot of an interface's name.
    where = scope or facts.link.name.replace(".", "/")
    return f"sysctl -w {quote(f'net.{family}.conf.{where}.{name}={value}')}"


def _unread(facts: Facts, check_name: str, family: str, name: str) -> Check:
    where = facts.link.name.replace(".", "/")
    command = f"sysctl net.{family}.conf.all.{name} {quote(f'net.{family}.conf.{where}.{name}')}"
    return check(check_name, Verdict.UNKNOWN, f"net.{family}.conf.*.{name} could not be read", command)


def _pair(facts: Facts, family: str, name: str) -> tuple[int, int, str] | None:
    every, own = facts.sysctls.get(f"{family}.all.{name}"), facts.sysctls.get(f"{family}.if.{name}")
    if every is None or own is None:
        return None
    return every, own, f"{name}: all {every}, {facts.link.name} {own}, effective {max(every, own)}"


def _carries_virtual_mac(facts: Facts) -> bool:
    return any(virtual_router(mac) is not None for mac in (facts.link.mac, *(child.mac for child in facts.children)))


def _rp_filter(facts: Facts) -> Check:
    read = _pair(facts, "ipv4", "rp_filter")
    if read is None:
        return _unread(facts, "rp-filter", "ipv4", "rp_filter")
    every, own, evidence = read
    # Documentation/networking/ip-sysctl: the maximum of both counts, so 2 (loose) wins over 1 (strict).
    if max(every, own) != 1:
        return check("rp-filter", _OK, evidence)
    remedy = _setting(facts, "ipv4", "rp_filter", 0, "all") + " && " + _setting(facts, "ipv4", "rp_filter", 0)
    if _carries_virtual_mac(facts):
        why = "strict: adverts that arrive on a virtual MAC's interface have their way back elsewhere and are dropped"
        return check("rp-filter", _PROBLEM, f"{evidence} ({why})", remedy)
    if not any(address.interface.version == 4 for address in facts.addresses):
        why = "strict, without an address here no sender has its way back on this interface"
        return check("rp-filter", _PROBLEM, f"{evidence} ({why})", remedy)
    why = "strict: only senders routed through this interface are heard, and keepalived's use_vmac fails"
    return check("rp-filter", _WARNING, f"{evidence} ({why})", remedy)


def _arp_ignore(facts: Facts) -> Check:
    read = _pair(facts, "ipv4", "arp_ignore")
    if read is None:
        return _unread(facts, "arp-ignore", "ipv4", "arp_ignore")
    every, own, evidence = read
    effective = max(every, own)
    off = _setting(facts, "ipv4", "arp_ignore", 1, "all") + " && " + _setting(facts, "ipv4", "arp_ignore", 1)
    if effective == 8:
        return check("arp-ignore", _PROBLEM, f"{evidence} (no ARP request is ever answered)", off)
    if effective == 3:
        why = "addresses of host scope, as keepalived may give them, are not answered for"
        return check("arp-ignore", _WARNING, f"{evidence} ({why})", off)
    if effective == 0 and _carries_virtual_mac(facts):
        why = "the interface answers for virtual addresses with its own MAC beside the virtual one"
        return check("arp-ignore", _WARNING, f"{evidence} ({why})", _setting(facts, "ipv4", "arp_ignore", 1))
    return check("arp-ignore", _OK, evidence)


def _arp_announce(facts: Facts) -> Check:
    read = _pair(facts, "ipv4", "arp_announce")
    if read is None:
        return _unread(facts, "arp-announce", "ipv4", "arp_announce")
    every, own, evidence = read
    if max(every, own) == 0 and _carries_virtual_mac(facts):
        why = "ARP requests of this host may carry a virtual address with the physical MAC"
        return check("arp-announce", _WARNING, f"{evidence} ({why})", _setting(facts, "ipv4", "arp_announce", 2))
    return check("arp-announce", _OK, evidence)


def _arp_filter(facts: Facts) -> Check:
    read = _pair(facts, "ipv4", "arp_filter")
    if read is None:
        return _unread(facts, "arp-filter", "ipv4", "arp_filter")
    every, _, evidence = read
    if every and _carries_virtual_mac(facts):
        why = "the virtual MAC's interface answers only where the route back leads through it"
        return check("arp-filter", _WARNING, f"{evidence} ({why})", _setting(facts, "ipv4", "arp_filter", 0, "all"))
    return check("arp-filter", _OK, evidence)


def _accept_local(facts: Facts) -> Check:
    if facts.link.kind != "macvlan" or virtual_router(facts.link.mac) is None:
        return check("accept-local", Verdict.NOT_APPLICABLE, f"{facts.link.name} is no virtual MAC's macvlan")
    read = _pair(facts, "ipv4", "accept_local")
    if read is None:
        return _unread(facts, "accept-local", "ipv4", "accept_local")
    every, own, evidence = read
    if max(every, own) == 0:
        why = "packets from this host's own addresses, which a virtual address is while it is held, are dropped here"
        return check("accept-local", _WARNING, f"{evidence} ({why})", _setting(facts, "ipv4", "accept_local", 1))
    return check("accept-local", _OK, evidence)


def _gratuitous(facts: Facts) -> Check:
    read = _pair(facts, "ipv4", "drop_gratuitous_arp")
    if read is None:
        return _unread(facts, "gratuitous-arp", "ipv4", "drop_gratuitous_arp")
    every, own, evidence = read
    if max(every, own):
        scope = "all" if every else None
        why = "this host does not notice that a virtual address moved"
        remedy = _setting(facts, "ipv4", "drop_gratuitous_arp", 0, scope)
        return check("gratuitous-arp", _WARNING, f"{evidence} ({why})", remedy)
    return check("gratuitous-arp", _OK, evidence)


def _unsolicited_na(facts: Facts) -> Check:
    if not any(key.startswith("ipv6.") for key in facts.sysctls):
        return check("unsolicited-na", Verdict.NOT_APPLICABLE, "this kernel or interface has no IPv6")
    read = _pair(facts, "ipv6", "drop_unsolicited_na")
    if read is None:
        return _unread(facts, "unsolicited-na", "ipv6", "drop_unsolicited_na")
    every, own, evidence = read
    if max(every, own):
        why = "this host does not notice that a virtual IPv6 address moved"
        remedy = _setting(facts, "ipv6", "drop_unsolicited_na", 0, "all" if every else None)
        return check("unsolicited-na", _WARNING, f"{evidence} ({why})", remedy)
    return check("unsolicited-na", _OK, evidence)


def _nonlocal_bind(facts: Facts) -> Check:
    value = facts.sysctls.get("net.ipv4.ip_nonlocal_bind")
    if value is None:
        command = "sysctl net.ipv4.ip_nonlocal_bind"
        return check("nonlocal-bind", Verdict.UNKNOWN, "ip_nonlocal_bind could not be read", command)
    if value:
        return check("nonlocal-bind", _OK, f"ip_nonlocal_bind = {value}")
    return check(
        "nonlocal-bind",
        _OK,
        "ip_nonlocal_bind = 0: a service can bind a virtual address only while this host holds it",
        "where services bind virtual addresses: sysctl -w net.ipv4.ip_nonlocal_bind=1 net.ipv6.ip_nonlocal_bind=1",
    )


def _accept_dad(facts: Facts) -> Check:
    if not any(key.startswith("ipv6.") for key in facts.sysctls):
        return check("accept-dad", Verdict.NOT_APPLICABLE, "this kernel or interface has no IPv6")
    read = _pair(facts, "ipv6", "accept_dad")
    if read is None:
        return _unread(facts, "accept-dad", "ipv6", "accept_dad")
    every, own, evidence = read
    if max(every, own) == 2:
        why = "one duplicate of the link-local address, such as an old master's, turns IPv6 off"
        scope = "all" if every == 2 else None
        return check("accept-dad", _WARNING, f"{evidence} ({why})", _setting(facts, "ipv6", "accept_dad", 1, scope))
    return check("accept-dad", _OK, evidence)


def _max_memberships(facts: Facts) -> Check:
    limit = facts.sysctls.get("net.ipv4.igmp_max_memberships")
    if limit is None:
        command = "sysctl net.ipv4.igmp_max_memberships"
        return check("igmp-limit", Verdict.UNKNOWN, "igmp_max_memberships could not be read", command)
    if limit == 0:
        return check("igmp-limit", _PROBLEM, "igmp_max_memberships = 0", "sysctl -w net.ipv4.igmp_max_memberships=20")
    return check("igmp-limit", _OK, f"igmp_max_memberships = {limit}")
