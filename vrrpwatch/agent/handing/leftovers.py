"""Finds the tables of handovers that an agent which was killed in the middle of one has left in the kernel."""

import struct
from typing import Final

from vrrpwatch.agent.handing.rules import PREFIX
from vrrpwatch.agent.holding.netlink import (
    NETLINK_NETFILTER,
    NLM_F_DUMP,
    Channel,
    NetlinkError,
    attributes,
)

# linux/netfilter/nfnetlink.h (nfgenmsg), nf_tables.h.
_NFGENMSG: Final = struct.Struct("=BBH")
_GET_TABLES: Final = 10 << 8 | 1
_NAME: Final = 1
_FAMILIES: Final = {2: "ip", 3: "arp", 10: "ip6"}


def left_tables() -> dict[str, tuple[str, ...]]:
    """Their names, and the families that each is of; none where the kernel has no nf_tables or tells nothing."""
    found: dict[str, tuple[str, ...]] = {}
    try:
        channel = Channel(NETLINK_NETFILTER)
    except OSError:
        return found
    try:
        answers = channel.ask(_GET_TABLES, NLM_F_DUMP, _NFGENMSG.pack(0, 0, 0))
    except NetlinkError:
        return found
    finally:
        channel.close()
    for answer in answers:
        family = _FAMILIES.get(answer.body[0])
        name = attributes(answer.body, _NFGENMSG.size).get(_NAME, b"").rstrip(b"\0").decode(errors="replace")
        if family is not None and name.startswith((f"{PREFIX}guide-", f"{PREFIX}quiet-")):
            found[name] = (*found.get(name, ()), family)
    return found
