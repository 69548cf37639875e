"""Verdicts on the host: its clock, its table of connections, virtual MACs that it knows of."""

from collections.abc import Iterator
from typing import Final

from vrrpwatch.doctor.checks import Check, Verdict, check
from vrrpwatch.doctor.facts import Facts
from vrrpwatch.wire.macs import virtual_router

# A backup takes over within 3 to 4 s: events of two hosts can be put in order only if their clocks agree better.
TOLERABLE_ERROR: Final = 0.5  # seconds
# The kernel refuses new connections at 100 %; a resync after a failover needs room.
NEARLY_FULL: Final = 0.75
FULL: Final = 0.95
MAX_SHOWN = 6


def judge(facts: Facts) -> Iterator[Check]:
    """Clock, connection table, virtual MACs in the neighbour table."""
    yield _clock(facts)
    yield _conntrack(facts)
    yield _neighbours(facts)


def _clock(facts: Facts) -> Check:
    clock = facts.clock
    if clock is None:
        return check("clock", Verdict.UNKNOWN, "adjtimex could not be asked", "timedatectl timesync-status")
    evidence = f"adjtimex: {'' if clock.synchronised else 'un'}synchronised, maximum error {clock.max_error:.3f} s"
    if not clock.synchronised:
        why = "events of two hosts cannot be put in order, and the clock may step"
        return check("clock", Verdict.WARNING, f"{evidence}: {why}", "timedatectl set-ntp true (or start chronyd)")
    if clock.max_error > TOLERABLE_ERROR:
        return check("clock", Verdict.WARNING, evidence, "chronyc sources -v")
    if clock.leap_pending:
        why = "a leap second is announced: the clock may step"
        return check(
            "clock", Verdict.WARNING, f"{evidence}: {why}", "let the time service smear it (chrony: leapsecmode)"
        )
    return check("clock", Verdict.OK, evidence)


def _conntrack(facts: Facts) -> Check:
    count = facts.sysctls.get("net.netfilter.nf_conntrack_count")
    limit = facts.sysctls.get("net.netfilter.nf_conntrack_max")
    if "conntrackd" not in facts.daemons:
        return check("conntrack", Verdict.NOT_APPLICABLE, "conntrackd does not run here")
    if count is None or limit is None:
        evidence = "conntrackd runs, nf_conntrack_count could not be read"
        return check("conntrack", Verdict.UNKNOWN, evidence, "sysctl net.netfilter.nf_conntrack_count")
    fill = count / limit if limit else 0.0
    evidence = f"{count} of {limit} connections ({fill:.0%})"
    remedy = f"sysctl -w net.netfilter.nf_conntrack_max={limit * 2}"
    if fill >= FULL:
        return check("conntrack", Verdict.PROBLEM, evidence, remedy)
    return (
        check("conntrack", Verdict.WARNING, evidence, remedy)
        if fill >= NEARLY_FULL
        else check("conntrack", Verdict.OK, evidence)
    )


def _neighbours(facts: Facts) -> Check:
    known = [(ip, mac, router.id) for ip, mac in facts.virtual_neighbours if (router := virtual_router(mac))]
    if not known:
        return check("virtual-neighbours", Verdict.NOT_APPLICABLE, "no neighbour has a virtual MAC")
    shown = ", ".join(f"{ip} {mac} (VRID {router})" for ip, mac, router in known[:MAX_SHOWN])
    return check("virtual-neighbours", Verdict.OK, shown)
