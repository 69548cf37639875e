"""The nftables rules of a handover, for nft(8): what guides old connections, and what keeps an old master quiet.

After a planned change of masters the hosts of the network send everything to the new one, the rest of connections that
the old one serves included.  For a few seconds the new master sends those packets on to the old one, which still has
the addresses but tells nobody.  A connection is the new master's own from its first SYN on, whichever side sent that.

Each rule looks for its addresses in a set whose elements the kernel removes in time: where nobody is left to take a
table away, it does nothing soon.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address
from typing import NamedTuple

from vrrpwatch.core.model import Seconds
from vrrpwatch.wire.values import IPAddress

# What the names of all tables here begin with.
PREFIX = "vrrpwatch-"
# New connections remembered while the old ones end; of what is beyond that, the rest is the old master's to refuse.
MAX_CONNECTIONS = 65_536
# Longer than any handover is.
_REMEMBERED = 60


class Served(NamedTuple):
    """A virtual address, and the device that it is on."""

    ip: IPAddress
    device: str


def guide_table(family: int, id_: int, device_index: int) -> str:
    """The name of a router's table at the new master."""
    return f"{PREFIX}guide-{family}-{id_}-{device_index}"


def quiet_table(family: int, id_: int, device_index: int) -> str:
    """The name of a router's table at the old master."""
    return f"{PREFIX}quiet-{family}-{id_}-{device_index}"


def guide(table: str, addresses: Iterable[Served], master: IPAddress, device: str, seconds: Seconds) -> str:
    """For ``seconds`` sends TCP packets of connections that began before this table to ``master``, on ``device``.

    It does so only while this host has the address: two hosts that guide one another would send packets to and fro for
    ever, since none of them is forwarded by a router, which would look at its TTL.  A packet that comes from a virtual
    address's own network is not told apart.  Connections that the host opens by a virtual address are its own, also
    where that is by address translation.
    """
    family, kind = ("ip", "ipv4_addr") if isinstance(master, IPv4Address) else ("ip6", "ipv6_addr")
    flow = f"{family} saddr . tcp sport . {family} daddr . tcp dport"
    opened = f"{family} daddr . tcp dport . {family} saddr . tcp sport"
    return f"""\
table {family} {table} {{
 set places {{
  type ifname . {kind}
  flags timeout
  timeout {_whole(seconds)}s
  elements = {{ {_places(one for one in addresses if one.ip.version == master.version)} }}
 }}
 set begun {{
  type {kind} . inet_service . {kind} . inet_service
  flags dynamic, timeout
  timeout {_REMEMBERED}s
  size {MAX_CONNECTIONS}
 }}
 chain prerouting {{
  type filter hook prerouting priority mangle; policy accept;
  iifname . {family} daddr != @places accept
  meta l4proto != tcp accept
  tcp flags & (syn | ack) == syn update @begun {{ {flow} }}
  tcp flags & (syn | ack) == syn accept
  {flow} @begun accept
  fib daddr type != local accept
  dup to {master} device "{device}" drop
 }}
 chain postrouting {{
  type filter hook postrouting priority srcnat + 1; policy accept;
  oifname . {family} saddr @places tcp flags & (syn | ack) == syn update @begun {{ {opened} }}
 }}
}}
"""


def quiet(table: str, addresses: Sequence[Served], seconds: Seconds) -> str:
    """For ``seconds`` keeps this host from answering for the addresses, or from asking in their name."""
    text = ""
    v4 = [one for one in addresses if one.ip.version == 4]
    if v4:
        text += f"""\
table arp {table} {{
 set places {{
  type ifname . ipv4_addr
  flags timeout
  timeout {_whole(seconds)}s
  elements = {{ {_places(v4)} }}
 }}
 chain output {{
  type filter hook output priority filter; policy accept;
  oifname . arp saddr ip @places drop
 }}
}}
"""
    by_device: dict[str, list[IPAddress]] = {}
    for one in addresses:
        if one.ip.version == 6:
            by_device.setdefault(one.device, []).append(one.ip)
    if by_device:
        rules = "".join(_quiet_neighbours(device, found) for device, found in by_device.items())
        text += f"""\
table ip6 {table} {{
 set ports {{
  type ifname
  flags timeout
  timeout {_whole(seconds)}s
  elements = {{ {", ".join(f'"{device}"' for device in by_device)} }}
 }}
 chain output {{
  type filter hook output priority filter; policy accept;
  oifname != @ports accept
{rules} }}
}}
"""
    return text


def without(table: str, families: Sequence[str]) -> str:
    """Removes the tables of that name, whether or not they are there."""
    return "".join(f"table {family} {table}\ndelete table {family} {table}\n" for family in families)


def _quiet_neighbours(device: str, addresses: Sequence[IPAddress]) -> str:
    # The target address of a neighbour advertisement (RFC 4861 §4.4) is 8 octets into ICMPv6.  A solicitation tells
    # whoever is asked where its source is (§7.2.3).
    targets = ", ".join(f"0x{int(one):032x}" for one in addresses)
    sources = ", ".join(map(str, addresses))
    return f"""\
  oifname "{device}" icmpv6 type nd-neighbor-advert @th,64,128 {{ {targets} }} drop
  oifname "{device}" icmpv6 type nd-neighbor-solicit ip6 saddr {{ {sources} }} drop
"""


def _places(addresses: Iterable[Served]) -> str:
    return ", ".join(f'"{one.device}" . {one.ip}' for one in addresses)


def _whole(seconds: Seconds) -> int:
    return max(1, -int(-seconds // 1))
