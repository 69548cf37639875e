"""Recording: tcpdump or dumpcap on the switch, and waiting until the recording holds what a scenario waits for."""

from collections.abc import Callable, Sequence
from pathlib import Path

from tests.lab.frames import Announced, Heard, adverts, announcements, read_frames
from tests.lab.network import Lab, Process
from tests.lab.waiting import wait_until

# Whole frames, whatever the tools' own default is.
_FULL = "262144"


class Recording:
    """A capture in the making.  ``path`` ends in .pcap (tcpdump, one interface) or .pcapng (dumpcap, several)."""

    def __init__(self, lab: Lab, path: Path, interfaces: Sequence[str], *filters: str) -> None:
        self.path = path
        if path.suffix == ".pcapng":
            each = [word for name in interfaces for word in ("-i", name, "-s", _FULL)]
            command = ["dumpcap", *each, "-w", str(path)]
        else:
            (name,) = interfaces
            command = ["tcpdump", "-i", name, "-U", "-s", _FULL, "--immediate-mode", "-w", str(path)]
            # tcpdump would otherwise change to a user who may not write here.
            command += ["-Z", "root", *filters]
        self._process: Process = lab.switch.start(*command)
        log = self._process.log
        ready = "File:" if path.suffix == ".pcapng" else "listening on"
        wait_until(lambda: ready in log.read_text(), at_most=10, what=f"{command[0]} to listen", seen=log.read_text)

    def heard(self, source: str | None = None, **fields: object) -> list[Heard]:
        """The advertisements recorded so far, of one source address and with these fields if given."""
        wanted = fields | ({"source": source} if source is not None else {})
        every = adverts(read_frames(self.path))
        return [one for one in every if all(getattr(one, name) == value for name, value in wanted.items())]

    def announced(self, mac: str) -> list[Announced]:
        return [one for one in announcements(read_frames(self.path)) if one.mac == mac]

    def until(self, condition: Callable[[], bool], what: str, *, at_most: float = 20) -> None:
        wait_until(condition, at_most=at_most, what=what, seen=self._summary)

    def until_heard(self, source: str, count: int, *, at_most: float = 20, **fields: object) -> None:
        """Waits until ``count`` advertisements of ``source`` are in the recording, from its beginning."""
        what = f"{count} advertisements of {source} {fields or ''}"
        self.until(lambda: len(self.heard(source, **fields)) >= count, what, at_most=at_most)

    def until_more(self, source: str, count: int, *, at_most: float = 20, **fields: object) -> None:
        """Waits for ``count`` advertisements of ``source`` beyond those that are already recorded."""
        self.until_heard(source, len(self.heard(source, **fields)) + count, at_most=at_most, **fields)

    def stop(self) -> None:
        self._process.stop()

    def _summary(self) -> str:
        last = [f"{one.source} id {one.id} priority {one.priority}" for one in self.heard()[-4:]]
        return f"the last of {len(read_frames(self.path))} frames say {last}"
