"""All routers of this host together: who acts when, who follows whom, and what drains; no I/O, and no clock of its own.

Instants are nanoseconds on the caller's clock, which must never step back.
"""

import heapq
from collections.abc import Callable, Collection, Iterable

from vrrpwatch.agent.announcing import Announcements
from vrrpwatch.agent.config.agent import AgentSettings
from vrrpwatch.agent.config.routers import CarpRouter
from vrrpwatch.agent.handing.relief import Relief
from vrrpwatch.agent.member import Member, Unheard, heeded
from vrrpwatch.agent.ports import Attachment, Change, Handover, Heard, Holdings, RouterState, Verdict, Wire
from vrrpwatch.agent.replacing import Replaced, compared
from vrrpwatch.agent.syncs import Syncs
from vrrpwatch.core.machine.step import stalled, step
from vrrpwatch.core.machine.values import (
    AcquireAddresses,
    AdvertReceived,
    Announce,
    Backup,
    DemotionChanged,
    Effect,
    Initialize,
    Input,
    InterfaceDown,
    JoinGroup,
    LeaveGroup,
    Master,
    PriorityChanged,
    ReleaseAddresses,
    Send,
    Shutdown,
    StandBack,
    Startup,
    TakeOver,
    TimerFired,
)
from vrrpwatch.core.model import Instant, Seconds, nanoseconds

_FIRED = TimerFired()
# A rival that goes on is not answered by more announcements than one burst in this time.
REASSERTED: Seconds = 5.0
# A firewall, or addresses that no frame has room for: what keeps adverts from being sent may last.
_SILENCE = nanoseconds(30.0)


class Node:
    """The routers of one settings file.  ``changed`` is told of every change of a router's or sync group's state."""

    def __init__(
        self,
        settings: AgentSettings,
        wire: Wire,
        holdings: Holdings,
        handover: Handover,
        changed: Callable[[Change], None],
        now: Instant,
    ) -> None:
        self._wire, self._holdings, self._handover, self._changed = wire, holdings, handover, changed
        self._relief = Relief(handover, settings.agent.handover)
        self._verdicts: dict[str, Verdict] = {}
        self._started = False
        self.members: dict[str, Member] = {}
        # (instant, name): the earliest at which a router wants to be woken; older entries of a router are skipped.
        self._timers: list[tuple[Instant, str]] = []
        self._announcements = Announcements(wire.announce)
        # Whose state may have changed: people are told when all that goes together has been done.
        self._touched: dict[str, Member] = {}
        self._syncs = Syncs(self.members)
        self._adopt(settings, now)

    # What the host tells.

    def attach(self, router: str, attachment: Attachment | str, now: Instant) -> None:
        """The interface of a router is there, is another one, or is not there for the reason given."""
        member = self.members[router]
        if isinstance(attachment, str):
            member.detached = attachment
            if member.attachment is not None:
                member.attachment = None
                self._feed(member, InterfaceDown(), now, attachment)
                member.state = None
        elif attachment != member.attachment:
            if member.state is not None:
                self._feed(member, InterfaceDown(), now, f"{attachment.interface} has changed")
            member.attachment = attachment
            member.unheard = member.silenced = None
            member.state = Initialize(member.config.settings(attachment.source))
            self._reweigh(member, now)
        # Not all: an interface that goes takes hundreds along, each of which comes by here.
        self._settle(now, [member, *self._syncs.others(member)])

    def start(self, now: Instant, routers: Iterable[str] | None = None) -> None:
        """The routers (all, unless it is said which) may run, as soon as nothing is wrong with them."""
        self._started = True
        for name in self.members if routers is None else routers:
            self.members[name].started = True
        self._settle(now)

    def hold_back(self, routers: Iterable[str], why: str | None, now: Instant) -> None:
        """The routers must not run for that reason, or may again (``None``)."""
        for name in routers:
            self.members[name].held_back = why
        self._settle(now)

    def hear(self, heard: Heard, now: Instant) -> None:
        """An advertisement has come; ``now`` is no earlier than it."""
        member = self.members.get(heard.router)
        if member is None or member.state is None:
            return
        before = member.state
        self._feed(member, AdvertReceived(heard.source, heard.advert), now, "")
        after = member.state
        if type(after) is not type(before):
            member.why = f"{heard.source} is better"
        member.resigned, member.heard_at = heard.advert.resigns, now
        if isinstance(after, Backup) and not heard.advert.resigns:
            if after is not before:
                member.wants = False
                member.master = heard.source
            elif member.master is None:
                member.master = heard.source
            self._relief.foresee(member, heard, now)
        elif isinstance(after, Backup):
            self._relief.resigned(member)
        elif isinstance(before, Master) and heard.source != before.settings.address:
            self._reassert(member, now)
        self._flush(now)

    def judge(self, verdict: Verdict, now: Instant) -> None:
        """A tracker has found something out."""
        self._verdicts[verdict.tracker] = verdict
        for member in self.members.values():
            if any(one.name == verdict.tracker for one in member.config.track):
                member.verdicts[verdict.tracker] = verdict
                member.unknown -= {verdict.tracker}
                self._reweigh(member, now)
        self._settle(now)

    def rouse(self, now: Instant) -> None:
        """Has masters stand back whose timers are so late that this host stood still.

        To be called before :meth:`hear` where a timer is late: an advert that came meanwhile is older than the stall,
        and a master would answer it instead of noticing.
        """
        for member in self.members.values():
            if isinstance(member.state, Master) and stalled(member.state, now):
                self._feed(member, _FIRED, now, "this host stood still")
        self._flush(now)

    def takes_over(self, now: Instant) -> bool:
        """Whether a backup's timer is due."""
        return any(isinstance(one.state, Backup) and one.state.master_down_at <= now for one in self.members.values())

    @property
    def deadline(self) -> Instant | None:
        """When :meth:`wake` wants to be called next."""
        first = self._timers[0][0] if self._timers else None
        second = self._announcements.deadline
        return first if second is None else second if first is None else min(first, second)

    def wake(self, now: Instant) -> None:
        """Does whatever is due."""
        timers = self._timers
        while timers and timers[0][0] <= now:
            at, name = heapq.heappop(timers)
            member = self.members.get(name)
            if member is None or at != member.armed:
                continue
            member.armed = None
            due = member.due
            if due is not None and due <= now:
                self._fire(member, now)
                self._silence(member, now)
            self._arm(member)
        self._announcements.wake(now)
        self._flush(now)

    # What people ask for.

    def drain(self, routers: Iterable[str], now: Instant) -> None:
        """Puts the routers, and those that go with them, below all others; who is master stays until relieved.

        An owner's priority cannot be lowered: it resigns.
        """
        for member in self._syncs.whole(routers):
            member.drained = True
            self._reweigh(member, now)
        self._settle(now)

    def undrain(self, routers: Iterable[str], now: Instant) -> None:
        """Takes that back."""
        for member in self._syncs.whole(routers):
            member.drained = False
            self._reweigh(member, now)
        self._settle(now)

    def announce(self, router: str) -> None:
        """Tells the network again where a master's addresses are."""
        member = self.members.get(router)
        if member is not None and isinstance(member.state, Master):
            self._wire.announce(router)

    def stop(self, now: Instant) -> None:
        """Ends every router in good order: masters resign and let go."""
        self._started = False
        for member in self.members.values():
            self._end(member, now, "the agent stops")
        self._flush(now)

    def replace(self, settings: AgentSettings, now: Instant) -> Replaced:
        """Takes new settings on.

        Routers run on that are as they were, or differ in what a running router can take on.  The others are ended,
        and the new ones wait for :meth:`attach` and for :meth:`start`.
        """
        wanted = {router.name: router for router in settings.router}
        gone, adjusted = compared({name: member.config for name, member in self.members.items()}, wanted)
        for name in gone:
            self._end(self.members[name], now, "its settings have changed" if name in wanted else "it is removed")
        self._flush(now)
        drained = {name for name in gone if self.members[name].drained}
        for name in gone:
            del self.members[name]
        fresh = self._adopt(settings, now)
        for name in drained & fresh:
            # Whoever has changed its settings has not asked to have it back.
            self.members[name].drained = True
        for name in adjusted:
            self.members[name].adjust(wanted[name], self._verdicts)
            self._reweigh(self.members[name], now)
        self._settle(now)
        return Replaced(gone, fresh, adjusted)

    def sync_state(self, sync: str) -> RouterState:
        """The state of a sync group: that of all its routers, or backup while they differ."""
        return self._syncs.state(sync)

    # How it works.

    def _adopt(self, settings: AgentSettings, now: Instant) -> frozenset[str]:
        fresh = []
        known = {tracker.name for tracker in settings.tracker}
        self._verdicts = {name: verdict for name, verdict in self._verdicts.items() if name in known}
        for router in settings.router:
            if router.name not in self.members:
                member = Member(router, now)
                member.verdicts = heeded(router, self._verdicts)
                member.unknown = frozenset(one.name for one in router.track) - member.verdicts.keys()
                self.members[router.name] = member
                fresh.append(router.name)
        self._syncs.adopt(settings)
        return frozenset(fresh)

    def _fire(self, member: Member, now: Instant) -> None:
        others = self._syncs.others(member)
        if isinstance(member.state, Backup) and others:
            member.wants = True
            if not all(one.wants or isinstance(one.state, Master) for one in others):
                # The group moves as one, or not at all: until the others want to, its master is given its time again.
                self._feed(member, StandBack(), now, "waits for its sync group")
                member.master = None
                return
            self._feed(member, TakeOver(), now, "the sync group's masters are silent")
            return
        self._feed(member, _FIRED, now, member.reason(now))

    def _silence(self, member: Member, now: Instant) -> None:
        """A master whom nobody can hear lets go, and tries again after a while."""
        if isinstance(member.state, Master) and member.mute(now):
            member.silenced = now + _SILENCE
        elif member.silenced is not None and member.silenced <= now:
            member.silenced = None
        else:
            return
        self._settle(now, [member, *self._syncs.others(member)])

    def _feed(self, member: Member, event: Input, now: Instant, why: str) -> None:
        """One step of one router, its effects, and what follows from it for the routers that go with it."""
        if member.state is None:
            return
        before = member.state
        member.state, effects = step(before, event, now)
        after = member.state
        lingers = self._relief.lingers(member, event)
        for effect in effects:
            if isinstance(effect, AcquireAddresses) and member.mute(now):
                # Others have them, or will in a moment, since nobody hears this one.
                break
            self._perform(member, effect, lingers, now)
        self._arm(member)
        if type(before) is type(after):
            return
        member.why = why
        if isinstance(after, Master):
            self._relief.relieve(member, now)
            member.wants = False
            member.master = after.settings.address
            self._announcements.begin(member.name, member.config.announce, now)
        elif isinstance(before, Master):
            self._announcements.end(member.name)
            member.master = None
            if member.silenced is None:
                member.unheard = None
        self._touched[member.name] = member
        for other in self._syncs.others(member):
            if isinstance(after, Master) and isinstance(other.state, Backup):
                self._feed(other, TakeOver(), now, f"{member.name} took over")
            elif isinstance(before, Master) and isinstance(after, Backup) and isinstance(other.state, Master):
                self._feed(other, StandBack(), now, f"{member.name} yielded")

    def _perform(self, member: Member, effect: Effect, lingers: bool, now: Instant) -> None:
        name = member.name
        match effect:
            case Send(advert):
                why = self._wire.send(name, advert)
                since = now if member.unheard is None else member.unheard.since
                member.unheard = None if why is None else Unheard(since, why)
            case AcquireAddresses():
                self._handover.resume(name)
                self._holdings.acquire(name)
            case ReleaseAddresses() if lingers:
                self._handover.linger(name)
            case ReleaseAddresses():
                self._handover.release(name)
                self._holdings.release(name)
            case Announce():
                self._wire.announce(name)
            case JoinGroup():
                self._wire.join(name)
            case LeaveGroup():
                self._wire.leave(name)

    def _settle(self, now: Instant, those: Collection[Member] | None = None) -> None:
        """Starts what nothing holds back any more, and ends what something is wrong with.

        ``those`` are whole sync groups, or routers without one; unless given, all are looked at.
        """
        members = self.members.values() if those is None else those
        faulty = {member.name for member in members if member.own_faults()}
        for member in members:
            other = next((one.name for one in self._syncs.others(member) if one.name in faulty), None)
            member.others_fault = None if other is None else f"{other} of its sync group cannot run"
        for member in members:
            if member.started and not member.faults() and not self._resigns(member):
                self._feed(member, Startup(), now, "it may run")
            elif member.state is not None and not (isinstance(member.state, Initialize) and not member.state.wanted):
                self._feed(member, Shutdown(), now, (member.faults() or ("it is drained",))[0])
            self._touched[member.name] = member
        for member in members:
            if self._syncs.split(member):
                self._feed(member, TakeOver(), now, "the rest of its sync group is master")
        self._flush(now)

    @staticmethod
    def _resigns(member: Member) -> bool:
        return member.drained and member.state is not None and member.state.settings.owner

    def _end(self, member: Member, now: Instant, why: str) -> None:
        member.started = False
        self._touched[member.name] = member
        self._feed(member, Shutdown(), now, why)

    def _reweigh(self, member: Member, now: Instant) -> None:
        wished = member.wished()
        if isinstance(member.config, CarpRouter):
            self._feed(member, DemotionChanged(wished), now, "its demotion changed")
        else:
            self._feed(member, PriorityChanged(wished), now, "its priority changed")

    def _arm(self, member: Member) -> None:
        """Keeps an entry among the timers that is no later than the router's deadline."""
        due = member.due
        if due is not None and (member.armed is None or due < member.armed):
            member.armed = due
            heapq.heappush(self._timers, (due, member.name))

    def _reassert(self, member: Member, now: Instant) -> None:
        """A rival of this master has told the network where the addresses are, or its part while there were two."""
        for one in (member, *self._syncs.others(member)):
            if isinstance(one.state, Master) and now >= one.reasserted + nanoseconds(REASSERTED):
                one.reasserted = now
                self._wire.announce(one.name)
                self._announcements.begin(one.name, one.config.announce, now)

    def _flush(self, now: Instant) -> None:
        """Tells of every state that has changed, the routers' first."""
        if not self._touched:
            return
        touched, self._touched = self._touched, {}
        for member in touched.values():
            role = member.role
            if role != member.was:
                was, member.was = member.was, role
                member.since = now
                member.changes += 1
                if role == "fault":
                    member.why = "; ".join(member.faults())
                self._changed(Change("INSTANCE", member.name, was, role, member.rank, now, member.why))
        for change in self._syncs.changes(touched, now):
            self._changed(change)
