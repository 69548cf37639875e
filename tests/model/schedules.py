"""Draws schedules: rounds of trouble among two to five routers, and after each as much peace as a verdict takes."""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address
from random import Random

from tests.model.bounds import bounds, longest_interval
from tests.model.script import Crash, Cut, Happening, Link, Rank, Resume, Script, Stall, Start, Stop, Weather
from vrrpwatch.core.machine.settings import CarpSettings, Settings, VrrpSettings
from vrrpwatch.core.model import Seconds
from vrrpwatch.wire.values import IPAddress

# How far beyond the calm delay packets may lag in rough weather, in intervals.
LAG = 3
VIRTUAL4 = (IPv4Address("192.0.2.1"),)
VIRTUAL6 = (IPv6Address("fe80::1"), IPv6Address("2001:db8::1"))


def schedule(seed: str, dialect: str) -> Script:
    """The schedule of that name, the same everywhere; ``dialect`` is one of :data:`DIALECTS`."""
    random = Random(f"{dialect} {seed}")
    routers = DIALECTS[dialect](random, random.randint(2, 5))
    shortest = min(_shortest_interval(router) for router in routers)
    delay = shortest * random.choice((0.001, 0.02, 0.2, 0.5))
    blank = Script(f"{dialect} {seed}", delay, 0.0, routers, ())
    interval = max(longest_interval(router) for router in routers)
    peace = bounds(blank).agreement / 1e9
    happenings: list[Happening] = [Weather(0.0, 0.0, 0.0, delay)]
    happenings += [Start(random.uniform(0, interval), number) for number in range(len(routers))]
    at = interval if random.random() < 0.5 else peace
    for _ in range(random.randint(1, 4)):
        trouble = _Trouble(random, len(routers), isinstance(routers[0], CarpSettings), interval, delay)
        end = at + interval * random.uniform(2, 15)
        happenings += trouble.drawn(at, end)
        at = end + peace + interval * random.uniform(1, 4) + trouble.lag
    happenings.sort(key=lambda happening: happening.at)
    return blank._replace(until=at, happenings=tuple(happenings))


class _Trouble:
    """One round: either with hosts that cannot hear each other for a time, or only with hosts that come and go."""

    def __init__(self, random: Random, routers: int, carp: bool, interval: Seconds, delay: Seconds) -> None:
        self.random, self.routers, self.carp, self.interval, self.delay = random, routers, carp, interval, delay
        self.deafening = random.random() < 0.7
        self.lag = LAG * interval if self.deafening else 0.0

    def drawn(self, begin: Seconds, end: Seconds) -> list[Happening]:
        random = self.random
        kinds: list[Callable[[Seconds, Seconds], list[Happening]]] = [self._crash, self._stop, self._rank, self._link]
        if self.deafening:
            kinds += [self._storm, self._cut, self._stall]
        drawn: list[Happening] = []
        for _ in range(random.randint(1, 8)):
            at = random.uniform(begin, end)
            drawn += random.choice(kinds)(at, end)
        if self.deafening:
            drawn += [Weather(end, 0.0, 0.0, self.delay), Cut(end, self._partition() if random.random() < 0.3 else ())]
        return drawn

    def _some(self) -> int:
        return self.random.randrange(self.routers)

    def _later(self, at: Seconds, end: Seconds) -> Seconds:
        return self.random.uniform(at, end)

    def _crash(self, at: Seconds, end: Seconds) -> list[Happening]:
        router = self._some()
        back = [Start(self._later(at, end), router)] if self.random.random() < 0.7 else []
        return [Crash(at, router), *back]

    def _stop(self, at: Seconds, end: Seconds) -> list[Happening]:
        router = self._some()
        back = [Start(self._later(at, end), router)] if self.random.random() < 0.7 else []
        return [Stop(at, router), *back]

    def _rank(self, at: Seconds, _end: Seconds) -> list[Happening]:
        values = (0, 0, 1, 2, 240) if self.carp else (1, 50, 100, 100, 200, 254)
        return [Rank(at, self._some(), self.random.choice(values))]

    def _link(self, at: Seconds, end: Seconds) -> list[Happening]:
        router = self._some()
        return [Link(at, router, up=False), Link(self._later(at, end), router, up=True)]

    def _storm(self, at: Seconds, end: Seconds) -> list[Happening]:
        random = self.random
        loss, duplication = random.choice((0.0, 0.1, 0.5, 0.9)), random.choice((0.0, 0.3))
        storm = Weather(at, loss, duplication, random.choice((self.delay, random.uniform(0, LAG) * self.interval)))
        return [storm, Weather(self._later(at, end), 0.0, 0.0, self.delay)]

    def _cut(self, at: Seconds, end: Seconds) -> list[Happening]:
        everybody = [(a, b) for a in range(self.routers) for b in range(self.routers) if a != b]
        some = tuple(pair for pair in everybody if self.random.random() < 0.3)
        return [Cut(at, self.random.choice((self._partition(), some))), Cut(self._later(at, end), ())]

    def _partition(self) -> tuple[tuple[int, int], ...]:
        side = [self.random.random() < 0.5 for _ in range(self.routers)]
        numbers = range(self.routers)
        return tuple((a, b) for a in numbers for b in numbers if side[a] != side[b])

    def _stall(self, at: Seconds, end: Seconds) -> list[Happening]:
        router = self._some()
        return [Stall(at, router), Resume(self._later(at, end), router, timers_first=self.random.random() < 0.5)]


def _shortest_interval(settings: Settings) -> Seconds:
    if isinstance(settings, VrrpSettings):
        return settings.interval
    return max(settings.advbase + settings.advskew / 256, 1 / 256)


def _hosts(random: Random, network: str, routers: int) -> list[IPAddress]:
    return [ip_address(network) + number for number in random.sample(range(1, 99), routers)]


def _preempting(random: Random, routers: int) -> list[bool]:
    kind = random.random()
    return [kind < 0.5 or (kind > 0.75 and random.random() < 0.5) for _ in range(routers)]


def _patience(random: Random, interval: Seconds) -> tuple[Seconds, Seconds]:
    """The delays before preempting and before starting."""
    preempt = random.choice((0.0, 0.0, 0.5, 2.0, 6.0)) * interval
    return preempt, random.choice((0.0, 0.0, 0.0, 1.5)) * interval


def _vrrp(random: Random, version: int, network: str, intervals: list[Seconds]) -> tuple[Settings, ...]:
    routers = len(intervals)
    same = random.randint(1, 254) if random.random() < 0.3 else None
    priorities = [same or random.choice((1, 50, 100, 100, 101, 200, 254)) for _ in intervals]
    if random.random() < 0.2:
        priorities[random.randrange(routers)] = 255
    preempts, delays = _preempting(random, routers), _patience(random, max(intervals))
    addresses = _hosts(random, network, routers)
    return tuple(
        VrrpSettings(
            version=3 if version == 3 else 2,
            vrid=51,
            priority=priorities[number],
            interval=intervals[number],
            address=addresses[number],
            addresses=VIRTUAL6 if version == 3 and addresses[number].version == 6 else VIRTUAL4,
            preempt=preempts[number],
            preempt_delay=delays[0] if random.random() < 0.7 else 0.0,
            start_delay=delays[1],
            answers=random.choice((None, None, None, True)),
        )
        for number in range(routers)
    )


def _vrrp2(random: Random, routers: int) -> tuple[Settings, ...]:
    # All routers of a group have one interval (RFC 3768 §5.3.7).
    return _vrrp(random, 2, "10.0.0.0", [float(random.choice((1, 1, 2, 255)))] * routers)


def _intervals3(random: Random, routers: int) -> list[Seconds]:
    base = random.choice((0.01, 0.1, 1.0, 4.0))
    ratios = random.choice(((1,), (1,), (1, 2, 10)))
    return [round(base * random.choice(ratios), 2) for _ in range(routers)]


def _vrrp3(random: Random, routers: int) -> tuple[Settings, ...]:
    return _vrrp(random, 3, "10.0.0.0", _intervals3(random, routers))


def _vrrp3_ipv6(random: Random, routers: int) -> tuple[Settings, ...]:
    intervals = [40.95] * routers if random.random() < 0.1 else _intervals3(random, routers)
    return _vrrp(random, 3, "fe80::ff00", intervals)


def _carp(random: Random, routers: int, demoted_by: str) -> tuple[Settings, ...]:
    # Mixed bases: one for which the other is too slow, and one that it can wait for while its skew is small.
    bases, most = random.choice((((1,), 254), ((1,), 254), ((0,), 200), ((1, 5), 254), ((1, 2), 100)))
    least = 20 if bases == (0,) else 0
    same = random.randint(least, most) if random.random() < 0.3 else None
    skews = [same if same is not None else random.randint(least, most) for _ in range(routers)]
    preempts, delays = _preempting(random, routers), _patience(random, 1.0)
    return tuple(
        CarpSettings(
            vhid=7,
            advbase=random.choice(bases),
            advskew=skews[number],
            address=address,
            addresses=VIRTUAL4,
            demoted_by="counter" if demoted_by == "counter" else "advskew",
            preempt=preempts[number],
            preempt_delay=delays[0],
            start_delay=delays[1],
            answers=random.random() < 0.3,
        )
        for number, address in enumerate(_hosts(random, "10.0.0.0", routers))
    )


def _openbsd(random: Random, routers: int) -> tuple[Settings, ...]:
    return _carp(random, routers, "counter")


def _freebsd(random: Random, routers: int) -> tuple[Settings, ...]:
    return _carp(random, routers, "advskew")


DIALECTS: dict[str, Callable[[Random, int], tuple[Settings, ...]]] = {
    "vrrp2": _vrrp2,
    "vrrp3": _vrrp3,
    "vrrp3-ipv6": _vrrp3_ipv6,
    "carp-counter": _openbsd,
    "carp-advskew": _freebsd,
}
