"""What the sniffer that watches the agent finds wrong with its routers: told on, kept for a while, and healed."""

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any, Final, NamedTuple

from vrrpwatch.agent.ports import RouterState
from vrrpwatch.alerts.quiet import QUIET
from vrrpwatch.core.model import Instant, Severity, nanoseconds
from vrrpwatch.wire.values import IPAddress

# Subjects are taken from packets and so are forgeable; a person reads a few.
MAX_CONCERNS: Final = 256

# What announcing the addresses again may end: hosts or switches that look for them elsewhere.
HEALED_BY_ANNOUNCING: Final = frozenset({"stale-arp", "missing-garp", "vip-conflict"})
# The second announcement, for who missed the first.
AGAIN: Final = nanoseconds(1.0)
# Between two healings of a router; each that follows soon doubles it, so that two hosts that both insist on an address
# end at an announcement or two a minute.
FIRST_PAUSE: Final = nanoseconds(2.0)
LAST_PAUSE: Final = nanoseconds(60.0)
# A router that was well for so long begins anew.
WELL: Final = nanoseconds(300.0)


class Concern(NamedTuple):
    """A finding about ``router``; ``subject`` is the engine's, ``addresses`` those that it names.

    ``first`` and ``last`` are nanoseconds since the epoch, ``count`` how often it was seen.  One that goes on is told
    again, with another ``last`` and ``count``.
    """

    router: str
    rule: str
    severity: Severity
    subject: str
    addresses: tuple[IPAddress, ...]
    summary: str
    first: Instant
    last: Instant
    count: int  # type: ignore[assignment]  # no method of tuples here

    @property
    def key(self) -> tuple[str, str, str]:
        return self.router, self.rule, self.subject


def concern(told: Mapping[str, Any]) -> Concern:
    """The concern that the child's line tells; raises :class:`LookupError` or :class:`ValueError` for no such line."""
    fields = {name: told[name] for name in Concern._fields if name != "addresses"}
    addresses = addresses_in(told["subject"])
    return Concern(**{**fields, "severity": Severity(told["severity"]), "addresses": addresses})


def addresses_in(subject: str) -> tuple[IPAddress, ...]:
    """The addresses that the subject of a finding is: one, or two speakers, each perhaps with its MAC behind it."""
    found = []
    for part in subject.split(", "):
        text = part.partition(" ")[0]
        try:
            # After a % the module takes anything as an IPv6 scope.
            found.append(ip_address("" if "%" in text else text))
        except ValueError:
            continue
    return tuple(found)


class Concerns:
    """What is wrong as far as is known now, each for as long as its alert would be on without being seen again."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str, str], tuple[Instant, Concern]] = {}
        self.evicted = 0

    def add(self, concern: Concern, now: Instant) -> bool:
        """Returns whether it is a new one; ``now`` is on any clock that never steps back, in nanoseconds."""
        before = self._held.pop(concern.key, None)
        self._held[concern.key] = now, concern
        if len(self._held) > MAX_CONCERNS:
            # The one that was quiet longest of the least grave.
            least = min(self._held, key=lambda key: (self._held[key][1].severity.rank, self._held[key][0]))
            del self._held[least]
            self.evicted += 1
        return before is None or now - before[0] >= _quiet(concern)

    def keep(self, routers: Iterable[str]) -> None:
        """Forgets the concerns of all other routers."""
        known = set(routers)
        self._held = {key: held for key, held in self._held.items() if key[0] in known}

    def current(self, now: Instant) -> tuple[Concern, ...]:
        """The gravest first, then the newest."""
        self._held = {key: held for key, held in self._held.items() if now - held[0] < _quiet(held[1])}
        ranked = sorted(self._held.values(), key=lambda held: (-held[1].severity.rank, -held[0]))
        return tuple(concern for _, concern in ranked)


def _quiet(concern: Concern) -> Instant:
    """How long it must not be seen until it is taken to be over, in nanoseconds."""
    return nanoseconds(QUIET[concern.rule])


class Healing(NamedTuple):
    """What was done for a router lately: when it announced again because of a concern, and how long it then rests."""

    at: Instant | None = None
    pause: Instant = FIRST_PAUSE


def heal(concern: Concern, state: RouterState, history: Healing, now: Instant) -> tuple[tuple[Instant, ...], Healing]:
    """When to announce the router's addresses because of ``concern``, if at all, and its history from then on.

    ``state`` is the router's, ``history`` its own (a new one for a new master), ``now`` on a clock that never steps
    back.
    """
    if concern.rule not in HEALED_BY_ANNOUNCING or state != "master":
        return (), history
    pause = FIRST_PAUSE
    if history.at is not None and now - history.at < WELL:
        if now - history.at < history.pause:
            return (), history
        pause = min(2 * history.pause, LAST_PAUSE)
    return (now, now + AGAIN), Healing(now, pause)
