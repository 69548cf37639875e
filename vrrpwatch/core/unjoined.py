"""Which multicast groups flow although nobody joined them: the volume's finished seconds held against the memberships.

A group is judged while it flows, by whole seconds of capture time, once whoever listens would have been asked for its
memberships and have answered; what has flowed for less is judged when the traffic ends.  Seconds after the first join
are not counted: whoever joins late does not undo what was so until then.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vrrpwatch.core.findings import Findings
from vrrpwatch.core.ledger import Column
from vrrpwatch.core.membership import MEMBERSHIP_INTERVAL, Membership, family_name, stays_on_link
from vrrpwatch.core.model import NANOSECONDS, Finding, Instant, nanoseconds
from vrrpwatch.core.volume import Flow
from vrrpwatch.wire.values import IPAddress

_PATIENCE = nanoseconds(MEMBERSHIP_INTERVAL)


@dataclass(slots=True)
class _Tally:
    """What of one flow went to nobody, in whole seconds; ``wanted`` is when somebody first joined it."""

    segment: str
    destination: IPAddress
    packets: int = 0
    last: Instant = 0
    wanted: Instant | None = None
    finding: Finding | None = None


class Unjoined:
    """Raises unjoined-multicast; ``flow`` tells of the flow with a number, ``None`` where that is not of IP.

    There are no more tallies than the volume has destinations.
    """

    def __init__(self, findings: Findings, membership: Membership, flow: Callable[[int], Flow | None]) -> None:
        self._findings = findings
        self._membership = membership
        self._flow = flow
        self._tallies: dict[int, _Tally | None] = {}

    def closed(self, flows: Column, seconds: Column, packets: Column) -> None:
        """Rows of seconds that are over, and every message about memberships before their ends has been heard."""
        order = np.argsort(flows, kind="stable")
        flows, seconds, packets = flows[order], seconds[order], packets[order]
        starts = np.flatnonzero(np.concatenate(([True], flows[1:] != flows[:-1])))
        ends = np.append(starts[1:], len(flows))
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            tally = self._tally(int(flows[start]))
            if tally is not None:
                self._count(tally, int(flows[start]), seconds[start:end], packets[start:end])

    def finish(self) -> None:
        """The traffic is over and every second was told: judges what did not flow for long enough, too."""
        for number, tally in self._tallies.items():
            flow = self._flow(number)
            if tally is None or flow is None or self._wanted(tally) is not None:
                continue
            if self._membership.heard(tally.segment, tally.destination) is not None:
                tally.packets, tally.last = flow.packets, flow.last
                self._say(tally, flow.first)

    def _tally(self, number: int) -> _Tally | None:
        if number not in self._tallies:
            flow = self._flow(number)
            told = flow is not None and flow.destination.is_multicast and not stays_on_link(flow.destination)
            self._tallies[number] = _Tally(flow.segment, flow.destination) if flow is not None and told else None
        return self._tallies[number]

    def _wanted(self, tally: _Tally) -> Instant | None:
        if tally.wanted is None:
            tally.wanted = self._membership.wanted(tally.segment, tally.destination)
        return tally.wanted

    def _count(self, tally: _Tally, number: int, seconds: Column, packets: Column) -> None:
        wanted = self._wanted(tally)
        if wanted is not None:
            in_vain = seconds < wanted // NANOSECONDS
            seconds, packets = seconds[in_vain], packets[in_vain]
        heard = self._membership.heard(tally.segment, tally.destination)
        if not len(seconds):
            return
        tally.packets += int(packets.sum())
        tally.last = max(tally.last, int(seconds.max()) * NANOSECONDS)
        flow = self._flow(number)
        if heard is not None and flow is not None and tally.last >= max(flow.first, heard) + _PATIENCE:
            self._say(tally, flow.first)

    def _say(self, tally: _Tally, first: Instant) -> None:
        summary = (
            f"{tally.packets} packets went to {tally.destination}, which nobody joined although "
            f"{family_name(tally.destination.version).upper()} is heard on this segment"
        )
        if tally.finding is None:
            tally.finding = self._findings.add(
                "unjoined-multicast",
                segment=tally.segment,
                group=None,
                subject=str(tally.destination),
                first=first,
                count=0,
                summary=summary,
            )
        if tally.finding is not None:
            self._findings.extend(tally.finding, tally.last, summary)
            tally.finding.count = tally.packets
