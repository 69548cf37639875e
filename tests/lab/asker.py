"""Asks a web server so many times a second, each time over a new connection: ``asker.py ADDRESS RATE FILE``.

A request is asked when it is due, whether or not earlier ones were answered.  It has failed when its connection is
refused, reset or ends without a whole answer of status 200, or when there is none within five seconds.  A trouble is a
stretch in which requests were asked that failed or hung.
"""

import json
import os
import select
import socket
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from pathlib import Path

PATIENCE = 5.0
# A lost packet of a handshake is sent again after a second; what takes so long has met one.
HANGING = 0.9
# Requests with less than this between them are of one trouble.
APART = 0.5
_REQUEST = b"GET / HTTP/1.0\r\nHost: lab\r\n\r\n"
# What a client keeps open at most; a server that answers nothing for five seconds at 1,000 a second is below it.
MAX_OPEN = 6_000
# Some for each thing that a scenario breaks.
MAX_TROUBLES = 1_000


@dataclass(slots=True)
class Trouble:
    """When its first and its last request were asked (seconds of the monotonic clock), and how they ended."""

    first: float
    last: float
    failed: int = 0
    hung: int = 0


@dataclass(slots=True)
class Asker:
    address: tuple[str, int]
    open: dict[int, tuple[socket.socket, float, bytes]] = field(default_factory=dict)
    asked: int = 0
    answered: int = 0
    failed: int = 0
    slowest: float = 0.0
    failures: deque[str] = field(default_factory=lambda: deque(maxlen=20))
    troubles: deque[Trouble] = field(default_factory=lambda: deque(maxlen=MAX_TROUBLES))
    poll: select.epoll = field(default_factory=select.epoll)

    def ask(self, now: float) -> None:
        self.asked += 1
        if len(self.open) >= MAX_OPEN:
            self._fail(now, "too many connections wait")
            return
        made = socket.socket(socket.AF_INET6 if ":" in self.address[0] else socket.AF_INET)
        made.setblocking(False)
        made.connect_ex(self.address)
        self.open[made.fileno()] = (made, now, b"")
        self.poll.register(made, select.EPOLLOUT)

    def heed(self, descriptor: int, events: int, now: float) -> None:
        made, since, got = self.open[descriptor]
        try:
            if error := made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(error, os.strerror(error))
            if events & select.EPOLLOUT:
                made.send(_REQUEST)
                self.poll.modify(made, select.EPOLLIN)
                return
            data = made.recv(65_536)
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(since, f"{error.strerror} after {now - since:.3f} s")
            self._close(descriptor)
            return
        if data:
            self.open[descriptor] = (made, since, got + data)
            return
        if got.startswith(b"HTTP/1.") and b" 200 " in got[:16]:
            self.answered += 1
            self.slowest = max(self.slowest, now - since)
            if now - since > HANGING:
                self._trouble(since).hung += 1
        else:
            self._fail(since, f"answered {got[:40]!r} after {now - since:.3f} s")
        self._close(descriptor)

    def give_up(self, now: float) -> None:
        # The oldest are first.
        for descriptor, (_, since, _) in list(self.open.items()):
            if now - since < PATIENCE:
                return
            self._fail(since, f"no answer after {PATIENCE:g} s")
            self._close(descriptor)

    def _fail(self, since: float, why: str) -> None:
        self.failed += 1
        self.failures.append(why)
        self._trouble(since).failed += 1

    def _trouble(self, asked: float) -> Trouble:
        """The one that a request asked then belongs to; requests do not end in the order in which they were asked."""
        for one in self.troubles:
            if one.first - APART <= asked <= one.last + APART:
                one.first, one.last = min(one.first, asked), max(one.last, asked)
                return one
        self.troubles.append(Trouble(asked, asked))
        return self.troubles[-1]

    def _close(self, descriptor: int) -> None:
        self.open.pop(descriptor)[0].close()

    def told(self, now: float) -> str:
        # The oldest are first: whatever was asked before has ended.
        settled = next((since for _, since, _ in self.open.values()), now)
        return json.dumps(
            {
                "asked": self.asked,
                "answered": self.answered,
                "failed": self.failed,
                "slowest": self.slowest,
                "failures": list(self.failures),
                "settled": settled,
                "troubles": [asdict(one) for one in self.troubles],
            }
        )


def main(address: str, rate: int, path: Path) -> None:
    asker = Asker((address, 80))
    due = told = time.monotonic()
    while True:
        now = time.monotonic()
        while due <= now:
            asker.ask(now)
            due += 1 / rate
        for descriptor, events in asker.poll.poll(max(due - now, 0)):
            asker.heed(descriptor, events, time.monotonic())
        if now - told > 0.1:
            told = now
            asker.give_up(now)
            scratch = path.with_suffix(".new")
            scratch.write_text(asker.told(now))
            scratch.replace(path)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
