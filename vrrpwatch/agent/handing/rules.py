"""The nftables rules of a handover, for nft(8): what guides old connections, and what keeps an old master quiet.

After a planned change of masters the hosts of the network send everything to the new one, the rest of connections that
the old one serves included.  For a few seconds the new master sends those packets on to the old one, which still has
the addresses but tells nobody.  A connection is the new master's own from its first SYN on.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

from vrrpwatch.wire.values import IPAddress

# New connections remembered while the old ones end; of what is beyond that, the rest is the old master's to refuse.
MAX_CONNECTIONS = 65_536
# Longer than any handover is.
_REMEMBERED = 60


def guide_table(family: int, id_: int, device_index: int) -> str:
    """The name of a router's table at the new master."""
    return f"vrrpwatch-guide-{family}-{id_}-{device_index}"


def quiet_table(family: int, id_: int, device_index: int) -> str:
    """The name of a router's table at the old master."""
    return f"vrrpwatch-quiet-{family}-{id_}-{device_index}"


def guide(table: str, device: str, addresses: Sequence[IPAddress], master: IPAddress) -> str:
    """Sends TCP packets of connections that began before this table to ``master``, which is on ``device``.

    A packet that comes from a virtual address's own network is not told apart; a SYN is always one's own.
    """
    family, kind = ("ip", "ipv4_addr") if isinstance(master, IPv4Address) else ("ip6", "ipv6_addr")
    flow = f"{family} saddr . tcp sport . {family} daddr . tcp dport"
    held = ", ".join(str(address) for address in addresses if address.version == master.version)
    return f"""\
table {family} {table} {{
 set begun {{
  type {kind} . inet_service . {kind} . inet_service
  flags dynamic, timeout
  timeout {_REMEMBERED}s
  size {MAX_CONNECTIONS}
 }}
 chain prerouting {{
  type filter hook prerouting priority mangle; policy accept;
  iifname != "{device}" accept
  {family} daddr != {{ {held} }} accept
  meta l4proto != tcp accept
  tcp flags & (syn | ack) == syn update @begun {{ {flow} }}
  tcp flags & (syn | ack) == syn accept
  {flow} @begun accept
  dup to {master} device "{device}" drop
 }}
}}
"""


def quiet(table: str, device: str, addresses: Sequence[IPAddress]) -> str:
    """Keeps this host from answering for the addresses on ``device``, or from asking in their name."""
    v4 = [str(one) for one in addresses if isinstance(one, IPv4Address)]
    v6 = [one for one in addresses if isinstance(one, IPv6Address)]
    text = ""
    if v4:
        text += f"""\
table arp {table} {{
 chain output {{
  type filter hook output priority filter; policy accept;
  oifname "{device}" arp saddr ip {{ {", ".join(v4)} }} drop
 }}
}}
"""
    if v6:
        # The target address of a neighbour advertisement (RFC 4861 §4.4) is 8 octets into ICMPv6.
        targets = ", ".join(f"0x{int(one):032x}" for one in v6)
        text += f"""\
table ip6 {table} {{
 chain output {{
  type filter hook output priority filter; policy accept;
  oifname "{device}" icmpv6 type nd-neighbor-advert @th,64,128 {{ {targets} }} drop
 }}
}}
"""
    return text


def without(table: str, families: Sequence[str]) -> str:
    """Removes the tables of that name, whether or not they are there."""
    return "".join(f"table {family} {table}\ndelete table {family} {table}\n" for family in families)
