"""Rules for iptables and ip6tables, as iptables-save writes them and ``iptables-restore --noflush`` reads them.

They stand in chains of their own, to which the first rules of INPUT, OUTPUT and FORWARD jump.  A confined packet goes
to the chain of its device, where every flow has its rule; what comes to the end of that chain is unlisted.  It goes
there by ``-g``, so that what is let pass comes back once, to the rules of others.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from vrrpwatch.firewall.flows import ADVERTISEMENT, AH, PFSYNC, UDP, Family, Flow, Guard, Hook, Limit, Plan, told_apart
from vrrpwatch.firewall.words import comment

CHAIN: Final = "VRRPWATCH"
BUILTIN: Final[dict[Hook, str]] = {"input": "INPUT", "output": "OUTPUT", "forward": "FORWARD"}
# Beyond so many flows on one device they are looked up by the first half of their id.
MANY: Final = 32
LOG_RATE: Final = "10/min"
LOG_BURST: Final = 5

# The octet behind an IPv4 header of any length; IPv6's has 40.
_AFTER4: Final = "0>>22&0x3C@"


def render(plan: Plan) -> str:
    """Rules for IPv4."""
    return _render(plan, 4)


def render6(plan: Plan) -> str:
    """Rules for IPv6."""
    return _render(plan, 6)


def _render(plan: Plan, family: Family) -> str:
    name = "iptables" if family == 4 else "ip6tables"
    flows = sum(flow.family == family for flow in plan.flows)
    rules: list[str] = []
    chains: list[str] = []
    for hook in plan.hooks:
        chains.append(_chain(hook))
        rules.append(f"-I {BUILTIN[hook]} 1 -m comment --comment {_quoted('vrrpwatch')} -j {_chain(hook)}")
        for more, lines in _hook(plan, hook, family):
            chains += more
            rules += lines
    chains.append(_REST)
    rules += _rest(plan)
    head = (
        f"# vrrpwatch {name} rules for a {plan.role}: {flows} flows, unlisted: {plan.unlisted}",
        f"# Load once with {name}-restore --noflush; vrrpwatch rules apply also replaces them.",
        "*filter",
    )
    return "".join(f"{line}\n" for line in (*head, *(f":{chain} - [0:0]" for chain in chains), *rules, "COMMIT"))


_REST: Final = f"{CHAIN}-REST"


def _chain(hook: Hook, *parts: str) -> str:
    """Chain names have at most 28 characters, so devices are known by their number."""
    return "-".join((CHAIN, {"input": "IN", "output": "OUT", "forward": "FWD"}[hook], *parts))


def _quoted(text: str) -> str:
    return f'"{comment(text)}"'


def _hook(plan: Plan, hook: Hook, family: Family) -> Iterator[tuple[list[str], list[str]]]:
    judge = _chain(hook, "DEV")
    guards = [guard for guard in plan.guards if guard.family == family]
    confined = [f"-A {_chain(hook)} {match} -g {judge}" for guard in guards for match in _confined(guard)]
    yield [judge], confined
    permitted = [flow for flow in plan.permitted(hook) if flow.family == family]
    if hook == "output":
        # What a host sends has no source MAC yet: of two rules that say the same the second would never be met.
        permitted = list(told_apart(flow._replace(mac=None) for flow in permitted))
    if hook == "forward":
        listed = _chain(hook, "FLOWS")
        # What a bridge forwards comes by too where br_netfilter hands it up: its own rules judge that.
        ends = [f"-A {judge} -i {device} -o {device} -j RETURN" for device in plan.devices]
        ends += [f"-A {judge} -{way} {device} -g {listed}" for device in plan.devices for way in "io"]
        yield [listed], ends
        yield from _flows(listed, permitted)
        return
    way = "i" if hook == "input" else "o"
    for number, device in enumerate(plan.devices):
        listed = _chain(hook, str(number))
        yield [listed], [f"-A {judge} -{way} {device} -g {listed}"]
        yield from _flows(listed, [flow for flow in permitted if device in flow.place.devices])


def _confined(guard: Guard) -> Iterator[str]:
    """The matches of what a guard confines."""
    matches = [f"-d {destination}" for destination in guard.destinations] or [""]
    match guard.protocol:
        case None:
            # Membership reports go to the groups that they join.
            protocol = "! -p igmp" if guard.family == 4 else "! -p ipv6-icmp"
        case 51:
            protocol = f'-p ah -m u32 --u32 "{_AFTER4}0>>24=0x{ADVERTISEMENT:x}"'
        case number:
            protocol = f"-p {number}"
    if guard.ports:
        protocol += f" -m multiport --dports {','.join(map(str, guard.ports))}"
    for destination in matches:
        yield " ".join(filter(None, (destination, protocol)))


def _flows(chain: str, flows: Sequence[Flow]) -> Iterator[tuple[list[str], list[str]]]:
    """The rules of ``flows`` in ``chain``, and the end of it; many are spread over chains by half of their id."""
    numbered = [flow for flow in flows if flow.id is not None]
    other = [line for flow in flows if flow.id is None for line in _flow(chain, flow)]
    if len(numbered) <= MANY:
        lines = [line for flow in numbered for line in _flow(chain, flow)]
        yield [], [*lines, *other, f"-A {chain} -g {_REST}"]
        return
    jumps: list[str] = []
    for half in sorted({(flow.id or 0) >> 4 for flow in numbered}):
        mine = [flow for flow in numbered if (flow.id or 0) >> 4 == half]
        bucket = f"{chain}-{half:X}"
        family = mine[0].family
        jumps += [f"-A {chain} {match} -j {bucket}" for match in _ids(mine, half << 4, (half << 4) | 15, family)]
        yield [bucket], [line for flow in mine for line in _flow(bucket, flow)]
    yield [], [*jumps, *other, f"-A {chain} -g {_REST}"]


def _ids(flows: Iterable[Flow], first: int, last: int, family: Family) -> Iterator[str]:
    """The matches of advertisements with ids from ``first`` to ``last``, plain and in AH."""
    span = f"0x{first:x}" if first == last else f"0x{first:x}:0x{last:x}"
    if family == 6:
        # Directly behind the fixed header: anything in between would shift the octet.
        yield f'-p {ADVERTISEMENT} -m u32 --u32 "4>>8&0xFF=0x{ADVERTISEMENT:x}&&40>>16&0xFF={span}"'
        return
    yield f'! -f -p {ADVERTISEMENT} -m u32 --u32 "{_AFTER4}0>>16&0xFF={span}"'
    if any(flow.protocol == "vrrp" for flow in flows):
        # AH of 24 octets (its length field says 4): the advertisement begins behind the 12 of HMAC-MD5-96.
        after = f"{_AFTER4}0>>16&0xFFFF=0x{ADVERTISEMENT:x}04&&{_AFTER4}24>>16&0xFF={span}"
        yield f'! -f -p {AH} -m u32 --u32 "{after}"'


def _flow(chain: str, flow: Flow) -> Iterator[str]:
    parts = [f"-s {flow.source} -d {flow.destination}"]
    if flow.mac is not None:
        parts.append(f"-m mac --mac-source {flow.mac}")
    if flow.ttl is not None:
        parts.append(f"-m ttl --ttl-eq {flow.ttl}" if flow.family == 4 else f"-m hl --hl-eq {flow.ttl}")
    said = f"-m comment --comment {_quoted(flow.serves)}"
    for match in _messages(flow):
        ends = " ".join((*parts, match))
        yield f"-A {chain} {ends} {_bucket(flow.limit)}{said} -j ACCEPT"
        if flow.limit is not None:
            yield f"-A {chain} {ends} -m comment --comment {_quoted(f'{flow.serves}, too many')} -j DROP"


def _messages(flow: Flow) -> Iterator[str]:
    if flow.id is not None:
        yield from _ids([flow], flow.id, flow.id, flow.family)
    elif flow.protocol == "pfsync":
        yield f"-p {PFSYNC}" if flow.family == 6 else f"! -f -p {PFSYNC}"
    else:
        yield f"-p {UDP} -m multiport --dports {','.join(map(str, flow.ports))}"


def _bucket(limit: Limit | None) -> str:
    return "" if limit is None else f"-m limit --limit {limit.rate}/sec --limit-burst {limit.burst} "


def _rest(plan: Plan) -> Iterator[str]:
    """What becomes of the unlisted; the comments make its counters readable."""
    said = f"-m comment --comment {_quoted('unlisted')}"
    match plan.unlisted:
        case "drop":
            yield f"-A {_REST} {said} -j DROP"
        case "log":
            yield (
                f"-A {_REST} -m limit --limit {LOG_RATE} --limit-burst {LOG_BURST} {said} "
                '-j LOG --log-prefix "vrrpwatch "'
            )
            yield f"-A {_REST} {said} -j RETURN"
        case "limit":
            yield f"-A {_REST} {_bucket(plan.unlisted_limit)}{said} -j RETURN"
            yield f"-A {_REST} {said} -j DROP"
        case "report":
            yield f"-A {_REST} {said} -j RETURN"
