"""Tries ways through a host in scratch namespaces: without rules, with them, alone where a limit may be at work."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Final

from vrrpwatch.firewall.expectation import Expected
from vrrpwatch.firewall.flows import Confined, Flow, Limit, Plan, together
from vrrpwatch.firewall.proof_classes import PacketClass
from vrrpwatch.firewall.proof_values import Violation
from vrrpwatch.firewall.proof_ways import Way, order, trial
from vrrpwatch.firewall.replay_job import Answer, Course, Job, RulesText, Trial

# Each is one more namespace with the rules loaded afresh, a tenth of a second.
MAX_ROUNDS: Final = 16
# Bursts that are tried: a kind of rules writes all limits with the same few lines.
MAX_BURSTS: Final = 64
# Copies of one packet, at some 10 µs each.
MAX_COPIES: Final = 50_000
# A kernel's bucket may hold one more or less than it is told, by the way it rounds.
SLACK: Final = 2
# Copies of what has no limit: above any bucket that is not there to let traffic through.
UNLIMITED: Final = 1000
# xt_limit counts in these parts of a second (net/netfilter/xt_limit.c), so that some rates are a little higher.
_XT_SCALE: Final = 10_000

Replayer = Callable[[Job], list[Answer]]
# A class by its number, and a way for it.
Attempt = tuple[int, Way]


class Kernel:
    """One plan's devices and one set of rules; every question is asked of a namespace made for it."""

    def __init__(
        self, plan: Plan, rules: Sequence[RulesText], classes: Sequence[PacketClass], devices: set[str], ask: Replayer
    ) -> None:
        bridge = plan.role == "bridge"
        above = bridge and any(one.tool in ("iptables", "ip6tables") for one in rules)
        self._job = Job(0, tuple(sorted(devices)), bridge, above, tuple(rules), ())
        self._plan = plan
        self._tools = {one.tool for one in rules}
        self._classes = classes
        self._ask = ask

    def passes(self, attempts: Iterable[Attempt], *, ruled: bool) -> set[Attempt]:
        """Those of the attempts that come through, in one namespace."""
        trials: dict[Trial, list[Attempt]] = {}
        for attempt in attempts:
            trials.setdefault(self._trial(attempt), []).append(attempt)
        ordered = sorted(trials, key=order)
        answers = self._answers(ordered, ruled=ruled)
        return {
            attempt
            for one, answer in zip(ordered, answers, strict=True)
            for attempt in trials[one]
            if (attempt[1].outgoing or "") in answer.seen
        }

    def retry(self, wanted: dict[Attempt, Expected], before: set[Attempt], after: set[Attempt]) -> int:
        """Tries again what a rate limit may have cut, and adds what passes to ``after``.

        A round takes half a bucket of every flow; what fails there goes alone.  Returns how many never did.
        """
        queues: dict[object, _Queue] = {}
        for attempt, want in wanted.items():
            if want.wanted in ("keep", "ignore") and attempt in before and attempt not in after:
                limit = None if want.flow is None else want.flow.limit
                queue = queues.setdefault(want.flow or attempt[0], _Queue(1 if limit is None else limit.burst // 2))
                queue.waiting.setdefault(self._trial(attempt), []).append(attempt)
        for _ in range(MAX_ROUNDS):
            batches = {key: batch for key, queue in queues.items() if (batch := queue.next())}
            if not batches:
                break
            after |= self.passes([attempt for batch in batches.values() for attempt in batch], ruled=True)
            for key, batch in batches.items():
                queues[key].put_back([attempt for attempt in batch if attempt not in after], self._trial)
        return sum(queue.left() for queue in queues.values())

    def bursts(self, wanted: dict[Attempt, Expected], before: set[Attempt]) -> tuple[tuple[str, ...], list[Violation]]:
        """Sends many of one packet of each flow, and of what is unlisted: far more than a bucket holds.

        Gives the names of those that were tried, and what is wrong with them.
        """
        chosen: dict[Course, dict[Flow | None, tuple[Attempt, Expected]]] = {}
        for attempt, want in wanted.items():
            belongs = want.wanted == "limit" or (want.wanted == "keep" and want.flow is not None)
            if not belongs or attempt not in before or _copies(self._limit(want)) > MAX_COPIES:
                continue
            if sum(map(len, chosen.values())) < MAX_BURSTS:
                first = None if want.flow is None else self._sharing(want.flow)[0]
                chosen.setdefault(attempt[1].course, {}).setdefault(first, (attempt, want))
        names: dict[str, None] = {}
        found: list[Violation] = []
        # What one hook has taken out of a bucket is not missing in another's.
        for tried in chosen.values():
            trials = {key: self._trial(attempt, _copies(self._limit(want))) for key, (attempt, want) in tried.items()}
            keys = sorted(trials, key=lambda key: order(trials[key]))
            answers = self._answers([trials[key] for key in keys], ruled=True)
            for (attempt, want), answer in zip((tried[key] for key in keys), answers, strict=True):
                name = "unlisted" if want.flow is None else f"{want.flow.serves} from {want.flow.source}"
                names[name] = None
                found += self._burst_faults(name, attempt, want, answer)
        return tuple(names), found

    def _limit(self, want: Expected) -> Limit | None:
        return self._plan.unlisted_limit if want.flow is None else want.flow.limit

    def _sharing(self, flow: Flow) -> tuple[Flow, ...]:
        """The flows that share a limit with ``flow``: ebtables sees who sends where, and no id."""
        if "ebtables" not in self._tools:
            return (flow,)
        ends = _without_id(flow)
        return tuple(other for other in self._plan.flows if _without_id(other) == ends)

    def _highest(self, want: Expected) -> Limit | None:
        """The most that the rules can be told to let through."""
        shared = self._limit(want) if want.flow is None else together(one.limit for one in self._sharing(want.flow))
        if shared is None or not self._tools & {"iptables", "ip6tables", "ebtables"}:
            return shared
        return shared._replace(rate=ceil(_XT_SCALE / max(1, _XT_SCALE // shared.rate)))

    def _burst_faults(self, name: str, attempt: Attempt, want: Expected, answer: Answer) -> Iterator[Violation]:
        number, way = attempt
        one = self._classes[number]
        limit, highest = self._limit(want), self._highest(want)
        passed, arrived, ports = answer.seen.get(way.outgoing or "", 0), sum(answer.seen.values()), 1
        if want.flow is not None:
            arrived = passed
            if way.course == "bridge":
                # The copies of one frame may share a bucket that has room for all ports of the segment.
                devices = want.flow.place.devices
                arrived, ports = sum(answer.seen.get(device, 0) for device in devices), len(devices) - 1
        if highest is not None and arrived > ports * (highest.burst + ceil(highest.rate * answer.seconds)) + SLACK:
            yield Violation("unlimited", one.segment, name, name, (way,), one.packets, one.evidence)
        # What is unlisted shares one bucket, by whatever port it leaves; that none at all passes is said of the class.
        through = arrived if want.flow is None else passed
        if 0 < through < (UNLIMITED if limit is None else limit.burst - SLACK):
            yield Violation("limited-early", one.segment, name, name, (way,), one.packets, one.evidence)

    def _trial(self, attempt: Attempt, copies: int = 1) -> Trial:
        return trial(self._classes[attempt[0]], attempt[1], copies)

    def _answers(self, trials: Sequence[Trial], *, ruled: bool) -> list[Answer]:
        return self._ask(self._job._replace(rules=self._job.rules if ruled else (), trials=tuple(trials)))


@dataclass(slots=True)
class _Queue:
    """One flow's attempts that are to be tried again, by the frame that tries them: ``share`` frames at a time."""

    share: int
    waiting: dict[Trial, list[Attempt]] = field(default_factory=dict)
    alone: dict[Trial, list[Attempt]] = field(default_factory=dict)
    _trying: int = 0

    def next(self) -> list[Attempt]:
        """What the next round tries of it."""
        source, self._trying = (self.waiting, self.share) if self.waiting else (self.alone, 1)
        trials = list(source)[: max(1, self._trying)]
        return [attempt for one in trials for attempt in source.pop(one)]

    def put_back(self, failed: Iterable[Attempt], trial_of: Callable[[Attempt], Trial]) -> None:
        """Keeps for a round of its own what failed together with others."""
        if self._trying > 1:
            for attempt in failed:
                self.alone.setdefault(trial_of(attempt), []).append(attempt)

    def left(self) -> int:
        return sum(len(attempts) for source in (self.waiting, self.alone) for attempts in source.values())


def _without_id(flow: Flow) -> Flow:
    numbered: Confined = "vrrp" if flow.id is not None else flow.protocol
    return flow._replace(serves="", protocol=numbered, id=None, ttl=None, limit=None)


def _copies(limit: Limit | None) -> int:
    return UNLIMITED if limit is None else 4 * limit.burst + limit.rate + 100
