"""Rules for hosts that bridge: ``table bridge vrrpwatch``, where frames go from port to port.

A flow stays between the ports of its own segment.  Frames with one VLAN tag are told apart by it, whether IEEE
802.1Q or 802.1ad; behind two tags nftables finds no packet.
"""

from itertools import permutations

from vrrpwatch.firewall import nft_values as nft
from vrrpwatch.firewall.flows import FlowError, Place, Plan
from vrrpwatch.firewall.nft_chains import Lane, Station, build
from vrrpwatch.firewall.nft_keys import Admission
from vrrpwatch.firewall.nft_text import to_text
from vrrpwatch.firewall.nft_values import Base, Table


def render(plan: Plan) -> str:
    """A file for ``nft -f``; raises :class:`FlowError` for what these rules cannot tell apart."""
    if plan.role != "bridge":
        raise ValueError(f"a {plan.role} does not forward frames")
    faults = [
        f"segment {place.segment!r}: nftables finds no packet behind {len(place.vlans)} VLAN tags: "
        "filter where the outer ones are taken off"
        for place in plan.places
        if len(place.vlans) > 1
    ]
    faults += _shared(plan)
    if faults:
        raise FlowError(tuple(faults))
    tags = sorted({place.vlans for place in plan.places})
    lanes = tuple(_lane(plan, vlans) for vlans in tags)
    ends = (nft.IN_DEVICE, nft.OUT_DEVICE)
    stations = [Station("forward", Base("forward"), ends, lanes, sees_tags=True, whole=False)] if lanes else []
    return to_text(build(plan, Table("bridge"), stations), "nftables-bridge", plan)


def _shared(plan: Plan) -> list[str]:
    """Ports that two segments claim: a frame that comes by one would belong to both."""
    owners: dict[tuple[str, tuple[int, ...]], Place] = {}
    faults = []
    for place in plan.places:
        for device in place.devices:
            owner = owners.setdefault((device, place.vlans), place)
            if owner is not place:
                faults.append(
                    f"segment {place.segment!r}: port {device!r} is on {owner.segment!r} with the same VLAN tag: "
                    "list it in one of them"
                )
    return faults


def _lane(plan: Plan, vlans: tuple[int, ...]) -> Lane:
    places = [place for place in plan.places if place.vlans == vlans]
    flows = tuple(flow for flow in plan.permitted("forward") if flow.place in places)
    return Lane(
        vlans[0] if vlans else None,
        tuple(sorted({device for place in places for device in place.devices})),
        # The pair of ports says that the frame stays within one segment, so one end says within which.
        (Admission(flows, nft.IN_DEVICE, mac=True),),
        tuple(sorted({(one, other) for place in places for one, other in permutations(place.devices, 2)})),
    )
