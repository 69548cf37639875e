"""Rules for pf of OpenBSD and FreeBSD, to be loaded into an anchor of their own (pf.conf(5)).

pf sees neither the VRID nor the TTL, and has no limit of packets that both systems know: it confines by who speaks to
whom.  ``proto 112`` is what both call carp.  Written without state: an advertisement has no answer.
"""

from collections.abc import Iterator
from typing import Final

from vrrpwatch.firewall.flows import AH, Family, Flow, FlowError, Guard, Hook, Plan
from vrrpwatch.firewall.words import comment

_DIRECTIONS: Final[dict[str, Hook]] = {"in": "input", "out": "output"}


def render(plan: Plan) -> str:
    """The anchor's rules, the first match wins; raises :class:`FlowError` for ``unlisted = "limit"``."""
    if plan.unlisted == "limit":
        raise FlowError(('unlisted "limit": pf limits connections, not packets: use "drop" or "log"',))
    return "".join(f"{line}\n" for line in _lines(plan))


def _lines(plan: Plan) -> Iterator[str]:
    yield f"# vrrpwatch pf rules for a {plan.role}: {len(plan.flows)} flows, unlisted: {plan.unlisted}"
    yield "# Not provable here: there is no pf in Linux. Check with: pfctl -n -f FILE"
    yield '# In pf.conf, before other rules: anchor "vrrpwatch"; then: pfctl -a vrrpwatch -f FILE'
    # What is routed comes in and goes out, by whatever devices.
    yield from dict.fromkeys(line for flow in plan.permitted("forward") for line in _passed(" quick", flow))
    for direction, hook in _DIRECTIONS.items():
        for flow in plan.permitted(hook):
            if not flow.routed:
                for device in flow.place.devices:
                    yield from _passed(f" {direction} quick on {device}", flow)
    for direction in _DIRECTIONS:
        for device in plan.devices:
            for guard in plan.guards:
                yield from _unlisted(plan, direction, device, guard)


def _passed(where: str, flow: Flow) -> Iterator[str]:
    for protocol, port in flow.messages():
        to = f"{flow.destination}" + ("" if port is None else f" port {port}")
        ends = f"{_inet(flow.family)} proto {protocol} from {flow.source} to {to}"
        yield f'pass{where} {ends} no state label "{_label(flow)}"'


def _label(flow: Flow) -> str:
    # PF_RULE_LABEL_SIZE is 64 octets with the closing zero.
    return comment(flow.serves)[:63]


def _inet(family: Family) -> str:
    return "inet" if family == 4 else "inet6"


def _unlisted(plan: Plan, direction: str, device: str, guard: Guard) -> Iterator[str]:
    if guard.protocol == AH:
        # Around what, it cannot see; AH to VRRP's own group is among what goes there.
        return
    verdict = {"drop": "block drop", "log": "pass", "report": "pass"}[plan.unlisted]
    log = " log" if plan.unlisted == "log" else ""
    state = "" if verdict.startswith("block") else " no state"
    inet = _inet(guard.family)
    for destination in guard.destinations or ("any",):
        if guard.protocol is None:
            # Membership reports go to the groups that they join, with a router alert option.
            reports = "igmp" if guard.family == 4 else "icmp6"
            yield f"pass {direction} quick on {device} {inet} proto {reports} to {destination} no state allow-opts"
        proto = "" if guard.protocol is None else f" proto {guard.protocol}"
        for port in guard.ports or (None,):
            to = f"{destination}" + ("" if port is None else f" port {port}")
            yield f'{verdict} {direction}{log} quick on {device} {inet}{proto} from any to {to}{state} label "unlisted"'
