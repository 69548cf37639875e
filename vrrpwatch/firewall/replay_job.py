"""What the proof asks of a scratch network namespace and what that answers, as values and as lines of JSON."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Literal, NamedTuple

Tool = Literal["nft", "nft-json", "iptables", "ip6tables", "ebtables"]
# ``egress``: sent past the IP layer, as programs that use libpcap do; ``bridge``: in by one port, out by any.
Course = Literal["input", "output", "egress", "forward", "bridge"]

TOOLS: Final[tuple[Tool, ...]] = ("nft", "nft-json", "iptables", "ip6tables", "ebtables")


class RulesText(NamedTuple):
    """Rules in the form that ``tool`` loads."""

    tool: Tool
    text: str


class Trial(NamedTuple):
    """One Ethernet frame, sent ``copies`` times.

    It goes to ``incoming`` as if from the cable, or is sent by the host itself by ``outgoing``.  ``protocol`` is the IP
    protocol under which the host hears it on input, and ``None`` for what is not IP.
    """

    course: Course
    incoming: str | None
    outgoing: str | None
    frame: bytes
    protocol: int | None
    copies: int = 1


class Answer(NamedTuple):
    """How many copies came through: by device, where they left, or by ``""``, where the host itself heard them.

    ``seconds`` is how long the sending took.
    """

    seen: dict[str, int]
    seconds: float


class Job(NamedTuple):
    """Everything that one namespace is made for.

    ``outside`` is the caller's own network namespace (the inode of ``/proc/self/ns/net``), which must not be the one
    that the rules are loaded into.  ``bridge``: the devices are ports of one bridge; ``filtered_above``: that bridge
    shows what it forwards to iptables.
    """

    outside: int
    devices: tuple[str, ...]
    bridge: bool
    filtered_above: bool
    rules: tuple[RulesText, ...]
    trials: tuple[Trial, ...]


def write_job(job: Job) -> bytes:
    """One line for the job, one for each trial."""
    head = [job.outside, job.devices, job.bridge, job.filtered_above, job.rules]
    rows = ([*trial[:3], trial.frame.hex(), *trial[4:]] for trial in job.trials)
    return "".join(json.dumps(row) + "\n" for row in (head, *rows)).encode()


def read_job(lines: Iterable[bytes]) -> Job:
    """The opposite of :func:`write_job`."""
    rows: Iterator[list[Any]] = map(json.loads, lines)
    outside, devices, bridge, above, rules = next(rows)
    trials = tuple(
        Trial(course, incoming, outgoing, bytes.fromhex(frame), protocol, copies)
        for course, incoming, outgoing, frame, protocol, copies in rows
    )
    return Job(outside, tuple(devices), bridge, above, tuple(RulesText(*text) for text in rules), trials)


def write_answer(answer: Answer) -> str:
    """One line, without its end."""
    return json.dumps(answer)


def write_failure(message: str) -> str:
    """The line that stands in place of an answer when there are no more."""
    return json.dumps({"error": message})


def read_answers(lines: Sequence[bytes]) -> tuple[list[Answer], str | None]:
    """The answers, and what went wrong after them."""
    answers: list[Answer] = []
    for line in lines:
        row = json.loads(line)
        if isinstance(row, dict):
            return answers, str(row["error"])
        answers.append(Answer(*row))
    return answers, None
