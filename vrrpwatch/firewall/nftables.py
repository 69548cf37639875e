"""Rules for hosts that route or speak: ``table inet vrrpwatch``, in the IP layer's hooks."""

from typing import Final

from vrrpwatch.firewall import nft_values as nft
from vrrpwatch.firewall.flows import Hook, Plan
from vrrpwatch.firewall.nft_chains import Lane, Station, build
from vrrpwatch.firewall.nft_json import to_json
from vrrpwatch.firewall.nft_keys import Admission
from vrrpwatch.firewall.nft_text import to_text
from vrrpwatch.firewall.nft_values import Base, Table, Term

# The ends of a packet's way that are devices.
ENDS: Final[dict[Hook, tuple[Term, ...]]] = {
    "input": (nft.IN_DEVICE,),
    "output": (nft.OUT_DEVICE,),
    "forward": (nft.IN_DEVICE, nft.OUT_DEVICE),
}


def render(plan: Plan) -> str:
    """A file for ``nft -f``."""
    return to_text(_table(plan), "nftables", plan)


def render_json(plan: Plan) -> str:
    """The same for ``nft -j -f``."""
    return to_json(_table(plan))


def _table(plan: Plan) -> Table:
    if plan.role == "bridge":
        raise ValueError("a bridge forwards frames, which the hooks of the IP layer do not see")
    return build(plan, Table("inet"), [_station(plan, hook) for hook in plan.hooks] if plan.places else [])


def _station(plan: Plan, hook: Hook) -> Station:
    # A routed flow may cross any devices; what a host sends has no source MAC yet.
    device = ENDS[hook][0] if hook != "forward" else None
    admission = Admission(plan.permitted(hook), device, mac=hook == "input")
    # A host puts IPv4 fragments together before its input hook, and those of IPv6 behind it.
    return Station(
        hook,
        Base(hook),
        ENDS[hook],
        (Lane(None, plan.devices, (admission,)),),
        sees_tags=False,
        whole=hook == "input",
        bridges=hook == "forward",
    )
