"""Rules for hosts whose speakers send and hear through packet sockets (ucarp): ``table netdev vrrpwatch``.

They stand at the devices themselves, where also such frames pass on their way out.  On their way in a packet socket has
its copy before any rule: what the host's own ucarp hears, these rules cannot withhold from it.
"""

from typing import Final

from vrrpwatch.firewall import nft_values as nft
from vrrpwatch.firewall.flows import Plan
from vrrpwatch.firewall.nft_chains import Lane, Station, build
from vrrpwatch.firewall.nft_keys import Admission
from vrrpwatch.firewall.nft_text import to_text
from vrrpwatch.firewall.nft_values import Base, Statement, Table

# What is not to this host is being forwarded on its way in, and what is not from it on its way out.
TO_OTHERS: Final = nft.Statement(
    "fib daddr type != local",
    {"match": {"op": "!=", "left": {"fib": {"result": "type", "flags": ["daddr"]}}, "right": "local"}},
)
FROM_OTHERS: Final = nft.Statement(
    "fib saddr type != local",
    {"match": {"op": "!=", "left": {"fib": {"result": "type", "flags": ["saddr"]}}, "right": "local"}},
)


def render(plan: Plan) -> str:
    """A file for ``nft -f``; the kernel takes it only while all devices exist."""
    if plan.role == "bridge":
        raise ValueError("the hooks of a bridge's ports see too little: use nftables-bridge")
    stations = [_station(plan, "ingress"), _station(plan, "egress")] if plan.places else []
    return to_text(build(plan, Table("netdev"), stations), "nftables-netdev", plan)


def _station(plan: Plan, hook: str) -> Station:
    inward = hook == "ingress"
    end = nft.IN_DEVICE if inward else nft.OUT_DEVICE
    own = Admission(plan.permitted("input" if inward else "output"), end, mac=inward)
    others: Statement = TO_OTHERS if inward else FROM_OTHERS
    crossing = Admission(plan.permitted("forward"), None, mac=False, when=(others,), suffix="_forwarded")
    lane = Lane(None, plan.devices, (own, crossing))
    # Frames of the VLAN devices above pass here too, with their tags.
    return Station(hook, Base(hook, plan.devices), (end,), (lane,), sees_tags=True, whole=False)
