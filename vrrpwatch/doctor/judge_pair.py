"""Verdicts on a probe between two hosts: multicast, the virtual MAC in both directions, reflected frames."""

from collections.abc import Iterator
from typing import Final

from vrrpwatch.doctor.checks import Check, Verdict, check
from vrrpwatch.doctor.pair import PORT, Result
from vrrpwatch.doctor.pair_frames import Kind

# The first frames of a side may leave before the other one listens, and the last before its last account.
ENOUGH: Final = 0.8
_FILTERED: Final = (
    "let the virtual MAC through: VMware: Forged transmits, MAC address changes and Promiscuous mode (or MAC learning) "
    "to Accept on the port group; Hyper-V: Set-VMNetworkAdapter -VMName VM -MacAddressSpoofing On; KVM: "
    "trustGuestRxFilters='yes', no clean-traffic filter; switches: no port security for one MAC; or keep the "
    "interface's own MAC (keepalived without use_vmac)"
)
_REMEDIES: Final = {
    Kind.UNICAST: "the two must be on one Ethernet segment (VLAN): VRRP and CARP do not cross routers",
    Kind.MULTICAST: "look for a filter or storm control on the way: nft list ruleset; bridge -d link; the switch's "
    "IGMP snooping must flood 224.0.0.0/24 (RFC 4541 §2.1.2); or use unicast peers",
    Kind.VIRTUAL_SOURCE: _FILTERED,
    Kind.VIRTUAL_MULTICAST: _FILTERED,
    Kind.VIRTUAL_DESTINATION: _FILTERED,
}
_NAMES: Final = {
    Kind.UNICAST: ("unicast", "plain frames"),
    Kind.MULTICAST: ("multicast", "multicast frames"),
    Kind.VIRTUAL_SOURCE: ("virtual-source", "frames from the virtual MAC"),
    Kind.VIRTUAL_MULTICAST: ("virtual-multicast", "multicast frames from the virtual MAC"),
    Kind.VIRTUAL_DESTINATION: ("virtual-destination", "frames to the virtual MAC"),
}


def judge(result: Result, peer: str, wait: float) -> Iterator[Check]:
    """Every check of a probe; without an answer from the peer, only that."""
    if not result.met:
        refused = f"; {result.refused} datagrams were of no peer's" if result.refused else ""
        yield check(
            "probe-peer",
            Verdict.UNKNOWN,
            f"no answer from {peer} within {wait:g} s{refused}",
            f"start it there as well, towards this host, and let UDP port {PORT} pass on both: "
            "vrrpwatch doctor -i IF --probe THIS_HOST",
        )
        return
    yield check("probe-peer", Verdict.OK, f"{peer} answers, MAC {result.peer_mac}, virtual MAC here {result.virtual}")
    for kind in Kind:
        sent = result.theirs.sent[kind] if result.theirs is not None else result.ours.sent[kind]
        yield _direction(kind, "in", f"from {peer}", result.ours.received[kind], sent)
    for kind in Kind:
        if result.theirs is None:
            name, what = _NAMES[kind]
            evidence = f"{what} to {peer}: it never said what it received"
            yield check(f"probe-{name}-out", Verdict.UNKNOWN, evidence, "run the probe again")
        else:
            yield _direction(kind, "out", f"to {peer}", result.theirs.received[kind], result.ours.sent[kind])
    yield _reflection(result)


def settled(checks: tuple[Check, ...], probed: tuple[Check, ...]) -> tuple[Check, ...]:
    """Both, the probe's first; it answers what could not be seen from here about the hypervisor."""
    about = [one for one in probed if one.name.startswith("probe-virtual")]
    if about and all(one.verdict is Verdict.OK for one in about):
        passed = check("hypervisor", Verdict.OK, "the probe shows that nothing on the way holds the virtual MAC back")
        checks = tuple(passed if one.name == "hypervisor" and one.verdict is Verdict.UNKNOWN else one for one in checks)
    return (*probed, *checks)


def _direction(kind: Kind, way: str, where: str, received: int, sent: int) -> Check:
    name, what = _NAMES[kind]
    evidence = f"{what} {where}: {received} of {sent} arrived"
    if received == 0:
        return check(f"probe-{name}-{way}", Verdict.PROBLEM, evidence, _REMEDIES[kind])
    if received < ENOUGH * sent:
        remedy = "look for overload, storm control or a loop: ip -s link; the switch port's counters"
        return check(f"probe-{name}-{way}", Verdict.WARNING, evidence, remedy)
    return check(f"probe-{name}-{way}", Verdict.OK, evidence)


def _reflection(result: Result) -> Check:
    back = {kind: count for kind, count in zip(Kind, result.ours.reflected, strict=True) if count}
    if not back:
        return check("probe-reflection", Verdict.OK, f"none of {sum(result.ours.sent)} frames sent came back")
    listed = ", ".join(f"{count} of {result.ours.sent[kind]} {_NAMES[kind][1]}" for kind, count in back.items())
    return check(
        "probe-reflection",
        Verdict.PROBLEM,
        f"came back to their sender: {listed}",
        "find the loop or mirror; VMware NIC teaming with promiscuous mode: esxcli system settings advanced set -o "
        "/Net/ReversePathFwdCheckPromisc -i 1; hairpin mode of a bridge port: bridge link set dev PORT hairpin off",
    )
