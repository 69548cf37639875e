"""ARP and ND around takeovers: is the network told where the virtual addresses are, and does anybody else claim them?

Claims are judged ``GRACE`` after they were made or later, with what is known by then: a silent backup announces the
addresses before it first advertises, and trackers say who is master only once that is certain.
"""

import heapq
from collections.abc import Iterator
from itertools import count
from typing import Final

from vrrpwatch.core.answers import Answered
from vrrpwatch.core.claimants import Group, Roster, Tenure, Truce
from vrrpwatch.core.claims import Bindings, Claim, History, is_virtual
from vrrpwatch.core.findings import Findings
from vrrpwatch.core.model import Advert, Evidence, GroupKey, Instant, Seconds, nanoseconds
from vrrpwatch.core.news import Neighbour
from vrrpwatch.core.sightings import Answers
from vrrpwatch.wire.values import Arp, IPAddress, Ipv6, Mac, NeighbourAdvertisement, NeighbourSolicitation, Packet

# How long a new master may take to announce the addresses, and how long a claim waits for its verdict.
GRACE: Final[Seconds] = 5.0
# ucarp announces the addresses before it first advertises.
HEAD_START: Final[Seconds] = 1.0

# So many speakers a sentence can hold.
NAMED: Final = 4

# Claims and verdicts that wait.  Anybody can send claims, so beyond this they are judged early or left out.
MAX_PENDING: Final = 16_384

REPLY: Final = 2

_GRACE = nanoseconds(GRACE)
_HEAD_START = nanoseconds(HEAD_START)

_Subject = Claim | Tenure | Truce


class Neighbours:
    """Watches ARP and ND for every group; packets and runs come in order of time, news of masters afterwards."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._bindings = Bindings()
        self._history = History()
        self._roster = Roster(self._bindings, self._dispute)
        self._pending: list[tuple[Instant, int, Claim]] = []
        self._answered = Answered(_GRACE)
        self._verdicts: list[tuple[Instant, int, Group, _Subject]] = []
        self._order = count()
        self._heard: set[tuple[int | str, int]] = set()
        self._silent: list[tuple[Group, Tenure]] = []
        # Claims from here on are still to be considered.
        self._open: Instant = 0
        self._dropped = 0

    @property
    def evicted(self) -> int:
        """How often something was forgotten, or not taken up, because a table was full."""
        forgotten = self._bindings.evicted + self._history.evicted + self._roster.evicted + self._answered.evicted
        return self._dropped + forgotten

    def learnt(self, group: GroupKey) -> tuple[IPAddress, ...]:
        """The virtual addresses of a CARP group: its advertisements do not tell them, its masters announce them."""
        known = self._roster.get(group)
        return tuple(known.learnt) if known is not None else ()

    def pointing(self, group: GroupKey) -> Iterator[Neighbour]:
        """For each of the group's addresses who announced it last, and whether that is where it should point."""
        known = self._roster.get(group)
        if known is None:
            return
        tenure = known.tenures[-1] if known.tenures else None
        master = tenure.master if tenure is not None else None
        for address in (*known.addresses, *known.learnt):
            claim = self._history.newest(group.segment, address)
            if claim is not None:
                owners = self._roster.owners(known, claim.mac)
                right = claim.mac in known.virtual or master in owners
                yield Neighbour(address, claim.mac, claim.at, right if master is not None else None)

    def arp(self, segment: str, at: Instant, evidence: Evidence, source_mac: Mac | None, arp: Arp) -> None:
        """An ARP packet: replies and gratuitous ones claim the sender's address, all tell what host a MAC is of."""
        self.advance(at)
        self._hear(segment, evidence, 4)
        if arp.sender_ip.is_unspecified:
            # A probe (RFC 5227 §1.1) says nothing of its sender.
            return
        claims = arp.gratuitous or arp.operation == REPLY
        self._bindings.learn(segment, arp.sender_ip, arp.sender_mac, at, claimed=claims)
        if source_mac is not None and source_mac != arp.sender_mac:
            self._bindings.learn(segment, arp.sender_ip, source_mac, at, claimed=claims)
        if claims:
            self._claim(Claim(segment, at, evidence, arp.sender_ip, arp.sender_mac, arp.gratuitous))

    def answered(self, answers: Answers) -> None:
        """Answers that no group disputes: they are claims only if one does before their grace is over."""
        self._answered.add(answers)

    def neighbour(
        self,
        segment: str,
        at: Instant,
        evidence: Evidence,
        packet: Packet,
        message: NeighbourAdvertisement | NeighbourSolicitation,
    ) -> None:
        """A Neighbor Advertisement claims its target; a Solicitation tells what host its source MAC is of."""
        self.advance(at)
        self._hear(segment, evidence, 6)
        network = packet.network
        mac = message.mac or packet.source_mac
        if mac is None or not isinstance(network, Ipv6) or network.hop_limit != 255:
            # One that was forwarded is discarded by every receiver (RFC 4861 §7.1).
            return
        if isinstance(message, NeighbourAdvertisement):
            self._bindings.learn(segment, message.target, mac, at, claimed=True)
            self._claim(Claim(segment, at, evidence, message.target, mac, not message.solicited))
        elif not network.source.is_unspecified:
            self._bindings.learn(segment, network.source, mac, at, claimed=False)

    def advertised(self, advert: Advert, at: Instant) -> None:
        """A speaker begins to say something: notes its MAC and the group's addresses."""
        self.advance(at)
        self._roster.admit(advert, at)

    def mastered(self, group: GroupKey, master: Advert, at: Instant, evidence: Evidence, takeover: bool) -> None:
        """``master`` holds ``group`` since ``at``, its first advertisement; ``takeover``: in place of another."""
        known = self._roster.get(group) or self._roster.admit(master, at)
        tenure = Tenure(at, master.speaker.ip, evidence, takeover)
        known.hold(tenure)
        self._await(at + _GRACE + known.wait, known, tenure)

    def lost(self, group: GroupKey, at: Instant) -> None:
        """Nobody holds the group any longer."""
        known = self._roster.get(group)
        if known is not None:
            known.hold(Tenure(at, None))

    def contest(self, group: GroupKey, since: Instant, until: Instant | None) -> None:
        """Several speakers act as master since ``since``; with ``until``, they have stopped."""
        known = self._roster.get(group)
        if known is None:
            return
        if until is None:
            known.contested_since = since
            return
        known.contested_since = None
        known.contests.append((since, until))
        self._await(until + _GRACE + known.wait, known, Truce(until))

    def advance(self, now: Instant) -> None:
        """Time has passed: judges what is due before ``now``."""
        while True:
            claim_due = self._pending[0][0] + _GRACE if self._pending else now
            verdict_due = self._verdicts[0][0] if self._verdicts else now
            if claim_due >= now and verdict_due >= now:
                self._open = max(self._open, now - _GRACE)
                return
            if claim_due <= verdict_due:
                self._consider(heapq.heappop(self._pending)[-1])
            else:
                self._open = max(self._open, verdict_due - _GRACE + 1)
                _, _, group, subject = heapq.heappop(self._verdicts)
                self._judge(group, subject, now)

    def resynchronise(self, now: Instant) -> None:
        """The capture's clock was stepped back to ``now``."""
        self._open = min(self._open, now - _GRACE)

    def finish(self, now: Instant) -> None:
        """The traffic ends at ``now``: judges all that can be judged."""
        self.advance(now)
        while self._pending:
            self._consider(heapq.heappop(self._pending)[-1])
        self._open = now + 1
        while self._verdicts:
            _, _, group, subject = heapq.heappop(self._verdicts)
            self._judge(group, subject, now)
        for group, tenure in self._silent:
            if self._hears(group, tenure):
                self._report_silence(group, tenure)
        self._silent.clear()

    def _hear(self, segment: str, evidence: Evidence, family: int) -> None:
        if len(self._heard) < MAX_PENDING:
            self._heard.update(((segment, family), (evidence.source, family)))

    def _hears(self, group: Group, tenure: Tenure) -> bool:
        """Whether the capture that shows a takeover, or its segment, has any ARP or ND; else silence says nothing."""
        places = {group.key.segment} | ({tenure.evidence.source} if tenure.evidence is not None else set())
        return any((place, group.key.family) in self._heard for place in places)

    def _claim(self, claim: Claim) -> None:
        if claim.gratuitous:
            self._history.add(claim)
        if len(self._pending) >= MAX_PENDING:
            self._consider(heapq.heappop(self._pending)[-1])
            self._dropped += 1
        heapq.heappush(self._pending, (claim.at, next(self._order), claim))

    def _dispute(self, group: Group, address: IPAddress) -> None:
        """A group turns out to have ``address``: what others than it answered about that is a claim after all."""
        for claim in self._answered.take(group.key.segment, address, group.virtual, self._open):
            self._claim(claim)

    def _await(self, due: Instant, group: Group, subject: _Subject) -> None:
        if len(self._verdicts) >= MAX_PENDING:
            self._dropped += 1
        else:
            heapq.heappush(self._verdicts, (due, next(self._order), group, subject))

    def _owners(self, group: Group, claim: Claim) -> set[IPAddress]:
        """The speakers at whose hosts the claim points; one whose card is unknown is recognised by its announcement."""
        owners = self._roster.owners(group, claim.mac)
        faceless = self._roster.faceless(group)
        if owners or not faceless or is_virtual(claim.mac):
            return owners
        entered = [(tenure.at, tenure.master) for tenure in group.tenures]
        entered += [(speaker.first, ip) for ip, speaker in group.speakers.items()]
        near = [
            (abs(claim.at - at), at, int(ip), ip)
            for at, ip in entered
            if ip is not None and ip in faceless and abs(claim.at - at) <= _GRACE
        ]
        if not near:
            return set()
        heir = min(near)[3]
        self._roster.adopt(group, heir, claim.mac)
        return {heir}

    def _consider(self, claim: Claim) -> None:
        """A claim's grace is over: it is foreign now, or waits until it is certain who was master."""
        for group in self._roster.claimed(claim.segment, claim.ip):
            if claim.mac in group.virtual:
                continue
            if not self._roster.owners(group, claim.mac) and not self._roster.faceless(group):
                self._report_conflict(group, claim)
            else:
                self._await(claim.at + _GRACE + group.wait, group, claim)

    def _judge(self, group: Group, subject: _Subject, now: Instant) -> None:
        match subject:
            case Claim():
                self._judge_claim(group, subject, now)
            case Tenure() if subject.at + _GRACE <= now:
                self._judge_tenure(group, subject)
            case Truce() if subject.at + _GRACE <= now:
                self._judge_announcements(group, subject.at)
            case Tenure() | Truce():
                # The capture ended before the new master's time was over.
                return

    def _judge_claim(self, group: Group, claim: Claim, now: Instant) -> None:
        owners = self._owners(group, claim)
        if not owners:
            # That an address of a CARP group is virtual was inferred, so doubt about its hosts forbids a verdict.
            if claim.ip in group.addresses or not self._roster.faceless(group):
                self._report_conflict(group, claim)
            return
        end = claim.at + _GRACE
        disturbed = group.disturbed(end)
        # What is announced right after a takeover is judged with that takeover.
        if not claim.gratuitous or end > now or disturbed is None or disturbed + _GRACE >= claim.at:
            return
        masters = group.masters(claim.at, end)
        last = self._history.last(claim.segment, claim.ip, end)
        if masters and not owners & masters and last is claim and not group.contested(claim.at, end):
            self._report_stale(group, claim, owners, claim.at)

    def _judge_tenure(self, group: Group, tenure: Tenure) -> None:
        master = tenure.master
        if master is None or master not in group.speakers or self._reverted(group, tenure.at, master):
            return
        if not group.addresses:
            self._learn(group, master, tenure.at)
        if not tenure.takeover:
            return
        self._judge_announcements(group, tenure.at)
        if self._announced(group, master, tenure.at):
            return
        if self._hears(group, tenure):
            self._report_silence(group, tenure)
        elif len(self._silent) < MAX_PENDING:
            self._silent.append((group, tenure))

    def _reverted(self, group: Group, at: Instant, master: IPAddress) -> bool:
        return any(at < later.at <= at + _GRACE and later.master != master for later in group.tenures)

    def _judge_announcements(self, group: Group, at: Instant) -> None:
        """Raises stale-arp for every address whose last announcement, a while after ``at``, is not the master's."""
        end = at + _GRACE
        master = group.master_at(at)
        if master is None or self._reverted(group, at, master) or group.contested(at, end):
            return
        for address in (*group.addresses, *group.learnt):
            claim = self._history.last(group.key.segment, address, end)
            if claim is None or claim.mac in group.virtual:
                continue
            owners = self._owners(group, claim)
            if owners and master not in owners:
                self._report_stale(group, claim, owners, max(at, claim.at))

    def _announced(self, group: Group, master: IPAddress, at: Instant) -> bool:
        """Whether any of the group's addresses was announced around the takeover at ``at``, as far as is known."""
        segment, start, end = group.key.segment, at - _HEAD_START, at + _GRACE
        if not group.addresses:
            own = self._roster.macs(group, master) | group.virtual
            recent = self._history.recent(segment, group.key.family, start, end)
            return not self._history.covers(segment, None, start) or any(claim.mac in own for claim in recent)
        # Before the takeover it may have been the old master's; after it, any announcement is one.
        return any(
            not self._history.covers(segment, address, start)
            or any(
                claim.at >= at or claim.mac in group.virtual or master in self._owners(group, claim)
                for claim in self._history.between(segment, address, start, end)
            )
            for address in group.addresses
        )

    def _learn(self, group: Group, master: IPAddress, at: Instant) -> None:
        """Takes what a new master announces for the virtual addresses, which CARP does not advertise."""
        claims = self._history.recent(group.key.segment, group.key.family, at - _GRACE, at + _GRACE)
        if master in self._roster.faceless(group):
            self._recognise(group, master, at, claims)
        own = self._roster.macs(group, master) | group.virtual
        for claim in claims:
            if claim.mac in own:
                self._roster.learn(group, claim.ip)

    def _recognise(self, group: Group, master: IPAddress, at: Instant, claims: list[Claim]) -> None:
        """Finds the card of a master heard from virtual MACs only: it announced an address without a known host."""
        segment, start = group.key.segment, at - _HEAD_START
        strangers = [
            claim
            for claim in claims
            if claim.at >= start
            and not is_virtual(claim.mac)
            and not self._roster.owners(group, claim.mac)
            and self._bindings.addresses(segment, claim.mac) <= {claim.ip, *group.learnt}
            and (claim.ip in group.learnt or self._bindings.since(segment, claim.ip, claim.mac, at) >= start)
        ]
        if strangers:
            chosen = min(strangers, key=lambda claim: (claim.ip not in group.learnt, abs(claim.at - at), claim.at))
            self._roster.adopt(group, master, chosen.mac)

    def _name(self, group: Group, ip: IPAddress) -> str:
        macs = sorted(self._roster.macs(group, ip)) or sorted(group.speakers[ip].macs)
        return f"{ip} ({', '.join(macs) or 'MAC unknown'})"

    def _report_conflict(self, group: Group, claim: Claim) -> None:
        # Who is master may be certain only later; who speaks is known now.
        ranked = sorted(group.speakers, key=int)
        named = ", ".join(self._name(group, ip) for ip in ranked[:NAMED])
        rest = f" and {len(ranked) - NAMED} more" if len(ranked) > NAMED else ""
        self._findings.add(
            "vip-conflict",
            segment=group.key.segment,
            group=group.key,
            subject=str(claim.ip),
            first=claim.at,
            summary=f"{claim.mac} claims {claim.ip} but belongs to no speaker of the group: {named}{rest}",
            evidence=(claim.evidence,),
        )

    def _report_stale(self, group: Group, claim: Claim, owners: set[IPAddress], at: Instant) -> None:
        tenure = group.tenure_at(at)
        if tenure is None or tenure.master is None:
            return
        held = self._name(group, tenure.master) if tenure.master in group.speakers else str(tenure.master)
        self._findings.add(
            "stale-arp",
            segment=group.key.segment,
            group=group.key,
            subject=str(claim.ip),
            first=at,
            summary=(
                f"the last announcement of {claim.ip} points at {claim.mac} of {min(owners, key=int)}, "
                f"but the master is {held}: traffic still goes to the wrong router"
            ),
            evidence=(*(() if tenure.evidence is None else (tenure.evidence,)), claim.evidence),
        )

    def _report_silence(self, group: Group, tenure: Tenure) -> None:
        what = "unsolicited Neighbor Advertisement" if group.key.family == 6 else "gratuitous ARP"
        self._findings.add(
            "missing-garp",
            segment=group.key.segment,
            group=group.key,
            subject=str(tenure.master),
            first=tenure.at,
            summary=(
                f"{tenure.master} took over, but no {what} for any virtual address was seen within {GRACE:.0f} s: "
                "switches and hosts keep sending to the old master"
            ),
            evidence=() if tenure.evidence is None else (tenure.evidence,),
        )
