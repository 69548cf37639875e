"""Tries ways through a host in scratch namespaces: without rules, with them, alone where a limit may be at work."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Final

from vrrpwatch.firewall.expectation import Expected
from vrrpwatch.firewall.flows import Limit, Plan
from vrrpwatch.firewall.proof_classes import PacketClass
from vrrpwatch.firewall.proof_values import Violation
from vrrpwatch.firewall.proof_ways import Way, order, trial
from vrrpwatch.firewall.replay_job import Answer, Job, RulesText, Trial

# Each is one more namespace with the rules loaded afresh, a tenth of a second.
MAX_ROUNDS: Final = 16
# Limits that are tried: a kind of rules writes all of them with the same few lines.
MAX_BURSTS: Final = 16
# Copies of one packet, at some 10 µs each.
MAX_COPIES: Final = 50_000
# A kernel's bucket may hold one more or less than it is told, by the way it rounds.
SLACK: Final = 2

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
        self._unlisted = plan.unlisted_limit
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
        """Sends far more of one packet of each limited flow, and of what is unlisted, than its bucket holds.

        Gives the names of those that were tried, and what is wrong with them.
        """
        chosen: dict[str, tuple[Attempt, Limit]] = {}
        for attempt, want in wanted.items():
            limit = self._unlisted if want.wanted == "limit" else want.flow and want.flow.limit
            if limit is None or attempt not in before or _copies(limit) > MAX_COPIES or len(chosen) == MAX_BURSTS:
                continue
            flow = want.flow
            chosen.setdefault("unlisted" if flow is None else f"{flow.serves} from {flow.source}", (attempt, limit))
        if not chosen:
            return (), []
        trials = {name: self._trial(attempt, _copies(limit)) for name, (attempt, limit) in chosen.items()}
        names = sorted(trials, key=lambda name: order(trials[name]))
        answers = self._answers([trials[name] for name in names], ruled=True)
        found = [
            fault
            for name, answer in zip(names, answers, strict=True)
            if (fault := self._burst_fault(name, *chosen[name], answer)) is not None
        ]
        return tuple(names), found

    def _burst_fault(self, name: str, attempt: Attempt, limit: Limit, answer: Answer) -> Violation | None:
        number, way = attempt
        passed = answer.seen.get(way.outgoing or "", 0)
        most = limit.burst + ceil(limit.rate * answer.seconds) + SLACK
        one = self._classes[number]
        if passed > most and _copies(limit) > most:
            return Violation("unlimited", one.segment, name, name, (way,), one.packets, one.evidence)
        # That none at all passes is said of the class itself.
        if 0 < passed < limit.burst - SLACK:
            return Violation("limited-early", one.segment, name, name, (way,), one.packets, one.evidence)
        return None

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


def _copies(limit: Limit) -> int:
    return 4 * limit.burst + limit.rate + 100
