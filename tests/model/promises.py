"""What is promised of all routers together, and whether it is kept as time goes by."""

from collections import Counter
from typing import NamedTuple

from tests.model import rules
from tests.model.bounds import bounds
from tests.model.hosts import Host, parts
from tests.model.script import Script
from vrrpwatch.core.machine.values import Backup, Initialize, Master
from vrrpwatch.core.model import Instant, nanoseconds


class Failure(NamedTuple):
    """A promise that was broken: which, when (ns), and how it shows."""

    rule: str
    at: Instant
    text: str


class BrokenPromiseError(Exception):
    """Ends a schedule."""

    def __init__(self, rule: str, text: str) -> None:
        super().__init__(text)
        self.rule = rule


class Succession(NamedTuple):
    """A master resigned in calm weather before others of its part: one of them must be master by then."""

    begun: Instant
    due: Instant
    part: list[Host]


class Promises:
    """Agreement, overlap and succession.

    ``seen`` counts what was judged; ``longest`` is the greatest share of its bound that each of them took.
    """

    def __init__(self, script: Script, hosts: list[Host]) -> None:
        self.hosts = hosts
        self.bounds = bounds(script)
        self.delay = nanoseconds(script.delay)
        self.seen: Counter[str] = Counter()
        self.longest: dict[str, float] = {"agreement": 0.0, "overlap": 0.0}
        # The last disturbance, and until when routers were kept from hearing each other.
        self.disturbed: Instant = 0
        self.deafened: Instant = 0
        # Who can hear whom; None while that makes no parts, or a host is stalled.
        self.parts: list[list[Host]] | None = [hosts]
        self.overlapping: Instant | None = None
        self.succession: Succession | None = None
        self.unjudged = True

    def disturb(self, now: Instant) -> None:
        """Something happened, if only to one host."""
        self.disturbed, self.unjudged = now, True

    def deafen(self, until: Instant) -> None:
        """Something does not get through, or not before then."""
        self.deafened = max(self.deafened, until)
        self.unjudged = True

    def reconnect(self, cut: frozenset[tuple[int, int]], now: Instant) -> None:
        """Other hosts than before can hear each other."""
        self.deafen(now)
        self.parts = None if any(host.frozen for host in self.hosts) else parts(self.hosts, cut)
        self.recount(now)

    def recount(self, now: Instant) -> None:
        """Mastership may have changed."""
        self.unjudged = True
        if self.parts is None:
            self.overlapping = None
            return
        self._note("agreement", now - max(self.disturbed, self.deafened), self.bounds.agreement)
        doubled = any(sum(host.held for host in part) > 1 for part in self.parts)
        if doubled and self.overlapping is None:
            self.overlapping = now
            self.seen["overlap"] += 1
        elif not doubled and self.overlapping is not None:
            self._note("overlap", now - max(self.overlapping, self.deafened), self.bounds.overlap)
            self.overlapping = None

    def resigning(self, host: Host, now: Instant) -> None:
        """A router is about to be shut down: if it is the only master, and heard in order, another must follow soon."""
        if self.parts is None or not host.held or now <= self.deafened or now - host.spoke <= self.delay:
            return
        part = next(part for part in self.parts if host in part)
        heirs = [heir for heir in part if isinstance(heir.state, Backup) and heir.linked]
        if heirs and sum(other.held for other in part) == 1:
            self.succession = Succession(now, now + self.bounds.succession, part)

    def check(self, now: Instant) -> None:
        """What time alone may break, seen just before the next thing happens."""
        if self.overlapping is not None:
            since = max(self.overlapping, self.deafened)
            if now - since > self.bounds.overlap:
                masters = [host.number for host in self.hosts if host.held]
                raise BrokenPromiseError("overlap", f"routers {masters} are masters since {since} ns")
        if self.succession is not None and now > self.succession.due:
            self._check_succession(self.succession)
        if self.unjudged and self.parts is not None:
            since = max(self.disturbed, self.deafened)
            if now - since > self.bounds.agreement:
                self.unjudged = False
                for part in self.parts:
                    self._judge(part, since)

    def _check_succession(self, succession: Succession) -> None:
        self.succession = None
        if self.disturbed > succession.begun or self.deafened >= succession.begun:
            return
        self.seen["succession"] += 1
        if not any(host.held for host in succession.part):
            raise BrokenPromiseError("succession", f"nobody followed the master that resigned at {succession.begun} ns")

    def _judge(self, part: list[Host], since: Instant) -> None:
        self.seen["verdict"] += 1
        live = [host for host in part if host.alive and not isinstance(host.state, Initialize)]
        masters = [host for host in live if isinstance(host.state, Master)]
        if len(masters) != bool(live):
            names = [host.name for host in masters]
            raise BrokenPromiseError("agreement", f"nothing was disturbed since {since} ns; masters: {names}")
        for master in masters:
            for host in live:
                if rules.must_relieve(host.settings, master.settings):
                    raise BrokenPromiseError("agreement", f"{host.name} should have relieved {master.name}")

    def _note(self, promise: str, taken: Instant, bound: Instant) -> None:
        self.longest[promise] = max(self.longest[promise], taken / bound)
