"""Verdicts on the interface's addresses: adverts need one to be sent from, and IPv6 one that nobody else has."""

from collections.abc import Iterator
from ipaddress import IPv4Interface, IPv6Interface
from shlex import quote

from vrrpwatch.doctor.checks import Check, Verdict, check
from vrrpwatch.doctor.facts import Address, Facts

# Enough of them to recognise the interface by.
MAX_SHOWN = 6


def judge(facts: Facts) -> Iterator[Check]:
    """IPv4 and IPv6 addresses."""
    name = quote(facts.link.name)
    yield _ipv4([a for a in facts.addresses if isinstance(a.interface, IPv4Interface)], name)
    yield _ipv6([a for a in facts.addresses if isinstance(a.interface, IPv6Interface)], name, facts)


def _listed(addresses: list[Address]) -> str:
    shown = ", ".join(str(address.interface) for address in addresses[:MAX_SHOWN])
    more = len(addresses) - MAX_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _ipv4(addresses: list[Address], name: str) -> Check:
    if not addresses:
        remedy = f"ip address add ADDRESS/LENGTH dev {name}"
        return check("addresses-ipv4", Verdict.WARNING, "no IPv4 address: nothing to send adverts from", remedy)
    return check("addresses-ipv4", Verdict.OK, _listed(addresses))


def _ipv6(addresses: list[Address], name: str, facts: Facts) -> Check:
    # Writing "all" sets every interface's once; only the interface's own value counts.
    if facts.sysctls.get("ipv6.if.disable_ipv6", 0):
        setting = f"net.ipv6.conf.{facts.link.name.replace('.', '/')}.disable_ipv6"
        evidence = "disable_ipv6 = 1: VRRP for IPv6 cannot run here"
        return check("addresses-ipv6", Verdict.NOT_APPLICABLE, evidence, f"sysctl -w {quote(setting + '=0')}")
    failed = [address for address in addresses if address.dad_failed]
    if failed:
        address = failed[0].interface
        return check(
            "addresses-ipv6",
            Verdict.PROBLEM,
            f"{address} dadfailed: another host has this address",
            f"find the other host (ip -6 neigh), then: ip -6 address del {address} dev {name}",
        )
    tentative = [address for address in addresses if address.tentative]
    if tentative:
        evidence = f"{_listed(tentative)} still tentative: nothing may be sent from it"
        return check("addresses-ipv6", Verdict.WARNING, evidence, f"ip -6 address show dev {name} tentative")
    if not any(address.link_local for address in addresses):
        evidence = f"{_listed(addresses) or 'no address'}; no link-local address, and adverts are sent from one"
        remedy = f"ip link set dev {name} addrgenmode eui64"
        return check("addresses-ipv6", Verdict.WARNING, evidence, remedy)
    return check("addresses-ipv6", Verdict.OK, _listed(addresses))
