"""Verdicts on the interface itself: link, virtual MAC, what it is a part of, and what it runs on."""

from collections.abc import Iterator
from shlex import quote
from typing import Final

from vrrpwatch.doctor.checks import Check, Verdict, check
from vrrpwatch.doctor.facts import Bond, Facts, Link
from vrrpwatch.wire.macs import virtual_router

ETHERNET: Final = 1
# An IPv6 link may not carry less (RFC 8200 §5), and neighbours expect as much.
LEAST_MTU: Final = 1280
# linux/if_bonding.h, BOND_MODE_*.
BOND_MODES: Final = ("balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb")
_OK, _WARNING, _PROBLEM, _UNKNOWN, _NONE = (
    Verdict.OK,
    Verdict.WARNING,
    Verdict.PROBLEM,
    Verdict.UNKNOWN,
    Verdict.NOT_APPLICABLE,
)
_VMWARE: Final = (
    "on the port group set Forged transmits, MAC address changes and Promiscuous mode (or MAC learning) to Accept: "
    "esxcli network vswitch standard portgroup policy security set -p PORTGROUP -f true -m true -o true; with NIC "
    "teaming also esxcli system settings advanced set -o /Net/ReversePathFwdCheckPromisc -i 1"
)
_HYPERV: Final = "on the host: Set-VMNetworkAdapter -VMName VM -MacAddressSpoofing On"
_KVM: Final = (
    "on the host: libvirt macvtap needs trustGuestRxFilters='yes' and no clean-traffic filter; Proxmox: macfilter: 0; "
    "OpenStack: openstack port set --allowed-address ip-address=VIP,mac-address=00:00:5e:00:01:XX PORT"
)
_XEN: Final = "on the host: no MAC or IP locking for this VIF (xe vif-param-set uuid=UUID locking-mode=unlocked)"
_VIRTUAL: Final = {"vmxnet3": _VMWARE, "hv_netvsc": _HYPERV, "virtio_net": _KVM, "xen_netfront": _XEN, "vif": _XEN}
_CLOUD: Final = {
    "ena": "AWS carries neither multicast nor foreign MAC addresses in a VPC: use unicast peers, and let the takeover "
    "script move the address through the cloud's API",
    "gve": "Google Cloud carries neither multicast nor foreign MAC addresses: use unicast peers, and let a load "
    "balancer or a route change move the address",
}


def judge(facts: Facts) -> Iterator[Check]:
    """Link, MTU, promiscuous mode, multicast flag, virtual MAC, VLAN filter, bonding, hypervisor."""
    link = facts.link
    yield _link(link)
    yield _mtu(link)
    yield _multicast_flag(link)
    yield _promiscuous(link)
    yield _vlan_filter(link)
    yield _virtual_mac(facts)
    yield _bonding(facts)
    yield _hypervisor(facts)


def _link(link: Link) -> Check:
    name = quote(link.name)
    speed = "" if link.speed is None else f", {link.speed} Mbit/s"
    duplex = "" if link.full_duplex is None else ", full duplex" if link.full_duplex else ", half duplex"
    alias = f", alias {link.alias}" if link.alias else ""
    kind = link.kind or link.driver or "hardware"
    evidence = f"{link.name}{alias}: {kind}, {'up' if link.up else 'down'}, operstate {link.state}{speed}{duplex}"
    if not link.up:
        return check("link", _PROBLEM, evidence, f"ip link set dev {name} up")
    if link.carrier is False:
        return check(
            "link", _PROBLEM, f"{evidence}, no carrier", f"plug in the cable or start the peer: ethtool {name}"
        )
    if link.arp_type != ETHERNET:
        what = "the loopback interface" if link.arp_type == 772 else f"link type {link.arp_type}, not Ethernet"
        return check("link", _PROBLEM, f"{evidence}: {what}", "VRRP and CARP need an Ethernet link")
    if link.no_arp:
        return check("link", _PROBLEM, f"{evidence}, NOARP", f"ip link set dev {name} arp on")
    if link.full_duplex is False:
        return check("link", _WARNING, evidence, f"ethtool -s {name} autoneg on")
    return check("link", _OK, evidence)


def _mtu(link: Link) -> Check:
    evidence = f"mtu {link.mtu}"
    if link.mtu < LEAST_MTU:
        remedy = f"ip link set dev {quote(link.name)} mtu 1500"
        return check("mtu", _WARNING, f"{evidence}: IPv6 needs {LEAST_MTU}", remedy)
    return check("mtu", _OK, evidence)


def _multicast_flag(link: Link) -> Check:
    if link.multicast:
        return check("multicast-flag", _OK, "flag MULTICAST is set")
    return check(
        "multicast-flag", _PROBLEM, "flag MULTICAST is off", f"ip link set dev {quote(link.name)} multicast on"
    )


def _promiscuous(link: Link) -> Check:
    # Neither is needed: the kernel adds a macvlan's address to the filter, or turns promiscuous mode on by itself.
    evidence = f"promiscuity {link.promiscuity}, allmulti {link.allmulti}"
    if link.promiscuity:
        return check("promiscuous", _OK, evidence)
    name = quote(link.name)
    remedy = (
        f"capture with -i {name}: the device any never turns promiscuous mode on, so -i any misses other hosts' frames"
    )
    return check("promiscuous", _OK, evidence, remedy)


def _vlan_filter(link: Link) -> Check:
    name = quote(link.name)
    if link.vlan_filter is None:
        return check("vlan-filter", _UNKNOWN, "the card's features could not be read", f"ethtool -k {name}")
    if not link.vlan_filter:
        return check("vlan-filter", _OK, "rx-vlan-filter: off")
    return check(
        "vlan-filter",
        _OK,
        "rx-vlan-filter: on; tagged frames of VLANs without an interface here reach only a promiscuous listener",
        f"to see all VLANs: ethtool -K {name} rx-vlan-filter off",
    )


def _virtual_mac(facts: Facts) -> Check:
    link = facts.link
    if link.arp_type != ETHERNET:
        return check("virtual-mac", _NONE, f"link type {link.arp_type} has no Ethernet addresses")
    if link.wireless:
        return check(
            "virtual-mac",
            _PROBLEM,
            f"{link.name} is a wireless station: access points drop frames from other MAC addresses",
            "use a wired interface, or let the virtual router keep the interface's own MAC (keepalived: no use_vmac)",
        )
    if link.kind == "ipvlan":
        return check(
            "virtual-mac",
            _PROBLEM,
            f"{link.name} is an ipvlan: all of them share the parent's MAC address",
            "use a macvlan in bridge mode instead: ip link add link PARENT name NAME type macvlan mode bridge",
        )
    if link.kind == "macvlan" and link.mode == "source":
        return check(
            "virtual-mac",
            _PROBLEM,
            f"{link.name} is a macvlan in source mode: it hears only the listed MAC addresses",
            f"ip link set dev {quote(link.name)} type macvlan mode bridge",
        )
    if link.master is not None and facts.port is not None and facts.port.locked:
        return check(
            "virtual-mac",
            _PROBLEM,
            f"bridge port {link.name} is locked: frames from unknown MAC addresses are dropped",
            f"bridge link set dev {quote(link.name)} locked off",
        )
    carried = [child for child in facts.children if virtual_router(child.mac) is not None]
    down = [child for child in carried if not child.up]
    evidence = ", ".join(f"{child.name} {child.mac} macvlan {child.mode}" for child in carried[:4])
    if down:
        remedy = f"ip link set dev {quote(down[0].name)} up"
        return check("virtual-mac", _WARNING, f"{down[0].name} ({down[0].mac}) is down", remedy)
    if carried:
        return check("virtual-mac", _OK, evidence)
    own = virtual_router(link.mac)
    if own is not None:
        return check("virtual-mac", _OK, f"{link.name} itself has virtual MAC {link.mac} (VRID {own.id})")
    return check("virtual-mac", _OK, "nothing here stops other MAC addresses; none is in use")


def _bonding(facts: Facts) -> Check:
    link, master = facts.link, facts.master
    if facts.bond is not None:
        return _bond(link.name, facts.bond)
    if link.kind == "team":
        return check("bonding", _UNKNOWN, f"{link.name} is a team", f"teamdctl {quote(link.name)} state")
    if master is not None and master.kind in ("bond", "team"):
        return check(
            "bonding",
            _PROBLEM,
            f"{link.name} is a member of {master.name} ({master.kind})",
            f"run the virtual router on {quote(master.name)}; examine it: vrrpwatch doctor -i {quote(master.name)}",
        )
    return check("bonding", _NONE, "neither a bond nor a member of one")


def _bond(name: str, bond: Bond) -> Check:
    mode = BOND_MODES[bond.mode] if bond.mode < len(BOND_MODES) else str(bond.mode)
    targets = f" to {', '.join(bond.arp_targets)}" if bond.arp_targets else ""
    evidence = f"mode {mode}, miimon {bond.miimon} ms, arp_interval {bond.arp_interval} ms{targets}"
    if bond.active is not None:
        evidence += f", active {bond.active}"
    if mode in ("balance-rr", "broadcast"):
        return check(
            "bonding",
            _WARNING,
            f"{evidence}: frames of one sender take several ports, so switches may reflect or reorder them",
            f"ip link set dev {quote(name)} type bond mode active-backup (the bond must be down)",
        )
    if mode in ("balance-tlb", "balance-alb"):
        return check(
            "bonding",
            _PROBLEM,
            f"{evidence}: it puts other source MAC addresses on frames, and balance-alb rewrites ARP replies",
            f"ip link set dev {quote(name)} type bond mode active-backup (the bond must be down)",
        )
    if bond.miimon == 0 and bond.arp_interval == 0:
        return check(
            "bonding",
            _WARNING,
            f"{evidence}: no monitor, so a dead member is never noticed",
            f"ip link set dev {quote(name)} type bond miimon 100",
        )
    if bond.arp_interval:
        return check(
            "bonding",
            _WARNING,
            f"{evidence}: a target that is itself a virtual address makes every failover look like a dead link",
            f"monitor the carrier: ip link set dev {quote(name)} type bond arp_interval 0 miimon 100",
        )
    return check("bonding", _OK, evidence)


def _hypervisor(facts: Facts) -> Check:
    link, platform = facts.link, facts.platform
    made = " ".join(word for word in (platform.vendor, platform.product) if word)
    if link.driver in _CLOUD:
        return check("hypervisor", _PROBLEM, f"driver {link.driver}{f', {made}' if made else ''}", _CLOUD[link.driver])
    probe = f"vrrpwatch doctor -i {quote(link.name)} --probe PEER"
    remedy = _VIRTUAL.get(link.driver or "")
    if remedy is None and platform.vendor.startswith("VMware") and link.kind is None:
        remedy = _VMWARE
    if remedy is not None:
        evidence = (
            f"driver {link.driver}{f', {made}' if made else ''}: the hypervisor's filter cannot be seen from here"
        )
        return check("hypervisor", _UNKNOWN, evidence, f"test it with {probe}; where that fails, {remedy}")
    if link.kind == "veth" and facts.bridge is None:
        return check(
            "hypervisor",
            _UNKNOWN,
            f"{link.name} is a veth whose other end is outside: what is there cannot be seen from here",
            f"test it with {probe}, or examine the host: bridge -d link",
        )
    if link.kind is None and platform.guest:
        evidence = f"a guest ({made or 'maker unknown'}), driver {link.driver or 'unknown'}"
        return check("hypervisor", _UNKNOWN, evidence, f"test it with {probe}")
    return check("hypervisor", _NONE, f"no virtual card ({link.kind or link.driver or 'hardware'})")
