"""How long each rule has to be quiet before its alert is resolved, and why so long."""

from collections.abc import Mapping
from typing import Final

from vrrpwatch.core.findings import RULES
from vrrpwatch.core.model import Seconds

# What goes on shows again with every packet or within a few; some minutes bridge a pause in the traffic.
USUAL: Final[Seconds] = 300.0
# Contests grow with every advertisement of both sides, and an operator waits for the end of one.
CONTEST: Final[Seconds] = 30.0
# Hosts announce addresses rarely; what they believe lasts as long as their ARP caches (BSD: 20 minutes).
ARP: Final[Seconds] = 1_200.0
# Without a querier, hosts report when they join and hardly ever again.
MEMBERSHIP: Final[Seconds] = 3_600.0
# A takeover is over as soon as it is told; some time holds the two messages apart.
EVENT: Final[Seconds] = 60.0
# It ends when somebody holds the group again; a group that was given up shall not be told of for ever.
LOST: Final[Seconds] = 86_400.0

EVENTS: Final = ("master-appeared", "master-changed", "master-lost", "master-resigned")

QUIET: Final[Mapping[str, Seconds]] = {
    **dict.fromkeys(RULES, USUAL),
    "split-brain": CONTEST,
    "vrid-collision": CONTEST,
    # Four changes in 300 s make it, so as long without a fifth unmakes it.
    "flapping": 300.0,
    "stale-arp": ARP,
    "missing-garp": ARP,
    "vip-conflict": ARP,
    "no-querier": MEMBERSHIP,
    "many-queriers": MEMBERSHIP,
    **dict.fromkeys(EVENTS, EVENT),
    "master-lost": LOST,
}
