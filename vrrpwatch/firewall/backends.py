"""The kinds of rules there are, by name: who can use them, and what writes them."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Final, NamedTuple

from vrrpwatch.firewall.flows import Plan, Role

HOST: Final[tuple[Role, ...]] = ("speaker", "router", "bystander")
BRIDGE: Final[tuple[Role, ...]] = ("bridge",)


class Backend(NamedTuple):
    """One kind of rules: for hosts in ``roles``, the first by default; ``provable`` in a Linux kernel."""

    module: str
    function: str
    roles: tuple[Role, ...]
    provable: bool

    @property
    def render(self) -> Callable[[Plan], str]:
        """Writes the rules of a plan; raises :class:`vrrpwatch.firewall.flows.FlowError` for what it cannot say."""
        render: Callable[[Plan], str] = getattr(import_module(f"vrrpwatch.firewall.{self.module}"), self.function)
        return render


BACKENDS: Final[Mapping[str, Backend]] = {
    "nftables": Backend("nftables", "render", HOST, True),
    "nftables-json": Backend("nftables", "render_json", HOST, True),
    "nftables-netdev": Backend("nftables_netdev", "render", ("speaker",), True),
    "nftables-bridge": Backend("nftables_bridge", "render", BRIDGE, True),
    "iptables": Backend("iptables", "render", HOST, True),
    "ip6tables": Backend("iptables", "render6", HOST, True),
    "ebtables": Backend("ebtables", "render", BRIDGE, True),
    "pf": Backend("pf", "render", HOST, False),
    "cisco-ios": Backend("switches", "cisco_ios", HOST, False),
    "junos": Backend("switches", "junos", HOST, False),
    "arista-eos": Backend("switches", "arista_eos", HOST, False),
}
