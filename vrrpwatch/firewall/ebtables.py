"""Rules for ebtables on a bridge, as ebtables-save writes them and ``ebtables-restore --noflush`` reads them.

ebtables sees addresses, protocols and ports, but neither the VRID nor the TTL nor what is behind a VLAN tag or in AH:
it confines by who speaks to whom, and all that one speaker sends to one destination shares one limit.  Where nftables
is at hand its bridge rules are exact.
"""

from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Final

from vrrpwatch.firewall.flows import AH, Flow, FlowError, Guard, Limit, Plan, together
from vrrpwatch.firewall.words import comment

CHAIN: Final = "VRRPWATCH"
_PORTS: Final = f"{CHAIN}-PORTS"
_LISTED: Final = f"{CHAIN}-FLOWS"
_REST: Final = f"{CHAIN}-REST"


def render(plan: Plan) -> str:
    """Rules for the FORWARD chain; raises :class:`FlowError` for segments with VLAN tags."""
    tagged = [place.segment for place in plan.places if place.vlans]
    if tagged:
        reason = "ebtables cannot look behind a VLAN tag: use nftables-bridge"
        raise FlowError(tuple(f"segment {segment!r}: {reason}" for segment in tagged))
    rules = [f"-I FORWARD 1 -j {CHAIN}"]
    for guard in plan.guards:
        for match in _confined(guard):
            rules += _once(CHAIN, match, _PORTS)
    for device in plan.devices:
        rules += [*_once(_PORTS, f"-i {device}", _LISTED), *_once(_PORTS, f"-o {device}", _LISTED)]
    for match, flows in _alike(plan.permitted("forward")):
        rules += _let_pass(match, flows)
    rules += [f"-A {_LISTED} -j {_REST}", *_rest(plan)]
    chains = (CHAIN, _PORTS, _LISTED, _REST)
    head = (
        f"# vrrpwatch ebtables rules for a {plan.role}: {len(plan.flows)} flows, unlisted: {plan.unlisted}",
        "# Load once with ebtables-restore --noflush; vrrpwatch rules apply also replaces them.",
        "*filter",
    )
    return "".join(f"{line}\n" for line in (*head, *(f":{chain} RETURN" for chain in chains), *rules))


def _confined(guard: Guard) -> Iterator[str]:
    version, ether = ("ip", "IPv4") if guard.family == 4 else ("ip6", "IPv6")
    if guard.protocol == AH:
        # Around what, it cannot see; AH to VRRP's own group is confined with everything else that goes there.
        return
    if guard.protocol is None:
        protocol = f"--{version}-proto ! {2 if guard.family == 4 else 58}"
    else:
        protocol = f"--{version}-proto {guard.protocol}"
    for destination, port in guard.targets():
        to = "" if destination is None else f" --{version}-dst {destination}"
        yield f"-p {ether} {protocol}{to}" + ("" if port is None else f" --{version}-dport {port}")


def _once(chain: str, match: str, target: str) -> tuple[str, str]:
    """What comes back from ``target`` is let pass, and no further rule of ``chain`` may judge it again."""
    return f"-A {chain} {match} -j {target}", f"-A {chain} {match} -j RETURN"


def _alike(flows: Sequence[Flow]) -> Iterator[tuple[str, list[Flow]]]:
    """Flows that ebtables cannot tell apart, by their match."""
    found: dict[str, list[Flow]] = {}
    for flow in flows:
        for match in _matches(flow):
            found.setdefault(match, []).append(flow)
    yield from found.items()


def _let_pass(match: str, flows: Sequence[Flow]) -> Iterator[str]:
    limit = together(flow.limit for flow in flows)
    yield f"# {comment(', '.join(sorted({flow.serves for flow in flows})))}"
    if limit is None:
        yield f"-A {_LISTED} {match} -j ACCEPT"
        return
    yield f"-A {_LISTED} {match}{_bucket(limit)} -j ACCEPT"
    yield f"-A {_LISTED} {match} -j DROP"


def _matches(flow: Flow) -> Iterator[str]:
    version, ether = ("ip", "IPv4") if flow.family == 4 else ("ip6", "IPv6")
    source = "" if flow.mac is None else f" -s {flow.mac}"
    ends = f"-p {ether}{source} --{version}-src {flow.source} --{version}-dst {flow.destination} --{version}-proto"
    for incoming, outgoing in permutations(flow.place.devices, 2):
        for protocol, port in flow.messages():
            to = "" if port is None else f" --{version}-dport {port}"
            yield f"-i {incoming} -o {outgoing} {ends} {protocol}{to}"


def _bucket(limit: Limit | None) -> str:
    return "" if limit is None else f" --limit {limit.rate}/sec --limit-burst {limit.burst}"


def _rest(plan: Plan) -> Iterator[str]:
    match plan.unlisted:
        case "drop":
            yield f"-A {_REST} -j DROP"
        case "log":
            yield f'-A {_REST} --limit 10/min --limit-burst 5 --log-level warning --log-prefix "vrrpwatch " -j CONTINUE'
        case "limit":
            yield f"-A {_REST}{_bucket(plan.unlisted_limit)} -j RETURN"
            yield f"-A {_REST} -j DROP"
        case "report":
            yield f"-A {_REST} -j RETURN"
